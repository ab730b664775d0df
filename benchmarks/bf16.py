"""What the default embedder gains in bf16, and how far its vectors are from those of fp32.

Needs the texts of shared/data beside the repository, OpenVINO, and a processor with AMX.
Run it alone on the machine: `python benchmarks/bf16.py` (about two minutes on two cores).
"""

import sys

from embedding import DATA, RUNS, TEXTS, in_bulk
from ratio import save

from partitioned_rag.embedding.minilm import minilm, minilm_in_bf16
from partitioned_rag.errors import EmbedderError


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
    answers: dict[str, object] = {}
    in_bulk(
        rough,
        minilm(),
        answers,
        name="fp32",
        asked=(
            "Chunks a second, OpenVINO in bf16 against ONNX Runtime in fp32.",
            "Chunks a second of the processor's time, the same.",
        ),
        # Each length that is met for the first time costs OpenVINO some milliseconds, once.
        warm_up=slice(-TEXTS // RUNS, None),
    )
    save("bf16", answers, packages=("openvino", "onnxruntime", "numpy", "tokenizers"))


if __name__ == "__main__":
    main()
