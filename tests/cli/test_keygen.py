"""`mitsgan keygen`: a file for its owner alone, never replaced, never shown."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mitsgan.cli.main import main
from mitsgan.mark import Key


def test_a_key_is_made_and_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "key"
    assert main(["keygen", "-o", str(path)]) == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    output = capsys.readouterr()
    assert str(path) in output.out
    assert Key.load(path).secret.hex() not in output.out + output.err


def test_a_key_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "key"
    assert main(["keygen", "-o", str(path), "--quiet"]) == 0
    before = path.read_bytes()
    assert main(["keygen", "-o", str(path)]) == 2
    assert path.read_bytes() == before
    assert "never replaced" in capsys.readouterr().err
