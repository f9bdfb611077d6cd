"""One name for one thing: options of all commands beside one another, and names that are old."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from tests.cli.test_help import NAMES

from mitsgan.cli.commands import COMMANDS
from mitsgan.cli.main import main
from mitsgan.cli.old_names import OLD_NAMES, with_new_names
from mitsgan.terminal.choice import named
from mitsgan.terminal.known_options import option_names

ROOT = Path(__file__).parents[2]

OTHER_NAMES = {
    "budget": "max_hu",
    "force": "overwrite",
    "out_dir": "output",
    "out_file": "output",
    "json_out": "output",
    "report": "output",
    "silent": "quiet",
    "threads": "jobs",
    "workers": "jobs",
    "private": "private_key",
    "certificates": "trust",
    "uid": "series",
}
"""What other programs call settings, by what all of ours call them."""

SEVERAL_METAVARS = {
    "attackers": "pairs by their name, or weights of one's own",
    "output": "files of different kinds",
    "protector": "one that ships, by its name, or weights that were trained",
    "precision": "of the weights that are written, or of the arithmetic",
    "validate": "scans, or folders of them",
    "width": "one number, or one for each of two levels",
}
"""Options whose values differ between commands, and how."""

ENTRY = re.compile(r"^│ ((?:-\w[^,]*, )?--[^│]*?)(?:  .*)?│$", re.MULTILINE)


@pytest.fixture(scope="module")
def options() -> dict[str, dict[str, set[str]]]:
    """Of every option the ways in which helps show it, and the commands that do."""
    import io
    from contextlib import redirect_stdout

    shown: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "300")
        for name in NAMES:
            with redirect_stdout(io.StringIO()) as text, pytest.raises(SystemExit):
                main([*name.split(), "--help"])
            for entry in ENTRY.findall(text.getvalue()):
                option = re.findall(r"--[\w-]+", entry)[-1]
                shown[option][entry.strip()].add(name)
    return shown


def _settings(command: str) -> dict[str, Any]:
    found = named(COMMANDS, command.split())
    assert found is not None
    return get_type_hints(found[0])


def test_an_option_looks_the_same_in_every_help(
    options: dict[str, dict[str, set[str]]],
) -> None:
    assert len(options) > 100
    assert len(options["--quiet"]["-q, --quiet"]) == len(NAMES)
    assert len(options["--verbose"]["-v, --verbose"]) == len(NAMES)
    differ = {
        option: dict(ways)
        for option, ways in options.items()
        if len(ways) > 1 and option.removeprefix("--") not in SEVERAL_METAVARS
    }
    assert not differ
    assert all(entry.startswith("-o ") for entry in options["--output"])
    assert set(options["--max-hu"]) == {"--max-hu HU"}


def test_every_exception_is_still_one(options: dict[str, dict[str, set[str]]]) -> None:
    for name in SEVERAL_METAVARS:
        assert len(options[f"--{name}"]) > 1, name


@pytest.mark.parametrize("command", NAMES)
def test_no_command_has_a_second_name_for_what_others_have(command: str) -> None:
    settings = _settings(command)
    assert not set(settings) & set(OTHER_NAMES)
    if "out" in settings:  # given by its place, so that no option is called so
        assert command in ("protect", "restore", "demo", "node export")


@pytest.mark.parametrize("command", NAMES)
def test_helps_name_every_choice_and_no_python(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    text = capsys.readouterr().out
    assert "None" not in text
    assert not re.search(r"\[\w+ \[\w+", text), "lists as argparse writes them"
    for name, kind in _settings(command).items():
        if f"--{name.replace('_', '-')} " not in text:
            continue
        for choice in _choices(kind):
            assert str(choice) in text, (name, choice)


def _choices(kind: Any) -> set[object]:
    """All values of literals within a type."""
    if get_origin(kind) is Literal:
        return set(get_args(kind))
    return {choice for part in get_args(kind) for choice in _choices(part)}


@pytest.mark.parametrize(
    "command, old, new",
    [(command, *pair) for command, names in OLD_NAMES.items() for pair in names.items()],
)
def test_old_names_are_understood_and_not_shown(
    command: str,
    old: str,
    new: str,
    options: dict[str, dict[str, set[str]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command not in {name for ways in (options.get(old) or {}).values() for name in ways}
    assert command in {name for ways in options[new].values() for name in ways}
    assert with_new_names(command, ["SCAN", old, "x", f"{old}=y"]) == ["SCAN", new, "x", f"{new}=y"]
    assert capsys.readouterr().err.count(f"note: {old} is now {new};") == 2


def test_an_old_name_does_its_work(
    series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "out", tmp_path / "report.json"
    arguments = ["protect", str(series), str(out), "--protector", "offset", "--max-hu", "4"]
    assert main([*arguments, "--report", str(report), "-q"]) == 0
    assert '"kind": "protection"' in report.read_text()
    assert "--report is now --output" in capsys.readouterr().err


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/**/*.md")), ids=lambda page: page.stem)
def test_pages_name_no_option_that_a_command_does_not_have(page: Path) -> None:
    """Nor one by its old name, which goes."""
    text = re.sub(r"\\\n\s*", " ", page.read_text())
    for words, rest in re.findall(r"mitsgan ([a-z-]+(?: [a-z-]+)?)([^`\n]*)", text):
        command, _ = named(COMMANDS, words.split()) or (None, 0)
        if command is not None:
            given = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", rest))
            assert given - {"--help"} <= set(option_names(command)), words
    old = {name for names in OLD_NAMES.values() for name in names}
    assert not old & set(re.findall(r"`(--[a-z-]+)", text))
