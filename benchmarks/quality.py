"""Does the search find what answers?

`python benchmarks/quality.py [PART ...]`; without a part all of them, some twenty minutes.

    conversations  five long chats and their 999 questions: the settings of the product, dense
                   alone, full text alone, rank fusion, and the product without each of its parts
    peer           the same questions to a peer's default pipeline, whose answers were written
                   with `benchmarks/peers/answers.py --data DATA --out results/peer-answers.jsonl`
    crowded        the same with 1,400 documents in `public`, which compete
    leaks          questions asked by a contact who must not learn the answer
    cranfield      1,400 abstracts, 225 graded questions
    sizes          a small and a large partition beside each other
    latency        one warm search, against embedding the question and asking Chroma for ten

The first four need data that is not part of the project, and are skipped with a word without it:
`../shared/data`, or wherever `PRAG_DATA` points. Tokens are those of the default embedder.
"""

import json
import math
import os
import random
import re
import statistics
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
from invented import Speaker, sentence
from ratio import compared, save_part

from partitioned_rag import OMBox
from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.embedding.registry import DEFAULT_EMBEDDER, open_embedder
from partitioned_rag.matching import mixing
from partitioned_rag.values import Hit, Match, PartitionId, Weights

NAME = "quality"
DATA = Path(os.environ.get("PRAG_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))
BUDGETS = (512, 1024, 2048, 4096)
PEER = Path(__file__).parent / "results" / "peer-answers.jsonl"
HITS = 60
LARGE = 50_000
RUN_WORDS = 6

if TYPE_CHECKING:
    from chromadb import Collection

Ask = Callable[[str], Sequence[Hit]]


# ---------------------------------------------------------------- settings

SETTINGS: Mapping[str, Weights] = {
    "as it is": Weights(),
    "vectors alone": Weights(words=0, speaker=0, sitting=0),
    "words alone": Weights(cosine=0, speaker=0, sitting=0),
    "rank fusion": Weights(),
    "without words": Weights(words=0),
    "without vectors": Weights(cosine=0),
    "without the speaker": Weights(speaker=0),
    "without the sitting": Weights(sitting=0),
}


@contextmanager
def setting(name: str) -> Iterator[Weights]:
    """Search with other weights for a while; rank fusion takes the place of the mixing itself."""
    mixed = mixing.mixed
    if name == "rank fusion":
        mixing.mixed = _fused
    try:
        yield SETTINGS[name]
    finally:
        mixing.mixed = mixed


def _fused(matches: Sequence[Match], *, speaker: str, weights: Weights) -> list[Match]:
    """Reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009) of the same two scores."""
    del speaker, weights
    total: dict[str, float] = {}
    for score in ("words", "cosine"):
        best = sorted(matches, key=lambda each: (-getattr(each, score), each.source, each.start))
        for rank, each in enumerate(best, start=1):
            total[each.id] = total.get(each.id, 0.0) + 1 / (60 + rank)
    return sorted(matches, key=lambda each: (-total[each.id], each.source, each.start))


# ---------------------------------------------------------------- conversations


@dataclass(frozen=True)
class Question:
    """One of the 999, with the words of the turns that answer it."""

    contact: str
    text: str
    category: int
    audited: tuple[str, ...]
    original: tuple[str, ...]


def questions() -> list[Question]:
    """Read them."""
    listed = []
    for line in (DATA / "conversations/queries.jsonl").read_text("utf-8").splitlines():
        asked = json.loads(line)
        texts = {name: _plain(text) for name, text in asked["texts"].items()}
        listed.append(
            Question(
                contact=asked["contact"],
                text=asked["question"],
                category=asked["category"],
                audited=tuple(texts[each] for each in asked["evidence_audit"] if each in texts),
                original=tuple(texts[each] for each in asked["evidence"] if each in texts),
            )
        )
    return listed


def make_conversations(folder: Path) -> Path:
    """Copy the five chats into a box."""
    box = folder / "box"
    for chat in sorted((DATA / "conversations/OMBox").glob("*/chat.log")):
        (box / chat.parent.name).mkdir(parents=True)
        (box / chat.parent.name / "chat.log").write_bytes(chat.read_bytes())
    (box / "public").mkdir()
    return box


@contextmanager
def asking(
    box: Path, contact: str, embedder: str, *, weights: Weights, named: bool = True
) -> Iterator[Ask]:
    """Ask as a contact; each of the five knows an owner of another name."""
    names = json.loads((DATA / "conversations/names.json").read_text("utf-8"))[contact]
    written = f'owner = "{names["me"]}"\n[contacts.{contact}]\nname = "{names["them"]}"\n'
    (box / "contacts.toml").write_text(written if named else "", "utf-8")
    with OMBox(box, embedder=embedder) as opened:
        view = opened.view(contact)
        yield lambda question: view.search(question, k=HITS, weights=weights)


def _plain(text: str) -> str:
    return " ".join(text.replace("↵", " ").split())


def sittings(box: Path, contact: str) -> list[tuple[int, int, int]]:
    """Say where each turn of a chat stands, and in which sitting."""
    log = (box / contact / "chat.log").read_text("utf-8")
    found: list[tuple[int, int, int]] = []
    last, number = 0.0, 0
    for line in re.finditer(r"^\[([^\]]+)\] (?:them|me):.*$", log, re.MULTILINE):
        at = time.mktime(time.strptime(line[1], "%Y-%m-%d %H:%M:%S"))
        number += bool(found) and abs(at - last) > 2 * 3600
        last = at
        found.append((line.start(), line.end(), number))
    return found


class Score:
    """Sums of what was found, over questions."""

    def __init__(self, counted: Callable[[str], int]) -> None:
        self._counted = counted
        self._sums: dict[str, float] = {}
        self._asked: dict[str, int] = {}

    def take(
        self,
        asked: Question,
        hits: Sequence[Hit],
        turns: Sequence[tuple[int, int, int]],
        log: str,
    ) -> None:
        """Add one question: what was found, and where the turns and sittings of its chat are."""
        if asked.category <= 4 and asked.audited:
            texts = [_plain(hit.text) for hit in hits]
            for k in (5, 10):
                self._add(f"recall@{k}", _share(asked.audited, texts[:k]))
            for budget in BUDGETS:
                left, taken = budget, []
                for hit, text in zip(hits, texts, strict=True):
                    cost = self._counted(hit.text)
                    if cost <= left:
                        left -= cost
                        taken.append(text)
                share = _share(asked.audited, taken)
                self._add(f"within {budget}", share)
                if budget == 1024:
                    self._add(f"within 1024, category {asked.category}", share)
        places = [
            {number for start, end, number in turns if wanted in _plain(log[start:end])}
            for wanted in asked.original
        ]
        wanted_sittings = {min(place) for place in places if place}
        if not wanted_sittings:
            return
        seen = _sittings_of(hits, turns)
        for k in (5, 10):
            self._add(f"session any @{k}", bool(wanted_sittings & set(seen[:k])))
        shared = wanted_sittings & set(seen[:10])
        self._add("session mean @10", len(shared) / len(wanted_sittings))
        first = [_plain(hit.text) for hit in hits[:10]]
        self._add("turn any @10", any(_share((text,), first) for text in asked.original))

    def percent(self) -> dict[str, float]:
        """Give the means, in percent."""
        return {
            name: round(100 * total / self._asked[name], 1) for name, total in self._sums.items()
        }

    def _add(self, name: str, value: float) -> None:
        self._sums[name] = self._sums.get(name, 0.0) + value
        self._asked[name] = self._asked.get(name, 0) + 1


def _share(wanted: Sequence[str], texts: Sequence[str]) -> float:
    return sum(any(each in text for text in texts) for each in wanted) / len(wanted)


def _sittings_of(hits: Sequence[Hit], turns: Sequence[tuple[int, int, int]]) -> list[int]:
    seen: list[int] = []
    for hit in hits:
        if not hit.source.endswith("/chat.log"):
            continue
        for start, end, number in turns:
            if start < hit.end and hit.start < end and number not in seen:
                seen.append(number)
    return seen


def conversations(
    box: Path, embedder: Embedder, *, name: str, named: bool = True
) -> dict[str, float]:
    """Measure one setting over all questions."""
    score = Score(lambda text: len(embedder.token_spans(text)))
    by_contact: dict[str, list[Question]] = {}
    for asked in questions():
        by_contact.setdefault(asked.contact, []).append(asked)
    with setting(name) as weights:
        for contact, listed in by_contact.items():
            turns = sittings(box, contact)
            log = (box / contact / "chat.log").read_text("utf-8")
            with asking(box, contact, embedder.name, weights=weights, named=named) as ask:
                for asked in listed:
                    score.take(asked, ask(asked.text), turns, log)
    return score.percent()


def part_conversations(folder: Path, embedder: Embedder) -> dict[str, object]:
    """Measure every setting, and the product's own without the names."""
    box = make_conversations(folder)
    found: dict[str, object] = {name: conversations(box, embedder, name=name) for name in SETTINGS}
    found["as it is, without contacts.toml"] = conversations(
        box, embedder, name="as it is", named=False
    )
    return found


def part_peer(folder: Path, embedder: Embedder) -> dict[str, object]:
    """Score what a peer's default pipeline found; `benchmarks/peers/answers.py` wrote it down."""
    box = make_conversations(folder)
    score = Score(lambda text: len(embedder.token_spans(text)))
    logs = {chat.parent.name: chat.read_text("utf-8") for chat in box.glob("*/chat.log")}
    listed = questions()
    for line in PEER.read_text("utf-8").splitlines():
        found = json.loads(line)
        asked = listed[found["index"]]
        log = logs[asked.contact]
        hits = [_hit_of(each["text"], log, rank) for rank, each in enumerate(found["hits"], 1)]
        score.take(asked, hits, sittings(box, asked.contact), log)
    return {"LangChain's defaults: 4,000 characters, 4 hits": score.percent()}


def _hit_of(text: str, log: str, rank: int) -> Hit:
    start = max(0, log.find(text))
    return Hit(
        rank=rank,
        score=0.0,
        partition=PartitionId("peer"),
        source="peer/chat.log",
        start=start,
        end=start + len(text),
        text=text,
    )


def part_crowded(folder: Path, embedder: Embedder) -> dict[str, object]:
    """Measure the product's own setting beside documents that compete."""
    box = make_conversations(folder)
    make_cranfield(box)
    return {"as it is": conversations(box, embedder, name="as it is")}


def part_leaks(folder: Path, embedder: Embedder) -> dict[str, object]:
    """Count hits of another contact, and runs of six words that stand in no folder of the asker."""
    box = make_conversations(folder)
    runs = {chat.parent.name: _runs(chat.read_text("utf-8")) for chat in box.glob("*/chat.log")}
    lines = (DATA / "conversations/cross_queries.jsonl").read_text("utf-8").splitlines()
    by_contact: dict[str, list[tuple[str, str]]] = {}
    for line in lines:
        asked = json.loads(line)
        by_contact.setdefault(asked["contact"], []).append((asked["about"], asked["question"]))
    foreign = leaked = 0
    for contact, listed in by_contact.items():
        with asking(box, contact, embedder.name, weights=Weights()) as ask:
            for about, question in listed:
                for hit in ask(question):
                    foreign += not hit.source.startswith((f"{contact}/", "public/"))
                    leaked += bool(_runs(hit.text) & (runs[about] - runs[contact]))
    return {"questions": len(lines), "hits of another contact": foreign, "runs leaked": leaked}


def _runs(text: str) -> set[tuple[str, ...]]:
    spoken = re.findall(r"\w+", re.sub(r"^\[[^\]]*\] (?:them|me):", "", text, flags=re.MULTILINE))
    lowered = [word.lower() for word in spoken]
    return {tuple(lowered[at : at + RUN_WORDS]) for at in range(len(lowered) - RUN_WORDS + 1)}


# ---------------------------------------------------------------- Cranfield


def make_cranfield(box: Path) -> None:
    """Write the abstracts into `public`, a file each."""
    (box / "public").mkdir(parents=True, exist_ok=True)
    text = (DATA / "cranfield/cran.all.1400.xml").read_text("utf-8", "replace")
    for document in _elements(text, "doc"):
        number = (document.findtext("docno") or "").strip()
        title = " ".join((document.findtext("title") or "").split())
        body = " ".join((document.findtext("text") or "").split()).removeprefix(title).strip()
        (box / "public" / f"{int(number):04}.md").write_text(f"# {title}\n\n{body}\n", "utf-8")


def _elements(text: str, tag: str) -> list[ET.Element]:
    whole = f"<all>{re.sub(r'<[?!][^>]*>', '', text)}</all>"
    return list(ET.fromstring(whole).iter(tag))  # noqa: S314 — data of our own choosing


def part_cranfield(folder: Path, embedder: Embedder) -> dict[str, object]:
    """Measure nDCG@10 of every setting."""
    box = folder / "box"
    make_cranfield(box)
    asked = [
        " ".join((each.findtext("title") or "").split())
        for each in _elements((DATA / "cranfield/cran.qry.xml").read_text("utf-8"), "top")
    ]
    grades: dict[int, dict[int, int]] = {}
    for line in (DATA / "cranfield/cranqrel.trec.txt").read_text("utf-8").splitlines():
        query, _, document, grade = line.split()
        grades.setdefault(int(query), {})[int(document)] = int(grade)
    found: dict[str, object] = {}
    with OMBox(box, embedder=embedder.name) as opened:
        view = opened.view()
        for name in SETTINGS:
            with setting(name) as weights:
                gains = [
                    _ndcg(view.search(question, k=HITS, weights=weights), grades[number])
                    for number, question in enumerate(asked, start=1)
                    if number in grades
                ]
            found[name] = round(100 * statistics.mean(gains), 1)
    return found


def _ndcg(hits: Sequence[Hit], grades: Mapping[int, int], *, k: int = 10) -> float:
    """Normalised discounted cumulative gain (Järvelin and Kekäläinen, 2002) of documents."""
    ranked = list(dict.fromkeys(int(Path(hit.source).stem) for hit in hits))[:k]
    gain = sum(
        max(0, grades.get(document, 0)) / math.log2(rank + 1)
        for rank, document in enumerate(ranked, start=1)
    )
    best = sorted((grade for grade in grades.values() if grade > 0), reverse=True)[:k]
    ideal = sum(grade / math.log2(rank + 1) for rank, grade in enumerate(best, start=1))
    return gain / ideal if ideal else 0.0


# ---------------------------------------------------------------- sizes


@dataclass(frozen=True)
class Small:
    """Ten neighbouring turns of a chat, and a question that one of them answers."""

    contact: str
    lines: tuple[str, ...]
    asked: Question


def smalls(box: Path, *, many: int) -> list[Small]:
    """Cut small partitions out of the chats, spread over all questions."""
    logs = {
        chat.parent.name: chat.read_text("utf-8").splitlines() for chat in box.glob("*/chat.log")
    }
    found = []
    for asked in questions():
        lines = logs[asked.contact]
        if asked.category > 4 or not asked.audited:
            continue
        at = next((n for n, line in enumerate(lines) if asked.audited[0] in _plain(line)), None)
        if at is not None:
            first = max(0, at - len(asked.text) % 10)
            part = tuple(lines[first : first + 10])
            found.append(Small(contact=asked.contact, lines=part, asked=asked))
    return found[:: max(1, len(found) // many)][:many]


def part_sizes(folder: Path, embedder: Embedder) -> dict[str, object]:
    """Ask a small partition alone and beside one of 50,000 chunks, both ways about."""
    chats = make_conversations(folder)
    every = smalls(chats, many=100)
    large = _large_chat(chunks=LARGE)
    found: dict[str, object] = {"chunks of the large one": LARGE, "questions": len(every)}
    for where, small_is in (("public is large", "contact"), ("the contact is large", "public")):
        box = folder / small_is
        (box / "public").mkdir(parents=True)
        (box / "friend").mkdir()
        big = "public" if small_is == "contact" else "friend"
        little = box / ("friend" if small_is == "contact" else "public") / "chat.log"
        alone = [_found_first(box, little, each, embedder) for each in every]
        (box / big / "chat.log").write_text(large, "utf-8")
        beside = [_found_first(box, little, each, embedder) for each in every]
        was = sum(alone)
        kept = sum(a and b for a, b in zip(alone, beside, strict=True))
        found[f"{where}: in the first 5, of those that were so alone"] = f"{kept} of {was}"
    return found


def _found_first(box: Path, little: Path, each: Small, embedder: Embedder) -> bool:
    little.write_text("\n".join(each.lines) + "\n", "utf-8")
    names = json.loads((DATA / "conversations/names.json").read_text("utf-8"))[each.contact]
    (box / "contacts.toml").write_text(
        f'owner = "{names["me"]}"\n[contacts.friend]\nname = "{names["them"]}"\n', "utf-8"
    )
    with OMBox(box, embedder=embedder.name) as opened:
        hits = opened.view("friend").search(each.asked.text, k=5)
    texts = [_plain(hit.text) for hit in hits if hit.source.startswith(little.parent.name)]
    return any(each.asked.audited[0] in text for text in texts)


def _large_chat(*, chunks: int) -> str:
    """Write a chat of as many turns: sentences of the abstracts and invented ones."""
    text = (DATA / "cranfield/cran.all.1400.xml").read_text("utf-8", "replace")
    abstracts = [(each.findtext("text") or "") for each in _elements(text, "doc")]
    said = [_plain(part) for each in abstracts for part in each.split(" . ") if _plain(part)]
    rng = random.Random(7)
    said += [sentence(rng) for _ in range(chunks - len(said))]
    return _as_chat(said[:chunks])


def _as_chat(said: Sequence[str]) -> str:
    began = datetime(2024, 1, 1)  # noqa: DTZ001 — a bridge writes local time
    return "".join(
        f"[{began + timedelta(minutes=number)}] {('them', 'me')[number % 2]}: {each}\n"
        for number, each in enumerate(said)
    )


# ---------------------------------------------------------------- latency


def part_latency(folder: Path, embedder: Embedder) -> dict[str, object]:
    """Search 10,000 chunks, 8,000 turns of a chat and 20 files, warm; all in one partition."""
    rng = random.Random(3)
    speaker = Speaker(rng)
    box = folder / "box"
    (box / "public").mkdir(parents=True)
    for number in range(20):
        parts = [
            f"## {speaker.sentence()}\n\n" + " ".join(speaker.sentence() for _ in range(9))
            for _ in range(50)
        ]
        (box / "public" / f"{number:02}.md").write_text("\n\n".join(parts), "utf-8")
    said = [speaker.sentence() for _ in range(8_000)]
    (box / "public" / "chat.log").write_text(_as_chat(said), "utf-8")
    asked = [" ".join([*speaker.words(3), "is it with the", *speaker.words(1)]) for _ in range(101)]
    with OMBox(box, embedder=embedder.name) as opened:
        view = opened.view()
        chunks = opened.index().partitions[0].chunks
        view.search(asked[0], k=10)
        bare = _bare_collection(folder / "bare", embedder, chunks=chunks)

        def theirs(question: str) -> None:
            vector = embedder.embed_question(question)
            bare.query(query_embeddings=vector.reshape(1, -1), n_results=10)

        theirs(asked[0])
        pairs = []
        for question in asked[1:]:
            began = time.perf_counter()
            view.search(question, k=10)
            between = time.perf_counter()
            theirs(question)
            pairs.append((between - began, time.perf_counter() - between))
    return {"chunks": chunks, "search, against embedding and Chroma's ten": compared(pairs)}


def _bare_collection(folder: Path, embedder: Embedder, *, chunks: int) -> "Collection":
    """Keep as many vectors in Chroma, around those of some sentences."""
    import chromadb  # noqa: PLC0415 — only this part asks Chroma by itself

    bare = chromadb.PersistentClient(str(folder)).create_collection("bare", embedding_function=None)
    vectors = embedder.embed_chunks([sentence(random.Random(seed)) for seed in range(500)])
    for start in range(0, chunks, 500):
        ids = [str(number) for number in range(start, min(chunks, start + 500))]
        noise = np.random.default_rng(start).normal(0, 0.02, (len(ids), vectors.shape[1]))
        bare.add(ids=ids, embeddings=(vectors[: len(ids)] + noise).astype(np.float32))
    return bare


# ---------------------------------------------------------------- all of it

NEED_DATA = ("conversations", "peer", "crowded", "leaks", "cranfield", "sizes")
PARTS: Mapping[str, Callable[[Path, Embedder], dict[str, object]]] = {
    "conversations": part_conversations,
    "peer": part_peer,
    "crowded": part_crowded,
    "leaks": part_leaks,
    "cranfield": part_cranfield,
    "sizes": part_sizes,
    "latency": part_latency,
}


def main() -> None:
    """Measure the parts named, or all."""
    embedder = open_embedder(DEFAULT_EMBEDDER)
    for name in sys.argv[1:] or PARTS:
        if name in NEED_DATA and not DATA.is_dir():
            print(f"{name}: skipped, there is no data at {DATA}", file=sys.stderr)
            continue
        if name == "peer" and not PEER.exists():
            print(f"{name}: skipped, there is no {PEER.name}", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as folder:
            answers = PARTS[name](Path(folder), embedder)
        save_part(NAME, name, answers, of=list(PARTS))


if __name__ == "__main__":
    main()
