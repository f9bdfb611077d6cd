"""The plugin of Orthanc: a series that becomes stable comes back protected, once."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid
from tests.node.conftest import NOISE, route

from node_peers import NodeProcess, Orthanc, free_port, wait_for

PLUGIN = Path(__file__).parents[2] / "deploy" / "node" / "orthanc_plugin.py"
LIBRARY = Path("/usr/share/orthanc/plugins/libOrthancPython.so")


@contextmanager
def pair(folder: Path, *, delete: bool = False) -> Iterator[tuple[Orthanc, NodeProcess]]:
    """An Orthanc with the plugin, and a node whose route leads back to it; neither runs yet."""
    if not LIBRARY.exists():
        pytest.skip("not installed: Debian's orthanc-python")
    port = free_port()
    archive = Orthanc(folder / "archive", port)
    path = archive.folder / "orthanc.json"
    settings = json.loads(path.read_text())
    settings |= {
        "Plugins": [str(LIBRARY)],
        "PythonScript": str(PLUGIN),
        "StableAge": 3,
        "Mitsgan": {"Node": "node", "DeleteOriginals": delete},
    }
    path.write_text(json.dumps(settings))
    config = (
        f'spool = "spool"\nreserve_mb = 10\nreserve_memory_mb = 10\n[listen]\nport = {port}\n'
        + route("ct", "protect", ["archive"], calling="ORTHANC", more=NOISE)
        + f'[destinations.archive]\nae_title = "ORTHANC"\naddress = "127.0.0.1"\n'
        f"port = {archive.port}\n"
    )
    node = NodeProcess(folder / "node", config, port)
    try:
        yield archive, node
    finally:
        node.stop()
        archive.stop()


def put(archive: Orthanc, files: Iterable[Path]) -> None:
    for file in files:
        url = f"http://127.0.0.1:{archive.http}/instances"
        urllib.request.urlopen(urllib.request.Request(url, file.read_bytes())).close()


def stable(archive: Orthanc) -> int:
    """How often a series became stable."""
    changes = archive.get("/changes?limit=1000")["Changes"]
    return sum(change["ChangeType"] == "StableSeries" for change in changes)


@pytest.mark.slow
def test_a_stable_series_comes_back_protected_and_goes_round_no_more(
    peers: None, phantom: Path, tmp_path: Path
) -> None:
    with pair(tmp_path) as (archive, node):
        archive.start()
        node.start()
        put(archive, phantom.iterdir())
        wait_for(lambda: node.spool.exists() and node.states() == ["committed"], 300, "the end")
        assert len(archive.uids()) == 32
        wait_for(lambda: stable(archive) == 2, 60, "the protected series to be stable, too")
        time.sleep(2)
        assert node.states() == ["committed"]
        assert len(archive.uids()) == 32


@pytest.mark.slow
def test_a_series_is_handed_over_once_the_node_is_there(
    peers: None, phantom: Path, tmp_path: Path
) -> None:
    """The node does not run when it becomes stable, and then Orthanc is killed."""
    with pair(tmp_path) as (archive, node):
        archive.start()
        put(archive, phantom.iterdir())
        wait_for(lambda: "; next in 5 s" in archive.log.read_text(), 60, "the first attempt")
        archive.kill()
        archive.start()
        node.start()
        wait_for(lambda: node.spool.exists() and node.states() == ["committed"], 300, "the end")
        assert len(archive.uids()) == 32


@pytest.mark.slow
def test_nothing_is_deleted_that_has_not_come_back(
    peers: None, phantom: Path, tmp_path: Path
) -> None:
    """A localizer, which the node has no better one of; and what was sent twice goes twice."""
    localizer = tmp_path / "localizer.dcm"
    dataset = dcmread(min(phantom.iterdir()))
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    dataset.SeriesInstanceUID, dataset.ImagesInAcquisition = generate_uid(), 1
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.save_as(localizer)
    originals = {str(dcmread(path).SOPInstanceUID) for path in phantom.iterdir()}
    with pair(tmp_path, delete=True) as (archive, node):
        archive.start()
        node.start()
        for _ in range(2):
            put(archive, [*phantom.iterdir(), localizer])
            assert originals < set(archive.uids())
            wait_for(lambda: not originals & set(archive.uids()), 300, "the originals to go")
        assert node.states() == ["committed", "committed"]
        left = archive.uids()
        assert len(left) == 17
        assert str(dataset.SOPInstanceUID) in left


def test_the_plugin_is_small_and_needs_only_the_standard_library() -> None:
    code = PLUGIN.read_text().split('"""', 2)[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 120
    names = {line.split()[1] for line in code.splitlines() if line.startswith("import ")}
    assert names - {"orthanc"} <= set(sys.stdlib_module_names)
