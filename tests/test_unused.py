"""What only tests call is no part of the program: it is a plain twin of something, or README names it for who programs
with SFS. A name that is written in a string (hooks, methods that a base class calls) counts as used."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "sfs" / "README.md").read_text(encoding="utf-8")
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "sfs").rglob("*.py"))}


def used() -> Iterator[str]:
    for tree in TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                yield node.id
            elif isinstance(node, ast.Attribute):
                yield node.attr
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_what_only_tests_call_is_documented_for_others_or_a_plain_twin():
    names = set(used())
    unused = {
        node.name: path.relative_to(ROOT).as_posix()
        for path, tree in TREES.items()
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name not in names
        if not any("command" in ast.unparse(one) for one in node.decorator_list)
    }
    said = README.partition("## For who programs with it")[2].partition("\n## ")[0]
    for_others = set(re.findall(r"^\| `([a-z_]+)`", said, re.MULTILINE))
    twins = {name for name, file in unused.items() if file == "sfs/match/plain.py"}
    assert twins and set(unused) - twins == for_others
