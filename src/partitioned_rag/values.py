"""The frozen values that cross rooms, in the order in which data meets them.

Read this first: it is the story of the program.
A file is found (`Source`), read (`Reading` of a `Document`, or a `Skip`), cut (`Chunk`), found
again (`Candidate`, `Hit`), packed (`Prompt`, with what was `Omitted`) and answered (`Reply`).

Floor: words. Imports nothing of ours. What does not cross a room does not stand here.
Fields that hold text of the folder never appear in a `repr`, since a `repr` ends up in logs.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, NewType

ContactId = NewType("ContactId", str)
"""Someone who texts, by canonical id. Only `identity` makes one."""

PartitionId = NewType("PartitionId", str)
"""The name of a folder that is a unit of isolation. Only `identity` makes one."""

PUBLIC = PartitionId("public")
"""The partition that everyone may read."""

ChunkId = NewType("ChunkId", str)
"""Made of source path (which begins with the partition), span and text, never of text alone."""

Span = tuple[int, int]
"""Half-open character offsets `(start, end)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """The contacts who will see an answer: sorted, each once; empty means anyone at all."""

    contacts: tuple[ContactId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the two are called who talk: empty where the owner has not written it down.

    Attributes:
        owner: The owner's name.
        asker: The name of the one contact who asks.
        also: The asker's nicknames.
    """

    owner: str = field(default="", repr=False)
    asker: str = field(default="", repr=False)
    also: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondent:
    """Who wrote, and where an answer goes.

    Attributes:
        contact: Who it is, whatever they wrote from.
        address: The digits of a sender that is a number, so that the answer goes to the address
            that wrote; the contact's id for any other.
        max_per_hour: How many answers they get in an hour; None where the owner does not say.
    """

    contact: ContactId
    address: str
    max_per_hour: int | None = None


# ---------------------------------------------------------------- files in


class Stamp(NamedTuple):
    """What `stat` says of a file's content; equal stamps of a settled file mean equal bytes.

    A same-size edit with a restored mtime shows only in `ctime_ns`. A tuple, since one is made of
    every file for every question.
    """

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A regular file of a partition.

    Attributes:
        path: `/`-separated path relative to the OMBox (`public/schedule.txt`). A name that is not
            UTF-8 holds lone surrogates, as `os.fsdecode` makes them.
        stamp: As `stat` saw it (of the target, for a link).
    """

    path: str
    stamp: Stamp


class SkipReason(StrEnum):
    """Why a file stands in no answer: a closed set, part of the `--json` contract."""

    UNSUPPORTED = "unsupported"
    EMPTY = "empty"
    ENCRYPTED = "encrypted"
    CORRUPT = "corrupt"
    TOO_LARGE = "too large"
    NO_TEXT = "no text"
    TIMEOUT = "timeout"
    OUTSIDE_PARTITION = "outside partition"
    SPECIAL_FILE = "special file"
    PERMISSION_DENIED = "permission denied"
    UNDECODABLE = "undecodable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A file that is not indexed, and why. Never an exception: one bad file stops nothing.

    Attributes:
        source: Path relative to the OMBox, as in `Source.path`.
        detail: One sentence for the owner; quotes no content.
    """

    source: str
    reason: SkipReason
    detail: str


class SegmentKind(StrEnum):
    """What a structural piece of a document is; the chunker cuts between pieces first."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    ROW = "row"
    TURN = "turn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A structural piece of a document's text, at `text[start:end]`.

    Attributes:
        group: Pieces of different groups (pages of a PDF, mails of a mailbox, sittings of a chat)
            never share a chunk. Never decreases along the text.
        page: 1-based page of a PDF, else None.
        speaker: Of a turn, `them` or `me`; else empty.
        said: Of a turn, where its words begin, behind time and speaker.
        day: Of a turn, its date as it stands in the file, like `2026-03-01`; else empty.
    """

    kind: SegmentKind
    start: int
    end: int
    group: int = 0
    page: int | None = None
    speaker: str = ""
    said: int = 0
    day: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The text of one source and its structure.

    Attributes:
        path: As in `Source.path`.
        text: What was read; free of lone surrogates. Every offset counts its characters.
        segments: In order, disjoint; what lies between two of them is white space or separators
            and goes with the segment before it.
    """

    path: str
    text: str = field(repr=False)
    segments: tuple[Segment, ...] = ()


class Wanted(NamedTuple):
    """A source that is to be read, and what is known of it.

    Attributes:
        source: What to read.
        known_sha256: Of the content that is known already: if the file still holds that, no sense
            is made of it, which costs a hundred times more than to hash it. Empty if none is.
        known_bytes: How long that content is, if a document was read of it; else 0.
    """

    source: Source
    known_sha256: str = ""
    known_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What came of opening one source.

    Attributes:
        source: With the stamp of the very bytes that were read.
        settled: False when the file was touched so shortly before it was read that the clock
            could hide a later edit; such a file is read again at the next look.
        content_sha256: Of the raw bytes; empty if they could not be read.
        outcome: The document, or why there is none; None when the content was known already.
        same_until: Up to where the document is the one of the content that was known: its text
            before that place, and each segment that begins before it, save where the last of them
            ends. 0 unless the file is known to have grown at its end.
    """

    source: Source
    settled: bool
    content_sha256: str
    outcome: Document | Skip | None
    same_until: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A span of a source's text, small enough for the embedder's window: `text[start:end]`.

    Attributes:
        lead: The white space between the chunk before and this one, if it is short; with it the
            two are one text again. Empty where they overlap, and for the first.
    """

    id: ChunkId
    start: int
    end: int
    text: str = field(repr=False)
    page: int | None = None
    lead: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What a chunk is found by: more than its text, since what stands around it says much of it.

    Attributes:
        embedded: What the embedder is given.
        words: What the full text holds: the chunk, and of a turn its date and its neighbours, of a
            document's chunk the file's name and the headings above.
        speaker: As in `Segment.speaker`.
        part: Where the sitting, or the section, begins in which the chunk stands.
    """

    embedded: str = field(repr=False)
    words: str = field(repr=False)
    speaker: str = ""
    part: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A chunk on its way into an index, with what it will be found by; its id names both."""

    chunk: Chunk
    fields: Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What an index is to hold of one source.

    Attributes:
        entries: Its chunks that begin at `since` or behind it, in order; none of a skipped source.
        since: What is indexed of the source before this place stands as it is.
    """

    reading: Reading
    entries: tuple[Entry, ...] = ()
    since: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What speaks for one chunk as the answer to a question, before any of it is weighed.

    Attributes:
        id: Of the chunk.
        words: BM25 of the chunk with what stands around it, at least 0; higher is better.
        cosine: Of its vector with the question's, in [-1, 1].
        speaker: As in `Fields.speaker`.
        part: As in `Fields.part`.
    """

    id: ChunkId
    source: str
    part: int
    start: int
    speaker: str
    words: float
    cosine: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much each kind of evidence counts; all but `speaker` after it was standardised.

    Few, and all of them round: so there is little to fit to any one set of questions. What each of
    them is worth is measured in `docs/benchmarks.md`.

    Attributes:
        words: Of the words in a chunk and around it.
        cosine: Of its vector.
        speaker: Of being said by the one who is asked for.
        sitting: Of the best chunks of the same sitting or section.
    """

    words: float = 2.0
    cosine: float = 2.0
    speaker: float = 1.0
    sitting: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what would put nothing in order.

        Raises:
            ValueError: A weight is negative, infinite or not a number.
        """
        for weight in (self.words, self.cosine, self.speaker, self.sitting):
            if not 0 <= weight < float("inf"):
                raise ValueError(f"a weight must be a number from 0 on, not {weight}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, read from the asker's side.

    Attributes:
        embedded: What the embedder is given.
        words: What is looked for in the full text, each once; a word of a script without spaces is
            a pair of its characters, with a space between them.
        speaker: Whose turn the question asks for, `them` or `me`; empty if it does not tell.
    """

    embedded: str = field(repr=False)
    words: tuple[str, ...] = field(repr=False)
    speaker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A chunk that no summary was made of yet.

    Attributes:
        source: As in `Source.path`.
        number: Its place among all chunks of the source.
    """

    source: str
    number: int
    chunk: Chunk


# ---------------------------------------------------------------- what an index did


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionReport:
    """What a sync found and did in one partition.

    Attributes:
        sources: Indexed files after the sync; `chunks` likewise.
        added, changed, renamed, removed: Files, not chunks. A renamed file is in no other count.
        skipped: Every file that stands in no answer, sorted by path.
        note: A sentence when the index was rebuilt or mended, else empty.
        error: A sentence when this partition could not be brought up to date, else empty.
    """

    id: PartitionId
    sources: int = 0
    chunks: int = 0
    added: int = 0
    changed: int = 0
    renamed: int = 0
    removed: int = 0
    skipped: tuple[Skip, ...] = ()
    note: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReport:
    """What `OMBox.index` did.

    Attributes:
        box: Path of the OMBox.
        partitions: `public` first, then sorted by id; last those whose folder is gone.
        skipped: What belongs to no partition: files in the root, refused folders.
        seconds: Wall time.
        contacts_error: A sentence when `contacts.toml` cannot be used, else empty.
    """

    box: str
    partitions: tuple[PartitionReport, ...]
    skipped: tuple[Skip, ...]
    seconds: float
    contacts_error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the sync of one partition has come; totals count what this sync has to read."""

    partition: PartitionId
    sources_done: int
    sources_total: int
    bytes_done: int
    bytes_total: int
    chunks_done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionStatus:
    """What one partition's index holds.

    Attributes:
        sources: Indexed files; `chunks` likewise.
        pending: Files that the next sync has to read or forget.
        skipped: As in `PartitionReport`.
        summarised: Spans of its sources that a summary stands for.
        spans: These, and about how many have none yet; none where a prompt holds all there is.
    """

    id: PartitionId
    sources: int
    chunks: int
    pending: int
    skipped: tuple[Skip, ...]
    summarised: int
    spans: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxStatus:
    """What an OMBox holds and where its index is.

    Attributes:
        skipped: As in `IndexReport`.
        embedder_runtime: What computes vectors on this machine.
        index_bytes: What the index takes on disk.
        contacts_error: As in `IndexReport`.
    """

    box: str
    index: str
    partitions: tuple[PartitionStatus, ...]
    skipped: tuple[Skip, ...]
    embedder: str
    embedder_version: str
    embedder_runtime: str
    index_bytes: int
    contacts_error: str = ""


class Health(StrEnum):
    """How something is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found of one thing.

    Attributes:
        subject: What was looked at.
        detail: How it is.
        fix: What to do about it; empty where nothing has to be done.
    """

    subject: str
    health: Health
    detail: str
    fix: str = ""


# ---------------------------------------------------------------- hits out


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A chunk that one partition offers for a question.

    Attributes:
        score: On one scale for all partitions, as `mixing.levels` says; higher is better.
        source: As in `Source.path`.
        lead: As in `Chunk.lead`.
    """

    score: float
    source: str
    start: int
    end: int
    text: str = field(repr=False)
    page: int | None = None
    lead: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A span of a source that answers a question.

    Attributes:
        rank: 1 is best.
        score: Of the best chunk in the span.
        text: The source's text from `start` to `end`.
        lead: As in `Chunk.lead`, of the first chunk in the span.
    """

    rank: int
    score: float
    partition: PartitionId
    source: str
    start: int
    end: int
    text: str = field(repr=False)
    page: int | None = None
    lead: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of a chat.

    Attributes:
        source: The chat's file, as in `Source.path`; `start` and `end` span the whole line in it.
        at: The time as it stands in the file.
        speaker: `them` or `me`.
        text: What was said: the line without time and speaker, line breaks restored.
        line: The line as it stands in the file, `[start:end]` of the text that was read.
    """

    source: str
    start: int
    end: int
    at: str
    speaker: str
    text: str = field(repr=False)
    line: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a model made of a span of a source: no quotation.

    Attributes:
        source: As in `Source.path`; `start` and `end` span what was summarised.
        text: The model's words.
    """

    partition: PartitionId
    source: str
    start: int
    end: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionSummaries:
    """What a run of summaries did in one partition.

    Attributes:
        made: Summaries that were made now.
        summarised: Spans that a summary stands for after it.
        spans: These, and those that have none; none where a prompt holds all there is.
        discarded: Spans that changed before their summary could be kept.
        too_long: Spans of which not even the smallest part fits the model's window.
        cut: Spans whose summary the model did not begin, or not bring to an end; that was thrown
            away.
        error: A sentence when the partition's index could not be used, else empty.
    """

    id: PartitionId
    made: int = 0
    summarised: int = 0
    spans: int = 0
    discarded: int = 0
    too_long: int = 0
    cut: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryReport:
    """What `OMBox.summarize` did.

    Attributes:
        box: Path of the OMBox.
        model: Whose words the summaries are.
        partitions: `public` first, then sorted by id.
        seconds: Wall time.
    """

    box: str
    model: str
    partitions: tuple[PartitionSummaries, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryProgress:
    """How many of the spans without a summary a run has been through, in one partition."""

    partition: PartitionId
    done: int
    total: int


# ---------------------------------------------------------------- prompt and reply


class Role(StrEnum):
    """Who speaks in a message to the model."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to the model."""

    role: Role
    content: str = field(repr=False)


class CountKind(StrEnum):
    """How far a token count can be trusted."""

    EXACT = "exact"
    CALIBRATED = "calibrated"
    ESTIMATED = "estimated"


class OmitReason(StrEnum):
    """Why something found does not stand in the prompt."""

    OVER_BUDGET = "over budget"
    IN_CONVERSATION = "already in the conversation"
    IN_CONTEXT = "already in the context"
    REPEATED = "the same words stand in the context"


@dataclass(frozen=True, slots=True, kw_only=True)
class Omitted:
    """Something that was found and does not stand in the prompt."""

    source: str
    start: int
    end: int
    reason: OmitReason


@dataclass(frozen=True, slots=True, kw_only=True)
class BillItem:
    """What one part of the prompt costs."""

    part: str
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is sent to the model, what it costs and what was left out.

    Attributes:
        messages: Exactly what is sent.
        tokens: Their count with all that the model's template adds, margin included; never more
            than `budget`.
        budget: Tokens that the prompt may take: at most the window less the reply reserve.
        window: Tokens of the model's window that are asked for, prompt and reply together.
        reply_reserve: Tokens of it that are kept free for the reply.
        count: How far `tokens` can be trusted.
        margin: By what share the count was raised to be safe; it stands in `tokens`.
        bill: Tokens by part; they add up to `tokens`.
        is_whole_folder: True when all that the audience may read stands in the prompt, so that
            nothing was searched for.
        hits: The hits that stand in the context, in rank order.
        hit_tokens: What each of them costs by itself.
        turns: The turns of the chat that stand in the conversation, in order.
        summaries: What stands in it of the words of a model.
        omitted: Every other hit, turn and summary that was considered, with its reason.
        rendered: The prompt as the model sees it; None where the server does not tell.
    """

    messages: tuple[Message, ...]
    tokens: int
    budget: int
    window: int
    reply_reserve: int
    count: CountKind
    margin: float
    bill: tuple[BillItem, ...]
    is_whole_folder: bool
    hits: tuple[Hit, ...]
    hit_tokens: tuple[int, ...]
    turns: tuple[Turn, ...]
    summaries: tuple[Summary, ...]
    omitted: tuple[Omitted, ...]
    rendered: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Wall seconds of a reply: to its first words, and in all; `asked` counts the attempts."""

    first_words_s: float
    total_s: float
    asked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer of the model.

    Attributes:
        prompt: What it answered.
        cut: True when the model stopped for length, not because it had finished.
        digest: Of the model's weights, as its server names them.
    """

    text: str = field(repr=False)
    prompt: Prompt
    model: str
    timings: Timings
    cut: bool
    digest: str = ""
