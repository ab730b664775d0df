"""Models by their name on the Hugging Face hub: what was downloaded before, or a download.

Floor: edge; the home of huggingface_hub, so it is imported inside a function only.
"""

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

from partitioned_rag.errors import EmbedderError

# Weights of the older format are programs, and other runtimes' files are of no use here.
_WANTED = ("*.json", "*.txt", "*.model", "*.safetensors")
_UNWANTED = ("onnx/*", "openvino/*")


def downloaded_folder(name: str) -> Path | None:
    """Find a model that was downloaded before; asks nobody.

    Args:
        name: As on the hub, `organisation/model`.
    """
    try:
        folder = snapshot_download(name, local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    return Path(folder)


def download(name: str) -> Path:
    """Fetch a model from the hub, or what is missing of it.

    Raises:
        EmbedderError: The hub cannot be reached or has no such model.
    """
    try:
        folder = snapshot_download(
            name, allow_patterns=list(_WANTED), ignore_patterns=list(_UNWANTED)
        )
    # Besides its own errors the library lets through those of whatever it speaks HTTP with.
    except Exception as error:
        raise EmbedderError(
            f"the model {name!a} cannot be downloaded",
            fix="check its name and the network, or give the path of a folder that has it",
        ) from error
    return Path(folder)
