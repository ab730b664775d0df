"""What the default embedder gains in bf16, and how far its vectors are from those of fp32.

Needs the texts of shared/data beside the repository, OpenVINO, and a processor with AMX.
Run it alone on the machine: `python benchmarks/bf16.py` (about two minutes on two cores).
"""

import sys

import numpy as np
from embedding import DATA, RUNS, TEXTS, Pair, Vectors, chunks_of_abstracts, quality, timed
from ratio import compared, save

from partitioned_rag import Embedder
from partitioned_rag.embedding.minilm import minilm, minilm_in_bf16
from partitioned_rag.errors import EmbedderError


def measured(rough: Embedder, exact: Embedder) -> dict[str, object]:
    """Embed the same chunks with both, slice by slice, and compare speed and vectors."""
    texts = chunks_of_abstracts(exact)
    # Each length that is met for the first time costs OpenVINO some milliseconds, once.
    for embedder in (rough, exact):
        embedder.embed_chunks(texts[-TEXTS // RUNS :])
    walls: list[Pair] = []
    processors: list[Pair] = []
    vectors: list[tuple[Vectors, Vectors]] = []
    size = TEXTS // RUNS
    for start in range(0, TEXTS, size):
        part = texts[start : start + size]
        (a, wall, processor), (b, wall_exact, processor_exact) = (
            timed(embedder, part) for embedder in (rough, exact)
        )
        walls.append((size / wall, size / wall_exact))
        processors.append((size / processor, size / processor_exact))
        vectors.append((a, b))
    question = "Chunks a second, OpenVINO in bf16 against ONNX Runtime in fp32."
    answers: dict[str, object] = {"bulk": {"question": question} | compared(walls)}
    question = "Chunks a second of the processor's time, the same."
    answers["bulk processor"] = {"question": question} | compared(processors)
    quality(*map(np.concatenate, zip(*vectors, strict=True)), rough, exact, answers, name="fp32")
    return answers


def main() -> None:
    """Ask each question."""
    rough = minilm_in_bf16()
    try:
        rough.embed_chunks(["Does it?"])
    except EmbedderError as error:
        print(f"not measured: {error}")
        sys.exit(0)
    if not DATA.is_dir():
        print(f"not measured: there is no {DATA}")
        sys.exit(0)
    answers = measured(rough, minilm())
    save("bf16", answers, packages=("openvino", "onnxruntime", "numpy", "tokenizers"))


if __name__ == "__main__":
    main()
