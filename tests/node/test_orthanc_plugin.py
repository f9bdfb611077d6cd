"""The plugin of Orthanc: a series that becomes stable comes back protected, once."""

from __future__ import annotations

import json
import runpy
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.node.conftest import NOISE, route

from node_peers import NodeProcess, Orthanc, free_port, wait_for

PLUGIN = Path(__file__).parents[2] / "deploy" / "node" / "orthanc_plugin.py"
LIBRARY = Path("/usr/share/orthanc/plugins/libOrthancPython.so")


@pytest.mark.slow
def test_a_stable_series_comes_back_protected_and_goes_round_no_more(
    peers: None, phantom: Path, tmp_path: Path
) -> None:
    if not LIBRARY.exists():
        pytest.skip("not installed: Debian's orthanc-python")
    port = free_port()
    archive = Orthanc(tmp_path / "archive", port)
    path = archive.folder / "orthanc.json"
    settings = json.loads(path.read_text())
    settings |= {
        "Plugins": [str(LIBRARY)],
        "PythonScript": str(PLUGIN),
        "StableAge": 3,
        "Mitsgan": {"Node": "node"},
    }
    path.write_text(json.dumps(settings))
    config = (
        f'spool = "spool"\nreserve_mb = 10\nreserve_memory_mb = 10\n[listen]\nport = {port}\n'
        + route("ct", "protect", ["archive"], calling="ORTHANC", more=NOISE)
        + f'[destinations.archive]\nae_title = "ORTHANC"\naddress = "127.0.0.1"\n'
        f"port = {archive.port}\n"
    )
    node = NodeProcess(tmp_path / "node", config, port)
    try:
        archive.start()
        node.start()
        for file in phantom.iterdir():
            url = f"http://127.0.0.1:{archive.http}/instances"
            urllib.request.urlopen(urllib.request.Request(url, file.read_bytes())).close()
        wait_for(lambda: node.spool.exists() and node.states() == ["committed"], 300, "the end")
        assert len(archive.uids()) == 32

        def stable() -> int:
            changes = archive.get("/changes?limit=1000")["Changes"]
            return sum(change["ChangeType"] == "StableSeries" for change in changes)

        wait_for(lambda: stable() == 2, 60, "the protected series to be stable, too")
        time.sleep(2)
        assert node.states() == ["committed"]
        assert len(archive.uids()) == 32
    finally:
        node.stop()
        archive.stop()


def test_the_plugin_is_small_and_needs_only_the_standard_library() -> None:
    code = PLUGIN.read_text().split('"""', 2)[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 40
    names = {line.split()[1] for line in code.splitlines() if line.startswith("import ")}
    assert names - {"orthanc"} <= set(sys.stdlib_module_names)


def test_only_what_was_handed_over_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices that come while the others are sent are nowhere else."""
    has, handed, over = {"a", "b"}, list[str](), threading.Event()
    heard: list[Callable[..., None]] = []

    def get(path: str) -> str:
        tags = {"Modality": "CT"}
        return json.dumps({"Instances": sorted(has)} if path.startswith("/series") else tags)

    def store(path: str, body: str) -> None:
        handed.extend(json.loads(body))
        has.add("late")

    def delete(path: str) -> None:
        has.remove(path.rpartition("/")[2])
        if len(has) == 1:
            over.set()

    orthanc = SimpleNamespace(
        GetConfiguration=lambda: '{"Mitsgan": {"DeleteOriginals": true}}',
        ChangeType=SimpleNamespace(STABLE_SERIES=1),
        RegisterOnChangeCallback=heard.append,
        RestApiGet=get,
        RestApiPost=store,
        RestApiDelete=delete,
        LogError=lambda text: pytest.fail(text),
    )
    monkeypatch.setitem(sys.modules, "orthanc", orthanc)
    runpy.run_path(str(PLUGIN))
    heard[0](1, 2, "series")
    assert over.wait(10)
    assert (handed, has) == (["a", "b"], {"late"})
