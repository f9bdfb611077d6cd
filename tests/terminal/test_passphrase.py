"""Where a passphrase comes from."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

import pytest

from mitsgan.errors import SettingsError
from mitsgan.terminal.passphrase import PASSPHRASE, ask_passphrase


@pytest.mark.skipif(os.name == "nt", reason="its environment is text")
def test_the_environment_gives_bytes_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE, os.fsdecode(b"gr\xfcn"))
    assert ask_passphrase(Path("key.pem")) == b"gr\xfcn"


def test_the_end_of_input_is_no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(prompt: str) -> str:
        raise EOFError

    monkeypatch.delenv(PASSPHRASE, raising=False)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(getpass, "getpass", end)
    with pytest.raises(SettingsError, match="no passphrase was given"):
        ask_passphrase(Path("key.pem"))
