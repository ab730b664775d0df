"""An inbox out of which nothing may be moved: told once, tried ever more seldom, and made good.

Root may do anything, so root's responder is started without root's rights.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.test_permissions import BY_WAY_OF, gives_rights_up
from tests.ollama_double import OllamaDouble

PATIENCE_S = 120
BROKEN, ASKER = "1.json", "15550100001"

# Looks thrice with the usual pauses, thrice without, and once more when the inbox is open again.
LOOKS = """
import json, os, sys
from pathlib import Path
from partitioned_rag import Observer, OMBox, Responder
from partitioned_rag.responder import schedule

root, host = Path(sys.argv[1]), sys.argv[2]
moves, told, left = [], [], []

def note(event, arguments):
    if event == "os.rename" and "/quarantine/" in str(arguments[1]):
        moves.append(str(arguments[0]))

class Told(Observer):
    def told(self, text):
        told.append(text)

def look(box, times):
    for _ in range(times):
        responder.drain()
    left.append(sorted(path.name for path in (root / ".prag").glob("quarantine/**/*")))

sys.addaudithook(note)
with OMBox(root, "hashing", ollama_host=host) as box:
    responder = Responder(box, observer=Told())
    look(box, 1)
    answered = len(list((root / "outbox").glob("*.txt")))
    look(box, 2)
    tried = sum(path.endswith("1.json") for path in moves)
    schedule.FIRST_PAUSE_S = 0.0
    responder = Responder(box, observer=Told())
    look(box, 3)
    (root / "inbox").chmod(0o700)
    look(box, 1)
print(json.dumps({"tried": tried, "told": told, "left": left, "answered": answered}))
"""


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "OMBox"
    for name in ("public", "inbox", "outbox"):
        (root / name).mkdir(parents=True)
    (root / "inbox" / BROKEN).write_text('{"sender": 7, "text": "om"}')
    yield root
    (root / "inbox").chmod(0o700)


@pytest.mark.skipif(
    not gives_rights_up(), reason="needs another user than root, or setpriv to give rights up"
)
def test_what_may_not_be_put_away_leaves_nothing_and_is_told_once(root: Path) -> None:
    asked = json.dumps({"sender": ASKER, "text": "om when?"})
    (root / "inbox" / f"{ASKER}_1.json").write_text(asked)
    (root / "inbox").chmod(0o500)
    with OllamaDouble() as double:
        done = subprocess.run(
            [*BY_WAY_OF, sys.executable, "-c", LOOKS, str(root), double.host],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
        chats = len(double.chats)
    seen = json.loads(done.stdout)
    told = [text for text in seen["told"] if BROKEN in text and ASKER not in text]
    assert (seen["tried"], len(told)) == (1, 2), seen  # once by each of the two responders
    assert seen["left"][:3] == [[], [], []]
    assert {BROKEN, "reason.txt"} < set(seen["left"][3])
    # What is no stranger's is answered, once, though its file cannot be removed.
    assert (seen["answered"], chats) == (1, 1)
    assert list((root / "inbox").iterdir()) == []
    assert [path.name for path in (root / "outbox").iterdir()] == [f"{ASKER}.txt"]
