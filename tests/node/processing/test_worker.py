"""What a worker leaves when it is killed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from mitsgan.jobs.protect.settings import RestorablyProtecting
from mitsgan.jobs.verify import verify
from mitsgan.jobs.verify.settings import VerifyFile
from mitsgan.node.processing import worker
from mitsgan.node.processing.tasks import CompareTask, Task


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
