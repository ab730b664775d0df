"""What the default embedder gains over the same weights in torch, and what it loses: nothing.

Needs the texts of shared/data beside the repository.
Run it alone on the machine: `python benchmarks/embedding.py` (about three minutes on two cores).
"""

import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
from invented import make_box
from ratio import compared, save
from sides import PRAG, compile_ours

from partitioned_rag import Embedder
from partitioned_rag.chunking import chunk
from partitioned_rag.cores import cores
from partitioned_rag.embedding.bert import Bert
from partitioned_rag.embedding.bert_onnx import GIVEN, load
from partitioned_rag.embedding.minilm import packaged_folder, packaged_weights
from partitioned_rag.embedding.onnx_graph import Graph
from partitioned_rag.embedding.registry import DEFAULT_EMBEDDER, open_embedder
from partitioned_rag.embedding.tokenizer import Tokenizer
from partitioned_rag.values import Document

Vectors = npt.NDArray[np.float32]
Pair = tuple[float, float]

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "cranfield"
TEXTS = 1_000
RUNS = 10
QUESTIONS = 100
NEAREST = 10
PROCESSES = 4
ASKED = "When does the ferry leave?"


def chunks_of_abstracts(embedder: Embedder) -> list[str]:
    """Cut abstracts as an index does, in a random but fixed order."""
    text = (DATA / "cran.all.1400.xml").read_text(encoding="utf-8")
    found = [
        piece.text
        for abstract in re.findall(r"<text>(.*?)</text>", text, re.DOTALL)
        for piece in chunk(
            Document(path="", text=abstract),
            token_spans=embedder.token_spans,
            window_tokens=embedder.window_tokens,
        )
    ]
    random.Random(1).shuffle(found)
    return found[:TEXTS]


def questions() -> list[str]:
    """Read what the collection asks."""
    root = ElementTree.parse(DATA / "cran.qry.xml").getroot()  # noqa: S314 — a file of ours
    return [str(each.findtext("title")).strip() for each in root.iter("top")][:QUESTIONS]


def timed(embedder: Embedder, texts: Sequence[str]) -> tuple[Vectors, float, float]:
    """Embed; gives the vectors and the seconds of the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    vectors = embedder.embed_chunks(texts)
    return vectors, time.perf_counter() - clock, time.process_time() - processor


def in_bulk(
    ours: Embedder,
    other: Embedder,
    answers: dict[str, object],
    *,
    name: str,
    asked: tuple[str, str],
    warm_up: slice,
) -> None:
    """Embed the same chunks with both, slice by slice, and compare speed and vectors.

    Args:
        ours: Whose figures come first.
        other: What it is compared with.
        answers: Where they go.
        name: Of the other.
        asked: What is asked of the clock, and of the processor's time.
        warm_up: Of the chunks, what both embed before anything is timed.
    """
    texts = chunks_of_abstracts(ours)
    for embedder in (ours, other):
        embedder.embed_chunks(texts[warm_up])
    walls: list[Pair] = []
    processors: list[Pair] = []
    vectors: list[tuple[Vectors, Vectors]] = []
    size = TEXTS // RUNS
    for start in range(0, TEXTS, size):
        part = texts[start : start + size]
        (a, wall, processor), (b, wall_other, processor_other) = (
            timed(embedder, part) for embedder in (ours, other)
        )
        walls.append((size / wall, size / wall_other))
        processors.append((size / processor, size / processor_other))
        vectors.append((a, b))
    for key, question, pairs in zip(
        ("bulk", "bulk processor"), asked, (walls, processors), strict=True
    ):
        answers[key] = {"question": question} | compared(pairs)
    quality(*map(np.concatenate, zip(*vectors, strict=True)), ours, other, answers, name=name)


def quality(
    a: Vectors,
    b: Vectors,
    ours: Embedder,
    other: Embedder,
    answers: dict[str, object],
    *,
    name: str,
) -> None:
    """Say how far vectors are apart, and how many of the nearest ten are the same."""
    answers["texts"] = len(a)
    answers["largest difference in any number of a vector"] = f"{np.abs(a - b).max():.1e}"
    answers[f"smallest cosine to {name}"] = f"{(a * b).sum(axis=1, dtype=np.float64).min():.7f}"
    asked = questions()
    same = 0
    for text in asked:
        scores = (a @ ours.embed_question(text), b @ other.embed_question(text))
        first, second = (set(np.argsort(-each, kind="stable")[:NEAREST]) for each in scores)
        same += len(first & second)
    answers["questions"] = len(asked)
    answers["of the nearest ten, the same"] = f"{same / len(asked) / NEAREST:.4f}"


def products(bert: Bert) -> Callable[[Vectors], Vectors]:
    """Make the matrix products of a text's layers, and nothing between them."""
    rng = np.random.default_rng(3)
    graph, states = Graph(), GIVEN
    for layer in bert.layers:
        four = (layer.query, layer.key, layer.value, layer.attended)
        for linear in (*four, layer.widen, layer.narrow):
            made, given = linear.weight.shape
            # Of a size that lets no number of the chain run away.
            weight = rng.normal(scale=given**-0.5, size=(given, made)).astype(np.float32)
            states = graph.node("MatMul", states, graph.weight(weight))
    return load(graph.model(GIVEN, states, shape=(1, "tokens", bert.width)))


def limit(embedder: Embedder, answers: dict[str, object]) -> None:
    """Embed, and compute the products alone, which no runtime of float32 can leave out."""
    texts = chunks_of_abstracts(embedder)
    bert = packaged_weights()
    layers = products(bert)
    tokenizer = Tokenizer(packaged_folder() / "tokenizer.json")
    states = [np.ones((len(tokenizer.ids(text)), bert.width), dtype=np.float32) for text in texts]
    embedder.embed_chunks(texts[:8])
    layers(states[0])
    pairs: list[Pair] = []
    size = TEXTS // RUNS
    for start in range(0, TEXTS, size):
        part = slice(start, start + size)
        _, wall, _ = timed(embedder, texts[part])
        began = time.perf_counter()
        with ThreadPoolExecutor(cores()) as threads:
            list(threads.map(layers, sorted(states[part], key=len, reverse=True)))
        pairs.append((size / wall, size / (time.perf_counter() - began)))
    asked = "Chunks a second, against those of the matrix products alone in the same runtime."
    answers["limit"] = {"question": asked} | compared(pairs)


def process(index: Path, *arguments: str) -> Pair:
    """Run `prag` as a process; gives the seconds of the clock and of the processor."""
    environment = os.environ | {"PRAG_INDEX": str(index), "OLLAMA_HOST": "127.0.0.1:9"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", PRAG, *arguments], env=environment, check=True, capture_output=True
    )
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cold(folder: Path, answers: dict[str, object]) -> None:
    """Ask in a process that has nothing loaded, with both."""
    box = make_box(folder / "box", files=10, paragraphs=2)
    sides = [
        (folder / name, ("--box", str(box), "--embedder", embedder))
        for name, embedder in (("ours", DEFAULT_EMBEDDER), ("torch", str(packaged_folder())))
    ]
    for index, options in sides:
        process(index, "index", *options)
    pairs = [
        [process(index, "search", ASKED, *options) for index, options in sides]
        for _ in range(PROCESSES)
    ]
    for number, kind in enumerate(("of the clock", "of the processor")):
        question = f"A cold `prag search`, seconds {kind}, against the same weights in torch."
        found = compared([(ours[number], torch[number]) for ours, torch in pairs])
        answers[f"cold {kind}"] = {"question": question} | found


def main() -> None:
    """Ask each question."""
    if not DATA.is_dir():
        sys.exit(f"needs {DATA}")
    answers: dict[str, object] = {}
    compile_ours()
    with tempfile.TemporaryDirectory() as folder:
        cold(Path(folder), answers)
    in_bulk(
        open_embedder(DEFAULT_EMBEDDER),
        open_embedder(str(packaged_folder())),
        answers,
        name="torch",
        asked=(
            "Chunks a second, against the same weights in torch, sorted and in batches.",
            "Chunks a second of the processor's time, against the same.",
        ),
        warm_up=slice(8),
    )
    limit(open_embedder(DEFAULT_EMBEDDER), answers)
    packages = ("onnxruntime", "numpy", "torch", "sentence-transformers", "tokenizers", "chromadb")
    save("embedding", answers, packages=packages)


if __name__ == "__main__":
    main()
