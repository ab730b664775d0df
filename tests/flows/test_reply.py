"""A reply leaves only if all that it could quote still stood after it was written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.errors import OllamaError, StaleSourcesError
from partitioned_rag.ollama_api import Ollama
from partitioned_rag.reply import Completion, answer, gather
from partitioned_rag.values import Prompt, Reply
from tests.ollama_double import Card, OllamaDouble
from tests.prompts import a_prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    text: str
    done_reason: str = ""


@dataclass(slots=True)
class Clock:
    """Moves on only when told to."""

    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


@dataclass(slots=True)
class World:
    """A folder with one line in it, and a model that repeats it and takes 3 seconds."""

    edits: list[str]  # what the folder says after each time that the model has thought
    folder: str = "v0"
    log: list[str] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)

    def compose(self) -> Prompt:
        self.log.append(f"compose {self.folder}")
        self.clock.now_s += 1
        return a_prompt(self.folder)

    def ask(self, prompt: Prompt) -> Completion:
        self.log.append(f"ask {prompt.messages[-1].content}")
        self.clock.now_s += 3
        if self.edits:
            self.folder = self.edits.pop(0)
        text = f"it says {prompt.messages[-1].content}"
        return Completion(text=text, model="m", cut=False, first_words_s=2.0)

    def stands(self, prompt: Prompt) -> bool:
        self.log.append("check")
        return prompt.messages[-1].content == self.folder

    def discard(self) -> None:
        self.log.append("discard")

    def answer(self) -> Reply:
        return answer(
            self.compose, self.ask, self.stands, clock=self.clock, on_discard=self.discard
        )


def test_a_reply_whose_sources_stand_is_asked_for_once() -> None:
    world = World([])
    reply = world.answer()
    assert world.log == ["compose v0", "ask v0", "check"]
    assert (reply.text, reply.model, reply.cut) == ("it says v0", "m", False)
    assert reply.prompt == a_prompt("v0")
    assert (reply.timings.first_words_s, reply.timings.total_s, reply.timings.asked) == (3, 4, 1)


def test_a_reply_whose_sources_changed_is_thrown_away_and_made_from_the_folder_as_it_is() -> None:
    world = World(["v1", "v2"])
    reply = world.answer()
    assert world.log == [
        *("compose v0", "ask v0", "check", "discard"),
        *("compose v1", "ask v1", "check", "discard"),
        *("compose v2", "ask v2", "check"),
    ]
    assert (reply.text, reply.prompt) == ("it says v2", a_prompt("v2"))
    assert (reply.timings.first_words_s, reply.timings.total_s, reply.timings.asked) == (11, 12, 3)


def test_sources_that_keep_changing_are_given_up_after_asking_twice_more() -> None:
    world = World(["v1", "v2", "v3", "v4"])
    with pytest.raises(StaleSourcesError) as caught:
        world.answer()
    assert str(caught.value) == (
        "sources kept changing while the model was thinking, 3 times over: "
        "ask again when the folder has come to rest"
    )
    assert [line for line in world.log if line.startswith("ask")] == ["ask v0", "ask v1", "ask v2"]
    assert world.log.count("discard") == 3


@given(st.lists(st.sampled_from(["v0", "v1", "v2"]), max_size=5))
def test_no_reply_leaves_that_the_folder_does_not_bear_out(edits: list[str]) -> None:
    world = World(edits)
    try:
        reply = world.answer()
    except StaleSourcesError:
        assert world.log.count("check") == 3
    else:
        assert reply.text == f"it says {world.folder}"
        assert world.log[-1] == "check"


def test_nobody_need_listen_to_what_is_thrown_away() -> None:
    world = World(["v1"])
    reply = answer(world.compose, world.ask, world.stands, clock=world.clock, on_discard=None)
    assert reply.text == "it says v1"


@pytest.mark.parametrize("failing", ["compose", "ask", "stands"])
def test_an_error_of_a_step_is_not_asked_again(failing: str) -> None:
    world = World(["v1"])

    def fail(*_: object) -> None:
        world.log.append("failed")
        raise OllamaError("broke off")

    steps: dict[str, Callable[..., object]] = {
        "compose": world.compose,
        "ask": world.ask,
        "stands": world.stands,
        failing: fail,
    }
    with pytest.raises(OllamaError, match="broke off"):
        answer(**steps, clock=world.clock, on_discard=world.discard)  # type: ignore[arg-type]
    assert world.log.count("failed") == 1
    assert "discard" not in world.log


# ---------------------------------------------------------------- pieces


def test_a_reply_is_put_together_and_told_as_it_comes() -> None:
    clock, told = Clock(), list[str]()

    def parts() -> Iterator[Piece]:
        clock.now_s += 5
        yield Piece(text=" \n")
        clock.now_s += 2
        yield Piece(text=" yes")
        clock.now_s += 9
        yield Piece(text=",\nat ten \n")
        yield Piece(text="", done_reason="stop")

    completion = gather(parts(), model="m", clock=clock, on_text=told.append)
    assert completion == Completion(text="yes,\nat ten", model="m", cut=False, first_words_s=7)
    assert told == ["yes", ",\nat ten \n"]


def test_a_reply_stopped_for_length_is_marked_as_cut() -> None:
    parts = [Piece(text="and then"), Piece(text="", done_reason="length")]
    assert gather(parts, model="m", clock=Clock(), on_text=None).cut


@given(st.lists(st.text(max_size=4), max_size=6))
def test_what_was_told_is_the_reply(texts: list[str]) -> None:
    told = list[str]()
    try:
        parts = (Piece(text=text) for text in texts)
        completion = gather(parts, model="m", clock=Clock(), on_text=told.append)
    except OllamaError:
        assert not "".join(texts).strip()
        assert told == []
    else:
        assert completion.text == "".join(texts).strip() == "".join(told).rstrip()
        assert all(told)


def test_an_empty_reply_is_an_error_that_tells_a_thoughtful_model_from_a_silent_one() -> None:
    with pytest.raises(OllamaError) as caught:
        gather([Piece(text=" \n", done_reason="stop")], model="m", clock=Clock(), on_text=None)
    assert str(caught.value) == "the model's reply is empty (model m): ask again"
    with pytest.raises(OllamaError) as caught:
        gather([Piece(text="", done_reason="length")], model="m", clock=Clock(), on_text=None)
    assert str(caught.value) == (
        "the model used up its reply without a word (model m): "
        "choose a model that does not think first"
    )


def test_text_of_a_reply_is_in_no_repr() -> None:
    completion = Completion(text="private", model="m", cut=False, first_words_s=0)
    assert "private" not in repr(completion)
    assert replace(completion, text="x") != completion


# ---------------------------------------------------------------- with a server and a folder


def test_a_file_removed_while_the_model_thinks_is_in_no_reply(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the code is 4711")
    (tmp_path / "b.txt").write_text("the office is closed")
    told = list[str]()

    def compose() -> Prompt:
        return a_prompt("\n".join(path.read_text() for path in sorted(tmp_path.iterdir())))

    with OllamaDouble(answer=lambda rendered: rendered) as double, Ollama(double.host) as ollama:
        double.on_chat(lambda _: (tmp_path / "a.txt").unlink(missing_ok=True))
        reply = answer(
            compose,
            lambda prompt: gather(
                ollama.chat("gemma4", prompt.messages, num_ctx=512, num_predict=64),
                model="gemma4",
                clock=Clock(),
                on_text=told.append,
            ),
            lambda prompt: prompt == compose(),
            clock=Clock(),
            on_discard=told.clear,
        )
    assert len(double.chats) == 2
    assert "4711" in double.chats[0].rendered
    assert "4711" not in reply.text + "".join(told)
    assert reply.text == "".join(told).rstrip()
    assert "closed" in reply.text


def test_a_model_that_spends_its_reply_on_thinking_is_an_error_not_an_empty_message() -> None:
    models = {"gpt-oss:latest": Card(thought="hm " * 50)}
    with OllamaDouble(models=models) as double, Ollama(double.host) as ollama:
        double.say(200, b'{"message": {"thinking": "hm"}}\n{"done": true, "done_reason": "length"}')
        parts = ollama.chat("gpt-oss", a_prompt("hello").messages, num_ctx=512, num_predict=8)
        with pytest.raises(OllamaError, match="without a word"):
            gather(parts, model="gpt-oss", clock=Clock(), on_text=None)
