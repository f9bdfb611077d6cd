"""What a worker leaves when it is killed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

from mitsgan.jobs.protect.settings import RestorablyProtecting
from mitsgan.jobs.verify import verify
from mitsgan.jobs.verify.settings import VerifyFile
from mitsgan.node.processing import worker
from mitsgan.node.processing.tasks import CompareTask, ProtectTask, Task


def test_a_comparison_writes_only_where_the_node_clears_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted: list[Path] = []

    def verified(settings: VerifyFile) -> SimpleNamespace:
        assert settings.trust is not None
        trusted.append(settings.trust)
        return SimpleNamespace(verdict="intact", seal=None)

    monkeypatch.setattr(verify, "verify_file", verified)
    monkeypatch.setattr(worker, "_public_key", lambda how: b"key")
    source = tmp_path / "work" / "back"
    source.mkdir(parents=True)
    how = RestorablyProtecting(sign=Path("key"))
    task = CompareTask(source=source, seal=tmp_path / "seal.json", settings=how)
    assert worker.Worker().do(Task(compare=task)).verdict == "intact"
    assert [path.parent.parent for path in trusted] == [source.parent]
    assert list(source.parent.iterdir()) == [source]


def test_an_object_that_would_be_left_out_holds_its_series_back(
    phantom: Path, tmp_path: Path
) -> None:
    """It was acknowledged: its sender has deleted it, and the node will."""
    path = sorted(phantom.iterdir())[0]
    dataset = dcmread(path)
    dataset.Modality, dataset.SOPInstanceUID = "MR", generate_uid()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(phantom / "other.dcm")
    how = RestorablyProtecting(protector="noise")
    task = ProtectTask(source=phantom, out=tmp_path / "out", settings=how)
    answer = worker.Worker().do(Task(protect=task))
    assert answer.error.startswith("1 object of it is no slice of the scan, and would not be sent")
    assert "object of modality MR" in answer.error
    assert not answer.passing
    (phantom / "other.dcm").unlink()
    task = ProtectTask(source=phantom, out=tmp_path / "again", settings=how)
    assert worker.Worker().do(Task(protect=task)).error == ""
