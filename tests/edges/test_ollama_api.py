"""What we ask of Ollama, what we make of its answers, and what our errors say."""

import contextlib
import json
import math
import socket
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from partitioned_rag.errors import ContextLengthError, InputError, OllamaError
from partitioned_rag.ollama_address import host_of
from partitioned_rag.ollama_api import MAX_BODY_BYTES, MAX_ERROR_BYTES, ChatPart, Ollama
from partitioned_rag.values import Message, Role
from tests.ollama_double import Card, Fault, OllamaDouble

PRIVATE = "xyzzy-4711"
HELLO = (
    Message(role=Role.SYSTEM, content="Answer briefly."),
    Message(role=Role.USER, content=f"Is the code {PRIVATE}?"),
)


@pytest.fixture
def double() -> Iterator[OllamaDouble]:
    with OllamaDouble() as running:
        yield running


@pytest.fixture
def ollama(double: OllamaDouble) -> Iterator[Ollama]:
    with Ollama(double.host) as client:
        yield client


def chat(
    ollama: Ollama, *, messages: tuple[Message, ...] = HELLO, num_ctx: int = 512
) -> list[ChatPart]:
    return list(ollama.chat("gemma4", messages, num_ctx=num_ctx, num_predict=256))


def place(double: OllamaDouble) -> str:
    return double.host.removeprefix("http://")


def silent_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return cast("int", server.getsockname()[1])


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "http://127.0.0.1:11434"),
        ("", "http://127.0.0.1:11434"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        (":1234", "http://127.0.0.1:1234"),
        ("1.2.3.4:1234", "http://1.2.3.4:1234"),
        ("example.com", "http://example.com:11434"),
        ("example.com:1234", "http://example.com:1234"),
        ("example.com:", "http://example.com:11434"),
        (":66000", "http://127.0.0.1:11434"),
        (":-1", "http://127.0.0.1:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::1]:1337", "http://[::1]:1337"),
        ("[::]", "http://[::1]:11434"),
        ("[::]:1234", "http://[::1]:1234"),
        ("0.0.0.0", "http://127.0.0.1:11434"),  # noqa: S104 — nothing is bound
        ("0.0.0.0:1234", "http://127.0.0.1:1234"),
        ("https://0.0.0.0:4321", "https://127.0.0.1:4321"),
        (" 1.2.3.4 ", "http://1.2.3.4:11434"),
        ('"1.2.3.4"', "http://1.2.3.4:11434"),
        (' " 1.2.3.4 " ', "http://1.2.3.4:11434"),
        ("'1.2.3.4'", "http://1.2.3.4:11434"),
        ("http://1.2.3.4", "http://1.2.3.4:80"),
        ("HTTP://1.2.3.4", "http://1.2.3.4:80"),
        ("http://1.2.3.4:4321", "http://1.2.3.4:4321"),
        ("https://1.2.3.4", "https://1.2.3.4:443"),
        ("https://1.2.3.4:4321", "https://1.2.3.4:4321"),
        ("https://example.com/ollama", "https://example.com:443/ollama"),
        ("example.com:1/a b/", "http://example.com:1/a%20b"),
        ("localhost:11434/", "http://localhost:11434"),
        ("ollama.com", "https://ollama.com:443"),
    ],
)
def test_an_address_is_read_as_ollama_reads_it(value: str | None, expected: str) -> None:
    assert host_of(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "ftp://example.com",
        "unix:///run/ollama.sock",
        "user:pa55@example.com",
        "http://user:pa55@example.com:80",
        "two words",
        "a:b:c",
        "a\nb",
        "exa\x00mple",
        "http://xn--:1",
    ],
)
def test_what_is_no_address_is_refused_without_being_quoted(value: str) -> None:
    with pytest.raises(InputError) as caught:
        host_of(value)
    assert str(caught.value) == (
        "the address of Ollama is no http or https address: "
        "give OLLAMA_HOST as host:port or as a URL"
    )


@settings(deadline=None)
@given(st.text() | st.from_regex(r"(https?://)?[\[\]a-z0-9:.%@/ -]{0,20}(:[0-9]{0,6})?"))
@example("[[[:1")
@example("http://:")
@example("host:1/a b%2f/")
def test_any_text_is_an_address_or_refused_and_reading_twice_changes_nothing(value: str) -> None:
    with contextlib.suppress(InputError):
        read = host_of(value)
        assert host_of(read) == read
        Ollama(read).close()


def test_a_path_in_the_address_stands_before_every_request(double: OllamaDouble) -> None:
    behind = f"{double.host}/behind/"
    with Ollama(behind) as ollama, pytest.raises(OllamaError, match="is not Ollama"):
        ollama.version()
    assert [exchange.path for exchange in double.exchanges] == ["/behind/api/version"]


# ---------------------------------------------------------------- a chat


def test_a_reply_comes_in_pieces_and_says_that_it_is_done(
    double: OllamaDouble, ollama: Ollama
) -> None:
    parts = chat(ollama)
    assert "".join(part.text for part in parts) == double.answer(double.chats[0].rendered)
    assert len(parts) > 3
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].done_reason == "stop"
    assert parts[-1].prompt_tokens == double.chats[0].prompt_tokens
    assert parts[-1].reply_tokens == len(parts) - 1


def test_a_reply_cut_for_length_says_so(ollama: Ollama) -> None:
    parts = list(ollama.chat("gemma4", HELLO, num_ctx=512, num_predict=2))
    assert (len(parts), parts[-1].done_reason) == (3, "length")


WORDS = st.text(st.characters(codec="utf-8"), max_size=80)


@settings(deadline=None)
@given(
    messages=st.lists(
        st.builds(Message, role=st.sampled_from(Role), content=WORDS), min_size=1, max_size=6
    ),
    num_ctx=st.integers(1, 60),
    num_predict=st.integers(1, 60),
)
def test_nothing_we_can_ask_lets_ollama_cut(
    messages: list[Message], num_ctx: int, num_predict: int
) -> None:
    with OllamaDouble() as double, Ollama(double.host) as ollama:
        with contextlib.suppress(ContextLengthError):
            list(ollama.chat("gemma4", messages, num_ctx=num_ctx, num_predict=num_predict))
        assert double.exchanges[0].body == {
            "model": "gemma4",
            "messages": [{"role": m.role.value, "content": m.content} for m in messages],
            "stream": True,
            "truncate": False,
            "shift": False,
            "think": False,
            "options": {"num_ctx": num_ctx, "num_predict": num_predict},
        }
        assert double.cut == 0


@pytest.mark.parametrize("left_out", ["truncate", "options"])
def test_the_double_would_have_cut_if_we_asked_less_carefully(
    double: OllamaDouble, ollama: Ollama, left_out: str
) -> None:
    long = (*HELLO, Message(role=Role.USER, content="word " * 5000))
    with pytest.raises(ContextLengthError):
        chat(ollama, messages=long, num_ctx=4096)
    assert double.cut == 0
    careless = {key: value for key, value in double.chats[0].body.items() if key != left_out}
    careless.pop("shift")
    careless.pop("truncate", None)
    chat_url = f"{double.host}/api/chat"
    raw = json.dumps(careless).encode()
    with urllib.request.urlopen(chat_url, raw, 30) as response:  # noqa: S310 — our own address
        assert response.status == 200  # and not a word about it
    assert double.cut == 1


def test_losing_the_excess_that_is_reported_makes_a_prompt_fit_and_one_token_less_does_not(
    double: OllamaDouble, ollama: Ollama
) -> None:
    def asked(words: int) -> tuple[Message, ...]:
        return (Message(role=Role.USER, content=" ".join(["word"] * words)),)

    with pytest.raises(ContextLengthError) as caught:
        chat(ollama, messages=asked(600), num_ctx=256)
    assert caught.value.excess_tokens is not None
    fits = 600 - caught.value.excess_tokens
    assert chat(ollama, messages=asked(fits), num_ctx=256)[-1].done
    with pytest.raises(ContextLengthError) as caught:
        chat(ollama, messages=asked(fits + 1), num_ctx=256)
    assert caught.value.excess_tokens == 1
    assert str(caught.value) == (
        "the text is longer than the model's window by at least 1 tokens "
        f"(model gemma4 at {place(double)}): "
        "give a smaller budget, or a model with a longer window"
    )


@pytest.mark.parametrize(
    ("said", "excess_tokens"),
    [
        ("request (302 tokens) exceeds the available context size (256 tokens), try", 47),
        ("input (512 tokens) is larger than the max context size (512 tokens). skipping", 1),
        ('{"error":{"code":400,"n_prompt_tokens":30,"n_ctx":20,"type":"exceed_context"}}', 11),
        ("maximum context length is 4096 tokens, you requested 5000 tokens", 905),
        ("the prompt is longer than the context length currently available", None),
        ("the input length exceeds the context length", None),
        ("Context size has been exceeded.", None),
    ],
)
def test_every_wording_of_too_long_is_understood(
    double: OllamaDouble, ollama: Ollama, said: str, excess_tokens: int | None
) -> None:
    double.say(400, {"error": said})
    with pytest.raises(ContextLengthError) as caught:
        chat(ollama)
    assert caught.value.excess_tokens == excess_tokens
    double.say(400, {"error": {"code": 400, "message": said}})
    with pytest.raises(ContextLengthError) as caught:
        chat(ollama)
    assert caught.value.excess_tokens == excess_tokens


def test_thoughts_are_no_part_of_a_reply(double: OllamaDouble, ollama: Ollama) -> None:
    lines = [
        {"message": {"thinking": "what do they want?"}, "done": False},
        {"message": {"content": "yes", "thinking": "fine"}, "done": False},
        {"done": True, "done_reason": "stop"},
    ]
    double.say(200, b"\n".join(json.dumps(line).encode() for line in lines))
    assert [part.text for part in chat(ollama)] == ["", "yes", ""]


def test_a_model_that_thinks_is_told_to_speak_at_once() -> None:
    models = {"gemma4:latest": Card(thought="hm " * 300, capabilities=("completion", "thinking"))}
    with OllamaDouble(models=models) as double, Ollama(double.host) as ollama:
        assert "You said" in "".join(part.text for part in chat(ollama))


@pytest.mark.parametrize("line_break", ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_a_line_break_of_any_kind_in_a_reply_breaks_no_piece(line_break: str) -> None:
    said = f"one{line_break}two"
    with OllamaDouble(answer=lambda _: said) as double, Ollama(double.host) as ollama:
        assert "".join(part.text for part in chat(ollama)) == said


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\n\n \n"])
def test_pieces_of_any_length_are_told_apart(
    double: OllamaDouble, ollama: Ollama, line_end: bytes
) -> None:
    texts = ["a" * 300_000, "b", "", "c", "d" * 70_000, "e"]
    lines = [json.dumps({"message": {"content": text}}).encode() for text in texts]
    double.say(200, line_end.join([*lines, b'{"done": true}']) + line_end)
    assert [part.text for part in chat(ollama)] == [*texts, ""]


def test_half_characters_travel_there_and_come_back_as_a_replacement(
    double: OllamaDouble, ollama: Ollama
) -> None:
    chat(ollama, messages=(Message(role=Role.USER, content="caf\ud800"),))
    messages = double.chats[0].body["messages"]
    assert messages == [{"role": "user", "content": "caf\ud800"}]
    double.say(200, b'{"message": {"content": "caf\\udc80 \\ud83d\\ude00"}, "done": true}')
    assert chat(ollama)[0].text == "caf\ufffd \U0001f600"


def test_nothing_is_sent_before_the_first_part_is_asked_for(
    double: OllamaDouble, ollama: Ollama
) -> None:
    parts = ollama.chat("gemma4", HELLO, num_ctx=512, num_predict=8)
    assert double.chats == []
    next(parts)
    assert len(double.chats) == 1


def test_closing_the_iterator_hangs_up_on_the_model(double: OllamaDouble, ollama: Ollama) -> None:
    double.misbehave(Fault.HUGE_LINE)
    parts = ollama.chat("gemma4", HELLO, num_ctx=512, num_predict=256)
    next(parts)
    parts.close()
    assert double.chats[0].finished.wait(30)
    assert double.chats[0].abandoned


def test_misuse_is_a_value_error_before_anything_is_sent(
    double: OllamaDouble, ollama: Ollama
) -> None:
    with pytest.raises(ValueError, match="needs a message"):
        ollama.chat("gemma4", (), num_ctx=512, num_predict=8)
    with pytest.raises(ValueError, match="at least 1"):
        ollama.chat("gemma4", HELLO, num_ctx=0, num_predict=8)
    with pytest.raises(ValueError, match="at least 1"):
        ollama.chat("gemma4", HELLO, num_ctx=512, num_predict=-1)
    assert double.exchanges == []


# ---------------------------------------------------------------- what goes wrong


def test_a_server_that_does_not_run_is_named_with_what_to_do() -> None:
    port = silent_port()
    with Ollama(f"127.0.0.1:{port}") as ollama:
        for ask in (ollama.version, ollama.models, lambda: chat(ollama)):
            with pytest.raises(OllamaError) as caught:
                ask()
            assert str(caught.value) == (
                f"Ollama is not running at 127.0.0.1:{port}: start it with `ollama serve`"
            )


def test_a_server_without_tls_behind_https_is_an_error_that_says_what_to_check(
    double: OllamaDouble,
) -> None:
    with Ollama(f"https://{place(double)}") as ollama, pytest.raises(OllamaError) as caught:
        ollama.version()
    assert str(caught.value) == (
        f"Ollama is not running at https://{place(double)}: "
        "start it with `ollama serve`, or check that its address begins with https"
    )


def test_a_model_that_is_not_pulled_is_named_with_what_to_do(
    double: OllamaDouble, ollama: Ollama
) -> None:
    for ask in (
        lambda: list(ollama.chat("qwen3:4b", HELLO, num_ctx=512, num_predict=8)),
        lambda: ollama.show("qwen3:4b"),
        lambda: ollama.digest("qwen3:4b"),
        lambda: ollama.embed("qwen3:4b", ["a"]),
    ):
        with pytest.raises(OllamaError) as caught:
            ask()
        assert str(caught.value) == (
            f"model qwen3:4b is not pulled (Ollama at {place(double)}): run `ollama pull qwen3:4b`"
        )


READ_ERROR = "the answer of Ollama cannot be read ({}): check OLLAMA_HOST, or update Ollama"
UNDONE = "the reply ended before it was done ({}): ask again, or choose another model"
BROKE_OFF = (
    "Ollama broke off in the middle of its answer ({}): "
    "ask again, and look into the log of `ollama serve`"
)
FAILED = "Ollama failed {} ({}): look into the log of `ollama serve`"
IN_STREAM = 'in the middle of its answer, "model runner has unexpectedly stopped"'
WITH_500 = 'with HTTP 500, "llama runner process has terminated"'


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault.DROP, BROKE_OFF.format("model gemma4 at {}")),
        (Fault.MALFORMED, READ_ERROR),
        (Fault.HUGE_LINE, READ_ERROR),
        (Fault.ERROR, FAILED.format(IN_STREAM, "model gemma4 at {}")),
        (Fault.HTTP_500, FAILED.format(WITH_500, "model gemma4 at {}")),
        (Fault.EMPTY, UNDONE.format("model gemma4 at {}")),
        (Fault.UNFINISHED, UNDONE.format("model gemma4 at {}")),
    ],
)
def test_each_way_to_break_off_is_told_from_the_others_and_the_next_chat_is_well(
    double: OllamaDouble, ollama: Ollama, fault: Fault, message: str
) -> None:
    double.misbehave(fault)
    with pytest.raises(OllamaError) as caught:
        chat(ollama)
    assert str(caught.value) == message.format(place(double))
    assert chat(ollama)[-1].done


def test_a_server_that_says_nothing_for_too_long_is_given_up(double: OllamaDouble) -> None:
    gate = double.hold()
    with Ollama(double.host, timeout_s=0.2) as ollama:
        with pytest.raises(OllamaError) as caught:
            chat(ollama)
        gate.set()
    assert str(caught.value) == (
        f"Ollama sent nothing for 0.2 s (model gemma4 at {place(double)}): "
        "ask again once the model is loaded, or choose a smaller model"
    )


def test_a_model_that_takes_its_time_is_waited_for(double: OllamaDouble, ollama: Ollama) -> None:
    gate, thinking = double.hold(), threading.Event()
    double.on_chat(lambda _: thinking.set())
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(chat, ollama)
        assert thinking.wait(30)
        assert not reply.done()
        gate.set()
        assert reply.result(30)[-1].done


def test_another_server_on_that_port_is_not_taken_for_ollama(
    double: OllamaDouble, ollama: Ollama
) -> None:
    double.say(404, b"404 page not found")
    with pytest.raises(OllamaError) as caught:
        chat(ollama)
    assert str(caught.value) == (
        f"what answers at {place(double)} is not Ollama (HTTP 404): "
        "check OLLAMA_HOST, or update Ollama"
    )
    double.say(200, b"<html>hello</html>")
    with pytest.raises(OllamaError, match="cannot be read"):
        ollama.version()
    double.say(200, b'{"response": "of another kind"}\n{"done": true}')
    with pytest.raises(OllamaError, match="cannot be read"):
        chat(ollama)


def test_a_redirect_takes_no_prompt_elsewhere(double: OllamaDouble, ollama: Ollama) -> None:
    with OllamaDouble() as elsewhere:
        double.say(307, b"", Location=f"{elsewhere.host}/api/chat")
        with pytest.raises(OllamaError, match=r"is not Ollama \(HTTP 307\)"):
            chat(ollama)
        assert elsewhere.exchanges == []


def test_a_proxy_of_the_environment_sees_no_prompt(
    double: OllamaDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OllamaDouble() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.host)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        with Ollama(double.host) as ollama:
            chat(ollama)
        assert proxy.exchanges == []
    assert len(double.chats) == 1


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "model requires more system memory (5.6 GiB) than is available (3.1 GiB)",
            "model requires more system memory (5.6 GiB) than is available (3.1 GiB)",
        ),
        ('"bert" does not support chat', "does not support chat"),
        ("server busy, please try again.  maximum pending", "server busy, please try again"),
        ("something nobody has seen before", ""),
        ("\x1b[31mred\x07", ""),
    ],
)
def test_of_what_the_server_says_known_sentences_alone_are_shown(
    double: OllamaDouble, ollama: Ollama, said: str, shown: str
) -> None:
    double.say(503, {"error": said})
    with pytest.raises(OllamaError) as caught:
        chat(ollama)
    reason = f', "{shown}"' if shown else ""
    assert caught.value.what == f"Ollama failed with HTTP 503{reason}"


STATUSES = st.sampled_from([200, 201, 302, 400, 401, 403, 404, 413, 429, 500, 503])


@settings(deadline=None)
@given(
    status=STATUSES,
    around=st.tuples(WORDS, WORDS),
    key=st.sampled_from(["error", "message", "done", "", "model_info", "embeddings"]),
)
def test_no_error_quotes_what_was_asked_whatever_the_server_says(
    status: int, around: tuple[str, str], key: str
) -> None:
    said = {key: PRIVATE.join(around)}
    with OllamaDouble() as double, Ollama(double.host) as ollama:
        for ask in (lambda: chat(ollama), lambda: ollama.embed("gemma4", [PRIVATE])):
            double.say(status, said)
            try:
                ask()
            except OllamaError as error:
                shown = f"{error} {error!r} {error.what} {error.where} {error.fix}"
                assert PRIVATE not in shown
                assert len(shown) < 2000
            else:
                pytest.fail("an answer that is none was taken for one")


def lines_of(values: Sequence[object]) -> bytes:
    return b"\n".join(json.dumps(value).encode() for value in values)


CHAT_KEYS = ("error", "message", "content", "done", "done_reason", "eval_count")
OTHER_KEYS = ("version", "models", "name", "digest", "model_info", "capabilities", "embeddings")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(CHAT_KEYS + OTHER_KEYS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(
    status=STATUSES,
    body=st.binary(max_size=60) | st.lists(JSON, max_size=3).map(lines_of),
)
@example(status=200, body=b'{"done": true, "eval_count": 1e999, "message": []}')
@example(status=200, body=b"[" * 100_000)
@example(status=200, body=b'{"embeddings": [[' + b"9" * 5000 + b"]]}")
@example(status=200, body=b'{"embeddings": [[1' + b"0" * 400 + b"]]}")
def test_any_answer_at_all_is_understood_or_a_typed_error(status: int, body: bytes) -> None:
    with OllamaDouble() as double, Ollama(double.host) as ollama:
        for ask in (
            lambda: [part.text.encode() for part in chat(ollama)],
            ollama.version,
            ollama.models,
            lambda: ollama.digest("gemma4"),
            lambda: ollama.show("gemma4"),
            lambda: ollama.embed("gemma4", ["a"]),
        ):
            double.say(status, body)
            with contextlib.suppress(OllamaError):
                ask()


def test_an_answer_that_would_fill_the_memory_is_refused(
    double: OllamaDouble, ollama: Ollama
) -> None:
    double.say(200, b'{"version": "' + b"1" * MAX_BODY_BYTES + b'"}')
    with pytest.raises(OllamaError, match="cannot be read"):
        ollama.version()
    line = b'{"message": {"content": "' + b"a" * 1_000_000 + b'"}}\n'
    double.say(200, line * 70)
    with pytest.raises(OllamaError, match="cannot be read"):
        chat(ollama)
    double.say(500, {"error": "out of memory" + "!" * 4 * MAX_ERROR_BYTES})
    with pytest.raises(OllamaError) as caught:
        chat(ollama)
    assert caught.value.what == "Ollama failed with HTTP 500"  # the rest was not even read


def test_a_name_in_an_error_cannot_drive_a_terminal(ollama: Ollama) -> None:
    with pytest.raises(OllamaError) as caught:
        ollama.show("evil\x1b[2J\nmodel\ud800" + "x" * 5000)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


# ---------------------------------------------------------------- the other questions


def test_models_are_named_with_their_weights(ollama: Ollama) -> None:
    assert ollama.models() == ("gemma4:latest", "nomic-embed-text:latest")
    assert ollama.digest("gemma4") == ollama.digest("Gemma4:latest") == "0" * 64
    assert ollama.digest("nomic-embed-text") == "1" * 64
    with pytest.raises(OllamaError, match="not pulled"):
        ollama.digest("gemma4:2b")


def test_a_model_is_described_without_fetching_its_vocabulary(
    double: OllamaDouble, ollama: Ollama
) -> None:
    info = ollama.show("nomic-embed-text")
    assert (info.context_length_tokens, info.embedding_length) == (64, 16)
    assert info.capabilities == ("embedding",)
    assert double.exchanges[0].body == {"model": "nomic-embed-text", "verbose": False}


def test_what_a_server_does_not_say_of_a_model_is_unknown(
    double: OllamaDouble, ollama: Ollama
) -> None:
    double.say(200, {"model_info": {"general.architecture": "x", "x.context_length": "many"}})
    info = ollama.show("gemma4")
    assert (info.context_length_tokens, info.embedding_length, info.capabilities) == (
        None,
        None,
        (),
    )


def test_texts_are_embedded_in_order_and_never_cut(double: OllamaDouble, ollama: Ollama) -> None:
    one, two = ollama.embed("nomic-embed-text", ["one", "two"])
    assert [one] == ollama.embed("nomic-embed-text", ["one"])
    assert one != two
    assert math.isclose(math.fsum(x * x for x in one), 1)
    with pytest.raises(ContextLengthError) as caught:
        ollama.embed("nomic-embed-text", ["word " * 100])
    assert caught.value.excess_tokens is None
    assert all(exchange.body["truncate"] is False for exchange in double.exchanges)
    assert double.cut == 0


def test_embedding_nothing_asks_nothing(double: OllamaDouble, ollama: Ollama) -> None:
    assert ollama.embed("nomic-embed-text", []) == []
    assert double.exchanges == []


@pytest.mark.parametrize(
    "embeddings",
    [
        b"[[1]]",
        b"[[1],[1,2]]",
        b"[[],[]]",
        b"[[1],[NaN]]",
        b'[["1"],["2"]]',
        b'[[1,"2"],[1,"2"]]',
        b"[[1],2]",
        b"null",
    ],
)
def test_vectors_that_are_none_are_refused(
    double: OllamaDouble, ollama: Ollama, embeddings: bytes
) -> None:
    double.say(200, b'{"embeddings": ' + embeddings + b"}")
    with pytest.raises(OllamaError, match="cannot be read"):
        ollama.embed("nomic-embed-text", ["one", "two"])


def test_threads_may_share_one_client(double: OllamaDouble, ollama: Ollama) -> None:
    def ask(n: int) -> str:
        asked = (Message(role=Role.USER, content=f"number {n}"),)
        return "".join(part.text for part in chat(ollama, messages=asked))

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(ask, range(24)))
    assert [f"You said: number {n} " in reply for n, reply in enumerate(replies)] == [True] * 24


def test_closing_twice_is_harmless(double: OllamaDouble) -> None:
    ollama = Ollama(double.host)
    assert ollama.version()
    ollama.close()
    ollama.close()
