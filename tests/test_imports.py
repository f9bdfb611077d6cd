"""Imports run one way, attackers cannot reach DICOM, and importing the package is cheap."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"

_TOOLS = (
    *("errors", "quiet", "ownership", "leftovers", "atomic", "slabs", "progress"),
    *("settings", "reading", "typed", "result", "registry", "processes", "extras"),
)
_SCANS = (*_TOOLS, "scan", "anatomy", "networks")
_SIDE_BY_SIDE = (*_SCANS, "perturb", "phantom", "attack", "protect", "mark")

MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "door": frozenset(),
    "errors": frozenset(),
    "atomic": frozenset({"errors", "leftovers", "ownership"}),
    "leftovers": frozenset({"errors"}),
    "ownership": frozenset(),
    "quiet": frozenset(),
    "slabs": frozenset(),
    "progress": frozenset(),
    "settings": frozenset({"errors"}),
    "reading": frozenset({"errors"}),
    "typed": frozenset({"errors"}),
    "result": frozenset({"errors", "typed"}),
    "registry": frozenset({"errors"}),
    "processes": frozenset(),
    "extras": frozenset({"errors"}),
    "serving": frozenset(),
    "scan": frozenset({"errors"}),
    "files": frozenset({*_TOOLS, "scan", "phantom"}),
    "anatomy": frozenset({*_TOOLS, "scan"}),
    "networks": frozenset({*_TOOLS}),
    "phantom": frozenset({*_TOOLS, "scan"}),
    "perturb": frozenset({*_SCANS}),
    "attack": frozenset({*_SCANS}),
    "protect": frozenset({*_SCANS, "perturb"}),
    "mark": frozenset({*_SCANS, "perturb"}),
    "seal": frozenset({*_SCANS, "files"}),
    "restore": frozenset({*_SCANS, "files", "seal"}),
    "optimize": frozenset({*_SCANS, "attack", "perturb", "protect"}),
    "training": frozenset({*_SIDE_BY_SIDE, "optimize"}),
    "evaluate": frozenset({*_SIDE_BY_SIDE, "optimize"}),
    "jobs": frozenset(
        {*_SIDE_BY_SIDE, "files", "seal", "restore", "optimize", "training", "evaluate"}
    ),
    "node": frozenset({*_TOOLS, "serving", "phantom", "files", "seal", "jobs"}),
    "archive": frozenset({*_TOOLS, "files", "jobs", "evaluate", "node"}),
    "adapters": frozenset({*_TOOLS, "scan", "attack", "mark", "evaluate", "jobs"}),
    "studio": frozenset({*_TOOLS, "serving", "scan", "anatomy", "files", "evaluate", "jobs"}),
    "terminal": frozenset({*_TOOLS, "evaluate", "jobs"}),
    "cli": frozenset(
        {
            "terminal",
            *_SIDE_BY_SIDE,
            "files",
            "seal",
            "optimize",
            "training",
            "evaluate",
            "jobs",
            "node",
            "archive",
            "studio",
        }
    ),
}
"""Which rooms the modules of a room may import, besides their own (docs/layout.md)."""

NEVER_FILES = ("attack", "optimize", "training", "evaluate")
"""Rooms that hold or drive attackers: what they make must never become a file of a scan."""


def modules(source: Path) -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    paths = {}
    for path in sorted((source / "mitsgan").rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return paths


class _WithoutTypes(ast.NodeTransformer):
    """Drops ``if TYPE_CHECKING:``, which never runs."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node.orelse
        return node


def imports(
    name: str, text: str, is_package: bool, known: set[str], *, types: bool = True
) -> set[str]:
    """What a module imports anywhere in it, inside functions too, as absolute dotted names.

    ``from a import b`` counts as ``a.b`` where that is a module, else as ``a``. The version is
    no import: whoever writes a report needs it, and it leads nowhere. Without ``types``, what is
    imported for the type checker alone is left out.
    """
    names: set[str] = set()
    tree: ast.AST = ast.parse(text)
    if not types:
        tree = _WithoutTypes().visit(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = name.split(".") if is_package else name.split(".")[:-1]
                up = package[: len(package) - node.level + 1]
                base = ".".join([*up, base] if base else up)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                if inner == "mitsgan.__version__":
                    continue
                names.add(inner if inner in known else base)
    return names


def graph(source: Path, *, types: bool = True) -> dict[str, set[str]]:
    """Module to what it imports. The root is left out: it looks names up only when asked."""
    files = modules(source)
    return {
        name: imports(name, path.read_text(), path.name == "__init__.py", set(files), types=types)
        for name, path in files.items()
        if name != "mitsgan"
    }


@cache
def ours(*, types: bool = True) -> Mapping[str, set[str]]:
    """`graph` of this package."""
    return graph(SOURCE, types=types)


def room(module: str) -> str | None:
    """The room of one of our modules; None for anybody else's, and for the root."""
    parts = module.split(".")
    return parts[1] if parts[0] == "mitsgan" and len(parts) > 1 else None


def upward(edges: Mapping[str, set[str]]) -> list[str]:
    """Every import that runs against `MAY_IMPORT`, in words."""
    wrong = []
    for module, targets in edges.items():
        here = room(module)
        if module == "mitsgan.__main__":  # the command, by another name
            continue
        if here is None or here not in MAY_IMPORT:
            wrong.append(f"{module}: its room has no rule; add one to MAY_IMPORT and layout.md")
            continue
        for target in sorted(targets):
            there = room(target)
            if target == "mitsgan":
                wrong.append(f"{module} imports the root, whose names may lead anywhere")
            elif there is not None and there != here and there not in MAY_IMPORT[here]:
                wrong.append(f"{module} imports {target}")
    return wrong


def way_to_files(start: str, edges: Mapping[str, set[str]]) -> list[str]:
    """The chain of imports by which ``start`` reaches pydicom or `files`; [] if there is none."""
    seen = {start}
    chains = [[start]]
    while chains:
        chain = chains.pop()
        last = chain[-1]
        if last.split(".")[0] == "pydicom" or room(last) == "files":
            return chain
        # Importing a.b.c runs a.b first.
        parents = {last.rsplit(".", 1)[0]} if last.count(".") > 1 else set()
        for target in sorted((edges.get(last, set()) | parents) - seen - {"mitsgan"}):
            seen.add(target)
            chains.append([*chain, target])
    return []


def test_imports_run_one_way() -> None:
    assert upward(ours()) == []


def circle(edges: Mapping[str, set[str]]) -> list[str]:
    """One circle of modules that import each other, the first named twice; [] if there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        modules_in_it: list[str] = error.args[1]
        return modules_in_it
    return []


def test_no_modules_import_each_other() -> None:
    """Not inside functions either; what only the type checker reads may be named both ways."""
    assert circle(ours(types=False)) == []


def test_attackers_cannot_reach_files() -> None:
    edges = ours(types=False)
    guarded = [module for module in edges if room(module) in NEVER_FILES]
    assert guarded, "found no module to check: has the source moved?"
    chains = [" -> ".join(chain) for m in guarded if (chain := way_to_files(m, edges))]
    assert chains == []


def test_only_files_lets_simpleitk_read_or_write() -> None:
    """SimpleITK filters everywhere, and could write DICOM, too."""
    edges = ours(types=False)
    users = {module for module, targets in edges.items() if "SimpleITK" in targets}
    assert {"mitsgan.scan.sitk", "mitsgan.files.itk"} <= users
    for module in users:
        tree = ast.parse(modules(SOURCE)[module].read_text())
        calls = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "sitk"
        }
        touches = {name for name in calls if re.search("Read|Write|File", name)}
        assert not touches or room(module) == "files", f"{module}: {touches}"


def test_files_are_reached_where_they_should_be() -> None:
    assert way_to_files("mitsgan.files.dicom.phantom", ours())


def test_weights_go_through_one_loader() -> None:
    wrong = [
        module
        for module, targets in ours().items()
        if module != "mitsgan.networks.store"
        if any(target.split(".")[0] == "safetensors" for target in targets)
    ]
    assert wrong == []


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small package that keeps every rule; tests add a line that breaks one."""
    for folder in ("scan", "attack", "perturb", "files/dicom"):
        (tmp_path / "mitsgan" / folder).mkdir(parents=True)
        (tmp_path / "mitsgan" / folder / "__init__.py").write_text("")
    files = {
        "errors.py": "",
        "scan/scan.py": "from mitsgan.errors import ScanError\n",
        "files/dicom/write.py": "import pydicom\n",
        "attack/tamper.py": "import torch\nfrom ..scan.scan import Scan\n",
        "perturb/budget.py": "from mitsgan.scan import scan\n",
    }
    for name, text in files.items():
        (tmp_path / "mitsgan" / name).write_text(text)
    assert upward(graph(tmp_path)) == []
    assert way_to_files("mitsgan.attack.tamper", graph(tmp_path)) == []
    return tmp_path


@pytest.mark.parametrize(
    "file, line, upward_import",
    [
        ("perturb/budget.py", "import mitsgan.attack.tamper", "mitsgan.attack.tamper"),
        ("perturb/budget.py", "from mitsgan.attack import tamper", "mitsgan.attack.tamper"),
        ("perturb/budget.py", "from ..attack.tamper import x", "mitsgan.attack.tamper"),
        ("perturb/budget.py", "def f():\n    from .. import attack", "mitsgan.attack"),
        ("scan/scan.py", "from mitsgan.perturb.budget import x", "mitsgan.perturb.budget"),
        ("scan/__init__.py", "from ..perturb import budget", "mitsgan.perturb.budget"),
        ("errors.py", "from mitsgan.scan.scan import Scan", "mitsgan.scan.scan"),
        ("attack/tamper.py", "from mitsgan import Scan", "the root"),
    ],
)
def test_checker_catches_an_import_that_runs_up(
    tree: Path, file: str, line: str, upward_import: str
) -> None:
    path = tree / "mitsgan" / file
    path.write_text(path.read_text() + line + "\n")
    (wrong,) = upward(graph(tree))
    assert upward_import in wrong


def test_checker_catches_a_circle(tree: Path) -> None:
    (tree / "mitsgan" / "perturb" / "limits.py").write_text("from . import budget\n")
    assert circle(graph(tree)) == []
    path = tree / "mitsgan" / "perturb" / "budget.py"
    before = path.read_text()
    path.write_text(
        before + "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import limits\n"
    )
    assert circle(graph(tree, types=False)) == []
    path.write_text(before + "def f():\n    from . import limits\n")
    assert set(circle(graph(tree, types=False))) == {
        "mitsgan.perturb.budget",
        "mitsgan.perturb.limits",
    }


def test_checker_asks_for_a_rule_for_a_new_room(tree: Path) -> None:
    (tree / "mitsgan" / "cellar.py").write_text("")
    assert upward(graph(tree)) == [
        "mitsgan.cellar: its room has no rule; add one to MAY_IMPORT and layout.md"
    ]


@pytest.mark.parametrize(
    "file, line",
    [
        ("attack/tamper.py", "import pydicom"),
        ("attack/tamper.py", "def f():\n    from pydicom.uid import UID"),
        ("attack/tamper.py", "from mitsgan.files.dicom.write import write"),
        ("attack/tamper.py", "from mitsgan.files.dicom import write"),
        ("attack/__init__.py", "from ..files.dicom import write"),
        ("scan/__init__.py", "from mitsgan.files.dicom.write import write"),
        ("scan/scan.py", "import mitsgan.files.dicom.write"),
        ("attack/tamper.py", "from mitsgan.files import write_scan"),
        ("attack/tamper.py", "if TYPE_CHECKING:\n    pass\nelse:\n    import pydicom"),
    ],
)
def test_checker_catches_a_way_to_files(tree: Path, file: str, line: str) -> None:
    path = tree / "mitsgan" / file
    path.write_text(path.read_text() + line + "\n")
    chain = way_to_files("mitsgan.attack.tamper", graph(tree, types=False))
    assert chain[0] == "mitsgan.attack.tamper"
    assert chain[-1].startswith(("pydicom", "mitsgan.files"))


def test_importing_the_package_is_light() -> None:
    """``mitsgan --help`` must not wait for what only some commands need."""
    code = (
        "import sys, mitsgan; mitsgan.MitsganError; mitsgan.__version__;"
        "print(*sorted({m.split('.')[0] for m in sys.modules}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "matplotlib", "numpy", "pydicom", "SimpleITK", "nibabel", "torchmetrics"}
    assert heavy & set(ran.stdout.split()) == set()
