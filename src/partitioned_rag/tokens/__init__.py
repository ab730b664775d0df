"""Token counts for the model at hand."""

from partitioned_rag.errors import TokenizerError
from partitioned_rag.tokens.exact import Tokenizer, tokenizer

__all__ = ["Tokenizer", "TokenizerError", "tokenizer"]
