"""Text to vectors: one file per embedder, chosen by name in `registry`; and a reranker."""
