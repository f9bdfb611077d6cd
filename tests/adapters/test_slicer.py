"""The module for 3D Slicer, without Slicer: its command lines run, and its logic drives them."""

from __future__ import annotations

import ast
import importlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest

import mitsgan as mg

MODULE = Path(__file__).parents[2] / "deploy" / "slicer" / "Mitsgan"
PROGRAM = str(Path(sys.executable).with_name("mitsgan"))
WAIT_S = 240


class Base:
    """In place of Slicer's own classes."""

    def __init__(self, *_: Any) -> None:
        self.layout = MagicMock()

    def setup(self) -> None:
        """Slicer's."""


@pytest.fixture
def slicer(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Slicer's modules, as far as the logic asks them; volumes are scans."""
    loaded: dict[str, mg.Scan | str] = {}

    def save(volume: Any, path: str) -> bool:
        mg.write(volume.scan, path, overwrite=True)
        return True

    def load(path: str, properties: dict[str, str]) -> None:
        loaded[properties["name"]] = mg.read(path) if "protected" in path else path

    settings: dict[str, str] = {"Mitsgan/program": PROGRAM}
    environment = {**os.environ, "PYTHONHOME": "/slicer", "LD_LIBRARY_PATH": "/slicer/lib"}
    host = ModuleType("slicer")
    user = SimpleNamespace(value=settings.get, setValue=settings.__setitem__)
    host.app = SimpleNamespace(userSettings=lambda: user)  # type: ignore[attr-defined]
    host.util = SimpleNamespace(  # type: ignore[attr-defined]
        saveNode=save, loadVolume=load, startupEnvironment=lambda: environment
    )
    bases = ModuleType("slicer.ScriptedLoadableModule")
    for name in ("", "Logic", "Widget"):
        setattr(bases, f"ScriptedLoadableModule{name}", type(f"Base{name}", (Base,), {}))
    modules = {"slicer": host, "slicer.ScriptedLoadableModule": bases}
    for name, module in {**modules, "qt": MagicMock(), "ctk": MagicMock()}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.syspath_prepend(str(MODULE))
    yield SimpleNamespace(module=importlib.import_module("Mitsgan"), loaded=loaded)
    for name in [n for n in sys.modules if n.split(".")[0] in ("Mitsgan", "MitsganLib")]:
        del sys.modules[name]


def finished(logic: Any, run: Any) -> str:
    deadline = time.monotonic() + WAIT_S
    while (code := run.exit_code()) is None:
        assert time.monotonic() < deadline, run.said()
        time.sleep(0.1)
    answer: str = logic.finish(code)
    return answer if code == 0 else f"{answer}\n{run.said()}"


@pytest.mark.slow
def test_a_volume_is_protected_as_by_the_door(slicer: SimpleNamespace, body: mg.Scan) -> None:
    logic = slicer.module.MitsganLogic()
    volume = SimpleNamespace(scan=body, GetName=lambda: "CT")
    answer = finished(logic, logic.protect(volume, None, "", 6.0))
    assert answer == "protected"
    wanted = mg.protect(body, max_hu=6).scan.stored
    np.testing.assert_array_equal(slicer.loaded["CT protected"].hu(), wanted)
    logic.close()
    assert not logic.folder.exists(), "no voxels of a patient are left behind"


@pytest.mark.slow
def test_a_marked_volume_is_verified(
    slicer: SimpleNamespace, body: mg.Scan, tmp_path: Path
) -> None:
    key = tmp_path / "site.key"
    mg.Key(bytes(range(32))).save(key)
    protected = mg.protect(body, protector="noise", max_hu=30, key=key, identity="1.2")
    logic = slicer.module.MitsganLogic()
    volume = SimpleNamespace(scan=protected.scan, GetName=lambda: "CT")
    answer = finished(logic, logic.verify(volume, key, "1.2"))
    verdict = mg.verify(protected, key=key, identity="1.2").verdict
    assert answer.splitlines()[0] == verdict
    assert slicer.loaded["CT tampered"].endswith("map.nii.gz")


@pytest.mark.slow
def test_what_went_wrong_is_shown_in_the_words_of_the_command(
    slicer: SimpleNamespace, body: mg.Scan
) -> None:
    logic = slicer.module.MitsganLogic()
    volume = SimpleNamespace(scan=body, GetName=lambda: "CT")
    answer = finished(logic, logic.protect(volume, None, "", 0.0))
    assert "failed with 2; the volume is as it was" in answer
    assert "max-hu" in answer
    assert not slicer.loaded


def test_what_cannot_be_run_is_told_before(
    slicer: SimpleNamespace, body: mg.Scan, tmp_path: Path
) -> None:
    logic = slicer.module.MitsganLogic()
    volume = SimpleNamespace(scan=body, GetName=lambda: "CT")
    with pytest.raises(ValueError, match="choose a volume"):
        logic.protect(None, None, "", 10)
    with pytest.raises(ValueError, match="bound to a series"):
        logic.protect(volume, tmp_path / "site.key", "", 10)
    with pytest.raises(ValueError, match="name the key"):
        logic.verify(volume, None, "1.2")
    logic.remember(str(tmp_path / "nothing"))
    with pytest.raises(OSError, match="nothing"):
        logic.protect(volume, None, "", 10)


def test_the_environment_of_slicer_is_left_out_and_a_run_can_be_stopped(
    slicer: SimpleNamespace, tmp_path: Path
) -> None:
    line = importlib.import_module("MitsganLib.command_line")
    show = "import os, time; print(sorted(os.environ), flush=True); time.sleep(600)"
    environment = {"PYTHONHOME": "/slicer", "LD_LIBRARY_PATH": "/slicer", "KEPT": "1"}
    run = line.Run([sys.executable, "-c", show], environment, tmp_path / "log.txt")
    deadline = time.monotonic() + WAIT_S
    while not run.said() and time.monotonic() < deadline:
        time.sleep(0.05)
    said = ast.literal_eval(run.said())
    assert "KEPT" in said
    assert not set(said) & set(line.OF_SLICER)
    assert run.exit_code() is None
    run.stop()
    assert run.exit_code() is not None


def test_the_panel_is_built_and_a_button_starts_a_run(slicer: SimpleNamespace) -> None:
    widget = slicer.module.MitsganWidget()
    slicer.module.slicer.qMRMLNodeComboBox = MagicMock()
    slicer.module.slicer.mrmlScene = MagicMock()
    slicer.module.slicer.util.tryWithErrorDisplay = MagicMock()
    widget.setup()
    assert len(widget.buttons) == 2
    widget.key.currentPath = ""
    widget.maxHu.value = 7
    widget.logic = MagicMock()
    widget.onProtect()
    volume, key, _, budget = widget.logic.protect.call_args.args
    assert (volume, key, budget) == (widget.volume.currentNode(), None, 7.0)
    assert not any(button.enabled for button in widget.buttons)
    widget.run.exit_code.return_value = 0
    widget.onPoll()
    widget.logic.finish.assert_called_once_with(0)
    assert widget.run is None
    assert all(button.enabled for button in widget.buttons)
    widget.cleanup()
    widget.logic.close.assert_called_once_with()
