"""The promise: a summary is made of one partition's text, once, and goes with that text.

A machine does to a folder whatever people and programs do, has it summarised now and then, and
looks at every prompt. The model answers each request with a word of its own, so that a word tells
which text it was made of. Whatever a prompt says of a text must be true of the folder as it is.
"""

import re
from dataclasses import dataclass, field
from typing import Protocol

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from partitioned_rag.prompt.wording import SUMMARISE
from tests.ollama_double import OllamaDouble
from tests.properties.engines import Engine
from tests.properties.folder_is_truth import AUDIENCES, FOLDERS, FolderIsTruth
from tests.worlds import readable_folders

# Room for a few excerpts and a few summaries.
BUDGET = 400
WINDOW = 512
SHORT = 3  # phrases; a file of more takes several chunks
MARKER = re.compile(r"marker\d{5}")
_PHRASE = re.compile(r"phrase\d{5}")
_LABEL = re.compile(r"^@@@ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one request for a summary held: how its sources are called, and whose phrases."""

    labels: tuple[str, ...]
    phrases: frozenset[str]


@dataclass(slots=True)
class Summariser:
    """A model that answers each request for a summary with a word that it says once."""

    seen: dict[str, Seen] = field(default_factory=dict)

    def __call__(self, rendered: str) -> str:
        if SUMMARISE not in rendered:
            return "a reply"
        asked = rendered.partition("<|start|>user\n")[2]
        marker = f"marker{len(self.seen):05}"
        self.seen[marker] = Seen(tuple(_LABEL.findall(asked)), frozenset(_PHRASE.findall(asked)))
        return marker


class SummarisingEngine(Engine, Protocol):
    """An engine that can be told to summarise."""

    def summarise(self) -> None:
        """Summarise whatever has no summary, everywhere."""
        ...


class SummariesGo(FolderIsTruth):
    """Edits a box, summarises it and composes prompts. Subclasses say which engine."""

    engine: SummarisingEngine
    told = 0  # how often a prompt held a summary: if never, nothing was tried

    def __init__(self) -> None:
        self.model = Summariser()
        self.double = OllamaDouble(answer=self.model)
        self.double.__enter__()
        super().__init__()

    @initialize()
    def begin_large(self) -> None:
        """Put into each folder more than a prompt takes, and summarise it."""
        for folder in FOLDERS:
            self._write(f"{folder}/long.txt", self._phrases(8))
        self.engine.summarise()

    @rule()
    def summarise(self) -> None:
        """Summarise; a second time there is nothing left to do."""
        self.engine.summarise()
        asked = len(self.model.seen)
        self.engine.summarise()
        assert len(self.model.seen) == asked, "what has a summary was summarised once more"

    @precondition(lambda self: any(len(each) > SHORT for each in self.files.values()))
    @rule(data=st.data())
    def edit_a_part(self, data: st.DataObject) -> None:
        """Change one sentence among many, so that its source and its neighbours stay."""
        long = sorted(path for path, each in self.files.items() if len(each) > SHORT)
        path = data.draw(st.sampled_from(long))
        phrases = list(self.files[path])
        phrases[data.draw(st.integers(0, len(phrases) - 1))] = self._phrases(1)[0]
        self._write(path, phrases)

    @invariant()
    def what_is_found_is_what_is_on_disk(self) -> None:
        """Leave that to the other machine."""

    @invariant()
    def each_summary_is_of_one_partition(self) -> None:
        for marker, seen in self.model.seen.items():
            assert len(seen.labels) == 1, f"{marker} was made of {seen.labels}"

    @invariant()
    def a_prompt_tells_only_of_what_is_there(self) -> None:
        for contacts in AUDIENCES:
            prompt = self.engine.prompt(contacts, "the tide", budget=BUDGET)
            said = "\n".join(message.content for message in prompt.messages)
            there = {
                phrase
                for path, phrases in self.files.items()
                if path.partition("/")[0] in readable_folders(self.root, contacts)
                for phrase in phrases
            }
            for marker in MARKER.findall(said):
                type(self).told += 1
                gone = self.model.seen[marker].phrases - there
                who = list(contacts) or "the public"
                assert not gone, f"{who} are told by a summary of what is gone: {sorted(gone)}"

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.double.__exit__()
