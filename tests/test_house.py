"""What holds for the whole house: imports, public names, doors, state, permissions."""

import ast
import inspect
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import partitioned_rag
from tests.worlds import build

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "partitioned_rag"
PATIENCE_S = 120
HEAVY = (
    "chromadb", "httpx", "numpy", "onnxruntime", "openvino", "pypdf", "rich", "selectolax",
    "sentence_transformers", "sklearn", "tiktoken", "tokenizers", "torch", "transformers",
)  # fmt: skip


def python(*arguments: str, umask: int = -1) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
        umask=umask,
    )


# ---------------------------------------------------------------- which way imports run


def test_every_import_points_down() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.exists():
        pytest.skip("needs import-linter, which is in the extra `dev`")
    done = subprocess.run(
        [linter, "--no-cache", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("-c", "import partitioned_rag"),
        ("-m", "partitioned_rag", "--help"),
        ("-m", "partitioned_rag", "search", "--help"),
    ],
    ids=["import", "help", "help of a command"],
)
def test_what_is_heavy_is_loaded_only_when_it_is_needed(arguments: tuple[str, ...]) -> None:
    said = python("-X", "importtime", *arguments).stderr
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in said.splitlines()}
    assert "partitioned_rag" in loaded
    assert loaded.isdisjoint(HEAVY)


# ---------------------------------------------------------------- public names


def test_the_public_names_are_exactly_those_announced() -> None:
    announced = {name for _, names in partitioned_rag._HOMES for name in names}
    assert announced == set(partitioned_rag.__all__)
    assert dir(partitioned_rag) == partitioned_rag.__all__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        partitioned_rag.nothing  # noqa: B018 — it must fail
    assert list(partitioned_rag.__all__) == sorted(partitioned_rag.__all__)


@pytest.mark.parametrize("name", partitioned_rag.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    public = getattr(partitioned_rag, name)
    assert inspect.getdoc(public), "has no docstring"
    assert f"`{name}" in (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    for method, value in vars(public).items():
        if inspect.isfunction(value) and not method.startswith("_"):
            assert inspect.getdoc(value), f"{name}.{method} has no docstring"


# ---------------------------------------------------------------- state

MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MAKERS = {
    "bytearray", "ChainMap", "Counter", "defaultdict", "deque", "dict", "list", "OrderedDict",
    "set", "WeakKeyDictionary", "WeakSet", "WeakValueDictionary", "cache", "lru_cache",
    "Lock", "RLock", "local",
}  # fmt: skip


def lasting_state(tree: ast.Module) -> list[str]:
    """List what a module or a class of it keeps and could change, and what remembers calls."""
    found: list[str] = []
    bodies = [tree.body] + [each.body for each in ast.walk(tree) if isinstance(each, ast.ClassDef)]
    for body in bodies:
        for each in body:
            if not isinstance(each, ast.Assign | ast.AnnAssign) or each.value is None:
                continue
            target = each.targets[0] if isinstance(each, ast.Assign) else each.target
            if ast.unparse(target) != "__all__" and _is_mutable(each.value):
                found.append(ast.unparse(each))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            found += [
                f"@{ast.unparse(mark)} {node.name}"
                for mark in node.decorator_list
                if _name_of(mark) in {"cache", "lru_cache"}
            ]
        if isinstance(node, ast.Global):
            found.append(ast.unparse(node))
    return found


def _is_mutable(value: ast.expr) -> bool:
    return isinstance(value, MUTABLE) or (isinstance(value, ast.Call) and _name_of(value) in MAKERS)


def _name_of(value: ast.expr) -> str:
    if isinstance(value, ast.Call):
        return _name_of(value.func)
    return ast.unparse(value).rpartition(".")[2]


def test_no_module_and_no_class_keeps_anything_that_can_change() -> None:
    kept = {
        path.relative_to(PACKAGE).as_posix(): state
        for path in sorted(PACKAGE.rglob("*.py"))
        if (state := lasting_state(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert kept == {}


@pytest.mark.parametrize(
    "source",
    [
        "known = {}",
        "known: dict[str, str] = dict()",
        "class A:\n    known = []",
        "@functools.cache\ndef f(text): return text",
        "@lru_cache(maxsize=None)\ndef f(text): return text",
        "def f():\n    global known\n    known = 1",
    ],
)
def test_whatever_could_remember_is_found(source: str) -> None:
    assert lasting_state(ast.parse(source)) != []


# ---------------------------------------------------------------- permissions


def test_nobody_else_can_read_an_index(tmp_path: Path) -> None:
    texts = {f"{name}/note.txt": b"the tide" for name in ("public", "friend")}
    root = build(texts, tmp_path / "OMBox")
    python("-m", "partitioned_rag", "index", str(root), "--embedder", "hashing", umask=0)
    made = [root / ".prag", *(root / ".prag").rglob("*")]
    modes = {path.relative_to(root).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in made}
    assert {mode for path, mode in modes.items() if (root / path).is_dir()} == {0o700}, modes
    assert {mode for path, mode in modes.items() if (root / path).is_file()} == {0o600}, modes
    assert len(made) > len(texts)
