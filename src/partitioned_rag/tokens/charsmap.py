"""SentencePiece's table of normalisation: which characters are replaced by which.

Floor: edge, pure. The table is a trie, packed as an XOR-compressed double array: Kanda, Morita and
Fuketa, "Compressed double-array tries for string dictionaries supporting fast lookup", 2017.
"""

import struct
from collections.abc import Mapping
from typing import Final

from partitioned_rag.tokens.model_info import cannot_rebuild

_HEAD: Final = 4
_LEAF: Final = 1 << 8
_VALUE: Final = (1 << 31) - 1
_LABEL: Final = (1 << 31) | 0xFF
MAX_KEY_BYTES: Final = 64


def replacements(charsmap: bytes) -> Mapping[str, str]:
    """Unpack the whole table.

    Args:
        charsmap: The length of the trie in bytes, the trie, and the replacements, each of them
            ended by a zero byte; nothing at all is an empty table.

    Raises:
        TokenizerError: The bytes are no such table.
    """
    if not charsmap:
        return {}
    try:
        (size,) = struct.unpack_from("<I", charsmap)
        trie = struct.unpack_from(f"<{size // 4}I", charsmap, _HEAD)
        strings = charsmap[_HEAD + size :]
        keys = _keys(trie)
        # Many keys share a replacement, or the end of one.
        images = {at: strings[at : strings.index(0, at)].decode() for at in {at for _, at in keys}}
        return {key.decode(): images[at] for key, at in keys}
    except (struct.error, ValueError, IndexError) as error:  # UnicodeDecodeError is a ValueError
        raise cannot_rebuild("the model's table of normalisation is damaged", where="t5") from error


def _keys(trie: tuple[int, ...]) -> list[tuple[bytes, int]]:
    """Give every key with the place of its replacement.

    A child for the byte c lies at `base ^ c` and bears the label c; so the children of all nodes
    are found in one pass, where asking each node for each byte would take two hundred.
    """
    children: dict[int, list[tuple[int, int]]] = {}
    for index, unit in enumerate(trie):
        if 0 < (label := unit & _LABEL) <= 0xFF:  # noqa: PLR2004 — a byte
            children.setdefault(index ^ label, []).append((label, index))
    keys: list[tuple[bytes, int]] = []
    stack = [(_base(trie[0]), b"")]
    while stack:
        base, prefix = stack.pop()
        if len(prefix) > MAX_KEY_BYTES:
            raise ValueError("a key without end")
        for label, index in children.get(base, ()):
            key = prefix + bytes([label])
            below = index ^ _base(trie[index])
            if trie[index] & _LEAF:
                keys.append((key, trie[below] & _VALUE))
            stack.append((below, key))
    return keys


def _base(unit: int) -> int:
    return (unit >> 10) << ((unit & (1 << 9)) >> 6)
