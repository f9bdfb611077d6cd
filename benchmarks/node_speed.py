"""How fast a node receives and forwards, beside a program that only writes and only sends.

    python benchmarks/node_speed.py --output docs/results/node-speed.json

All on loopback, one after another in one run, several times: each number is the ratio of two times
measured next to each other. The sender is dcmtk's storescu, the series a synthetic one of 300
slices of 512 x 512, whose making takes a part of the time.

The bare sender is pynetdicom's as it comes: the system holds the end of each of its messages back
until the peer has confirmed what came before (Nagle's algorithm). The same without that hold is
measured beside it, for it is many times faster; so is protecting alone, as `mitsgan protect` does.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pynetdicom import AE, _config, evt
from pynetdicom.events import Event

from machine import load_average, machine
from measuring import add_output, exit_code, result_head
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.outputs import check_file, write_json
from mitsgan.jobs.protect.file import load_protection, protect_file
from mitsgan.jobs.protect.settings import ProtectFile
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


def bare_sender(folder: str, port: int, at_once: bool = False) -> None:
    """Send a folder in one association, and nothing else; files are not decoded.

    Args:
        folder: with the files.
        port: of the receiver.
        at_once: let no end of a message be held back.
    """

    def open_up(event: Event) -> None:
        connection = event.assoc.dul.socket
        if connection is not None and connection.socket is not None:
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    _config.STORE_SEND_CHUNKED_DATASET = True
    ae = AE("BARE")
    ae.add_requested_context(CT)
    handlers: list[Any] = [(evt.EVT_CONN_OPEN, open_up)] if at_once else []
    association = ae.associate("127.0.0.1", port, ae_title="STORESCP", evt_handlers=handlers)
    for path in sorted(Path(folder).iterdir()):
        if association.send_c_store(path).Status != 0:
            raise RuntimeError("the receiver failed")
    association.release()


def seconds(do: Callable[[], object]) -> float:
    """How long something takes."""
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


def protect_alone(series: Path, out: Path) -> tuple[float, float]:
    """Seconds, and those of processors, that protecting takes without a node, weights loaded."""
    settings = ProtectFile(scan=series, out=out)
    protection = load_protection(settings)
    start, cpu = time.perf_counter(), time.process_time()
    protect_file(settings, protection=protection)
    took = time.perf_counter() - start, time.process_time() - cpu
    shutil.rmtree(out)
    return took


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
    """All times, side by side, so often."""
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
        "forward_ratio_at_once": _ratio(runs, "node_whole", "bare_receive", "bare_send_at_once"),
        "protect_share": _ratio(runs, "protect", "node_whole"),
        "peak_mb": memory,
    }


def _run(
    number: int, series: Path, folder: Path, node: NodeProcess, archive: Storescp, bare_port: int
) -> dict[str, float]:
    """One of each, in this order."""
    one = renew(series, folder / f"pass{number}")
    two = renew(series, folder / f"protect{number}")
    count = len(list(one.iterdir()))
    run = {
        "bare_receive": seconds(lambda: storescu(bare_port, one)),
        "node_receive": seconds(lambda: storescu(node.port, one, calling="PASS")),
    }
    if number >= 0:  # the first run warms the node up, and the rest needs no warmth
        run |= _sends(one, archive)
        run["protect"], run["protect_cpu"] = protect_alone(one, folder / f"alone{number}")

    def whole() -> None:
        storescu(node.port, two, calling="PROTECT")
        wait_for(lambda: node.states()[-1] == "committed", 1800, "the series to be committed")

    run["node_whole"] = seconds(whole)
    if len(list(archive.kept.iterdir())) != count:
        raise RuntimeError("the archive lacks objects")
    for path in (one, two):
        shutil.rmtree(path)
    return {name: round(value, 3) for name, value in run.items()}


def _sends(series: Path, archive: Storescp) -> dict[str, float]:
    """Sending a folder and nothing else, as pynetdicom comes and without held back messages."""
    send = multiprocessing.get_context("spawn").Process
    took = {}
    for name, at_once in (("bare_send", False), ("bare_send_at_once", True)):
        sender = send(target=bare_sender, args=(str(series), archive.port, at_once))
        sender.start()
        wait_for(lambda: any(archive.kept.iterdir()), 60, "the first object")
        took[name] = seconds(sender.join)
        shutil.rmtree(archive.kept)
        archive.kept.mkdir()
    return took


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


def main() -> int:
    """Measure, and write the result; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_output(parser)
    parser.add_argument("--slices", type=int, default=SLICES)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--series", type=Path, help="a folder of CT, in place of a new phantom")
    given = parser.parse_args()

    def work() -> int:
        check_file(given.output, given.overwrite, "output", source=given.series)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            folder = Path(name)
            series = given.series or _phantom(folder / "series", given.slices)
            slices = len(list(series.iterdir()))
            measured = measure(series, folder, given.repeats)
        result = {
            **result_head("node speed"),
            "slices": slices,
            "size": SIZE,
            **measured,
            "load_average": load_average(),
            "machine": machine(),
        }
        write_json(given.output, result, overwrite=given.overwrite)
        return 0

    return exit_code("node_speed", work)


if __name__ == "__main__":
    sys.exit(main())
