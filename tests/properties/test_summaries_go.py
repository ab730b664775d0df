"""No prompt holds a word of a summary whose text is gone, whatever happens to the folder."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis.stateful import run_state_machine_as_test

from partitioned_rag.prompt.wording import SUMMARIES
from partitioned_rag.values import Hit, Prompt
from tests.ollama_double import OllamaDouble
from tests.properties.engines import RealEngine
from tests.properties.noninterference import check_noninterference
from tests.properties.summaries_go import WINDOW, SummariesGo, SummarisingEngine
from tests.properties.summarising import digest_of
from tests.strategies import Pair, Story, examples, sentences, stories_equal_for

FRIEND = "friend"
ROOM = 100  # for summaries, besides what the check gives


class SummarisingBox(RealEngine):
    """The product with a model, summarising when told to."""

    def __init__(self, root: Path, host: str) -> None:
        super().__init__(root, ollama_host=host, window=WINDOW)

    def summarise(self) -> None:
        self.box.summarize()


class AlwaysSummarising(SummarisingBox):
    """Summarises everything whenever the public at large asks, and counts what was told."""

    told = 0

    def search(self, contacts: Sequence[str], question: str, *, k: int) -> list[Hit]:
        if not contacts:
            self.summarise()
        return super().search(contacts, question, k=k)

    def prompt(self, contacts: Sequence[str], question: str, *, budget: int) -> Prompt:
        prompt = super().prompt(contacts, question, budget=budget + ROOM)
        AlwaysSummarising.told += SUMMARIES in prompt.messages[0].content
        return prompt


def with_long_files(story: Story) -> Story:
    """Add what is too large for a prompt, so that there is something to summarise."""
    text = b"".join(b"The tide of number %d comes in over the sand.\n\n" % n for n in range(16))
    return Story({**story.world, "public/long.md": text, f"{FRIEND}/long.md": text}, story.rounds)


class RealBox(SummariesGo):
    def open(self) -> SummarisingEngine:
        return SummarisingBox(self.root, self.double.host)


@pytest.mark.slow
def test_no_prompt_tells_of_what_is_gone_whatever_happens_to_the_folder() -> None:
    RealBox.told = 0
    run_state_machine_as_test(RealBox, settings=settings(examples(12), stateful_step_count=10))
    assert RealBox.told, "no prompt told a summary, so nothing was tried"


@pytest.mark.slow
def test_neighbours_change_nothing_with_everything_summarised() -> None:
    AlwaysSummarising.told = 0
    with OllamaDouble(answer=digest_of) as double:

        @examples(4)
        @given(stories_equal_for(FRIEND), sentences())
        def check(pair: Pair, question: str) -> None:
            check_noninterference(
                lambda root: AlwaysSummarising(root, double.host),
                *map(with_long_files, pair),
                contacts=[FRIEND],
                question=question,
            )

        check()
    assert AlwaysSummarising.told, "no prompt told a summary, so nothing was compared"
