"""How costs grow: with the chunks, with the contacts, and with what another contact has.

All but embedding, which grows as the chunks do: hashing takes the model's place. Where the peers
are installed, a plain loop over Chroma is measured in turn.

python benchmarks/growth.py [--sizes N,N] [--contacts N,N] [--beside N,N] [--repeats N]

Run it alone on the machine (half an hour or more on two cores).
The smallest number of each list is what the others are compared with.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from corpus import cut
from invented import Speaker
from ratio import machine, write
from sides import OURS, Cost, at_hand, work

from partitioned_rag.embedding.registry import open_embedder

EMBEDDER = "hashing"
PARAGRAPHS = 8
SENTENCES = 7
QUESTIONS = 60
CONTACT_CHUNKS = 1_000
PACKAGES = ("chromadb", "numpy")
ASKED = {
    "index": ("Indexing, milliseconds a chunk", "chunks"),
    "memory": ("Peak memory of indexing, MB", "chunks"),
    "query": ("A further question, milliseconds", "chunks"),
    "contacts": ("A first question of one contact, seconds", "contacts"),
    "beside": ("A further question of A, milliseconds", "chunks of B"),
}
Figures = dict[str, dict[str, dict[int, list[float]]]]


def note(figures: Figures, name: str, side: str, size: int, figure: float) -> None:
    """Keep a figure."""
    figures.setdefault(name, {}).setdefault(side, {}).setdefault(size, []).append(figure)


def speaking(seed: int) -> Speaker:
    """Give a speaker: all have one language, and each says something else."""
    rng = random.Random(1)
    speaker = Speaker(rng)
    rng.seed(seed)
    return speaker


def written(folder: Path, partition: str, *, chunks: int) -> Path:
    """Write a partition of about that many chunks; gives its folder.

    Most of its words are rare, as in any language: of words that every chunk has, a full text has
    as much to look through as there are chunks, and nobody asks such questions.
    """
    speaker = speaking(chunks)
    files = folder / partition
    for number in range(max(chunks // PARAGRAPHS, 1)):
        path = files / f"{number // 100:04}" / f"{number:06}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "\n\n".join(
            " ".join(speaker.sentence() for _ in range(SENTENCES))
            for _ in range(PARAGRAPHS if chunks else 1)
        )
        path.write_text(text + "\n", encoding="utf-8")
    return files


def indexed(side: str, files: Path, store: Path, **options: Path) -> Cost:
    """Index with one side."""
    return work(side, "sync", files=files, store=store, embedder=EMBEDDER, **options)


def asked(side: str, files: Path, store: Path, questions: Path) -> Cost:
    """Ask one side every question, in one process."""
    return work(side, "search", files=files, store=store, embedder=EMBEDDER, questions=questions)


def further_ms(cost: Cost) -> float:
    """Give the median of all questions but the first."""
    return statistics.median(cost.said["times_s"][1:]) * 1_000


def of_chunks(
    folder: Path, questions: Path, sizes: Sequence[int], sides: Sequence[str], figures: Figures
) -> None:
    """Index and ask boxes of growing size, once each."""
    for size in sizes:
        files = written(folder / f"{size}", "public", chunks=size)
        chunks = cut(files, open_embedder(EMBEDDER))
        given = folder / "chunks.json"
        given.write_text(json.dumps(chunks), encoding="utf-8")
        count = sum(map(len, chunks.values()))
        for side in sides:
            store = folder / f"{side}-{size}"
            options = {} if side == OURS else {"chunks": given}
            cost = indexed(side, files, store, **options)
            note(figures, "index", side, size, cost.said["work_s"] / count * 1_000)
            # A peer holds all chunks, which it was given; what it would hold without is not known.
            if side == OURS:
                note(figures, "memory", side, size, cost.said["peak_mb"])
            note(figures, "query", side, size, further_ms(asked(side, files, store, questions)))


def boxes_of_contacts(folder: Path, counts: Sequence[int]) -> dict[int, Path]:
    """Write and index a box for each number of contacts, who have a few chunks each."""
    boxes = {}
    for count in counts:
        boxes[count] = folder / f"contacts-{count}"
        written(boxes[count], "public", chunks=PARAGRAPHS)
        for number in range(count):
            written(boxes[count], f"contact{number}", chunks=PARAGRAPHS)
        indexed(OURS, boxes[count] / "contact0", folder / f"contacts-{count}-index")
    return boxes


def boxes_of_two(folder: Path, sizes: Sequence[int]) -> dict[int, Path]:
    """Write and index a box for each size of B, with the same A."""
    boxes = {}
    for size in sizes:
        boxes[size] = folder / f"beside-{size}"
        written(boxes[size], "a", chunks=CONTACT_CHUNKS)
        written(boxes[size], "b", chunks=size)
        indexed(OURS, boxes[size] / "a", folder / f"beside-{size}-index")
    return boxes


def settle() -> None:
    """Let the clock move on, so that no file looks as if it had been touched just now."""
    time.sleep(2.5)


def grown(by_size: dict[int, list[float]]) -> list[dict[str, float]]:
    """Compare each size with the smallest, round by round."""
    first = by_size[min(by_size)]
    points = []
    for size, values in sorted(by_size.items()):
        times = [value / least for value, least in zip(values, first, strict=True)]
        points.append(
            {
                "size": size,
                "figure": statistics.median(values),
                "times": statistics.median(times),
                "lowest": min(times),
                "highest": max(times),
            }
        )
    return points


def numbers(text: str) -> list[int]:
    """Read a list of whole numbers."""
    return [int(each) for each in text.split(",")]


def main() -> None:
    """Measure, and write `results/growth.json`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=numbers, default=[1_000, 10_000, 100_000])
    parser.add_argument("--contacts", type=numbers, default=[1, 5, 50, 500])
    parser.add_argument("--beside", type=numbers, default=[0, 1_000, 10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3, help="rounds")
    given = parser.parse_args()
    sides = [OURS, *at_hand(["loop"])]
    figures: Figures = {}
    speaker = speaking(6)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        questions = folder / "questions.json"
        questions.write_text(json.dumps([speaker.sentence() for _ in range(QUESTIONS)]))
        contacts = boxes_of_contacts(folder, given.contacts)
        pairs = boxes_of_two(folder, given.beside)
        settle()
        for number in range(given.repeats):
            for count, box in contacts.items():
                cost = asked(OURS, box / "contact0", folder / f"{box.name}-index", questions)
                first_s = cost.said["open_s"] + cost.said["times_s"][0]
                note(figures, "contacts", OURS, count, first_s)
            for size, box in pairs.items():
                cost = asked(OURS, box / "a", folder / f"{box.name}-index", questions)
                note(figures, "beside", OURS, size, further_ms(cost))
            with tempfile.TemporaryDirectory(dir=folder) as fresh:
                of_chunks(Path(fresh), questions, given.sizes, sides, figures)
            print(f"round {number + 1} of {given.repeats}", flush=True)
    result = {
        "machine": machine(PACKAGES),
        "rounds": given.repeats,
        "growth": {
            what: {
                "asked": ASKED[what][0],
                "grows": ASKED[what][1],
                "sides": {side: grown(by_size) for side, by_size in by_side.items()},
            }
            for what, by_side in figures.items()
        },
    }
    write("growth", result)


if __name__ == "__main__":
    main()
