"""Keeps what models say of their tokenizers on disk, so that a server is asked once for each.

Floor: edge. A file holds nothing but what came from the server, packed, and what follows from that
alone: from a question or a folder it could not hold anything. What is not whole, or of another
format, is no file at all.
"""

import hashlib
import json
import sys
from array import array
from collections.abc import Mapping
from functools import partial
from operator import lt
from pathlib import Path
from typing import Any, Final

from partitioned_rag.durable import write_whole
from partitioned_rag.errors import TokenizerError
from partitioned_rag.tokens.exact import Tokenizer, tokenizer
from partitioned_rag.tokens.model_info import PREFIX

FORMAT: Final = b"partitioned_rag tokenizer 3\n"
"""Another number is another format: files of an older one are made anew."""

_KEPT: Final = ("general.name", "general.architecture")
_STRINGS: Final = "strings"
_TOKENS: Final = PREFIX + "tokens"
_MERGES: Final = PREFIX + "merges"
_COSTS, _NO_JOINTS, _NO_TOKENS = "costs", "tokens that are no joints", "joints that are no tokens"
_ARRAYS: Final = (
    (_TOKENS, _STRINGS),
    (_COSTS, "d"),
    (PREFIX + "token_type", "b"),
    (PREFIX + "scores", "f"),
)
"""What is packed, and how: as strings, or as an `array` of this type."""
# Splitting at a mark is three times as fast as JSON. Strings that hold this one stay in the JSON.
_MARK: Final = "\uffff"
_CHECKSUM_BYTES: Final = 32


def load(folder: Path, digest: str) -> Tokenizer | None:
    """Rebuild a tokenizer from its file.

    Args:
        folder: Where the files are.
        digest: Names the model exactly, as `GET /api/tags` gives it: another model under the same
            name has another.

    Returns:
        None if there is no file, or if anything is wrong with it: ask the server, and `store`.
    """
    try:
        raw = _path(folder, digest).read_bytes()
        info = _unpacked(raw, digest)
        joints = partial(_joints, info) if _NO_JOINTS in info else None
        return tokenizer(info, joints=joints)
    except (OSError, ValueError, TypeError, KeyError, TokenizerError):
        return None


def store(folder: Path, digest: str, model_info: Mapping[str, object], made: Tokenizer) -> None:
    """Keep what a server says of a model's tokenizer; an earlier file of it is replaced.

    What was found out of its merges stands there in their stead: it is shorter, and quicker to use.

    Args:
        folder: As in `load`; exists.
        digest: As in `load`.
        model_info: As `tokenizer` takes it; of other things nothing is kept.
        made: What `tokenizer` made of it.

    Raises:
        OSError: The file cannot be written.
    """
    write_whole(_path(folder, digest), _packed(model_info, digest, made))


def _path(folder: Path, digest: str) -> Path:
    # A digest comes from a server: hashed, it is no path that leads anywhere else.
    return folder / f"{hashlib.sha256(digest.encode()).hexdigest()}.tokenizer"


def _packed(model_info: Mapping[str, object], digest: str, made: Tokenizer) -> bytes:
    """Pack what is needed: a line of JSON, then the long arrays in the order it lists them."""
    info = {k: v for k, v in model_info.items() if k in _KEPT or k.startswith(PREFIX)}
    if made.joints is not None:
        info.pop(_MERGES, None)
        info |= _told_apart(made.joints, made.spellings)
    sections: list[bytes] = []
    packed: list[tuple[str, str, int]] = []
    for key, kind in _ARRAYS:
        section = _section(info.get(key), kind)
        if section is not None:
            del info[key]
            sections.append(section)
            packed.append((key, kind, len(section)))
    head = {"digest": digest, "order": sys.byteorder, "packed": packed, "info": info}
    body = b"\n".join([json.dumps(head).encode(), b"".join(sections)])
    return FORMAT + hashlib.sha256(body).digest() + body


def _unpacked(raw: bytes, digest: str) -> Mapping[str, object]:
    """Do the reverse: give what the server said, with what was found out beside it.

    Raises:
        ValueError: It is not what `_packed` made, to the last bit, of the model of this digest.
    """
    body = memoryview(raw)[len(FORMAT) + _CHECKSUM_BYTES :]
    if raw[: -len(body)] != FORMAT + hashlib.sha256(body).digest():
        raise ValueError("damaged, or of another format")
    start = raw.index(b"\n", len(raw) - len(body)) + 1
    head = json.loads(raw[-len(body) : start])
    if (head["digest"], head["order"]) != (digest, sys.byteorder):
        raise ValueError("of another model, or from another machine")
    info: dict[str, object] = head["info"]
    for key, kind, length in head["packed"]:
        section = raw[start : start + length]
        start += length
        info[key] = (
            str(section, "utf-8", "surrogatepass").split(_MARK)
            if kind == _STRINGS
            else array(kind, section).tolist()
        )
    return info


def _told_apart(joints: Mapping[str, float], ids: Mapping[str, int]) -> Mapping[str, object]:
    """Write joints down by what sets them apart from the tokens."""
    beyond = {joint: joints[joint] for joint in sorted(joints.keys() - ids.keys())}
    by_id = [joints[token] for token in sorted(ids, key=ids.__getitem__) if token in joints]
    # Only their order matters. Where the ids have it, as they mostly do, they serve as costs.
    ids_serve = not beyond and all(map(lt, by_id, by_id[1:]))
    return {
        _COSTS: () if ids_serve else [joints.get(token, 0.0) for token in ids],
        _NO_JOINTS: [token for token in ids if token not in joints],
        _NO_TOKENS: beyond,
    }


def _joints(kept: Mapping[str, Any], ids: Mapping[str, int]) -> Mapping[str, float]:
    """Do the reverse."""
    costs = kept[_COSTS]
    joints: dict[str, float] = dict(zip(ids, costs, strict=True)) if costs else {**ids}
    for token in kept[_NO_JOINTS]:
        del joints[token]
    joints.update(kept[_NO_TOKENS])
    return joints


def _section(value: object, kind: str) -> bytes | None:
    """Pack an array; None for one that stays in the JSON, being short or strange."""
    if not isinstance(value, list | tuple) or not value:
        return None
    try:
        if kind != _STRINGS:
            return array(kind, value).tobytes()
        joined = _MARK.join(value)
        if joined.count(_MARK) == len(value) - 1:
            return joined.encode("utf-8", "surrogatepass")
    except (OverflowError, TypeError):
        pass
    return None
