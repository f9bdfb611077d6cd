"""Key files: permissions, damage, and that a secret shows up nowhere."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitsgan.errors import OutputError
from mitsgan.mark.keys import Key, MarkKeyError, MarkKeyWarning, _parse


def test_a_key_comes_back_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    key, path = Key.generate(), tmp_path / "key"
    key.save(path)
    assert Key.load(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Key.generate() != key


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("kept")
    with pytest.raises(OutputError, match="never replaced"):
        Key.generate().save(path)
    assert path.read_text() == "kept"


def test_a_secret_is_in_no_representation() -> None:
    key = Key(bytes(range(32)))
    shown = repr(key) + str(key)
    assert key.secret.hex() not in shown
    assert "\\x" not in shown


def test_a_key_that_others_can_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "key"
    Key.generate().save(path)
    path.chmod(0o644)
    with pytest.warns(MarkKeyWarning, match="chmod 600"):
        Key.load(path)


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "no mark key"),
        (b"-----BEGIN PRIVATE KEY-----\n", "no mark key"),
        (b"mitsgan mark key 1\n", "damaged"),
        (b"mitsgan mark key 1\n" + b"ab" * 31, "damaged"),
        (b"mitsgan mark key 1\n" + b"zz" * 32, "damaged"),
        (b"mitsgan mark key 1\n" + b"ab" * 40, "damaged"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(MarkKeyError, match=said) as caught:
        Key.load(path)
    assert "abab" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(MarkKeyError, match="cannot be read"):
        Key.load(tmp_path / "none")


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused_clearly(content: bytes) -> None:
    with pytest.raises(MarkKeyError, match="key"):
        _parse(content, Path("key"))
