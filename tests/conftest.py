"""What several tests share: where the real scans are, and small phantoms."""

from __future__ import annotations

import errno
import gc
import inspect
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before torch is imported, and for all that tests start: on one thread each, workers do not
    # get in each other's way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan

_HERE = Path(__file__).parent
_BESIDE_THE_REPOSITORY = _HERE.parents[1] / "shared" / "data"

_PROCESSES_DO_NOT_COUNT = frozenset({"benchmarks", "docs", "tools"})
"""Tests whose processes run what the tests of other rooms run, too."""

_MEASURED = "COVERAGE_PROCESS_CONFIG"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure no coverage of processes that tests of those rooms start.

    They would take half as long again.
    """
    room = item.path.relative_to(_HERE).parts[0]
    measured = os.environ.pop(_MEASURED, None) if room in _PROCESSES_DO_NOT_COUNT else None
    try:
        return (yield)
    finally:
        if measured is not None:
            os.environ[_MEASURED] = measured


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """All modules are here to stay: the garbage collector need not look through them.

    They are there an eighth sooner, and tests that let it run on purpose, as those of the node do
    after each, take a tenth of the time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real scans; a test that asks for it skips where there is none.

    ``MITSGAN_DATA`` names it; without it, ``../shared/data`` as seen from the repository.
    """
    named = os.environ.get("MITSGAN_DATA")
    folder = Path(named) if named else _BESIDE_THE_REPOSITORY
    if not folder.is_dir():
        pytest.skip(f"no real scans at {folder}: set MITSGAN_DATA to their folder")
    return folder


@pytest.fixture(scope="module")
def few_samples() -> Iterator[None]:
    """A scan is measured at a tenth of the places at which it would be."""
    from mitsgan.evaluate.attacks.healthy_lung import healthy_lung
    from mitsgan.evaluate.diagnosis import nodule_calls

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(inspect.unwrap(healthy_lung).__kwdefaults__, "count", 100)
        patch.setattr(nodule_calls, "LUNG_PLACES", 20)
        yield


@pytest.fixture(scope="session")
def small_chest() -> Scan:
    """A whole chest on a coarse grid, 32 x 64 x 64 at 6 x 5.6 x 5.6 mm; made once."""
    return chest((32, 64, 64), (6.0, 5.6, 5.6), seed=1)


@pytest.fixture
def unlistable(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes a folder one that cannot be listed, even by root, whom permissions do not stop."""
    real = os.scandir

    def make(folder: Path) -> None:
        def scandir(path: Path | str | int) -> Iterator[os.DirEntry[str]]:
            if not isinstance(path, int) and Path(path) == folder:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return real(path)

        monkeypatch.setattr(os, "scandir", scandir)

    return make
