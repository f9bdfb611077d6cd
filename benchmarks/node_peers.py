"""Real peers of the node on loopback, for its tests and its campaign: Orthanc and dcmtk."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Collection
from itertools import count
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.uid import generate_uid

from mitsgan.node.store.ledger import Ledger

TOOLS = ("Orthanc", "storescu", "storescp")
SYSTEM = "/usr/bin:/usr/sbin"  # pynetdicom puts programs of dcmtk's names into an environment


def tool(name: str) -> str | None:
    """The path of a program of the system, or None."""
    return shutil.which(name, path=f"{SYSTEM}:{os.environ['PATH']}")


_PORTS = count(12_000 + os.getpid() % 200 * 100)
_RESERVED: list[int] = []
"""Locks of ports that this process gave away; the system frees them when it ends."""


def free_port() -> int:
    """A port that nobody listens at now, and that no process of these was given before.

    Below those that systems give to whoever connects. Each is locked by a file until this process
    ends, so that between the look and the use nobody else takes it.
    """
    for port in _PORTS:
        if not _reserve(port):
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("ports do not end")


def _reserve(port: int) -> bool:
    """Whether this process now has a port for itself, among those that ask here."""
    path = Path(tempfile.gettempdir()) / f"mitsgan-port-{port}"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return False
    _RESERVED.append(handle)
    return True


def wait_for(ready: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it is not, in that time.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether somebody takes connections at a port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


class Program:
    """A program that listens at a port, started and ended by us."""

    def __init__(self, command: list[str], port: int, folder: Path, name: str) -> None:
        self.command, self.port, self.folder = command, port, folder
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 120) -> None:
        """Start it, and wait until it listens."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder
            )

        def ready() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.command[0]} ended: {self.log.read_text()[-2000:]}")
            return listens(self.port)

        wait_for(ready, seconds, self.command[0])

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int | None:
        """End it, with SIGKILL where it does not; its exit code."""
        if self.process is None:
            return None
        self.process.send_signal(how)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def kill(self) -> None:
        """End it as a crash does."""
        self.stop(signal.SIGKILL)


class Orthanc(Program):
    """Debian's Orthanc, an archive with C-FIND, C-GET and storage commitment."""

    def __init__(self, folder: Path, node_port: int, title: str = "ORTHANC") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.http, port = free_port(), free_port()
        settings = {
            "Name": "archive",
            "StorageDirectory": str(folder / "db"),
            "IndexDirectory": str(folder / "db"),
            "HttpPort": self.http,
            "DicomPort": port,
            "DicomAet": title,
            "DicomModalities": {"node": ["MITSGAN", "127.0.0.1", node_port]},
            "AuthenticationEnabled": False,
            "RemoteAccessAllowed": False,
            "DicomAlwaysAllowGet": True,
            "OverwriteInstances": False,
            "Plugins": [],
        }
        (folder / "orthanc.json").write_text(json.dumps(settings))
        super().__init__([tool("Orthanc") or "Orthanc", "orthanc.json"], port, folder, "orthanc")

    def get(self, path: str) -> Any:
        """A document of its REST interface."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=60) as answer:
            return json.load(answer)

    def uids(self) -> list[str]:
        """SOP Instance UIDs of all that it has."""
        return [entry["MainDicomTags"]["SOPInstanceUID"] for entry in self.get("/instances?expand")]

    def files(self, folder: Path, wanted: Collection[str] | None = None) -> Path:
        """Write what it has into a folder, by SOP Instance UID; all of it, or what is wanted."""
        folder.mkdir(parents=True, exist_ok=True)
        for entry in self.get("/instances?expand"):
            uid = entry["MainDicomTags"]["SOPInstanceUID"]
            if wanted is not None and uid not in wanted:
                continue
            url = f"http://127.0.0.1:{self.http}/instances/{entry['ID']}/file"
            with urllib.request.urlopen(url, timeout=60) as answer:
                (folder / f"{uid}.dcm").write_bytes(answer.read())
        return folder


class Storescp(Program):
    """dcmtk's storage SCP, which keeps what it gets bit for bit and knows no queries."""

    def __init__(self, folder: Path, *options: str, title: str = "STORESCP") -> None:
        port = free_port()
        self.kept = folder / "kept"
        self.kept.mkdir(parents=True, exist_ok=True)
        command = [tool("storescp") or "storescp", "-aet", title, "-od", str(self.kept)]
        super().__init__([*command, *options, str(port)], port, folder, "storescp")


class Dcmqrscp(Program):
    """dcmtk's archive: C-FIND, C-MOVE and C-GET."""

    def __init__(self, folder: Path, node_port: int, title: str = "QRSCP") -> None:
        port = free_port()
        (folder / "kept").mkdir(parents=True, exist_ok=True)
        (folder / "dcmqrscp.cfg").write_text(
            f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
            f"HostTable BEGIN\nnode = (MITSGAN, 127.0.0.1, {node_port})\nHostTable END\n"
            "VendorTable BEGIN\nVendorTable END\n"
            f"AETable BEGIN\n{title} {folder / 'kept'} RW (200, 1024mb) ANY\nAETable END\n"
        )
        command = [tool("dcmqrscp") or "dcmqrscp", "-c", str(folder / "dcmqrscp.cfg")]
        super().__init__(command, port, folder, "dcmqrscp")


class NodeProcess(Program):
    """A node of its own process, as its user runs it."""

    def __init__(self, folder: Path, config: str, port: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "node.toml"
        self.config.write_text(config)
        code = "import sys; from mitsgan.cli.main import main; sys.exit(main())"
        command = [sys.executable, "-c", code, "node", "run", str(self.config)]
        super().__init__(command, port, folder, "node")
        self.spool = folder / "spool"

    def ledger(self) -> Ledger:
        """Its ledger, to look at."""
        return Ledger(self.spool / "ledger.sqlite")

    def states(self) -> list[str]:
        """The state of every series, the oldest first."""
        ledger = self.ledger()
        try:
            return [series.state for series in ledger.in_states()]
        finally:
            ledger.close()

    def wait_ended(self, count: int, seconds: float) -> None:
        """Wait until so many series have ended, and none is under way."""

        def ended() -> bool:
            ends = [state in ("committed", "dead", "refused") for state in self.states()]
            return len(ends) >= count and all(ends)

        wait_for(ended, seconds, f"{count} series to end")


def renew(series: Path, folder: Path) -> Path:
    """The same series under other UIDs, so that it is no duplicate; it tells its own length."""
    folder.mkdir(parents=True)
    files = sorted(series.iterdir())
    uid = generate_uid()
    for path in files:
        dataset = dcmread(path)
        dataset.SeriesInstanceUID = uid
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.ImagesInAcquisition = len(files)
        dataset.save_as(folder / path.name)
    return folder


def storescu(port: int, path: Path, *options: str, calling: str = "CT1") -> int:
    """Send a file or a folder with dcmtk; its exit code."""
    command = [tool("storescu") or "storescu", "-aet", calling, "-aec", "MITSGAN", "-R", *options]
    ran = subprocess.run(
        [*command, "+sd", "+r", "127.0.0.1", str(port), str(path)], capture_output=True, timeout=300
    )
    return ran.returncode


def fuzz(port: int, seconds: float, seed: int) -> int:
    """Send malformed PDUs for so long; how many connections that were.

    Half are noise, half are a good A-ASSOCIATE-RQ in which bytes were changed, with more behind it.
    """
    chance = random.Random(seed)
    good = _associate_request()
    deadline, connections = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        if chance.random() < 0.5:
            data = bytearray(chance.randbytes(chance.randint(1, 2000)))
            data[0] = chance.randint(0, 8)
        else:
            data = bytearray(good)
            for _ in range(chance.randint(0, 6)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            data += b"\x04\x00" + chance.randbytes(chance.randint(0, 500))
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
                peer.settimeout(0.02)
                peer.sendall(data)
                with contextlib.suppress(TimeoutError):
                    peer.recv(4096)
        except OSError:
            pass  # it has closed the connection, as it should
        connections += 1
    return connections


def _associate_request() -> bytes:
    """An A-ASSOCIATE-RQ as the node would accept it, but for who calls."""
    from pynetdicom.pdu import A_ASSOCIATE_RQ
    from pynetdicom.pdu_primitives import (
        A_ASSOCIATE,
        ImplementationClassUIDNotification,
        MaximumLengthNotification,
    )
    from pynetdicom.presentation import build_context

    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = "PASSES", "MITSGAN"
    context = build_context("1.2.840.10008.5.1.4.1.1.2")
    context.context_id = 1
    request.presentation_context_definition_list = [context]
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 16382
    implementation.implementation_class_uid = "1.2.3.4"
    request.user_information = [length, implementation]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(request)
    return bytes(pdu.encode())
