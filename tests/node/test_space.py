"""A disk that is full or nearly: nothing is acknowledged that was not stored, nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom import AE
from tests.node.conftest import NOISE, route, small_series

from node_peers import NodeProcess, Storescp, free_port

pytestmark = [
    pytest.mark.slow,
    # pynetdicom leaves a socket that was refused to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CT = "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk")
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def statuses(port: int, files: list[Path]) -> list[int | None]:
    ae = AE("CT")
    ae.add_requested_context(CT)
    association = ae.associate("127.0.0.1", port)
    answers: list[int | None] = []
    for path in files:
        status = association.send_c_store(dcmread(path))
        answers.append(int(status.Status) if "Status" in status else None)
        if answers[-1] is None:  # aborted
            return answers
    association.release()
    return answers


@pytest.mark.parametrize("reserve", [2, 0])
def test_a_full_disk_takes_nothing_and_loses_nothing(
    peers: None, small_disk: Path, tmp_path: Path, reserve: int
) -> None:
    archive = Storescp(tmp_path / "archive", "+xa", title="PACS")
    port = free_port()
    config = (
        f'spool = "{small_disk}/spool"\nreserve_mb = {reserve}\nreserve_memory_mb = 10\n'
        f"[listen]\nport = {port}\n[retry]\nattempts = 50\nfirst_seconds = 0.5\n"
        "longest_seconds = 1\n"
        + route("ct", "protect", ["pacs"], quiet=3600, more=NOISE)
        + f'[destinations.pacs]\nae_title = "PACS"\naddress = "127.0.0.1"\nport = {archive.port}\n'
    )
    node = NodeProcess(tmp_path / "node", config, port)
    node.spool = small_disk / "spool"
    series = small_series(tmp_path)
    archive.start()
    node.start()
    try:
        ballast = small_disk / "ballast"
        left = shutil.disk_usage(small_disk).free - 1_000_000 * reserve
        ballast.write_bytes(b"\0" * (left - 8_000))  # room for two or three objects of 2 kB
        answers = statuses(port, sorted(series.iterdir()) * 2)
        taken = sum(answer == 0 for answer in answers)
        assert answers[-1] in (0xA700, None)
        ballast.unlink()
        assert statuses(port, sorted(series.iterdir())) == [0] * 8
        node.wait_ended(1, 300)
        assert node.states() == ["committed"]
        assert len(list(archive.kept.iterdir())) == 8
        assert taken < 16
        log = node.log.read_text()
        assert (
            log.count("answers A700: too little free space") == log.count("again") == (reserve > 0)
        )
    finally:
        node.stop()
        archive.stop()
