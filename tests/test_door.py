"""The door for Python: its names, what it costs to open, and what it refuses."""

from __future__ import annotations

import inspect
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

import mitsgan as mg
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from mitsgan.scan.canonical import reordered
from mitsgan.scan.order import AxisOrder

SOURCE = Path(mg.__file__).parent
FUNCTIONS = [name for name in mg.__all__ if name.islower() and name != "__version__"]


def run(code: str) -> str:
    """What a new interpreter prints."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def scan() -> mg.Scan:
    return chest((24, 96, 96), (8.0, 3.8, 3.8), seed=3)


@pytest.fixture(scope="module")
def series(scan: mg.Scan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source") / "chest"
    phantom_series(scan, folder)
    return folder


def test_opening_it_is_cheap() -> None:
    """It loads nothing of others, hardly anything of ours, and takes less than 50 ms."""
    code = (
        "import sys, time; before = set(sys.modules); start = time.perf_counter();"
        "import mitsgan; print(time.perf_counter() - start, *(set(sys.modules) - before))"
    )
    times = []
    for _ in range(5):
        seconds, *loaded = run(code).split()
        times.append(float(seconds))
        known = {"mitsgan", "importlib", "warnings", "types", "__future__"}
        assert {name.split(".")[0] for name in loaded} <= known
    assert min(times) < 0.05


@pytest.mark.parametrize("name", [name for name in mg.__all__ if name != "__version__"])
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(mg, name)
    assert value.__name__.split(".")[-1] == name
    assert value.__doc__
    assert name in dir(mg)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_take_their_settings_by_name(name: str) -> None:
    parameters = inspect.signature(getattr(mg, name)).parameters.values()
    by_place = [p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert 1 <= len(by_place) <= 2
    assert all(p.annotation is not inspect.Parameter.empty for p in parameters)


def test_rooms_that_share_a_name_with_a_function_are_known() -> None:
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert {name for name in mg.__all__ if name in rooms} == mg._ALSO_ROOMS


# All are looked up by the same lines; the one that is slow imports torch.
_ROOMS = [
    pytest.param(room, marks=[pytest.mark.slow] if room == "evaluate" else [])
    for room in sorted(mg._ALSO_ROOMS)
]


@pytest.mark.parametrize("room", _ROOMS)
def test_a_room_is_room_and_function_whichever_was_asked_for_first(room: str) -> None:
    """Each order begins with a package that nobody has imported; torch is, from the first on."""
    orders = ("", f"import mitsgan.{room}", f"import mitsgan; mitsgan.{room}")
    asked = "\n".join(
        f"forget()\n{first}\n"
        f"import mitsgan as mg; from mitsgan import {room} as function; import mitsgan.{room}\n"
        f"assert callable(mg.{room}) and function is mg.{room}\n"
        f"print(inspect.signature(mg.{room}), mg.{room}.__path__[0])"
        for first in orders
    )
    said = run(
        "import inspect, sys\n"
        "def forget():\n"
        "    for name in [n for n in sys.modules if n.split('.')[0] == 'mitsgan']:\n"
        f"        del sys.modules[name]\n{asked}"
    ).splitlines()
    assert len(said) == len(orders)
    for line in said:
        assert "progress" in line
        assert line.endswith(room)


@pytest.mark.parametrize("name", _ROOMS)
def test_functions_are_called_in_other_processes(name: str) -> None:
    """Pools of processes send a function by pickle, and find it again by its name."""
    function = getattr(mg, name)
    assert pickle.loads(pickle.dumps(function)) is function
    code = f"import pickle; print(callable(pickle.loads({pickle.dumps(function)!r})))"
    assert run(code) == "True\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Scam'"):
        _ = getattr(mg, "Scam")  # noqa: B009


def test_reads_protects_and_writes_dicom(series: Path, tmp_path: Path) -> None:
    scan = mg.read(series)
    protected = mg.protect(scan, max_hu=4, protector="noise")
    mg.write(protected, tmp_path / "out")
    back = mg.read(tmp_path / "out")
    assert (back.stored == protected.scan.stored).all()
    header = dcmread(sorted((tmp_path / "out").iterdir())[0])
    assert "within 4 HU" in header.DerivationDescription
    with pytest.raises(mg.OutputError, match="exists"):
        mg.write(protected, tmp_path / "out")
    mg.write(protected, tmp_path / "out", overwrite=True)


def test_no_two_objects_of_one_uid_are_written(series: Path, tmp_path: Path) -> None:
    """Neither by changing what was protected, nor by writing voxels that nobody protected."""
    scan = mg.read(series)
    protected = mg.protect(scan, protector="noise")
    protected.scan.stored.setflags(write=True)
    protected.scan.stored[12, 48, 48] += 1
    with pytest.raises(mg.OutputError, match="no longer those that were protected"):
        mg.write(protected, tmp_path / "changed")
    with pytest.raises(mg.OutputError, match="written of a protected scan alone"):
        mg.write(scan, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_a_scan_as_such_becomes_an_image(scan: mg.Scan, tmp_path: Path) -> None:
    mg.write(scan, tmp_path / "a.nii.gz")
    assert (mg.read(tmp_path / "a.nii.gz").hu() == scan.hu()).all()


def test_an_array_becomes_a_protected_image(tmp_path: Path, scan: mg.Scan) -> None:
    image = mg.Scan.from_hu(scan.hu().astype(np.int16), scan.spacing)
    protected = mg.protect(image, max_hu=3, device="cpu")
    mg.write(protected, tmp_path / "a.mha")
    moved = mg.read(tmp_path / "a.mha").hu() - image.hu()
    assert 0 < np.abs(moved).max() <= 3
    with pytest.raises(mg.OutputError, match=rf"^{tmp_path / 'dicom'} would be DICOM"):
        mg.write(protected, tmp_path / "dicom")


@pytest.mark.parametrize("given", ["SCAN", np.zeros((4, 8, 8))], ids=["path", "array"])
def test_what_is_no_scan_is_refused(given: Any, scan: mg.Scan, tmp_path: Path) -> None:
    """Whoever is new to it gives a path, or an array."""
    for ask in (
        lambda: mg.protect(given, protector="noise"),
        lambda: mg.tamper(given, "remove", device="cpu"),
        lambda: mg.candidates(given),
        lambda: mg.evaluate(scan, given),
        lambda: mg.evaluate(given, scan),
        lambda: mg.write(given, tmp_path / "a.nrrd"),
    ):
        with pytest.raises(mg.SettingsError, match=r"a scan is wanted, found (str|ndarray)"):
            ask()


def test_nothing_is_protected_twice_by_accident(scan: mg.Scan) -> None:
    protected = mg.protect(scan, protector="noise")
    with pytest.raises(mg.SettingsError, match="this scan is protected"):
        mg.protect(protected, protector="noise")  # type: ignore[arg-type]
    assert mg.protect(protected.scan, protector="noise").largest_hu == 10


def test_the_page_names_no_error_or_training_that_is_not_there() -> None:
    page = (SOURCE.parents[1] / "docs" / "python.md").read_text()
    named = set(re.findall(r"`(?:mg\.)?(\w+(?:Error|Training))`", page))
    assert named <= set(mg.__all__)
    ours = {name for name in mg.__all__ if name.endswith(("Error", "Training"))}
    assert ours <= named


def test_progress_is_told(series: Path, tmp_path: Path) -> None:
    reported: list[str] = []

    def watch(phase: str, done: int, total: int, note: str = "") -> None:
        reported.append(phase)

    protected = mg.protect(mg.read(series, progress=watch), protector="offset", progress=watch)
    mg.write(protected, tmp_path / "out", progress=watch)
    assert list(dict.fromkeys(reported)) == [
        f"reading {series}",
        f"protecting {series}",
        f"writing {tmp_path / 'out'}",
    ]


@pytest.mark.slow
def test_the_order_of_an_array_s_axes_changes_nothing_but_the_order(scan: mg.Scan) -> None:
    """Sagittal slices from the left, rows to the feet: the same voxels at the same places."""
    order = AxisOrder((2, 0, 1), (True, True, False))
    turned = reordered(scan, order)
    given = mg.Scan.from_hu(
        turned.stored - 1024,
        turned.spacing,
        origin_mm=turned.geometry.origin,
        axes=turned.geometry.axes,
    )
    plain = mg.Scan.from_hu(
        scan.stored - 1024, scan.spacing, origin_mm=scan.geometry.origin, axes=scan.geometry.axes
    )
    key = mg.Key(bytes(32))
    one, other = (
        mg.protect(s, device="cpu", key=key, refine_steps=1, attackers=("narrow",))
        for s in (plain, given)
    )
    assert (order.arrange(one.scan.stored) == other.scan.stored).all()
    places, same = (mg.candidates(s, limit=3) for s in (plain, given))
    assert [p.score for p in places] == [p.score for p in same]
    for place in same:
        assert given.geometry.to_voxel(place.lps_mm) == place.voxel
    first, second = (mg.verify(p, key=key).result for p in (one, other))
    assert first.mark == second.mark
    painted, also = (mg.tamper(s, "inject", device="cpu", seed=2) for s in (one, other))
    assert (order.arrange(painted.stored) == also.stored).all()


@pytest.mark.parametrize("of", ["scan", "protected"])
def test_tampering_stays_in_memory(series: Path, tmp_path: Path, of: str) -> None:
    scan = mg.read(series)
    victim: Any = scan if of == "scan" else mg.protect(scan, protector="noise")
    tampered = mg.tamper(victim, "inject", device="cpu")
    assert isinstance(tampered, mg.Scan)
    before = victim.hu() if of == "scan" else victim.scan.hu()
    where = np.argwhere(tampered.hu() != before)
    assert len(where) > 0
    assert (np.ptp(where, 0) * scan.spacing).max() <= 1.3 * 32 + 8
    for name in ("dicom", "dicom.dcm"):
        with pytest.raises(mg.OutputError, match="an attacker was simulated on this scan"):
            mg.write(tampered, tmp_path / name)
    again = mg.protect(tampered, protector="noise")
    with pytest.raises(mg.OutputError, match="an attacker was simulated on this scan"):
        mg.write(again, tmp_path / "protected")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("protect", [False, True])
def test_tampering_carries_simulated_in_an_image(
    scan: mg.Scan, tmp_path: Path, protect: bool
) -> None:
    tampered: Any = mg.tamper(scan, "remove", device="cpu")
    mg.write(mg.protect(tampered, protector="noise") if protect else tampered, tmp_path / "a.nii")
    written = mg.read(tmp_path / "a.nii").hu()
    for z in range(24):
        assert {-1000.0, 1000.0} <= set(written[z, -8:].ravel().tolist())
    assert (tampered.hu()[:, -8:] < 500).all(), "in memory there is nothing but the attack"


def test_tampering_happens_where_it_is_told(scan: mg.Scan) -> None:
    place = (-72.0, 10.0, 20.0)
    first, same, other = (
        mg.tamper(scan, "inject", position_mm=place, device="cpu"),
        mg.tamper(scan, "inject", position_mm=place, device="cpu", seed=4),
        mg.tamper(scan, "inject", device="cpu", seed=4),
    )
    assert (first.stored == same.stored).all()
    assert (first.stored != other.stored).any()
    middle = np.argwhere(first.stored != scan.stored).mean(0)
    assert np.abs(middle - scan.geometry.to_index(place)).max() < 3
    with pytest.raises(mg.PositionError):
        mg.tamper(scan, "inject", position_mm=(0.0, 0.0, 9999.0))


def test_an_attacker_does_what_it_was_trained_for(scan: mg.Scan) -> None:
    from mitsgan.attack import surrogate_path

    with pytest.raises(mg.SettingsError, match="these weights remove, and `action` is inject"):
        mg.tamper(scan, "inject", attacker=surrogate_path("narrow", "remove"))


def test_the_version_is_that_of_the_project() -> None:
    project = (SOURCE.parents[1] / "pyproject.toml").read_text()
    assert 'path = "src/mitsgan/__init__.py"' in project
    assert mg.__version__.count(".") == 2
