"""The double keeps its promises: it cuts, refuses and counts as Ollama does.

Asked through the standard library, not through our own client.
"""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ollama_double import Card, Fault, OllamaDouble, pieces, render

Json = dict[str, object]
DOUBLE = Path(__file__).parent.parent / "ollama_double.py"


@pytest.fixture
def double() -> Iterator[OllamaDouble]:
    with OllamaDouble() as running:
        yield running


def ask(host: str, path: str, body: Mapping[str, object] | None) -> tuple[int, list[Json]]:
    """Give the status and the lines of an answer."""
    raw = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(host + path, raw, 30) as answer:  # noqa: S310 — our own address
            return answer.status, [json.loads(line) for line in answer]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, [json.loads(line) for line in error]


def message(role: str, words: int, word: str = "word") -> Json:
    return {"role": role, "content": " ".join([word] * words)}


def chat(double: OllamaDouble, messages: list[Json], **more: object) -> tuple[int, list[Json]]:
    options = {
        name: more.pop(name) for name in ("num_ctx", "num_predict", "num_keep") & more.keys()
    }
    body = {"model": "gemma4", "messages": messages, "options": options, **more}
    return ask(double.host, "/api/chat", body)


def prompt_tokens(messages: list[Json]) -> int:
    return 1 + len(pieces(render(messages)))


@given(st.text())
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


def test_front_messages_are_dropped_in_silence_but_never_the_system_text_nor_the_last(
    double: OllamaDouble,
) -> None:
    messages = [
        message("user", 30, "oldest"),
        message("system", 5, "rules"),
        message("assistant", 30, "older"),
        message("user", 5, "question"),
    ]
    status, lines = chat(double, messages, num_ctx=prompt_tokens(messages[1:]) + 1)
    assert status == 200
    assert "error" not in json.dumps(lines)
    assert double.chats[0].rendered == render(messages[1:])
    assert (double.chats[0].dropped, double.cut) == (1, 1)
    fits = prompt_tokens([messages[1], messages[3]]) + 1
    chat(double, messages, num_ctx=fits)
    assert double.chats[1].rendered == render([messages[1], messages[3]])
    assert (double.chats[1].dropped, double.cut) == (2, 2)


def test_a_prompt_that_is_still_too_long_is_cut_to_about_half_in_silence(
    double: OllamaDouble,
) -> None:
    messages = [message("user", 300)]
    status, lines = chat(double, messages, num_ctx=100)
    seen = double.chats[0]
    # num_keep is 4, and the marker at the beginning makes 5: 100 - (100 - 5) // 2.
    assert (status, seen.prompt_tokens, seen.halved, double.cut) == (200, 53, True, 1)
    assert lines[-1]["prompt_eval_count"] == 53
    whole = pieces(render(messages))
    assert seen.rendered == "".join(whole[:4] + whole[-48:])


def test_a_prompt_that_leaves_one_token_free_is_whole_and_one_longer_is_halved(
    double: OllamaDouble,
) -> None:
    messages = [message("user", 50)]
    tokens = prompt_tokens(messages)
    chat(double, messages, num_ctx=tokens + 1, num_predict=1)
    assert (double.cut, double.exchanges[0].prompt_tokens) == (0, tokens)
    chat(double, messages, num_ctx=tokens, num_predict=1)
    assert (double.cut, double.exchanges[1].halved) == (1, True)


def test_without_truncation_a_long_prompt_is_refused_with_the_runner_s_words(
    double: OllamaDouble,
) -> None:
    messages = [message("user", 10), message("user", 50)]
    tokens = prompt_tokens(messages)
    status, lines = chat(double, messages, num_ctx=tokens, truncate=False)
    nested = json.loads(cast("str", lines[0]["error"]))["error"]
    assert (status, nested["type"]) == (400, "exceed_context_size_error")
    wording = f"request ({tokens} tokens) exceeds the available context size ({tokens} tokens)"
    assert cast("str", nested["message"]).startswith(wording)
    wider: Json = {"num_ctx": tokens + 1, "truncate": False, "shift": False}
    assert chat(double, messages, **wider)[0] == 200
    assert double.cut == 0
    assert [exchange.refused for exchange in double.chats] == [True, False]


def test_without_shifting_a_long_prompt_is_refused_with_ollama_s_words(
    double: OllamaDouble,
) -> None:
    status, lines = chat(double, [message("user", 300)], num_ctx=100, shift=False)
    assert (status, double.cut) == (400, 0)
    assert "the prompt is longer than the context length currently" in cast(
        "str", lines[0]["error"]
    )


def test_a_reply_longer_than_the_window_shifts_in_silence_or_stops(double: OllamaDouble) -> None:
    double.answer = lambda _: "word " * 50
    messages = [message("user", 50)]
    window = prompt_tokens(messages) + 10
    lines = chat(double, messages, num_ctx=window)[1]
    assert (lines[-1]["done_reason"], lines[-1]["eval_count"]) == ("stop", 51)
    assert (double.chats[0].shifted, double.cut) == (True, 1)
    lines = chat(double, messages, num_ctx=window, truncate=False, shift=False)[1]
    assert (lines[-1]["done_reason"], lines[-1]["eval_count"]) == ("length", 10)
    assert double.cut == 1


def test_a_reply_is_streamed_in_pieces_and_stopped_at_num_predict(double: OllamaDouble) -> None:
    double.answer = lambda _: "one two three four"
    _, lines = chat(double, [message("user", 1)], num_predict=3)
    said = [cast("Json", line["message"])["content"] for line in lines]
    assert said == ["one", " two", " three", ""]
    assert [line["done"] for line in lines] == [False, False, False, True]
    assert (lines[-1]["done_reason"], lines[-1]["eval_count"]) == ("length", 3)
    _, lines = chat(double, [message("user", 1)], num_predict=4, stream=False)
    assert cast("Json", lines[0]["message"])["content"] == "one two three four"
    assert lines[0]["done_reason"] == "stop"


def test_the_window_is_4096_when_none_is_asked_for_and_never_above_what_was_trained(
    double: OllamaDouble,
) -> None:
    assert chat(double, [message("user", 5000)], truncate=False)[0] == 400
    assert chat(double, [message("user", 4000)], truncate=False)[0] == 200
    double.models["gemma4:latest"] = Card(context_length=128)
    assert chat(double, [message("user", 200)], num_ctx=4096, truncate=False)[0] == 400


def test_a_changed_window_or_model_loads_anew(double: OllamaDouble) -> None:
    for num_ctx in (512, 512, 1024, 1024, 512):
        chat(double, [message("user", 1)], num_ctx=num_ctx)
    assert double.loads == 3


def test_the_rendered_text_is_told_without_asking_the_model(double: OllamaDouble) -> None:
    messages = [message("system", 2), message("user", 3)]
    _, lines = chat(double, messages, _debug_render_only=True, truncate=False)
    assert cast("Json", lines[0]["_debug_info"])["rendered_template"] == render(messages)
    assert double.chats[0].prompt_tokens == 0
    double.knows_debug_render = False
    _, lines = chat(double, messages, _debug_render_only=True, truncate=False, num_predict=1)
    assert [line["done"] for line in lines] == [False, True]


def test_thinking_comes_before_speaking_unless_told_not_to(double: OllamaDouble) -> None:
    double.models["gemma4:latest"] = Card(thought="hm hm")
    double.answer = lambda _: "yes"
    _, lines = chat(double, [message("user", 1)])
    assert [cast("Json", line["message"]).get("thinking") for line in lines[:2]] == ["hm", " hm"]
    _, lines = chat(double, [message("user", 1)], think=False)
    assert [cast("Json", line["message"])["content"] for line in lines] == ["yes", ""]
    double.models["gemma4:latest"] = Card()
    assert chat(double, [message("user", 1)], think=True)[0] == 400
    assert chat(double, [message("user", 1)], think=False)[0] == 200


def test_a_vocabulary_is_told_only_to_who_asks_for_it() -> None:
    vocabulary = [f"token {n}" for n in range(6)]
    models = {"gemma4:latest": Card(model_info={"tokenizer.ggml.tokens": vocabulary})}
    with OllamaDouble(models=models) as double:
        _, (brief,) = ask(double.host, "/api/show", {"model": "gemma4"})
        _, (long,) = ask(double.host, "/api/show", {"model": "gemma4", "verbose": True})
    assert cast("Json", brief["model_info"])["tokenizer.ggml.tokens"] is None
    assert cast("Json", long["model_info"])["tokenizer.ggml.tokens"] == vocabulary
    assert cast("Json", brief["model_info"])["double.context_length"] == 32768


def test_texts_to_embed_are_cut_in_silence_unless_told_not_to(double: OllamaDouble) -> None:
    long, cut = "word" + " word" * 99, "word" + " word" * 63
    body = {"model": "nomic-embed-text", "input": [long, cut]}
    _, (answer,) = ask(double.host, "/api/embed", body)
    one, other = cast("list[list[float]]", answer["embeddings"])
    assert one == other
    assert double.cut == 1
    status, (answer,) = ask(double.host, "/api/embed", {**body, "truncate": False})
    assert (status, answer["error"]) == (400, "the input length exceeds the context length")
    assert double.cut == 1


@pytest.mark.parametrize("path", ["/api/chat", "/api/show", "/api/embed"])
def test_a_model_that_is_not_there_is_not_found(double: OllamaDouble, path: str) -> None:
    body = {"model": "qwen3", "messages": [message("user", 1)], "input": "a"}
    assert ask(double.host, path, body) == (404, [{"error": "model 'qwen3' not found"}])


def test_models_and_version_are_told(double: OllamaDouble) -> None:
    _, (tags,) = ask(double.host, "/api/tags", None)
    names = [cast("Json", row)["name"] for row in cast("list[object]", tags["models"])]
    assert names == ["gemma4:latest", "nomic-embed-text:latest"]
    assert "version" in ask(double.host, "/api/version", None)[1][0]


def test_an_embedder_does_not_chat_and_a_chat_of_nothing_only_loads(double: OllamaDouble) -> None:
    body = {"model": "nomic-embed-text", "messages": [message("user", 1)]}
    status, (answer,) = ask(double.host, "/api/chat", body)
    assert (status, answer["error"]) == (400, '"nomic-embed-text" does not support chat')
    assert chat(double, [])[1][0]["done_reason"] == "load"


def test_every_request_is_kept_for_the_test_to_see(double: OllamaDouble) -> None:
    chat(double, [message("user", 1)], num_ctx=64)
    assert double.chats[0].body["options"] == {"num_ctx": 64}
    assert double.chats[0].rendered == render([message("user", 1)])


def test_the_default_answer_shows_what_the_model_saw(double: OllamaDouble) -> None:
    content = "[1] public/schedule.txt: closed\n<friend/chat.log>\n\nare you free?"
    _, lines = chat(double, [{"role": "user", "content": content}])
    said = "".join(cast("str", cast("Json", line["message"])["content"]) for line in lines)
    assert said == "You said: are you free? I was shown: friend/chat.log, public/schedule.txt."


def test_a_test_can_act_while_the_model_thinks_and_its_own_failure_is_not_lost() -> None:
    def act(exchange: object) -> None:
        raise LookupError("seen")

    def use() -> None:
        with OllamaDouble() as double:
            double.on_chat(act)
            assert chat(double, [message("user", 1)])[0] == 500

    with pytest.raises(LookupError, match="seen"):
        use()


LEAVE_IT_HOLDING = r"""
import socket, threading
from ollama_double import OllamaDouble
BODY = b'{"model": "gemma4", "messages": [{"role": "user"}]}'
with OllamaDouble() as double:
    thinking = threading.Event()
    double.on_chat(lambda _: thinking.set())
    double.hold()
    client = socket.create_connection(("127.0.0.1", int(double.host.rpartition(":")[2])))
    client.sendall(b"POST /api/chat HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
    assert thinking.wait(30)
"""


def test_a_gate_that_nobody_opens_does_not_keep_the_double_from_ending() -> None:
    left = subprocess.run(
        [sys.executable, "-c", LEAVE_IT_HOLDING], cwd=DOUBLE.parent, check=False, timeout=30
    )
    assert left.returncode == 0


def test_a_fault_happens_once_and_in_the_order_planned(double: OllamaDouble) -> None:
    double.misbehave(Fault.HTTP_500, Fault.ERROR)
    assert chat(double, [message("user", 1)])[0] == 500
    assert "error" in chat(double, [message("user", 1)])[1][-1]
    assert chat(double, [message("user", 1)])[1][-1]["done"] is True


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["system", "user"]), st.integers(1, 20)), min_size=1),
    st.integers(2, 60),
)
def test_what_the_model_sees_always_fits_and_what_is_missing_is_always_counted(
    shapes: list[tuple[str, int]], num_ctx: int
) -> None:
    messages = [message(role, words) for role, words in shapes]
    with OllamaDouble() as double:
        chat(double, messages, num_ctx=num_ctx, num_predict=1)
        assert double.exchanges[0].prompt_tokens < num_ctx
        assert (double.exchanges[0].rendered != render(messages)) == (double.cut == 1)


def test_another_process_can_start_it_and_asks_it_by_its_address() -> None:
    with subprocess.Popen(
        [sys.executable, str(DOUBLE), "--port", "0", "--fault", "http 500"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        host = process.stdout.readline().strip()
        body = {"model": "gemma4", "messages": [message("user", 1)]}
        assert [ask(host, "/api/chat", body)[0] for _ in range(2)] == [500, 200]
        process.communicate("", timeout=30)
    assert process.returncode == 0
