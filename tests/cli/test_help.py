"""Help texts: groups, an example of every command, names that were meant."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout

import pytest

from mitsgan.cli.commands import COMMANDS
from mitsgan.cli.main import main
from mitsgan.terminal.help_content import GROUPS

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
    assert "(default: True)" not in text
    assert "--quiet" in text


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
    ],
)
def test_a_wrong_name_is_told_with_the_one_that_was_meant(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert words in capsys.readouterr().err
