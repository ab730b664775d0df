"""What indexing and asking cost, against the least that they could cost.

Run it alone on the machine: `python benchmarks/speed.py` (about ten minutes on two cores).
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import cast

sys.path.insert(0, str(Path(__file__).parent.parent))

import chromadb
import numpy as np
from chromadb.config import Settings
from invented import make_box, sentence
from ratio import known, ratios, save, seconds
from sentence_transformers import SentenceTransformer
from sides import OURS, compile_ours, work

from partitioned_rag import Embedder, OMBox
from partitioned_rag.chunking import chunk
from partitioned_rag.cores import cores
from partitioned_rag.embedding.minilm import packaged_folder
from partitioned_rag.embedding.registry import DEFAULT_EMBEDDER, open_embedder
from partitioned_rag.identity import PUBLIC
from partitioned_rag.sources.readers import Readers
from partitioned_rag.sources.scan import scan
from partitioned_rag.sync.following import FILES_AT_ONCE
from partitioned_rag.values import Document, Source, Wanted
from tests.sources.samples import pdf

PDFS, PDF_PAGES, PAGE_SENTENCES = 40, 50, 30
WALK = """
import os, sys
stack, seen = [sys.argv[1]], 0
while stack:
    with os.scandir(stack.pop()) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                stack.append(entry.path)
            else:
                entry.stat()
                seen += 1
print(seen)
"""


def process(*arguments: str) -> float:
    """Time a whole process."""
    environment = os.environ | {"PRAG_EMBEDDER": "hashing"}
    return seconds(
        lambda: subprocess.run(
            [sys.executable, *arguments], check=True, capture_output=True, env=environment
        )
    )


def settle() -> None:
    """Let the clock move on, so that no file looks as if it had been touched just now."""
    time.sleep(2.5)


def unchanged_files(folder: Path) -> dict[str, float]:
    """`prag index` over 10,000 unchanged files, against a bare walk, whole processes."""
    box = str(make_box(folder / "unchanged", files=10_000, paragraphs=1))
    settle()
    process("-m", "partitioned_rag", "index", box)
    return ratios(
        lambda: process("-m", "partitioned_rag", "index", box),
        lambda: process("-c", WALK, box),
        runs=5,
    )


def one_line_edit(folder: Path) -> dict[str, float]:
    """A line added to one of 1,250 files of 10,000 chunks, against the full index of them all."""
    rng = random.Random(2)

    def full() -> float:
        with (
            tempfile.TemporaryDirectory(dir=folder) as index,
            OMBox(box_folder, "hashing", index=index) as box,
        ):
            return seconds(box.index)

    box_folder = make_box(folder / "edit", files=1_250, paragraphs=8)
    settle()
    with OMBox(box_folder, "hashing", index=folder / "edit-index") as box:
        chunks = box.index().partitions[0].chunks
        edited = box_folder / "public" / "003" / "00333.txt"

        def edit() -> float:
            with edited.open("a", encoding="utf-8") as file:
                file.write(sentence(rng) + "\n")
            return seconds(box.index)

        return ratios(edit, full, runs=3) | {"chunks": chunks}


def full_index(folder: Path) -> dict[str, float]:
    """Index chunks/s on MiniLM, against sentence-transformers' own encode of the same chunks."""
    box_folder = make_box(folder / "full", files=60, paragraphs=10)
    embedder = open_embedder(DEFAULT_EMBEDDER)
    embedder.embed_chunks(["load the weights before the clock starts"])
    with OMBox(box_folder, embedder, index=folder / "full-index") as box:
        report = box.index().partitions[0]
    texts = all_chunks(box_folder, embedder)
    if len(texts) != report.chunks:
        raise RuntimeError(f"{len(texts)} chunks cut, {report.chunks} indexed")
    model = SentenceTransformer(str(packaged_folder()), device="cpu")
    model.max_seq_length = 256

    def ours() -> float:
        with (
            tempfile.TemporaryDirectory(dir=folder) as index,
            OMBox(box_folder, embedder, index=index) as box,
        ):
            return report.chunks / seconds(box.index)

    def theirs() -> float:
        return len(texts) / seconds(
            lambda: model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        )

    return ratios(ours, theirs, runs=3) | {"chunks": report.chunks}


def plain_loop(folder: Path) -> dict[str, float]:
    """Index files/s on MiniLM, against a plain sentence-transformers and Chroma loop of the same.

    The loop reads each file, cuts it every 1,000 characters, encodes the pieces and adds them, file
    by file, as the examples of both libraries do.
    """
    files = 40
    box_folder = make_box(folder / "loop", files=files, paragraphs=10)
    paths = sorted(path for path in (box_folder / "public").rglob("*") if path.is_file())
    embedder = open_embedder(DEFAULT_EMBEDDER)
    embedder.embed_chunks(["load the weights before the clock starts"])
    model = SentenceTransformer(str(packaged_folder()), device="cpu")

    def ours() -> float:
        with (
            tempfile.TemporaryDirectory(dir=folder) as index,
            OMBox(box_folder, embedder, index=index) as box,
        ):
            return files / seconds(box.index)

    def theirs() -> float:
        def loop() -> None:
            client = chromadb.PersistentClient(plain, settings=Settings(anonymized_telemetry=False))
            collection = client.create_collection("plain", embedding_function=None)
            for path in paths:
                text = path.read_text(encoding="utf-8")
                pieces = [text[at : at + 1_000] for at in range(0, len(text), 1_000)]
                collection.add(
                    ids=[f"{path}:{at}" for at in range(len(pieces))],
                    embeddings=model.encode(pieces, show_progress_bar=False),
                    documents=pieces,
                )
            client.close()

        with tempfile.TemporaryDirectory(dir=folder) as plain:
            return files / seconds(loop)

    return ratios(ours, theirs, runs=3) | {"files": files}


def all_chunks(box_folder: Path, embedder: Embedder) -> list[str]:
    """Cut the box's files as the index does."""
    texts: list[str] = []
    public = box_folder / "public"
    with Readers(public, PUBLIC) as readers:
        for source in scan(public, PUBLIC):
            document = cast("Document", readers.read(cast("Source", source)).outcome)
            texts += [
                piece.text
                for piece in chunk(
                    document,
                    token_spans=embedder.token_spans,
                    window_tokens=embedder.window_tokens,
                )
            ]
    return texts


def warm_query(folder: Path) -> dict[str, float]:
    """A warm search over 10,000 chunks, against embedding the question and one Chroma query."""
    box_folder = make_box(folder / "query", files=1_250, paragraphs=8)
    rng = random.Random(3)
    questions = [sentence(rng) for _ in range(60)]
    embedder = open_embedder("hashing")
    client = chromadb.PersistentClient(
        str(folder / "plain"), settings=Settings(anonymized_telemetry=False)
    )
    collection = client.create_collection("plain", embedding_function=None)
    texts = all_chunks(box_folder, embedder)
    vectors = embedder.embed_chunks(texts)
    for start in range(0, len(texts), 1_000):
        part = slice(start, start + 1_000)
        collection.add(
            ids=[str(n) for n in range(start, min(start + 1_000, len(texts)))],
            embeddings=np.asarray(vectors[part]),
            documents=texts[part],
        )
    settle()
    with OMBox(box_folder, embedder, index=folder / "query-index") as box:
        box.index()
        view = box.view()

        def ours() -> float:
            return statistics.median(seconds(lambda q=q: view.search(q)) for q in questions)

        def theirs() -> float:
            return statistics.median(
                seconds(
                    lambda q=q: collection.query(
                        query_embeddings=[embedder.embed_question(q)], n_results=10
                    )
                )
                for q in questions
            )

        return ratios(ours, theirs, runs=5) | {"chunks": len(texts)}


def reading(folder: Path) -> dict[str, float]:
    """PDFs read a second, as many at once as a large sync reads, against one at a time."""
    public = folder / "public"
    public.mkdir()
    rng = random.Random(5)
    for number in range(PDFS):
        pages = (" ".join(sentence(rng) for _ in range(PAGE_SENTENCES)) for _ in range(PDF_PAGES))
        (public / f"{number}.pdf").write_bytes(pdf(*pages))
    wanted = [Wanted(source) for source in scan(public, PUBLIC) if isinstance(source, Source)]

    def files_a_second(at_once: int) -> float:
        with Readers(public, PUBLIC, at_once=at_once) as readers:
            return PDFS / seconds(lambda: [each.outcome for each in readers.read_all(wanted)])

    at_once = min(FILES_AT_ONCE, cores())
    return ratios(lambda: files_a_second(at_once), lambda: files_a_second(1), runs=5) | {
        "files": PDFS,
        "pages of each": PDF_PAGES,
    }


def memory(folder: Path) -> dict[str, float]:
    """Peak memory of a full index with 8 times the files, against the smaller one; megabytes."""
    peaks = {}
    for files in (500, 4_000):
        box = make_box(folder / f"memory-{files}", files=files, paragraphs=2)
        store = folder / f"memory-{files}-index"
        cost = work(OURS, "sync", files=box / "public", store=store, embedder="hashing")
        with OMBox(box, "hashing", index=store) as opened:
            (held,) = opened.status().partitions
        if held.sources != files:
            raise SystemExit(f"{held.sources} of {files} files are indexed")
        peaks[files] = cost.said["peak_mb"]
    return {
        "ratio": peaks[4_000] / peaks[500],
        "files_500_mb": peaks[500],
        "files_4000_mb": peaks[4_000],
    }


def main() -> None:
    """Ask every question, or those named on the command line."""
    questions = [unchanged_files, one_line_edit, full_index, plain_loop]
    questions += [warm_query, reading, memory]
    wanted = set(sys.argv[1:])
    answers = known("speed") if wanted else {}
    compile_ours()
    for question in questions:
        if wanted and question.__name__ not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            asked = (question.__doc__ or "").partition("\n")[0]
            answers[question.__name__] = {"question": asked} | question(Path(folder))
            save("speed", answers)


if __name__ == "__main__":
    main()
