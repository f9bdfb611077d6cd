"""A node and its peers on loopback, started once for the tests that share them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from node_peers import NodeProcess, Orthanc, Storescp, free_port, renew, tool

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Peers start while other tests have the processors: allow for it."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(900))


ROUTE = """
[[routes]]
name = "{name}"
action = "{action}"
destinations = {destinations}
calling = ["{calling}"]
quiet_seconds = {quiet}
expected = "ImagesInAcquisition"
{more}
"""


def route(
    name: str,
    action: str,
    destinations: list[str],
    *,
    calling: str = "",
    quiet: float = 30,
    more: str = "",
) -> str:
    """A route in TOML, for the sender of its name in capitals.

    Series tell how many objects they have, so that no pause of a slow machine divides one.
    """
    return ROUTE.format(
        name=name,
        action=action,
        destinations=destinations,
        calling=calling or name.upper(),
        quiet=quiet,
        more=more,
    )


NOISE = '[routes.protect]\nprotector = "noise"\nmax_hu = 5.0\n'
"""The quickest protector: it needs no network."""


@pytest.fixture(scope="session")
def peers() -> None:
    """Skip where a peer is not installed."""
    lacking = [
        name for name in ("Orthanc", "storescu", "storescp", "dcmqrscp") if tool(name) is None
    ]
    if lacking:
        pytest.skip(f"not installed: {', '.join(lacking)} (Debian: orthanc, dcmtk)")


@pytest.fixture(scope="session")
def _phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "series"
    phantom_series(chest((16, 64, 64), (12.0, 5.6, 5.6), seed=3), folder)
    return folder


@pytest.fixture
def phantom(_phantom: Path, tmp_path: Path) -> Path:
    """A small chest as a DICOM series of 16 slices, under UIDs that no other test knows."""
    return renew(_phantom, tmp_path / "phantom")


def small_series(folder: Path, slices: int = 8) -> Path:
    """A series that is quick to make and to protect."""
    phantom_series(chest((slices, 32, 32), (24.0, 11.2, 11.2), seed=100), folder / "made")
    return renew(folder / "made", folder / "series")


class World:
    """A node, an archive, a plain receiver, and what the node's configuration says of them."""

    def __init__(self, folder: Path, routes: str, *, node: str = "", archive: str = "") -> None:
        self.folder = folder
        port = free_port()
        self.archive = Orthanc(folder / "archive", port)
        self.plain = Storescp(folder / "plain", "+xa", "+B")
        config = (
            f'spool = "spool"\nreserve_mb = 10\nreserve_memory_mb = 10\n{node}\n'
            f"[listen]\nport = {port}\n"
            "[retry]\nattempts = 6\ndelivery_attempts = 6\n"
            "first_seconds = 0.5\nlongest_seconds = 2\n"
            f"{routes}\n"
            f'[destinations.archive]\nae_title = "ORTHANC"\naddress = "127.0.0.1"\n'
            f"port = {self.archive.port}\n{archive}\n"
            f'[destinations.plain]\nae_title = "STORESCP"\naddress = "127.0.0.1"\n'
            f"port = {self.plain.port}\n"
            f'[destinations.lenient]\nae_title = "STORESCP"\naddress = "127.0.0.1"\n'
            f'port = {self.plain.port}\non_failure = "pass"\n'
        )
        self.node = NodeProcess(folder / "node", config, port)

    def start(self) -> None:
        """Start all."""
        self.archive.start()
        self.plain.start()
        self.node.start()

    def stop(self) -> None:
        """End all."""
        for program in (self.node, self.archive, self.plain):
            program.stop()


@pytest.fixture(scope="module")
def world(peers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A node with a route of every kind, each for its own sender."""
    folder = tmp_path_factory.mktemp("world")
    routes = (
        route("protects", "protect", ["archive"], more=NOISE)
        + route("mixed", "protect", ["archive"], quiet=2, more='others = "forward"\n' + NOISE)
        + route("late", "protect", ["archive"], quiet=4, more=NOISE)
        + route("passes", "pass", ["archive"], quiet=1, more='others = "forward"')
        + route("divides", "protect", ["plain", "lenient"], quiet=1, more=NOISE)
    )
    world = World(folder, routes)
    try:
        world.start()
        yield world
    finally:
        world.stop()


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Let sockets that pynetdicom left end within the test that has left them."""
    yield
    gc.collect()
