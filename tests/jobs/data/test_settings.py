"""Which training data is made or fetched: what makes no sense is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from mitsgan.errors import MitsganError
from mitsgan.jobs.data.settings import CubesFile, FetchSettings
from mitsgan.training.data.collections import SOURCES, Collection
from mitsgan.training.data.make_cubes import CubeRecipe


def test_what_others_say_too_is_the_same() -> None:
    settings, recipe = CubesFile(scans=(Path("a"),), output=Path("a.npz")), CubeRecipe("inject")
    assert settings.diameters == recipe.real_mm
    assert settings.synthetic_diameters == recipe.synthetic_mm
    assert settings.kinds == recipe.kinds
    assert settings.thicknesses == recipe.thicknesses
    assert settings.shift == recipe.shift_mm
    assert get_type_hints(FetchSettings)["collection"] == Collection
    assert set(get_args(Collection)) == set(SOURCES)


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"scans": ()}, "name at least one scan"),
        ({"output": Path("a.npy")}, "`output` a.npy: cubes are named *.npz"),
        ({"count": 1}, "`count` must be 2 or more, found 1"),
        ({"count": 10**12}, "1,000,000 cubes of a file at most"),
        ({"seed": -1}, "`seed` must be 0 or more"),
        ({"seed": 2**64}, "`seed` must be 9223372036854775807 at most"),
        ({"readers": 0}, "`readers` must be 1 or more"),
        ({"shift": 7.0}, "6 mm at most"),
        ({"diameters": (16.0, 10.0)}, "the smaller one first"),
        ({"synthetic_diameters": (2.0, 10.0)}, "within 3 and 30 mm"),
        ({"thicknesses": (0.0,)}, "`thicknesses` must lie between 0.1 and 20"),
        ({"kinds": ()}, "at least one kind"),
        ({"real_only": True}, "name the list of real nodules with `nodules`"),
    ],
)
def test_cubes(wrong: dict[str, Any], said: str) -> None:
    settings = {"scans": (Path("a"), Path("b")), "output": Path("a.npz"), **wrong}
    with pytest.raises(MitsganError) as caught:
        CubesFile(**settings)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"patients": 0}, "`patients` must be 1 or more"),
        ({"skip": -1}, "`skip` must be 0 or more"),
        ({"output": Path(__file__)}, "is a file; name a folder"),
    ],
)
def test_fetch(wrong: dict[str, Any], said: str) -> None:
    settings = {"collection": "lidc", "output": Path("lidc"), **wrong}
    with pytest.raises(MitsganError) as caught:
        FetchSettings(**settings)
    assert said in str(caught.value)
