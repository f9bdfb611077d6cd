"""Ray and Slurm with two nodes each on this machine, for tests and campaigns; a node can be killed.

Slurm listens on loopback and lets in whoever is on this machine; Ray listens on all its addresses
and lets in nobody without its token, unless told otherwise. Each lives in a folder of its own;
`contextlib.closing` ends it.
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from node_peers import free_port, wait_for

_PATIENCE_S = 180
"""For a node to come up."""


def family(process: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(folder.name))
    members = [process]
    for member in members:  # grows while it is walked
        members.extend(children.get(member, []))
    return members


def kill_family(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that descend from it, without a warning, as a power cut does."""
    for member in family(process.pid):
        try:
            os.kill(member, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


class RayNodes:
    """A Ray cluster that asks for a token: a head that does no series, and two nodes that do."""

    def __init__(
        self,
        *,
        authenticated: bool = True,
        workers: int = 2,
        offer: Sequence[str] = ("--num-cpus", "1"),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Start it.

        Args:
            authenticated: whether it asks for a token.
            workers: nodes beside the head.
            offer: what each of these offers, as options of `ray start`.
            variables: of the environment of all nodes, beside those of this process.
        """
        # Its own, for the paths of sockets below it must not become longer than the system allows.
        self.folder = Path(tempfile.mkdtemp(prefix="ray-"))
        self.port = free_port()
        token = self.folder / "token"
        token.write_text(os.urandom(32).hex())
        token.chmod(0o600)
        self.environment: Mapping[str, str] = {
            **os.environ,
            **(variables or {}),
            "RAY_AUTH_MODE": "token" if authenticated else "disabled",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ADDRESS": f"127.0.0.1:{self.port}",
        }
        self.nodes: list[subprocess.Popen[bytes]] = []
        self.head = self._start(
            *("--head", "--port", str(self.port), "--num-cpus", "0"),
            *("--temp-dir", str(self.folder / "s"), "--include-dashboard", "false"),
        )
        try:
            address = f"127.0.0.1:{self.port}"
            for _ in range(workers):
                self.nodes.append(self._start("--address", address, *offer))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End all nodes."""
        for process in (*self.nodes, self.head):
            kill_family(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill_node(self) -> None:
        """Kill a node with all its processes."""
        kill_family(self.nodes.pop())

    def has_ended_for_memory(self) -> bool:
        """Whether Ray tells that it ended processes for want of memory; of how many, it does not.

        It tells at once of the first, and of those of the next minutes together or not at all.
        """
        events = (self.folder / "s").glob("session_*/logs/events/event_RAYLET.log")
        return any(
            json.loads(line)["label"] == "Out of Memory"
            for path in events
            for line in path.read_text().splitlines()
        )

    def _start(self, *options: str) -> subprocess.Popen[bytes]:
        """Start a node, and wait until it is up: of two that start at once, one may not come up."""
        path = self.folder / f"{len(list(self.folder.glob('*.log')))}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *options),
                    *("--node-ip-address", "127.0.0.1", "--disable-usage-stats"),
                    *("--object-store-memory", "100000000"),
                    # Whichever are free, for those that Ray takes by itself may be ours.
                    *("--min-worker-port", "0", "--max-worker-port", "0"),
                ],
                env={k: v for k, v in self.environment.items() if k != "RAY_ADDRESS"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_for(
                lambda: "--block" in path.read_text() or process.poll() is not None,
                *(_PATIENCE_S, "Ray's node"),
            )
            if process.poll() is not None:
                raise RuntimeError(f"Ray's node did not start: {path.read_text()[-2000:]}")
        except BaseException:
            kill_family(process)
            raise
        return process


_SLURM = """
ClusterName=mitsgan
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
SlurmdTimeout=20
InactiveLimit=0
KillWait=10
MinJobAge=300
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/controller.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/controller.log
SlurmdLogFile={folder}/%n.log
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={first} CPUs=1 RealMemory=4000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={second} CPUs=1 RealMemory=4000
PartitionName=ct Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


class SlurmNodes:
    """A controller of Slurm and two daemons, on loopback; it lets in whoever is on this machine."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        (self.folder / "state").mkdir()
        config = self.folder / "slurm.conf"
        ports = {name: free_port() for name in ("controller", "first", "second")}
        config.write_text(
            _SLURM.format(
                folder=self.folder, host=socket.gethostname(), user=getpass.getuser(), **ports
            )
        )
        self.environment: Mapping[str, str] = {**os.environ, "SLURM_CONF": str(config)}
        self.processes = {"controller": self._start("slurmctld", "-D")}
        for node in ("n1", "n2"):
            self.processes[node] = self._start("slurmd", "-D", "-N", node)
        try:
            wait_for(self._ready, _PATIENCE_S, "both nodes of Slurm are idle")
        except BaseException:
            self.close()
            raise

    @staticmethod
    def there() -> bool:
        """Whether Slurm's daemons are installed, and may be run by this user."""
        return os.getuid() == 0 and all(map(shutil.which, ("slurmctld", "slurmd", "sbatch")))

    def kill_node(self, node: str = "n2") -> None:
        """Kill a daemon and all that runs on its node."""
        kill_family(self.processes.pop(node))
        for process in self._of_node(node):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def _of_node(self, node: str) -> list[int]:
        """Processes of jobs, and those of Slurm that watch over them."""
        mine = str(self.folder).encode()
        members = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                environment = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if f"SLURMD_NODENAME={node}".encode() in environment and any(
                variable.startswith(b"SLURM_CONF=" + mine) for variable in environment
            ):
                members.append(int(folder.name))
        return members

    def close(self) -> None:
        """Cancel all jobs, and end all daemons."""
        subprocess.run(["scancel", "--user", getpass.getuser()], env=self.environment, check=False)
        for node in [name for name in self.processes if name != "controller"]:
            self.kill_node(node)
        kill_family(self.processes["controller"])
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _ready(self) -> bool:
        run = subprocess.run(
            ["sinfo", "--noheader", "--Node", "--format", "%T"],
            env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return run.stdout.split() == ["idle", "idle"]
