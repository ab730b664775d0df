"""A file of questions ↔ `Question`s: one JSON object a line, read strictly.

Floor: street.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NoReturn

from partitioned_rag.errors import ContactError, InputError
from partitioned_rag.evaluation.scoring import Question, plain
from partitioned_rag.identity import identify
from partitioned_rag.search import check_question
from partitioned_rag.values import PUBLIC

KEYS: Final = ("question", "as", "source", "phrase")
EXAMPLE: Final = '{"question": "…", "as": "friend", "phrase": "…"}'


class _Fault(Exception):  # noqa: N818 — it never leaves this file
    """What is wrong with a line."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


def read_questions(path: str | Path) -> list[Question]:
    """Read a file of questions.

    Each line is a JSON object with `question`, and `phrase` or `source` or both, each a text or a
    list of texts; `as` says who asks, and is `public` where it is not given. Blank lines are
    passed over.

    Args:
        path: Of the file, in UTF-8.

    Raises:
        InputError: It cannot be read, holds no question, or has a line that is not as above; says
            which.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"the questions cannot be read: {error.strerror}",
            where=str(path),
            fix="`prag eval --make` proposes some",
        ) from error
    found: list[Question] = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            if written := line.decode("utf-8").strip():
                found.append(_question(written))
        except UnicodeDecodeError:
            raise InputError("this is not UTF-8", where=f"{path}, line {number}") from None
        except _Fault as fault:
            raise InputError(fault.what, where=f"{path}, line {number}", fix=fault.fix) from None
    if not found:
        raise InputError(
            "the file holds no question",
            where=str(path),
            fix=f"write one a line, such as {EXAMPLE}, or have `prag eval --make` propose some",
        )
    return found


def written(questions: Iterable[Question]) -> str:
    """Write questions as such a file has them, one a line.

    What is no printable character is escaped, so that a text cannot drive the terminal it is
    shown on.
    """
    return "".join(_line(each) + "\n" for each in questions)


def as_object(question: Question) -> dict[str, object]:
    """Give a question as the object that a line of such a file is."""
    return {
        "question": question.text,
        "as": question.contact or PUBLIC,
        **_listed("source", question.sources),
        **_listed("phrase", question.phrases),
    }


def _listed(key: str, texts: tuple[str, ...]) -> dict[str, object]:
    if not texts:
        return {}
    return {key: texts[0] if len(texts) == 1 else list(texts)}


def _line(question: Question) -> str:
    text = json.dumps(as_object(question), ensure_ascii=False)
    return "".join(
        character if character.isprintable() else json.dumps(character)[1:-1] for character in text
    )


# ---------------------------------------------------------------- one line


def _question(line: str) -> Question:
    fields = _object(line)
    if unknown := sorted(set(fields) - set(KEYS)):
        _refuse(f"the key {unknown[0]!a} is not known", f"the keys are {', '.join(KEYS)}")
    text = fields.get("question")
    if not isinstance(text, str):
        _refuse("a question must be given as a text", f"such as {EXAMPLE}")
    try:
        check_question(text)
    except InputError as error:
        _refuse(error.what)
    phrases, sources = _texts(fields, "phrase"), _texts(fields, "source")
    if not phrases and not sources:
        _refuse(
            "nothing says what is to be found",
            "give a phrase that answers it, or the source that does",
        )
    if not all(map(plain, phrases)):
        _refuse("a phrase is blank")
    return Question(text=text, contact=_asker(fields), phrases=phrases, sources=sources)


def _object(line: str) -> Mapping[str, object]:
    try:
        parsed = json.loads(line, object_pairs_hook=_once_each)
    # Numbers of thousands of digits are a plain ValueError, nesting without end the other.
    except (ValueError, RecursionError):
        _refuse("this is no JSON", f"write one object a line, such as {EXAMPLE}")
    if not isinstance(parsed, dict):
        _refuse("this is no JSON object", f"write one a line, such as {EXAMPLE}")
    return parsed


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        _refuse("a key is given twice", "give several texts as a list")
    return fields


def _texts(fields: Mapping[str, object], key: str) -> tuple[str, ...]:
    """Take a text, or a list of texts."""
    if key not in fields:
        return ()
    given = fields[key]
    texts = tuple(_strings(given if isinstance(given, list) else [given], key))
    if not texts:
        _refuse(f"{key!a} is an empty list")
    return texts


def _strings(values: Iterable[object], key: str) -> Iterator[str]:
    for each in values:
        if not isinstance(each, str) or not each:
            _refuse(f"{key!a} must be a text, or a list of texts")
        yield each


def _asker(fields: Mapping[str, object]) -> str | None:
    given = fields.get("as", PUBLIC)
    if not isinstance(given, str):
        _refuse("'as' must be a text", "name a contact, or public")
    if given == PUBLIC:
        return None
    try:
        identify(given)
    except ContactError as error:
        _refuse(error.what, error.fix)
    return given


def _refuse(what: str, fix: str = "") -> NoReturn:
    raise _Fault(what, fix)
