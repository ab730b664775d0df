"""The units in the docs: what systemd and launchd would read, and that `prag` accepts it."""

import configparser
import plistlib
import re
import shlex
from pathlib import Path

import pytest

from partitioned_rag.cli.main import prag
from partitioned_rag.responder.responder import STOP_WITHIN_S

DOCS = Path(__file__).parents[2] / "docs"
SERVICE = DOCS / "units" / "prag.service"
PLIST = DOCS / "units" / "org.partitioned-rag.prag.plist"


@pytest.fixture
def service() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read_string(SERVICE.read_text(encoding="utf-8"))
    assert parser.sections() == ["Unit", "Service", "Install"]
    assert parser["Install"]["WantedBy"] == "default.target"
    return parser["Service"]


@pytest.fixture
def plist() -> dict[str, object]:
    found = plistlib.loads(PLIST.read_bytes())
    assert isinstance(found, dict)
    return found


def accept(command: list[str]) -> None:
    """Fail unless `prag` takes a command as it is typed."""
    program, name, *arguments = command
    assert Path(program).name == "prag"
    assert Path(program).is_absolute()
    prag.commands[name].make_context(name, arguments)


def test_prag_accepts_what_systemd_would_run(service: configparser.SectionProxy) -> None:
    accept(shlex.split(service["ExecStart"].replace("%h", "/home/you")))


def test_prag_accepts_what_launchd_would_run(plist: dict[str, object]) -> None:
    arguments = plist["ProgramArguments"]
    assert isinstance(arguments, list)
    accept(arguments)


def test_both_wait_longer_than_a_reply_at_hand_has(
    service: configparser.SectionProxy, plist: dict[str, object]
) -> None:
    assert int(service["TimeoutStopSec"]) >= 2 * STOP_WITHIN_S
    assert plist["ExitTimeOut"] == int(service["TimeoutStopSec"])


def test_both_start_again_after_a_failure_alone(
    service: configparser.SectionProxy, plist: dict[str, object]
) -> None:
    assert service["Restart"] == "on-failure"
    assert plist["KeepAlive"] == {"SuccessfulExit": False}
    assert plist["Label"] == PLIST.stem


def test_what_they_write_is_their_owners_alone(
    service: configparser.SectionProxy, plist: dict[str, object]
) -> None:
    assert int(service["UMask"], 8) == plist["Umask"] == 0o077
    assert service["NoNewPrivileges"] == "yes"


@pytest.mark.parametrize("unit", [SERVICE, PLIST], ids=lambda unit: unit.suffix)
def test_the_page_shows_the_unit_as_it_is(unit: Path) -> None:
    page = (DOCS / "responder.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```(?:ini|xml)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert unit.read_text(encoding="utf-8") in shown
    assert f"(units/{unit.name})" in page
