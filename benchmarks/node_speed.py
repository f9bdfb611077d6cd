"""How fast a node receives and forwards, beside a program that only writes and only sends.

    python benchmarks/node_speed.py docs/results/node-speed.json

All on loopback, one after another in one run, several times: each number is the ratio of two times
measured next to each other. The sender is dcmtk's storescu, the series a synthetic one of 300
slices of 512 x 512.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pynetdicom import AE, _config, evt
from pynetdicom.events import Event

from machine import load_average, machine
from mitsgan import __version__
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from node_peers import NodeProcess, Storescp, free_port, listens, renew, storescu, wait_for

CT = "1.2.840.10008.5.1.4.1.1.2"
SLICES, SIZE = 300, 512

CONFIG = """
spool = "spool"
[listen]
port = {port}
[[routes]]
name = "protect"
action = "protect"
destinations = ["archive"]
calling = ["PROTECT"]
quiet_seconds = 1
expected = "ImagesInAcquisition"
[[routes]]
name = "pass"
action = "pass"
destinations = ["archive"]
calling = ["PASS"]
quiet_seconds = 3600
[destinations.archive]
ae_title = "STORESCP"
address = "127.0.0.1"
port = {archive}
"""


def bare_receiver(folder: str, port: int) -> None:
    """A storage SCP of pynetdicom that writes what it gets, and nothing else."""

    def store(event: Event) -> int:
        name = str(event.request.AffectedSOPInstanceUID)  # type: ignore[union-attr]
        (Path(folder) / f"{name}.dcm").write_bytes(event.encoded_dataset())
        return 0

    ae = AE("MITSGAN")
    ae.maximum_pdu_size = 262144  # as the node's
    ae.add_supported_context(CT)
    ae.start_server(("127.0.0.1", port), block=True, evt_handlers=[(evt.EVT_C_STORE, store)])


def bare_sender(folder: str, port: int) -> None:
    """Send a folder in one association, and nothing else; files are not decoded."""
    _config.STORE_SEND_CHUNKED_DATASET = True
    ae = AE("BARE")
    ae.add_requested_context(CT)
    association = ae.associate("127.0.0.1", port, ae_title="STORESCP")
    for path in sorted(Path(folder).iterdir()):
        if association.send_c_store(path).Status != 0:
            raise RuntimeError("the receiver failed")
    association.release()


def seconds(do: Callable[[], object]) -> float:
    """How long something takes."""
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


def peak_mb(node: NodeProcess) -> dict[str, float]:
    """Largest resident memory of a node and of its worker so far."""
    assert node.process is not None
    pids = {"node": str(node.process.pid)}
    for task in Path(f"/proc/{node.process.pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            pids["worker"] = child
    peaks = {}
    for name, pid in pids.items():
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        line = next(line for line in lines if line.startswith("VmHWM"))
        peaks[name] = round(int(line.split()[1]) / 1e3, 1)
    return peaks


def measure(series: Path, folder: Path, repeats: int) -> dict[str, object]:
    """All four times, side by side, so often."""
    spawn = multiprocessing.get_context("spawn")
    bare_port, node_port = free_port(), free_port()
    archive = Storescp(folder / "archive")
    node = NodeProcess(
        folder / "node", CONFIG.format(port=node_port, archive=archive.port), node_port
    )
    (folder / "bare").mkdir()
    bare = spawn.Process(target=bare_receiver, args=(str(folder / "bare"), bare_port), daemon=True)
    bare.start()
    wait_for(lambda: listens(bare_port), 60, "the bare receiver")
    archive.start()
    node.start()
    runs = []
    try:
        for number in range(-1, repeats):  # the first warms everything up
            run = _run(number, series, folder, node, archive, bare_port)
            shutil.rmtree(archive.kept)
            archive.kept.mkdir()
            if number >= 0:
                runs.append(run)
        memory = peak_mb(node)
    finally:
        bare.terminate()
        node.stop()
        archive.stop()
    return {
        "runs": runs,
        "receive_ratio": _ratio(runs, "node_receive", "bare_receive"),
        "forward_ratio": _ratio(runs, "node_whole", "bare_receive", "bare_send"),
        "peak_mb": memory,
    }


def _run(
    number: int, series: Path, folder: Path, node: NodeProcess, archive: Storescp, bare_port: int
) -> dict[str, float]:
    """One of each, in this order."""
    one = renew(series, folder / f"pass{number}")
    two = renew(series, folder / f"protect{number}")
    count = len(list(one.iterdir()))
    send = multiprocessing.get_context("spawn").Process
    run = {
        "bare_receive": seconds(lambda: storescu(bare_port, one)),
        "node_receive": seconds(lambda: storescu(node.port, one, calling="PASS")),
    }
    sender = send(target=bare_sender, args=(str(one), archive.port))
    sender.start()
    wait_for(lambda: any(archive.kept.iterdir()), 60, "the first object")
    run["bare_send"] = seconds(sender.join)
    shutil.rmtree(archive.kept)
    archive.kept.mkdir()

    def whole() -> None:
        storescu(node.port, two, calling="PROTECT")
        wait_for(lambda: node.states()[-1] == "committed", 1800, "the series to be committed")

    run["node_whole"] = seconds(whole)
    if len(list(archive.kept.iterdir())) != count:
        raise RuntimeError("the archive lacks objects")
    for path in (one, two):
        shutil.rmtree(path)
    return {name: round(value, 3) for name, value in run.items()}


def _phantom(folder: Path, slices: int) -> Path:
    """A synthetic chest; takes a minute or more, and some memory."""
    phantom_series(chest((slices, SIZE, SIZE), (300 / slices, 0.7, 0.7), seed=1), folder)
    return folder


def _ratio(runs: list[dict[str, float]], of: str, *to: str) -> dict[str, float]:
    """Median, least and largest of the ratios of each run."""
    ratios = [run[of] / sum(run[name] for name in to) for run in runs]
    return {
        "median": round(statistics.median(ratios), 2),
        "least": round(min(ratios), 2),
        "largest": round(max(ratios), 2),
    }


def main() -> None:
    """Measure, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--slices", type=int, default=SLICES)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--series", type=Path, help="a folder of CT, in place of a new phantom")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        series = given.series or _phantom(folder / "series", given.slices)
        slices = len(list(series.iterdir()))
        measured = measure(series, folder, given.repeats)
    result = {
        "schema": 1,
        "kind": "node speed",
        "version": __version__,
        "slices": slices,
        "size": SIZE,
        **measured,
        "load_average": load_average(),
        "machine": machine(),
    }
    given.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
