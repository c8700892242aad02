"""Shape of the code: small files, small functions, documented public names, final values."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src" / "vivocart").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def _functions(tree: ast.AST) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_source_files_stay_small(path: Path):
    text = path.read_text()
    assert len(text.splitlines()) <= 500
    too_long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in _functions(ast.parse(text))
        if node.end_lineno - node.lineno + 1 - len((ast.get_docstring(node, clean=False) or "").splitlines())
        > 60
    }
    assert not too_long


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_public_names_are_documented(path: Path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "the module says what it holds"
    silent = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not silent


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT / "tests")))
def test_test_files_stay_readable(path: Path):
    assert len(path.read_text().splitlines()) <= 600


def test_no_rooms_without_a_name():
    vague = {"utils.py", "util.py", "helpers.py", "common.py", "manager.py", "misc.py", "base.py", "core.py"}
    assert not [path for path in SOURCES if path.name in vague]


# what is built step by step while a file is read or code is written, and never handed to a user
BUILDERS = {
    "assembly.py:Code",
    "assembly.py:Emitter",
    "events.py:EventQueue",
    "events.py:_Pending",
    "graph.py:Derivatives",
    "graph.py:Graph",
    "loops.py:_Function",
    "mathml.py:MathReader",
    "sbml_quantities.py:Draft",
    "sbml_quantities.py:View",
    "symbols.py:Reader",
}


def test_values_are_frozen():
    loose: list[str] = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ClassDef):
                continue
            for decorator in node.decorator_list:
                text = ast.unparse(decorator)
                if text.startswith("dataclass") and "frozen=True" not in text:
                    loose.append(f"{path.name}:{node.name}")
    assert set(loose) <= BUILDERS
