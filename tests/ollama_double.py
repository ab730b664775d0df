"""The one double: a server that behaves as Ollama does, cuts as Ollama does, and can misbehave.

Real HTTP on loopback. It cuts in silence whenever it is asked in a way that lets Ollama cut, and
counts how often it did (`double.cut`), so that a test can prove that we never ask so. Behaviour was
read from Ollama's source: `server/prompt.go`, `server/routes.go`, `llm/llama_server.go`.

Its model's tokens: the beginning-of-text marker, then runs of at most 16 characters that are not
white space, each with the white space before it; white space at the end of a text is one token.
That is fewer than any real tokenizer makes of ordinary text, so an honest estimate fits.

In a test:

    with OllamaDouble() as double:
        ... Ollama(double.host) ...
        assert double.cut == 0

For another process: `python tests/ollama_double.py --port 0` prints its address and serves until
its standard input ends.
"""

import argparse
import contextlib
import hashlib
import json
import math
import re
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import ClassVar, Self, cast

Json = dict[str, object]

DEFAULT_MODEL = "gemma4"
DEFAULT_NUM_CTX = 4096
DEFAULT_NUM_KEEP = 4
BOS = "<|begin|>"
# Nobody waits so long in a test that works.
PATIENCE_S = 60.0
RUNNER_REFUSAL = (
    "request ({} tokens) exceeds the available context size ({} tokens), try increasing it"
)
OLLAMA_REFUSAL = (
    "the prompt is longer than the context length currently available to the model; "
    "shorten the prompt, adjust the context length in settings, "
    "or use a model with a longer context length"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A model that is pulled."""

    context_length: int = 32768
    embedding_length: int = 16
    capabilities: tuple[str, ...] = ("completion",)
    digest: str = "0" * 64
    thought: str = ""  # what it thinks before it speaks, unless told not to
    num_ctx: int | None = None  # as its Modelfile sets it
    # More of it, such as a tokenizer.
    model_info: Mapping[str, object] = field(default_factory=dict)


MODELS: Mapping[str, Card] = MappingProxyType(
    {
        "gemma4:latest": Card(),
        "nomic-embed-text:latest": Card(
            context_length=64, capabilities=("embedding",), digest="1" * 64
        ),
    }
)


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request and what was done to it."""

    path: str
    body: Json = field(default_factory=dict)
    rendered: str = ""  # what the model saw
    prompt_tokens: int = 0
    dropped: int = 0  # messages dropped from the front
    halved: bool = False
    shifted: bool = False
    refused: bool = False
    abandoned: bool = False  # the client went away
    finished: threading.Event = field(default_factory=threading.Event)

    @property
    def is_probe(self) -> bool:
        """Whether it wants to know how the model counts, and no reply: one token at most."""
        options = cast("Json", self.body.get("options") or {})
        return options.get("num_predict") == 1

    @property
    def cut(self) -> bool:
        """Whether the model saw, or kept in mind, less than was sent."""
        return self.dropped > 0 or self.halved or self.shifted


class Fault(StrEnum):
    """What the next chat does instead of a whole reply."""

    DROP = "drop"  # the connection dies after some pieces
    MALFORMED = "malformed"  # a line that is no JSON
    ERROR = "error"  # an error object within the stream
    HTTP_500 = "http 500"
    EMPTY = "empty"  # a good status and not one line
    UNFINISHED = "unfinished"  # pieces, then a proper end without `done`
    HUGE_LINE = "huge line"  # a line that never ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Canned:
    """A whole response, as it stands, to whatever is asked next."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def pieces(text: str) -> list[str]:
    """Cut a text into its tokens; joined they are the text again."""
    return re.findall(r"\s*\S{1,16}|\s+", text)


def render(messages: Sequence[Json]) -> str:
    """Write messages as the model sees them."""
    turns = (f"<|start|>{m.get('role')}\n{m.get('content')}<|end|>\n" for m in messages)
    return "".join(turns) + "<|start|>assistant\n"


def echo(rendered: str) -> str:
    """Answer with what was seen: the last line of the last message, and every file named."""
    last_user = rendered.rpartition("<|start|>user\n")[2].partition("<|end|>")[0]
    said = (last_user.strip().splitlines() or [""])[-1][:200]
    shown = sorted(set(re.findall(r"[^\s/\"'<>()\[\]]+/[^\s\"'<>()\[\]:]+\.\w+", rendered)))
    return f"You said: {said} I was shown: {', '.join(shown) or 'no files'}."


class OllamaDouble:
    """Ollama on a port of its own, in threads of this process.

    Attributes:
        exchanges: Every request, in the order in which they came.
        failures: What a callback of the test raised; leaving the context raises the first.
        loads: How often a model was loaded (a changed window loads it anew).
    """

    def __init__(
        self,
        *,
        models: Mapping[str, Card] = MODELS,
        answer: Callable[[str], str] = echo,
        tokens: Callable[[str], list[str]] = pieces,
        knows_debug_render: bool = True,
        counts_prompts: bool = True,
        has_cached: float = 0.0,
        begins_template_with: str = "",
        port: int = 0,
    ) -> None:
        """Choose what it knows.

        Args:
            models: Name with tag → card.
            answer: From what the model sees to what it says.
            tokens: Cuts a text into tokens that joined give it back.
            knows_debug_render: False for a server too old for `_debug_render_only`.
            counts_prompts: False for a server that does not say how long a prompt was.
            has_cached: What share of each prompt it has in its cache, and does not count.
            begins_template_with: What the model's template puts before all else.
            port: 0 for any that is free.
        """
        self.models = dict(models)
        self.answer = answer
        self.tokens = tokens
        self.knows_debug_render = knows_debug_render
        self.counts_prompts = counts_prompts
        self.has_cached = has_cached
        self.begins_template_with = begins_template_with
        self.exchanges: list[Exchange] = []
        self.failures: list[BaseException] = []
        self.loads = 0
        self.lock = threading.Lock()
        self.planned: deque[Fault] = deque()
        self.canned: deque[Canned] = deque()
        self.gates: deque[threading.Event] = deque()
        self.embedding_gate: threading.Event | None = None
        self._all_gates: list[threading.Event] = []
        self.thinking: Callable[[Exchange], None] | None = None
        self._loaded: tuple[object, ...] = ()
        self._server = _Server(self, port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        for gate in self._all_gates:
            gate.set()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join(PATIENCE_S)
        if self.failures:
            raise self.failures[0]

    @property
    def host(self) -> str:
        """Its address, as for `OLLAMA_HOST`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def chats(self) -> list[Exchange]:
        """The chats among the exchanges, probes aside."""
        return [each for each in self.exchanges if each.path == "/api/chat" and not each.is_probe]

    @property
    def cut(self) -> int:
        """How many requests lost something on the way to the model, in silence."""
        return sum(exchange.cut for exchange in self.exchanges)

    def misbehave(self, *faults: Fault) -> None:
        """Let the next chats go wrong, one fault each; probes go well."""
        self.planned.extend(faults)

    def say(self, status: int, body: bytes | Mapping[str, object], **headers: str) -> None:
        """Give this response to the next request that has none yet, whatever it asks."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.canned.append(Canned(status=status, body=raw, headers=headers))

    def hold(self) -> threading.Event:
        """Keep the next chat waiting for its first byte until the event is set."""
        gate = threading.Event()
        self.gates.append(gate)
        self._all_gates.append(gate)
        return gate

    def hold_embedding(self) -> threading.Event:
        """Keep every embedding waiting from now on, until the event is set."""
        self.embedding_gate = threading.Event()
        self._all_gates.append(self.embedding_gate)
        return self.embedding_gate

    def on_chat(self, callback: Callable[[Exchange], None]) -> None:
        """Call back in each chat while the model thinks: after it was asked, before it speaks."""
        self.thinking = callback

    # ------------------------------------------------------------ what Ollama does

    def card(self, model: object) -> Card | None:
        """Find a model; `latest` is the default tag and case does not matter."""
        name = str(model).lower()
        return self.models.get(name if ":" in name.rpartition("/")[2] else f"{name}:latest")

    def load(self, *wanted: object) -> None:
        """Count a load when the model, its window or its way of shifting changes."""
        with self.lock:
            self.loads += wanted != self._loaded
            self._loaded = wanted

    def fit_messages(self, exchange: Exchange, num_ctx: int) -> str:
        """Drop messages from the front until the rest fits; system and last always stay."""
        messages = cast("list[Json]", exchange.body["messages"])
        for first in range(len(messages)):
            systems = [m for m in messages[:first] if m.get("role") == "system"]
            rendered = self.render(systems + messages[first:])
            exchange.dropped = first - len(systems)
            if len(self.marked(rendered)) <= num_ctx:
                break
        return rendered

    def render(self, messages: Sequence[Json]) -> str:
        """Write messages as the model sees them."""
        return self.begins_template_with + render(messages)

    def marked(self, rendered: str) -> list[str]:
        """The tokens of a prompt, with the marker that the runner puts before them, once."""
        return [BOS, *self.tokens(rendered.removeprefix(BOS))]

    def vector(self, text: str, length: int) -> list[float]:
        """A unit vector that depends on nothing but the text."""
        raw = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(length)
        values = [byte - 127.5 for byte in raw]
        norm = math.sqrt(math.fsum(value * value for value in values))
        return [value / norm for value in values]


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them
    request_queue_size = 64  # a connection that finds no place tries again after a whole second

    def __init__(self, double: OllamaDouble, port: int) -> None:
        self.double = double
        self.open_sockets: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        if isinstance(request, socket.socket):
            self.open_sockets.add(request)
        super().process_request(request, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client may go away at any time; anything else is a fault of the double."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError):
            self.double.failures.append(error)

    def hang_up(self) -> None:
        """End connections that clients keep open for later."""
        for connection in self.open_sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _RefusalError(Exception):
    """Ollama says no: a status and its JSON."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status
        self.said = said


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout: ClassVar[float] = PATIENCE_S
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the library's name
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        double = self.server.double
        exchange = Exchange(path=self.path)
        try:
            raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            try:
                exchange.body = json.loads(raw) if raw else {}
            except ValueError:
                exchange.body = {}
                raise _RefusalError(400, "invalid character") from None
            with double.lock:
                double.exchanges.append(exchange)
                canned = double.canned.popleft() if double.canned else None
            if canned:
                self._send(canned.status, canned.body, canned.headers)
            else:
                self._route(double, exchange)
        except _RefusalError as refusal:
            exchange.refused = True
            self._json({"error": refusal.said}, status=refusal.status)
        except ConnectionError:
            exchange.abandoned = True
            self.close_connection = True
        except Exception as error:  # noqa: BLE001 — whatever a test's own function raised
            double.failures.append(error)
            self._json({"error": "the double failed"}, status=500)
        finally:
            exchange.finished.set()

    def _route(self, double: OllamaDouble, exchange: Exchange) -> None:
        body = exchange.body
        match self.path:
            case "/api/version":
                self._json({"version": "0.32.0"})
            case "/api/tags":
                rows = [
                    {"name": name, "model": name, "digest": card.digest, "size": 1}
                    for name, card in double.models.items()
                ]
                self._json({"models": rows})
            case "/api/show" | "/api/chat" | "/api/embed":
                card = double.card(body.get("model"))
                if card is None:
                    raise _RefusalError(404, f"model '{body.get('model')}' not found")
                act = {"/api/show": self._show, "/api/chat": self._chat, "/api/embed": self._embed}
                act[self.path](double, exchange, card)
            case _:
                self._send(404, b"404 page not found", {})

    def _show(self, _double: OllamaDouble, exchange: Exchange, card: Card) -> None:
        told = {
            "general.architecture": "double",
            "double.context_length": card.context_length,
            "double.embedding_length": card.embedding_length,
            **card.model_info,
        }
        if exchange.body.get("verbose") is not True:
            # Long arrays, a tokenizer's above all, are told to who asks for them.
            told = {
                key: None if isinstance(value, list | tuple) and len(value) > 5 else value
                for key, value in told.items()
            }
        self._json(
            {
                "details": {"family": "double"},
                "model_info": told,
                "capabilities": list(card.capabilities),
                "parameters": "" if card.num_ctx is None else f"num_ctx    {card.num_ctx}",
                "template": "{{ .Prompt }}",
            }
        )

    # ------------------------------------------------------------ chat

    def _chat(self, double: OllamaDouble, exchange: Exchange, card: Card) -> None:
        body = exchange.body
        if "completion" not in card.capabilities:
            raise _RefusalError(400, f'"{body["model"]}" does not support chat')
        if body.get("think") and not card.thought:
            raise _RefusalError(400, f'"{body["model"]}" does not support thinking')
        options = cast("Json", body.get("options") or {})
        num_ctx = min(_whole(options, "num_ctx", DEFAULT_NUM_CTX), card.context_length)
        truncates = body.get("truncate") is not False
        shifts = body.get("shift") is not False
        double.load(body["model"], num_ctx, shifts)
        messages = cast("list[Json]", body.get("messages") or [])
        if not messages:
            self._json({"model": body["model"], "done": True, "done_reason": "load"})
            return
        rendered = double.fit_messages(exchange, num_ctx) if truncates else double.render(messages)
        if body.get("_debug_render_only") is True and double.knows_debug_render:
            exchange.rendered = rendered
            told = {"rendered_template": rendered, "image_count": 0}
            self._json({"model": body["model"], "_debug_info": told})
            return
        prompt = self._runner_prompt(double, exchange, rendered, num_ctx)
        exchange.rendered = "".join(prompt[1:]) if prompt[0] == BOS else "".join(prompt)
        exchange.prompt_tokens = len(prompt)
        fault = None
        if not exchange.is_probe:
            self._think(double, exchange)
            fault = double.planned.popleft() if double.planned else None
        if fault is Fault.HTTP_500:
            raise _RefusalError(500, "llama runner process has terminated: exit status 2")
        thought = card.thought if body.get("think") is not False else ""
        reply = [("thinking", piece) for piece in double.tokens(thought)]
        reply += [("content", piece) for piece in double.tokens(double.answer(exchange.rendered))]
        limit = _whole(options, "num_predict", -1)
        if not shifts:
            room = max(num_ctx - len(prompt), 1)
            limit = room if limit < 0 else min(limit, room)
        whole = limit < 0 or len(reply) <= limit
        said = reply if whole else reply[:limit]
        exchange.shifted = len(prompt) + len(said) > num_ctx
        self._speak(exchange, said, "stop" if whole else "length", fault)

    def _runner_prompt(
        self, double: OllamaDouble, exchange: Exchange, rendered: str, num_ctx: int
    ) -> list[str]:
        """Cut one prompt that is too long to about half, or refuse it."""
        tokens = double.marked(rendered)
        if len(tokens) < num_ctx:
            return tokens
        if exchange.body.get("truncate") is False:
            said = RUNNER_REFUSAL.format(len(tokens), num_ctx)
            error = {
                "code": 400,
                "message": said,
                "type": "exceed_context_size_error",
                "n_prompt_tokens": len(tokens),
                "n_ctx": num_ctx,
            }
            # Ollama passes the runner's JSON on as a string.
            raise _RefusalError(400, json.dumps({"error": error}))
        if exchange.body.get("shift") is False:
            raise _RefusalError(400, OLLAMA_REFUSAL)
        options = cast("Json", exchange.body.get("options") or {})
        asked = _whole(options, "num_keep", DEFAULT_NUM_KEEP)
        keep = min((len(tokens) if asked < 0 else asked) + 1, num_ctx - 1)
        limit = num_ctx - max((num_ctx - keep) // 2, 1)
        exchange.halved = True
        return tokens[:keep] + tokens[keep + len(tokens) - limit :]

    def _think(self, double: OllamaDouble, exchange: Exchange) -> None:
        try:
            if double.thinking is not None:
                double.thinking(exchange)
            if double.gates:
                gate = double.gates.popleft()
                assert gate.wait(PATIENCE_S), "nobody opened the gate"
        except BaseException as error:
            double.failures.append(error)
            raise _RefusalError(500, "the test's own callback failed") from error

    def _speak(
        self, exchange: Exchange, said: Sequence[tuple[str, str]], reason: str, fault: Fault | None
    ) -> None:
        model = exchange.body["model"]
        lines: list[Json] = [
            {
                "model": model,
                "created_at": "2026-01-01T00:00:00Z",
                "message": {"role": "assistant", "content": "", kind: piece},
                "done": False,
            }
            for kind, piece in said
        ]
        end: Json = {
            "model": model,
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": reason,
            "eval_count": len(said),
        }
        if self.server.double.counts_prompts:
            cached = int(exchange.prompt_tokens * self.server.double.has_cached)
            end["prompt_eval_count"] = exchange.prompt_tokens - cached
        if exchange.body.get("stream") is False:
            text = "".join(piece for kind, piece in said if kind == "content")
            self._json({**end, "message": {"role": "assistant", "content": text}})
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in _spoiled([*lines, end], fault):
            self._chunk(line)
        if fault is Fault.DROP:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._chunk(b"")

    # ------------------------------------------------------------ embed

    def _embed(self, double: OllamaDouble, exchange: Exchange, card: Card) -> None:
        if double.embedding_gate is not None:
            double.embedding_gate.wait(PATIENCE_S)
        given = exchange.body.get("input")
        texts = [given] if isinstance(given, str) else cast("list[str]", given)
        vectors = []
        for text in texts:
            tokens = double.tokens(text)
            if len(tokens) > card.context_length:
                if exchange.body.get("truncate") is False:
                    raise _RefusalError(400, "the input length exceeds the context length")
                exchange.halved = True
                tokens = tokens[: card.context_length]
            vectors.append(double.vector("".join(tokens), card.embedding_length))
        self._json({"model": exchange.body["model"], "embeddings": vectors})

    # ------------------------------------------------------------ HTTP

    def _json(self, body: Json, *, status: int = 200) -> None:
        raw = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        self._send(status, raw, {"Content-Type": "application/json; charset=utf-8"})

    def _send(self, status: int, raw: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _chunk(self, raw: bytes) -> None:
        self.wfile.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")


def _spoiled(lines: Sequence[Json], fault: Fault | None) -> Iterator[bytes]:
    """The lines of a stream; with a fault, the first half of them and then what goes wrong."""
    whole = [json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") for line in lines]
    begun = whole[: max(len(whole) // 2, 1)]
    match fault:
        case Fault.EMPTY:
            return
        case Fault.DROP | Fault.UNFINISHED:
            whole = begun
        case Fault.MALFORMED:
            whole = [*begun, b'{"message": {"content": "half a']
        case Fault.ERROR:
            whole = [*begun, b'{"error": "model runner has unexpectedly stopped"}']
        case Fault.HUGE_LINE:
            yield from (line + b"\n" for line in begun)
            for _ in range(32):
                yield b" " * 1024 * 1024
            return
        case _:
            pass
    yield from (line + b"\n" for line in whole)


def _whole(options: Json, name: str, default: int) -> int:
    value = options.get(name)
    return value if isinstance(value, int) else default


def main() -> None:
    """Serve another process until standard input ends."""
    parser = argparse.ArgumentParser(description="A server that behaves as Ollama does.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fault", type=Fault, action="append", default=[], choices=list(Fault))
    asked = parser.parse_args()
    with OllamaDouble(port=asked.port) as double:
        double.misbehave(*asked.fault)
        sys.stdout.write(f"{double.host}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
