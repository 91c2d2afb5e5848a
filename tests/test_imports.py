"""The arrows of the architecture: right may import left, never the reverse; the pure rooms do no I/O."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "sfs"
# sfs/ knows these rooms; each may import those before it. Rooms on one line may import each other only as named.
ORDER = [
    {"errors"},
    {"text"},
    {"match", "pics"},
    {"core"},
    {"lists"},
    {"sources"},
    {"web"},
    {"proxy", "bureau", "admin", "squid", "export"},
    {"cli"},
]
RANK = {room: number for number, rooms in enumerate(ORDER) for room in rooms}
PURE = ("text", "match", "pics", "core")
DOING_IO = {"socket", "asyncio", "subprocess", "threading", "urllib.request", "http", "os", "pathlib", "io", "shutil"}
CLOCKS = {"now", "today", "utcnow", "time", "monotonic", "perf_counter"}

FILES = sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0]


def imports_of(tree: ast.AST) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.append((node.lineno, node.module))
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.lineno, "sfs.relative"))
    return found


def wrong_arrows(path: Path, source: str) -> list[str]:
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return []
    wrong = []
    for line, name in imports_of(ast.parse(source)):
        parts = name.split(".")
        if parts[0] != "sfs" or len(parts) < 2 or parts[1] not in RANK:
            if parts[:2] == ["sfs", "relative"]:
                wrong.append(f"{path}:{line}: a relative import")
            continue
        other = parts[1]
        if other != room and RANK[other] >= RANK[room]:
            wrong.append(f"{path}:{line}: {room} imports {other}")
    return wrong


def test_every_room_has_a_rank():
    assert {room_of(path) for path in FILES} - {"__init__", "__main__"} <= set(RANK)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_arrows(path):
    assert wrong_arrows(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "path", [path for path in FILES if room_of(path) in PURE], ids=lambda path: str(path.relative_to(ROOT))
)
def test_pure_rooms_do_no_io_and_read_no_clock(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = {name for _, name in imports_of(tree)}
    modules -= {"pathlib.PurePath"}
    assert not {m for m in modules if m in DOING_IO and not (m == "pathlib" and "pathlib.Path" not in modules)}
    calls = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id in {"open", "print", "input"})
            or (
                isinstance(node.func, ast.Attribute)
                and node.func.attr in CLOCKS
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in {"datetime", "date", "time"}
            )
        )
    ]
    assert calls == []


def test_an_import_against_the_arrows_is_named():
    path = ROOT / "core" / "decide.py"
    assert wrong_arrows(path, "from sfs.sources.config import Config\n") != []
    assert wrong_arrows(ROOT / "lists" / "files.py", "import sfs.proxy.addon\n") != []
    assert wrong_arrows(path, "from .. import errors\n") != []
    assert wrong_arrows(path, "from sfs.match.entry import Entry\n") == []


def test_only_stock_touches_private_names_of_mitmproxy():
    for path in FILES:
        for line, name in imports_of(ast.parse(path.read_text(encoding="utf-8"))):
            if name.startswith("mitmproxy") and any(part.startswith("_") for part in name.split(".")):
                assert "stock" in (path.stem, path.parent.name), f"{path}:{line}: {name}"
