"""From a scan on disk to a protected one: a typed result, and nothing left where it fails."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mitsgan.errors import OutputError, ScanError
from mitsgan.files import read_scan
from mitsgan.jobs.protect.file import load_protection, protect_file
from mitsgan.jobs.protect.result import ProtectionResult
from mitsgan.jobs.protect.settings import ProtectFile

Settings = Callable[..., ProtectFile]


@pytest.fixture
def settings(series: Path, tmp_path: Path) -> Settings:
    def make(**changes: object) -> ProtectFile:
        values: dict[str, object] = {
            "scan": series,
            "out": tmp_path / "work" / "out",
            "protector": "noise",
            "max_hu": 3.0,
            **changes,
        }
        return ProtectFile(**values)  # type: ignore[arg-type]

    return make


def test_the_result_is_read_back_as_it_was_written(settings: Settings, series: Path) -> None:
    task = settings(seed=2)
    result = protect_file(task)
    moved = read_scan(task.out).hu() - read_scan(series).hu()
    assert result.change.largest == np.abs(moved).max() == 3
    assert (result.source, result.output) == (str(series), str(task.out))
    assert (result.protector, result.weights, result.seed) == ("noise", None, 2)
    assert result.scan.voxels + result.scan.padding_voxels == moved.size
    assert set(result.seconds) == {"start", "read", "protect", "write"}
    assert ProtectionResult.from_json(result.to_json()) == result


def test_what_is_loaded_serves_several_files(settings: Settings, tmp_path: Path) -> None:
    one, other = settings(), settings(out=tmp_path / "work" / "other")
    ready = load_protection(one)
    first = protect_file(one, protection=ready)
    second = protect_file(other, protection=ready)
    assert first.change == second.change
    names = [sorted(p.name for p in task.out.iterdir()) for task in (one, other)]
    assert names[0] == names[1]


@pytest.mark.parametrize("phase", ["reading", "protecting", "writing"])
def test_an_exception_in_any_phase_leaves_nothing(
    settings: Settings, tmp_path: Path, phase: str
) -> None:
    def stop(what: str, done: int, total: int, note: str = "") -> None:
        if what.startswith(phase) and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        protect_file(settings(), progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_refusals_come_before_the_work(
    settings: Settings, series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mitsgan.jobs.protect.file.read_scan", pytest.fail)
    with pytest.raises(ScanError, match="does not exist"):
        protect_file(settings(scan=tmp_path / "none"))
    (tmp_path / "there").mkdir()
    with pytest.raises(OutputError, match="replace it with `overwrite`"):
        protect_file(settings(out=tmp_path / "there"))
    with pytest.raises(OutputError, match="lies inside the input"):
        protect_file(settings(out=series / "out"))


def test_a_full_disk_names_the_output_whatever_is_written(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seal is written within the work folder of the output, of which no user knows."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(private)

    def write(path: Path, data: object, *args: object, **options: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    for name in ("write_bytes", "write_text"):
        monkeypatch.setattr(Path, name, write)
    task = settings(sign=tmp_path / "key.pem", sketch=False)
    with pytest.raises(OutputError, match="disk is full") as caught:
        protect_file(task)
    assert f"{task.out} was not written" in str(caught.value)
    assert ".partial" not in str(caught.value)
    assert not task.out.parent.exists()
