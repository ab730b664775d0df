"""Programs in a process of their own, with packages in front of those installed."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from partitioned_rag.embedding import minilm

SOURCE = Path(minilm.__file__).parents[2]

# All that is used of ONNX Runtime; it gives back what it is given, times `factor`.
ONNX_STAND_IN = """
import numpy as np

def disable_telemetry_events():
    pass

class SessionOptions:
    def add_external_initializers(self, _names, _values):
        pass

class OrtValue:
    @staticmethod
    def ortvalue_from_numpy(values):
        return values

class InferenceSession:
    def __init__(self, *_arguments, **_keywords):
        pass

    def run(self, _outputs, given):
        (states,) = given.values()
        return [states * np.float32({factor})]
"""
# Embeds with the embedder that `make` makes, or says what it raises.
EMBED_OR_SAY = """
    import logging
    from partitioned_rag.embedding.minilm import {make}
    from partitioned_rag.errors import EmbedderError

    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
    embedder = {make}()
    try:
        embedder.embed_chunks(["The ferry leaves at nine."])
    except EmbedderError as error:
        print(error)
"""


def run_alone(
    program: str,
    *arguments: str,
    path: tuple[Path, ...] = (),
    home: Path = Path("/nowhere"),
    options: tuple[str, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh process, with packages that come before those installed.

    Args:
        program: Python; may be indented.
        arguments: Of the program.
        path: Where those packages are.
        home: Its home folder.
        options: Of the interpreter.
    """
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join(map(str, (*path, SOURCE))),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(program), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
