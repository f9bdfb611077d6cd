"""The notebook runs from its first cell to its last, and shows what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "studio.ipynb"


def cells() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text())["cells"]
    return listed


def test_it_has_ten_cells_and_no_outputs_of_somebodys_machine() -> None:
    assert len(cells()) == 10
    for cell in cells()[1:]:
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        compile("".join(cell["source"]), "cell", "exec")


@pytest.mark.slow
def test_it_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # pictures, no widget
    names: dict[str, Any] = {}
    with mpl.rc_context({"backend": "agg"}):
        for cell in cells()[1:]:
            exec("".join(cell["source"]), names)
        import matplotlib.pyplot as plt

        assert len(plt.get_fignums()) == 3
        plt.close("all")
    output = capsys.readouterr().out
    assert "at most 20 HU" in output
    assert "protected intact []" in output
    assert "painted tampered [(" in output
    assert names["attack"].disruption_hu > 10
    assert (names["simulated"].hu()[:, -22:] > 900).any((1, 2)).all(), "SIMULATED in every slice"
