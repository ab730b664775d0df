"""A file of questions is read strictly, and what is written can be read again."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.errors import InputError
from partitioned_rag.evaluation.questions import read_questions, written
from partitioned_rag.evaluation.scoring import Question

GOOD = '{"question": "where?", "phrase": "under the mat"}'


def read(tmp_path: Path, content: bytes | str) -> list[Question]:
    path = tmp_path / "questions.jsonl"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_questions(path)


def test_a_text_or_a_list_of_texts_is_taken_and_public_asks_unless_said(tmp_path: Path) -> None:
    lines = [
        '{"question": "q", "phrase": "a"}',
        '{"question": "q", "phrase": ["a", "b"], "source": ["public/x", "public/y"]}',
        '{"question": "q", "as": "public", "source": "public/x"}',
        '{"question": "q", "as": "+1 555 010 0123", "phrase": "a"}',
    ]
    assert read(tmp_path, "\n".join(lines)) == [
        Question(text="q", phrases=("a",)),
        Question(text="q", phrases=("a", "b"), sources=("public/x", "public/y")),
        Question(text="q", sources=("public/x",)),
        Question(text="q", contact="+1 555 010 0123", phrases=("a",)),
    ]


def test_blank_lines_a_byte_order_mark_and_windows_line_ends_are_passed_over(
    tmp_path: Path,
) -> None:
    content = b"\xef\xbb\xbf\r\n" + GOOD.encode() + b"\r\n \t\r\n" + GOOD.encode()
    assert len(read(tmp_path, content)) == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("# a comment", "no JSON"),
        ('["question"]', "no JSON object"),
        ("[" * 100_000, "no JSON"),
        ('{"question": ' + "1" * 5000 + "}", "no JSON"),
        ('{"phrase": "a"}', "question"),
        ('{"question": 1, "phrase": "a"}', "question"),
        ('{"question": " ", "phrase": "a"}', "empty"),
        ('{"question": "q"}', "what is to be found"),
        ('{"question": "q", "phrase": []}', "empty list"),
        ('{"question": "q", "phrase": ""}', "'phrase' must be"),
        ('{"question": "q", "phrase": " "}', "blank"),
        ('{"question": "q", "phrase": null}', "'phrase' must be"),
        ('{"question": "q", "source": ["a", 1]}', "'source' must be"),
        ('{"question": "q", "phrase": "a", "sorce": "b"}', "'sorce' is not known"),
        ('{"question": "q", "phrase": "a", "phrase": "b"}', "twice"),
        ('{"question": "q", "phrase": "a", "as": ["friend"]}', "'as' must be"),
        ('{"question": "q", "phrase": "a", "as": "../x"}', "contact"),
        ('{"question": "q", "phrase": "a", "as": ""}', "contact"),
        (b'{"question": "caf\xe9", "phrase": "a"}', "not UTF-8"),
    ],
)
def test_a_bad_line_is_refused_and_named(tmp_path: Path, line: str | bytes, said: str) -> None:
    raw = line.encode() if isinstance(line, str) else line
    with pytest.raises(InputError) as refused:
        read(tmp_path, GOOD.encode() + b"\n\n" + raw + b"\n" + GOOD.encode())
    assert refused.value.where == f"{tmp_path / 'questions.jsonl'}, line 3"
    assert said in str(refused.value)
    assert len(str(refused.value)) < 400


def test_a_refusal_quotes_nothing_that_was_written_there(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        read(tmp_path, '{"question": "the secret", "as": "", "phrase": "a secret"}')
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_file_without_questions_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError, match="no question"):
        read(tmp_path, content)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match=re.escape(str(path))):
            read_questions(path)


texts = st.text(st.characters(), min_size=1).filter(
    lambda text: any(c.isprintable() and not c.isspace() for c in text)
)


@given(
    st.lists(
        st.builds(
            Question,
            text=texts,
            contact=st.sampled_from([None, "friend", "日記"]),
            phrases=st.lists(texts, min_size=1, max_size=3).map(tuple),
            sources=st.lists(texts, max_size=2).map(tuple),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_written_is_read_again_and_drives_no_terminal(
    tmp_path_factory: pytest.TempPathFactory, questions: list[Question]
) -> None:
    text = written(questions)
    assert all(character == "\n" or character.isprintable() for character in text)
    assert [json.loads(line)["question"] for line in text.splitlines()]
    path = tmp_path_factory.mktemp("q") / "q.jsonl"
    path.write_text(text, encoding="utf-8")
    assert read_questions(path) == questions
