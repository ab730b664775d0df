"""Ollama's wire format and HTTP, typed, in one place.

Floor: tools; a home of httpx, so it is imported inside a function only. It must never let Ollama
cut a prompt without a word, and never quote a prompt or a reply in an error. It is long since a
protocol is read best in one piece.

Ollama's own Python client has no `truncate` and `shift` on `chat`, hence plain HTTP. Nothing is
learned from what passes through: an `Ollama` keeps connections, no text, no counts.
"""

import contextlib
import json
import re
import ssl
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httpx

from partitioned_rag.errors import ContextLengthError, OllamaError
from partitioned_rag.ollama_address import host_of
from partitioned_rag.values import Message

# Ollama gives a cold model 5 minutes to load, and reading a full window on a slow processor takes
# minutes more; not a byte is sent meanwhile.
READ_TIMEOUT_S = 600.0
CONNECT_TIMEOUT_S = 5.0
# For what the server answers from memory or from a small file.
QUICK_TIMEOUT_S = 10.0

MAX_LINE_BYTES = 10 * 1024 * 1024
# Above the vocabulary of any model that `/api/show` tells, below what hurts.
MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatPart:
    """A piece of a reply as it comes.

    Attributes:
        text: What the model said since the last part; what it only thought is left out.
        done: True in the last part alone.
        done_reason: In the last part: `stop`, or `length` if the reply was cut. Else empty.
        prompt_tokens: In the last part, if the server says so: tokens of the prompt that it
            evaluated. Depends on its prefix cache, so on other traffic: evidence, never an input.
        reply_tokens: In the last part, if the server says so.
    """

    text: str = field(repr=False)
    done: bool
    done_reason: str
    prompt_tokens: int | None
    reply_tokens: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What `/api/show` says of a model.

    Attributes:
        context_length_tokens: The window it was trained for, if known.
        num_ctx: The window that its owner has set for it in Ollama, if any.
        embedding_length: Length of its vectors, if known.
        capabilities: Such as `completion`, `embedding`, `thinking`.
    """

    name: str
    context_length_tokens: int | None
    num_ctx: int | None
    embedding_length: int | None
    capabilities: tuple[str, ...]


class Ollama:
    """A connection to one Ollama server. Threads may share it; close it when done.

    Proxies and certificates named by the environment are not used and redirects not followed: a
    prompt goes to the host that was named or nowhere.
    """

    def __init__(self, host: str | None = None, *, timeout_s: float = READ_TIMEOUT_S) -> None:
        """Set the address; the first request connects.

        Args:
            host: As in `OLLAMA_HOST`, see `host_of`; None means this machine.
            timeout_s: How long the server may send nothing, before a reply and between two pieces.

        Raises:
            InputError: `host` is no address.
        """
        base = host_of(host)
        secure = base.startswith("https:")
        self._place = base.removeprefix("http://")
        self._timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S))
        quick_s = min(timeout_s, QUICK_TIMEOUT_S)
        self._quick = httpx.Timeout(quick_s, connect=min(quick_s, CONNECT_TIMEOUT_S))
        self._client = httpx.Client(
            base_url=base,
            trust_env=False,
            follow_redirects=False,
            # Reading the trusted certificates takes 35 ms that plain HTTP need not pay; a context
            # without any trusts nobody.
            verify=True if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            # A compressed answer could unpack to any size.
            headers={"Accept-Encoding": "identity", "Content-Type": "application/json"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; twice is harmless."""
        self._client.close()

    def version(self) -> str:
        """Ask which Ollama this is; the quickest way to see that it runs.

        Raises:
            OllamaError: It does not run, or something else answers there.
        """
        found = self._ask("GET", "/api/version", None, model="")
        return _text(found.get("version")) or "unknown"

    def models(self) -> tuple[str, ...]:
        """Name the models that are pulled, sorted, as `gemma4:latest`.

        Raises:
            OllamaError: It does not run, or something else answers there.
        """
        return tuple(sorted(self._digests()))

    def digest(self, model: str) -> str:
        """Say which weights a model's name stands for at present.

        Returns:
            A hexadecimal digest; another one means other weights.

        Raises:
            OllamaError: It does not run, or the model is not pulled.
        """
        wanted = _full_name(model)
        for name, digest in self._digests().items():
            if _full_name(name) == wanted:
                return digest
        raise self._not_pulled(model)

    def show(self, model: str) -> ModelInfo:
        """Describe a pulled model.

        Raises:
            OllamaError: It does not run, or the model is not pulled.
        """
        found = self._ask("POST", "/api/show", {"model": model, "verbose": False}, model=model)
        info = _mapping(found.get("model_info"))
        family = _text(info.get("general.architecture"))
        return ModelInfo(
            name=model,
            context_length_tokens=_count(info.get(f"{family}.context_length")),
            num_ctx=_num_ctx(_text(found.get("parameters"))),
            embedding_length=_count(info.get(f"{family}.embedding_length")),
            capabilities=tuple(map(_text, _sequence(found.get("capabilities")))),
        )

    def vocabulary(self, model: str) -> Mapping[str, object]:
        """Give what `/api/show` knows of a model with its whole tokenizer: megabytes.

        Raises:
            OllamaError: It does not run, or the model is not pulled.
        """
        found = self._ask("POST", "/api/show", {"model": model, "verbose": True}, model=model)
        return _mapping(found.get("model_info"))

    def render(self, model: str, messages: Sequence[Message], *, num_ctx: int) -> str | None:
        """Ask for a prompt as the model would see it, without running the model.

        The model gets loaded, so `num_ctx` must be that of the chats that follow.

        Returns:
            None if the server is too old to tell; it has then made one token of a reply.

        Raises:
            OllamaError: It does not run, has not got the model, or cannot render these messages.
        """
        body = self._chat_body(model, messages, num_ctx=num_ctx, num_predict=1)
        asked = body | {"stream": False, "_debug_render_only": True}
        found = self._ask("POST", "/api/chat", asked, model=model, is_quick=False)
        told = _mapping(found.get("_debug_info")).get("rendered_template")
        return _text(told) if isinstance(told, str) else None

    def count_prompt(self, model: str, messages: Sequence[Message], *, num_ctx: int) -> int | None:
        """Have the model read a prompt and say how many tokens it took; it costs their time.

        Returns:
            None if the server does not say. What stood in its prefix cache may be left out.

        Raises:
            OllamaError: As `chat`.
        """
        body = self._chat_body(model, messages, num_ctx=num_ctx, num_predict=1)
        found = self._ask(
            "POST", "/api/chat", body | {"stream": False}, model=model, is_quick=False
        )
        return _count(found.get("prompt_eval_count"))

    def chat(
        self, model: str, messages: Sequence[Message], *, num_ctx: int, num_predict: int
    ) -> Generator[ChatPart, None, None]:
        """Ask a model and give its reply as it comes.

        What is longer than the window is refused, never cut. The request is sent when the first
        part is asked for; closing the iterator stops the model. Thinking is switched off, since
        it would use up the tokens of the reply; models that think all the same are waited for.

        Args:
            model: A name as `ollama list` shows it.
            messages: At least one.
            num_ctx: The window, in tokens. Another value than the last makes Ollama load the
                model anew, so keep it stable.
            num_predict: At most so many tokens of reply.

        Yields:
            Parts in order; the last one, and no other, is `done`.

        Raises:
            ContextLengthError: The prompt is longer than the window.
            OllamaError: It does not run, has not got the model, refused, broke off, sent what is
                no reply, or nothing for too long.
        """
        body = self._chat_body(model, messages, num_ctx=num_ctx, num_predict=num_predict)
        return self._parts(body | {"stream": True}, model)

    def _chat_body(
        self, model: str, messages: Sequence[Message], *, num_ctx: int, num_predict: int
    ) -> dict[str, object]:
        """Ask in the one way in which nothing is ever cut."""
        if not messages:
            raise ValueError("a chat needs a message")
        if num_ctx < 1 or num_predict < 1:
            raise ValueError("num_ctx and num_predict must be at least 1")
        return {
            "model": model,
            "messages": [{"role": str(m.role), "content": m.content} for m in messages],
            # Without these two Ollama drops messages from the front, cuts the prompt to about
            # half, or forgets the beginning while it writes: all without a word.
            "truncate": False,
            "shift": False,
            "think": False,
            "options": {"num_ctx": num_ctx, "num_predict": num_predict},
        }

    def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Embed texts as one batch.

        Returns:
            One vector for each text, in order, all of one length, finite.

        Raises:
            ContextLengthError: A text is longer than the model's window.
            OllamaError: It does not run, has not got the model, refused, or timed out.
        """
        if not texts:
            return []
        body = {"model": model, "input": list(texts), "truncate": False}
        found = self._ask("POST", "/api/embed", body, model=model, is_quick=False)
        vectors = [_vector(row) for row in _sequence(found.get("embeddings"))]
        lengths = {len(vector) for vector in vectors}
        if len(vectors) != len(texts) or len(lengths) != 1 or 0 in lengths:
            raise self._garbled()
        return vectors

    # ------------------------------------------------------------ requests

    def _digests(self) -> dict[str, str]:
        found = self._ask("GET", "/api/tags", None, model="")
        rows = map(_mapping, _sequence(found.get("models")))
        return {_text(row.get("name")): _text(row.get("digest")) for row in rows}

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        *,
        model: str,
        is_quick: bool = True,
    ) -> Mapping[str, object]:
        timeout = self._quick if is_quick else self._timeout
        with self._open(method, path, body, model=model, timeout=timeout) as response:
            return self._object(self._body(response))

    def _parts(self, body: Mapping[str, object], model: str) -> Generator[ChatPart, None, None]:
        opened = self._open("POST", "/api/chat", body, model=model, timeout=self._timeout)
        with opened as response:
            for line in self._lines(response):
                part = self._part(self._object(line), model)
                yield part
                if part.done:
                    return
        # Ollama ends a stream so, without an error, when a model repeats one token 30 times.
        raise OllamaError(
            "the reply ended before it was done",
            where=f"model {_shown(model)} at {self._place}",
            fix="ask again, or choose another model",
        )

    @contextlib.contextmanager
    def _open(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        *,
        model: str,
        timeout: httpx.Timeout,
    ) -> Iterator[httpx.Response]:
        """Send a request, give the response if it is a good one, and translate what goes wrong."""
        # Escaped, so that lone surrogates travel; httpx's own `json=` raises on them.
        content = None if body is None else json.dumps(body).encode("ascii")
        try:
            with self._client.stream(method, path, content=content, timeout=timeout) as response:
                if response.status_code != httpx.codes.OK:
                    raise self._refusal(response.status_code, _beginning(response), model)
                yield response
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            secure = self._place.startswith("https:")
            raise OllamaError(
                f"Ollama is not running at {self._place}",
                fix="start it with `ollama serve`"
                + (", or check that its address begins with https" if secure else ""),
            ) from error
        except httpx.TimeoutException as error:
            raise OllamaError(
                f"Ollama sent nothing for {timeout.read:g} s",
                where=self._where(model),
                fix="ask again once the model is loaded, or choose a smaller model",
            ) from error
        except httpx.HTTPError as error:
            raise OllamaError(
                "Ollama broke off in the middle of its answer",
                where=self._where(model),
                fix="ask again, and look into the log of `ollama serve`",
            ) from error

    def _body(self, response: httpx.Response) -> bytes:
        held = bytearray()
        for piece in response.iter_raw():
            held += piece
            if len(held) > MAX_BODY_BYTES:
                raise self._garbled()
        return bytes(held)

    def _lines(self, response: httpx.Response) -> Iterator[bytes]:
        """Split at line feeds alone: a reply may hold U+0085, where httpx's `iter_lines` splits."""
        held = bytearray()
        total_bytes = 0
        for piece in response.iter_raw():
            total_bytes += len(piece)
            begun = len(held)
            held += piece
            while (end := held.find(b"\n", begun)) >= 0:
                if line := bytes(held[:end]).strip():
                    yield line
                del held[: end + 1]
                begun = 0
            if len(held) > MAX_LINE_BYTES or total_bytes > MAX_BODY_BYTES:
                raise self._garbled()
        if line := bytes(held).strip():
            yield line

    # ------------------------------------------------------------ answers

    def _object(self, raw: bytes) -> Mapping[str, object]:
        try:
            found: object = json.loads(raw)
        # Bytes that are not UTF-8 and numbers of absurd length are `ValueError`s too.
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise self._garbled()
        return found

    def _part(self, found: Mapping[str, object], model: str) -> ChatPart:
        if "error" in found:
            raise self._failure(_said(found), model, "in the middle of its answer")
        done = found.get("done") is True
        if not done and not isinstance(found.get("message"), dict):
            raise self._garbled()
        return ChatPart(
            text=_text(_mapping(found.get("message")).get("content")),
            done=done,
            done_reason=_text(found.get("done_reason")) if done else "",
            prompt_tokens=_count(found.get("prompt_eval_count")) if done else None,
            reply_tokens=_count(found.get("eval_count")) if done else None,
        )

    def _refusal(self, status: int, raw: bytes, model: str) -> OllamaError:
        try:
            said = _said(self._object(raw))
        except OllamaError:
            said = ""
        if status == httpx.codes.NOT_FOUND and model and said:
            return self._not_pulled(model)
        if status == httpx.codes.NOT_FOUND or status < httpx.codes.BAD_REQUEST:
            return OllamaError(
                f"what answers at {self._place} is not Ollama (HTTP {status})",
                fix="check OLLAMA_HOST, or update Ollama",
            )
        return self._failure(said, model, f"with HTTP {status}")

    def _failure(self, said: str, model: str, how: str) -> OllamaError:
        """Make the error for what the server said, quoting of it only what cannot be private.

        A server's sentence may hold a piece of the prompt (a template that complains of a
        message, a parser of its JSON). So only sentences known word by word are shown.
        """
        if _TOO_LONG.search(said):
            excess_tokens = _excess_tokens(said)
            by = "" if excess_tokens is None else f" by at least {excess_tokens} tokens"
            return ContextLengthError(
                f"the text is longer than the model's window{by}",
                excess_tokens=excess_tokens,
                where=self._where(model),
                fix="give a smaller budget, or a model with a longer window",
            )
        known = next((found.group() for known in _KNOWN if (found := known.search(said))), "")
        reason = f', "{known}"' if known else ""
        return OllamaError(
            f"Ollama failed {how}{reason}",
            where=self._where(model),
            fix="look into the log of `ollama serve`",
        )

    def _not_pulled(self, model: str) -> OllamaError:
        return OllamaError(
            f"model {_shown(model)} is not pulled",
            where=f"Ollama at {self._place}",
            fix=f"run `ollama pull {_shown(model)}`",
        )

    def _garbled(self) -> OllamaError:
        return OllamaError(
            "the answer of Ollama cannot be read",
            where=self._place,
            fix="check OLLAMA_HOST, or update Ollama",
        )

    def _where(self, model: str) -> str:
        return f"model {_shown(model)} at {self._place}" if model else self._place


# ---------------------------------------------------------------- what the server said

# The runner's wording has changed between versions; what stays is what it speaks of.
_TOO_LONG = re.compile(r"context[ _](size|length|window)|exceed_context", re.IGNORECASE)
_NUMBERS = (
    re.compile(r"\b(\d{1,9}) tokens\b.{0,80}?\b(\d{1,9}) tokens\b", re.DOTALL),
    re.compile(r'"n_prompt_tokens":\s*(\d{1,9}),\s*"n_ctx":\s*(\d{1,9})'),
)
_LARGEST = sys.float_info.max
_SIZE = r"(?: \(\d{1,5}(?:\.\d{1,3})? [KMGT]?i?B\))?"
_KNOWN = tuple(
    map(
        re.compile,
        (
            rf"model requires more system memory{_SIZE}(?: than is available{_SIZE})?",
            r"does not support (?:chat|embeddings|embed|generate|thinking)\b",
            r"server busy, please try again",
            r"model runner has unexpectedly stopped",
            r"llama runner process (?:has terminated|no longer running)",
            r"timed out waiting for llama[- ](?:server|runner) to start",
            r"unable to load model",
            r"out of memory",
            r"invalid model name",
        ),
    )
)


def _num_ctx(parameters: str) -> int | None:
    """Find the window among a model's parameters, one a line as in its Modelfile."""
    found = re.search(r"^num_ctx\s+([0-9]{1,9})\s*$", parameters, re.MULTILINE)
    return int(found[1]) if found else None


def _beginning(response: httpx.Response) -> bytes:
    held = bytearray()
    for piece in response.iter_raw():
        held += piece
        if len(held) > MAX_ERROR_BYTES:
            break
    return bytes(held)


def _said(found: Mapping[str, object]) -> str:
    """The server's sentence; the runner's own error may be nested in it."""
    error = found.get("error")
    return _text(_mapping(error).get("message")) or _text(error)


def _excess_tokens(said: str) -> int | None:
    """How much too long: a prompt must leave one token of the window to the reply."""
    for numbers in _NUMBERS:
        if found := numbers.search(said):
            one, other = int(found[1]), int(found[2])
            return abs(one - other) + 1
    return None


def _full_name(model: str) -> str:
    """A model's name as `/api/tags` has it; Ollama takes no notice of case."""
    tagged = ":" in model.rpartition("/")[2]
    return (model if tagged else f"{model}:latest").lower()


def _shown(name: str) -> str:
    """A name that cannot drive a terminal."""
    safe = (c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)
    return "".join(safe)[:200]


def _text(found: object) -> str:
    # JSON can spell half of a surrogate pair, which cannot be written as UTF-8.
    text = found if isinstance(found, str) else ""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _count(found: object) -> int | None:
    whole = isinstance(found, int) and not isinstance(found, bool) and found >= 0
    return found if whole and isinstance(found, int) else None


def _mapping(found: object) -> Mapping[str, object]:
    return found if isinstance(found, dict) else {}


def _sequence(found: object) -> Sequence[object]:
    return found if isinstance(found, list) else ()


def _vector(row: object) -> list[float]:
    """The row as numbers; empty if any is none."""
    numbers: Iterable[object] = _sequence(row)
    vector = [float(x) for x in numbers if isinstance(x, int | float) and abs(x) < _LARGEST]
    return vector if len(vector) == len(_sequence(row)) else []
