"""What the default embedder gains in a rougher precision, and how far it is from that of fp32.

`python benchmarks/rough.py [bf16 | int8 ...]`; without a name, each that this machine can do: some
five minutes on two cores. Needs the texts of shared/data beside the repository; for bf16 OpenVINO
and a processor with AMX. Run it alone on the machine.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from embedding import DATA, RUNS, TEXTS, in_bulk
from quality import conversations, make_conversations
from ratio import save

from partitioned_rag import Embedder
from partitioned_rag.embedding.minilm import minilm, minilm_in_bf16, minilm_in_int8
from partitioned_rag.errors import EmbedderError

PACKAGES = ("onnxruntime", "numpy", "tokenizers")


@dataclass(frozen=True, kw_only=True)
class Precision:
    """How to make its embedder, what it is called in a question, and whose versions bear on it."""

    make: Callable[[], Embedder]
    called: str
    packages: tuple[str, ...]


PRECISIONS: Mapping[str, Precision] = {
    "bf16": Precision(
        make=minilm_in_bf16, called="OpenVINO in bf16", packages=("openvino", *PACKAGES)
    ),
    "int8": Precision(make=minilm_in_int8, called="ONNX Runtime in int8", packages=PACKAGES),
}
SETTINGS = {"": "as it is", ", by vectors alone": "vectors alone"}


def evidence(rough: Embedder, name: str, answers: dict[str, object]) -> None:
    """Ask what is asked of five long chats, of indexes of both."""
    with tempfile.TemporaryDirectory() as folder:
        box = make_conversations(Path(folder))
        found = [
            [conversations(box, each, name=setting)["recall@10"] for setting in SETTINGS.values()]
            for each in (rough, minilm())
        ]
    for told, ours, exact in zip(SETTINGS, *found, strict=True):
        answers[f"percent of what answers, in the first ten hits{told}"] = (
            f"{ours} in {name}, {exact} in fp32"
        )


def measure(name: str) -> None:
    """Ask each question of one precision."""
    precision = PRECISIONS[name]
    rough = precision.make()
    try:
        rough.embed_chunks(["Does it?"])
    except EmbedderError as error:
        print(f"{name} is not measured: {error}")
        return
    answers: dict[str, object] = {}
    in_bulk(
        rough,
        minilm(),
        answers,
        name="fp32",
        asked=(
            f"Chunks a second, {precision.called} against ONNX Runtime in fp32.",
            "Chunks a second of the processor's time, the same.",
        ),
        # Each length that is met for the first time costs OpenVINO some milliseconds, once.
        warm_up=slice(-TEXTS // RUNS, None),
    )
    evidence(rough, name, answers)
    save(name, answers, packages=precision.packages)


def main() -> None:
    """Measure the precisions named, or all."""
    if not DATA.is_dir():
        print(f"not measured: there is no {DATA}")
        return
    for name in sys.argv[1:] or PRECISIONS:
        measure(name)


if __name__ == "__main__":
    main()
