"""A model whose summary says all of what it saw, in a word."""

from hashlib import sha256


def digest_of(rendered: str) -> str:
    """Answer with a word that any other text would have made another."""
    return f"d{sha256(rendered.encode('utf-8', 'replace')).hexdigest()[:8]}"
