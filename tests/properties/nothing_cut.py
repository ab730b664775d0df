"""The promise: whatever was found stands in the prompt whole, or on its receipt with a reason."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from partitioned_rag.errors import MessageTooLongError
from partitioned_rag.values import Hit, Omitted, Prompt, Role, Turn
from partitioned_rag.view import PROMPT_HITS, PROMPT_TURNS
from tests.properties.engines import Engine, Open
from tests.worlds import World, build, recent_turns

Place = tuple[str, int, int]


def check_nothing_cut(
    engine: Open, world: World, *, contacts: Sequence[str], question: str, budget: int
) -> None:
    """Compose a prompt and hold it against all that was there to be packed."""
    with tempfile.TemporaryDirectory() as folder:
        root = build(world, Path(folder) / "OMBox")
        running = engine(root)
        try:
            prompt = running.prompt(contacts, question, budget=budget)
        except MessageTooLongError as error:
            _is_too_long_by(error.excess_tokens, running, contacts, question, budget)
        else:
            hits = running.search(contacts, question, k=PROMPT_HITS)
            turns = recent_turns(root, contacts, limit=PROMPT_TURNS)
            if turns and turns[-1].text.split() == question.split():
                turns.pop()  # it is the message itself
            _is_whole(prompt, question, hits, turns)
        finally:
            running.close()


def _is_whole(prompt: Prompt, question: str, hits: Sequence[Hit], turns: Sequence[Turn]) -> None:
    assert prompt.tokens <= prompt.budget, "over budget"
    assert sum(item.tokens for item in prompt.bill) == prompt.tokens, "the bill does not add up"
    accounted = _places([*prompt.hits, *prompt.turns, *prompt.omitted])
    if prompt.is_whole_folder:
        # Whatever could be found stands in it, in pieces or in the conversation.
        silent = [_place(hit) for hit in hits if not _stands(hit, prompt)]
        assert not silent, f"left out in silence: {silent}"
        assert not _places(turns) - accounted, "turns are left out in silence"
    else:
        considered = _places([*hits, *turns])
        silent_too = considered - accounted
        assert not silent_too, f"left out in silence: {silent_too}"
        unfound = accounted - considered
        assert not unfound, f"on the receipt and never found: {unfound}"
    sent = "\n".join(message.content for message in prompt.messages)
    quoted = [(_place(hit), hit.text) for hit in prompt.hits]
    quoted += [(_place(turn), turn.text) for turn in prompt.turns]
    for place, text in quoted:
        if all(character.isprintable() or character == "\n" for character in text):
            assert text in sent, f"not whole: {place}"
    assert prompt.messages[-1].role is Role.USER
    assert prompt.messages[-1].content.endswith(question), "the message is not whole"


def _stands(hit: Hit, prompt: Prompt) -> bool:
    """Say whether every word of a hit is covered by what was packed."""
    left = set(range(hit.start, hit.end))
    packed: list[Hit | Turn] = [*prompt.hits, *prompt.turns]
    for each in packed:
        if each.source == hit.source:
            left.difference_update(range(each.start, each.end))
    return all(hit.text[at - hit.start].isspace() for at in left)


def _is_too_long_by(
    excess: int, engine: Engine, contacts: Sequence[str], question: str, budget: int
) -> None:
    assert excess > 0
    fits = budget + excess
    assert engine.prompt(contacts, question, budget=fits).tokens <= fits
    with pytest.raises(MessageTooLongError):
        engine.prompt(contacts, question, budget=fits - 1)


def _places(all_of_them: Sequence[Hit | Turn | Omitted]) -> Counter[Place]:
    return Counter(map(_place, all_of_them))


def _place(each: Hit | Turn | Omitted) -> Place:
    return each.source, each.start, each.end
