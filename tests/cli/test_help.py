"""Help texts: groups, an example of every command, names that were meant."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from mitsgan.cli.commands import COMMANDS
from mitsgan.cli.main import _command, main
from mitsgan.terminal.choice import named
from mitsgan.terminal.help_content import EXAMPLES, GROUPS, SUMMARIES
from mitsgan.terminal.known_options import check_options, option_names

NAMES = [
    name if not hasattr(entry, "commands") else f"{name} {below}"
    for name, entry in COMMANDS.items()
    for below in getattr(entry, "commands", [""])
]


def _help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--help"])
    assert left.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_an_example_and_no_empty_default(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = _help(name.split(), capsys)
    assert re.search(rf"^example:\s+mitsgan {name} ?", text, re.MULTILINE)
    assert "(default: None)" not in text
    assert "(default: )" not in text
    assert "(default: True)" not in text
    assert "--quiet" in text
    assert "{fixed}" not in text, "an attribute of the class is no option"


@pytest.mark.parametrize("name", NAMES)
def test_an_example_gives_all_that_its_command_asks_for(name: str) -> None:
    kind, _ = named(COMMANDS, name.split()) or (None, 0)
    assert kind is not None
    assert isinstance(_command(shlex.split(EXAMPLES[name])[1:]), kind)


def test_the_list_of_commands_has_one_line_for_each(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = _help([], capsys)
    box = text[text.index("╭─ subcommands") :].splitlines()[2:-1]
    assert [line.split()[2] for line in box] == list(COMMANDS)
    assert list(SUMMARIES) == list(COMMANDS)
    for line, summary in zip(box, SUMMARIES.values(), strict=True):
        assert summary in line


def test_options_stand_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    text = _help(["protect"], capsys)
    titles = [line.split()[1:-1] for line in text.splitlines() if line.startswith("╭─")]
    assert [" ".join(words) for words in titles] == [
        *("positional arguments", "options", "how the scan is read", "mark", "seal", "restore"),
        "research",
    ]
    mark = text[text.index("╭─ mark") : text.index("╭─ seal")]
    assert "--mark-hu" in mark
    assert "--sign" not in mark
    research = text[text.index("╭─ research") :]
    assert all(f"--{option} " in research for option in ("nodules", "readers", "varied"))
    assert "--nodules FILE" in _help(["candidates"], capsys).split("╭─ how the scan is read")[0]
    # The passphrase of a private key belongs beside that.
    for command, to in (("protect", "seal"), ("restore", "restore"), ("studio", "restore")):
        boxes = _help([command], capsys).split("╭─ ")
        assert [box.split()[0] for box in boxes if "--passphrase-file " in box] == [to]


def test_help_calls_settings_by_their_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert "With --refine, optimise around" in _help(["protect"], capsys)
    assert "`dead`" in _help(["node", "queue"], capsys), "a value is no setting"
    for name in NAMES:
        found = named(COMMANDS, name.split())
        assert found is not None
        settings = {option.lstrip("-").replace("-", "_") for option in option_names(found[0])}
        said = set(re.findall(r"`([a-z_]+)`", _help(name.split(), capsys)))
        assert not said & settings, name


def test_help_goes_into_text_in_memory_too() -> None:
    with redirect_stdout(io.StringIO()) as text, pytest.raises(SystemExit) as end:
        main(["protect", "--help"])
    assert end.value.code == 0
    assert "--max-hu" in text.getvalue()


def test_every_option_in_a_group_is_one_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    texts = "".join(_help(name.split(), capsys) for name in NAMES)
    for option in " ".join(GROUPS.values()).split():
        assert f"--{option} " in texts or f"--no-{option} " in texts, option


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["protct"], "there is no command protct; did you mean protect?"),
        (["node", "runs"], "there is no command runs; did you mean run?"),
        (["xyzzy"], "there is no command xyzzy; there are protect, verify"),
        (["help", "verifx"], "there is no command verifx; did you mean verify?"),
        (
            ["protect", "--max-huu", "3", "a", "b"],
            "no option --max-huu; did you mean --max-hu? See",
        ),
        (["protect", "a", "b", "--xyzzy"], "no option --xyzzy; see mitsgan protect --help"),
        (["evaluate", "a", "b", "--nodul=1,2,3"], "no option --nodul; did you mean --nodule?"),
    ],
)
def test_a_wrong_name_is_told_with_the_one_that_was_meant(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_every_option_in_a_help_is_known(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = named(COMMANDS, name.split())
    assert found is not None
    shown = set(
        re.findall(r"^│ (?:-\w[^,]*, )?(--[\w-]+)", _help(name.split(), capsys), re.MULTILINE)
    )
    assert shown - {"--help"} <= set(option_names(found[0]))
    check_options(found[0], name, [*shown, "-q", "--", "--not-one"])


@pytest.mark.parametrize(
    "arguments", [["--help"], ["protect", "--help"], ["weights", "list"], ["node", "conformance"]]
)
def test_a_closed_pipe_is_no_error(arguments: list[str]) -> None:
    """Whoever reads may have gone before the first line is written, as `| true` has."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "mitsgan", *arguments]
    ran = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert ran.stderr == ""
    assert ran.returncode == 141, "as a shell says of what SIGPIPE ended; 1 would be `tampered`"


def test_completion_is_as_the_docs_say() -> None:
    how_to = (Path(__file__).parents[2] / "docs" / "how-to.md").read_text()
    (line,) = re.findall(r"^    mitsgan (--tyro-print-completion bash) > ", how_to, re.MULTILINE)
    command = [sys.executable, "-m", "mitsgan", *line.split()]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    for name in COMMANDS:
        assert name in ran.stdout
