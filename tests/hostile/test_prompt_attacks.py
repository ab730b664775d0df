"""Messages and files that try to get at another contact's folder or to forge a prompt."""

import json
from pathlib import Path
from typing import Any

import pytest

from partitioned_rag.box import OMBox
from partitioned_rag.errors import InputError
from partitioned_rag.prompt.fencing import FENCE
from partitioned_rag.values import Prompt

FILE = Path(__file__).parents[2].parent / "shared" / "data" / "hostile" / "prompt_attacks.json"
ATTACKS: dict[str, Any] = (
    json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {"cases": []}
)
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason=f"needs the attacks in {FILE}")


def ask(root: Path, case: dict[str, Any], *, with_others: bool) -> Prompt | None:
    world = {
        path: text
        for path, text in ATTACKS["world"].items()
        if with_others or path.split("/")[0] in ("public", ATTACKS["audience"])
    }
    if case["where"] == "context":
        world[case["path"]] = case["text"]
    for path, text in world.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8", errors="surrogatepass")
    with OMBox(root, "hashing") as box:
        try:
            return box.view(ATTACKS["audience"]).prompt(case.get("question", case["text"]))
        except InputError:
            # Blank questions alone may be refused.
            assert case["family"] == "query syntax"
            return None


@pytest.mark.parametrize("case", ATTACKS["cases"], ids=lambda case: case["id"])
def test_an_attack_gets_nothing_and_forges_nothing(case: dict[str, Any], tmp_path: Path) -> None:
    with_others = ask(tmp_path / "one", case, with_others=True)
    alone = ask(tmp_path / "two", case, with_others=False)
    assert with_others == alone
    if with_others is None:
        return
    contents = [message.content for message in with_others.messages]
    everything = "\n".join(contents)
    # What the asker said itself is no leak.
    assert [
        word
        for word in ATTACKS["canaries"]
        if word in everything.replace(case["text"], "") and word not in case["text"]
    ] == []
    assert [word for word in case.get("forbid", []) if word in everything] == []
    assert everything.count(FENCE) == len(with_others.hits) + 1
    assert any("HERON-PUBLIC-4471" in text for text in contents)
