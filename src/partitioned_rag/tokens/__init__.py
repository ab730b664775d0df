"""Token counts for the model at hand."""

from typing import TYPE_CHECKING

from partitioned_rag.errors import TokenizerError

if TYPE_CHECKING:
    from partitioned_rag.tokens.exact import Tokenizer, tokenizer

__all__ = ["Tokenizer", "TokenizerError", "tokenizer"]


def __getattr__(name: str) -> object:
    if name in __all__:
        # A door: their tables take a while, and many processes compose no prompt.
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module(f"{__name__}.exact"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
