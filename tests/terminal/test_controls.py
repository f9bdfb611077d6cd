"""What others wrote is told without harm."""

from __future__ import annotations

import json
import logging

import pytest

from mitsgan.cli.node.run import log_to_stderr
from mitsgan.errors import plain
from mitsgan.evaluate.report.table import Column, Table
from mitsgan.evaluate.report.terminal import print_tables
from mitsgan.terminal.console import Console

_EVIL = "name\n\x1b[2J\x1b[Hintact\u202e"


def test_signs_that_steer_a_terminal_become_escapes() -> None:
    assert plain(_EVIL) == "name\\u000a\\u001b[2J\\u001b[Hintact\\u202e"
    assert plain("Müller\u00a0\u30af^1\n", keep="\n") == "Müller\u00a0\u30af^1\n"
    assert plain("\udce4") == "\\udce4", "a byte of a name that is no UTF-8"


def test_json_stays_what_it_is() -> None:
    texts = ["\x7f\x85", "\U000e0001", _EVIL]
    assert json.loads(plain(json.dumps(texts, ensure_ascii=False))) == texts


def test_neither_a_console_nor_a_table_lets_one_through(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console = Console()
    console.say(_EVIL)
    console.note(_EVIL)
    console.error(_EVIL)
    console("phase", 1, 1, _EVIL)
    print_tables([Table("t", "t", (Column("a", "a"),), ({"a": _EVIL},))])
    captured = capsys.readouterr()
    for text in (captured.out, captured.err):
        assert "intact" in text
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_a_peer_writes_one_line_into_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("mitsgan.node")
    before = logger.handlers[:], logger.level, logger.propagate
    try:
        log_to_stderr()
        logger.warning("rejected an association of %s", _EVIL)
        assert capsys.readouterr().err.count("\n") == 1
    finally:
        logger.handlers[:], logger.level, logger.propagate = before
