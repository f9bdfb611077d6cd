"""The library names settings as Python does; only the command line speaks of options."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TypeGuard

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "mitsgan"
OPTION = re.compile(r"(?<![\w\-<])--[a-z][a-z-]*")
MODULES = sorted(
    p
    for p in SOURCE.rglob("*.py")
    if p.relative_to(SOURCE).parts[0] not in ("cli", "terminal") and p.name != "command_line.py"
)

OF_OTHERS = ("gdcmconv --raw", "ray start --head", "var(--")
"""Options of other programs, and custom properties of CSS."""

ARGUMENTS_OF_OTHERS = ("squeue", "scancel", "sinfo", "ray.scripts.scripts")
"""Other programs, whose calls are lists of arguments."""


def options(text: str) -> list[str]:
    """Every string of a module that speaks of an option; docstrings may."""
    texts = []
    for node in ast.walk(ast.parse(text)):
        inner = [] if _is_call_of_others(node) else list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""  # a docstring
        for child in inner:
            if isinstance(child, ast.Constant) and OPTION.search(str(child.value)):
                texts.append(str(child.value))
    return [text for text in texts if not any(other in text for other in OF_OTHERS)]


def _is_call_of_others(node: ast.AST) -> bool:
    """Whether a node is a list of arguments, another program's name among the first."""
    texts = [str(child.value) for child in ast.iter_child_nodes(node) if _is_text(child)]
    return isinstance(node, ast.List) and bool(set(ARGUMENTS_OF_OTHERS) & set(texts[:2]))


def _is_text(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_string_of_the_library_speaks_of_an_option(path: Path) -> None:
    assert options(path.read_text()) == []


def test_the_check_sees_an_option() -> None:
    assert options('raise E("give --max-hu 10")') == ["give --max-hu 10"]
    assert options('say(f"{x}: give --key")') == [": give --key"]
    assert options('"""Docs of --key."""\nx = 1\n"""Of --x."""') == []
    assert options('say("`max_hu`, a -- b, -----BEGIN")') == []
    assert options('run(["squeue", "--name", name])') == []
    assert options('run(["mitsgan", "--name", name])') == ["--name"]
