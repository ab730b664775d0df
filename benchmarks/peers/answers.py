"""What another library's defaults find, for a benchmark of quality to score.

Uses LangChain as its introduction has it: the recursive splitter, Chroma and a retriever, each with
its own defaults, and the same model as ours. Every contact has an index of its own folder.

python benchmarks/peers/answers.py [--data DIR] --out FILE      (in `.venv-peers`)

Writes a line of JSON for each question of `conversations/queries.jsonl`:
{"index": 0, "contact": "…", "hits": [{"source": "…/chat.log", "text": "…"}, …]}, best hit first.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from side import keep_offline, weights

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
Hits = list[dict[str, str]]


def retriever_of(folder: Path, store: Path) -> Any:
    """Index a contact's folder; give what answers."""
    from chromadb.config import Settings  # noqa: PLC0415 — after the network is off
    from langchain_chroma import Chroma  # noqa: PLC0415
    from langchain_community.embeddings import HuggingFaceEmbeddings  # noqa: PLC0415
    from langchain_core.documents import Document  # noqa: PLC0415
    from langchain_text_splitters import RecursiveCharacterTextSplitter  # noqa: PLC0415

    documents = [
        Document(
            page_content=path.read_text(encoding="utf-8"),
            metadata={"source": path.relative_to(folder.parent).as_posix()},
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    vectors = Chroma.from_documents(
        RecursiveCharacterTextSplitter().split_documents(documents),
        HuggingFaceEmbeddings(model_name=str(weights()), model_kwargs={"device": "cpu"}),
        collection_name="texts",
        persist_directory=str(store),
        client_settings=Settings(anonymized_telemetry=False, is_persistent=True),
    )
    return vectors.as_retriever()


def main() -> None:
    """Index every contact, answer every question."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="holds `conversations/`")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    given = parser.parse_args()
    conversations = given.data / "conversations"
    if not conversations.is_dir():
        print(f"left out: there is no {conversations}")
        return
    keep_offline()
    lines = (conversations / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line) for line in lines]
    answers: dict[int, Hits] = {}
    with tempfile.TemporaryDirectory() as stores:
        for contact in sorted({each["contact"] for each in questions}):
            retriever = retriever_of(conversations / "OMBox" / contact, Path(stores) / contact)
            for index, each in enumerate(questions):
                if each["contact"] == contact:
                    answers[index] = [
                        {"source": found.metadata["source"], "text": found.page_content}
                        for found in retriever.invoke(each["question"])
                    ]
            print(f"{contact}: answered", file=sys.stderr)
    with given.out.open("w", encoding="utf-8") as file:
        for index, each in enumerate(questions):
            line = {"index": index, "contact": each["contact"], "hits": answers[index]}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
