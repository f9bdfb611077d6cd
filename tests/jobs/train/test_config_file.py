"""Settings in files: what they may say, what is told where they say something else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitsgan.errors import OutputError, SettingsError
from mitsgan.jobs.train.config_file import (
    NAME,
    check_resumed,
    keep,
    read_settings,
    read_values,
)
from mitsgan.jobs.train.settings import (
    AttackerTraining,
    PaperTraining,
    ProtectorTraining,
    TafimTraining,
)
from mitsgan.training.config import PaperConfig, TafimConfig


def written(folder: Path, text: str) -> Path:
    path = folder / "a.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_values_have_the_types_of_their_keys(tmp_path: Path) -> None:
    path = written(tmp_path, 'scans = ["a", "/b"]\nrate = 1\nwidth = [1, 2]\n')
    values = read_values(path, ProtectorTraining)
    assert values == {
        "scans": (tmp_path / "a", Path("/b")),
        "rate": 1.0,
        "width": (1, 2),
    }
    assert type(values["rate"]) is float


@pytest.mark.parametrize(
    "text, said",
    [
        ("stepps = 3", "stepps: no such key; there are: "),
        ("steps = 3.5", "steps: expected a whole number, found 3.5"),
        ("steps = true", "steps: expected a whole number, found true"),
        ('generator_rate = "fast"', 'generator_rate: expected a number, found "fast"'),
        ("held_out = 1", "held_out: expected true or false, found 1"),
        ("licence = 1", "licence: expected text, found 1"),
        ("classifier = 1", "classifier: expected a path, found 1"),
        ('action = "paint"', 'action: expected one of "inject", "remove", found "paint"'),
        ("sharpness = [1, false]", r"sharpness\[1\]: expected a number, found false"),
        ('scans = "a"', 'scans: expected a list, each a path, found "a"'),
        ("steps = ", "is no TOML"),
        ("resume = true", "resume: no such key"),
    ],
)
def test_what_makes_no_sense_is_refused_with_key_file_and_what_to_say(
    text: str, said: str, tmp_path: Path
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError, match=said) as error:
        read_values(path, AttackerTraining)
    assert str(error.value).startswith(str(path))


def test_many_scans_are_named_by_a_pattern_and_kept_one_by_one(tmp_path: Path) -> None:
    for name in ("lidc/p2/s1", "lidc/p1/s1", "lidc/p1/s0", "apart/p3/s1", "odd [1]"):
        (tmp_path / name).mkdir(parents=True)
    path = written(
        tmp_path,
        'scans = ["lidc/*/*", "odd [1]"]\nvalidate = ["apart/*/*"]\naction = "inject"\n',
    )
    settings = read_settings(path, AttackerTraining, output=tmp_path / "o.safetensors")
    found = ("lidc/p1/s0", "lidc/p1/s1", "lidc/p2/s1", "odd [1]")
    assert settings.scans == tuple(tmp_path / name for name in found)
    assert settings.validate == (tmp_path / "apart/p3/s1",)
    keep(settings)
    assert read_values(settings.folder / NAME, AttackerTraining)["scans"] == settings.scans
    path.write_text('scans = ["lidcc/*/*"]\n')
    with pytest.raises(SettingsError, match=r"nothing lies at .*lidcc"):
        read_values(path, AttackerTraining)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml does not exist"):
        read_values(tmp_path / "none.toml", AttackerTraining)


def test_values_from_python_win_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, 'scans = ["a"]\nattackers = ["b"]\nsteps = 7\n')
    with pytest.raises(SettingsError, match=r"a\.toml: output is missing"):
        read_settings(path, TafimTraining)
    settings = read_settings(path, TafimTraining, output=Path("o.safetensors"), steps=8)
    assert settings.steps == 8
    assert settings.attackers == (tmp_path / "b",)
    with pytest.raises(SettingsError, match="`steps` must be 1 or more, found 0"):
        read_settings(path, TafimTraining, output=Path("o.safetensors"), steps=0)


@pytest.mark.parametrize("kind, length", [(PaperTraining, "epochs"), (TafimTraining, "steps")])
def test_a_run_whose_rates_never_fall_may_be_made_longer(
    kind: type[PaperTraining | TafimTraining], length: str, tmp_path: Path
) -> None:
    settings = kind(
        scans=(tmp_path / "a",),
        attackers=(tmp_path / "b",),
        output=tmp_path / "o.safetensors",
    )
    before = getattr(settings, length)
    keep(settings)
    longer: dict[str, Any] = {length: before + 2}
    check_resumed(replace(settings, resume=True, **longer))
    shorter: dict[str, Any] = {length: before - 1}
    with pytest.raises(OutputError, match=f"a run with {length} = {before}, found {before - 1}"):
        check_resumed(replace(settings, resume=True, **shorter))
    with pytest.raises(OutputError, match="holds a run with crop = 0, found 200"):
        check_resumed(replace(settings, resume=True, crop=200))


@pytest.mark.parametrize("crop", [-1, 100, 513])
def test_a_crop_holds_an_attack_and_fits_into_a_slice(crop: int) -> None:
    for kind in (PaperConfig, TafimConfig):
        with pytest.raises(SettingsError, match=f"`crop` {crop}: give 128 to 512 pixels, or 0"):
            kind(crop=crop)


def attacker(folder: Path) -> AttackerTraining:
    return AttackerTraining(
        scans=(folder / "a",), output=folder / "o.safetensors", action="inject", steps=3
    )


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts, st.floats(0, allow_infinity=False), st.integers(1, 2**63 - 1), st.booleans())
def test_what_is_kept_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    text: str,
    rate: float,
    steps: int,
    hold_out_value: bool,
) -> None:
    kept = replace(
        attacker(tmp_path_factory.mktemp("kept")),
        licence=text,
        generator_rate=rate,
        steps=steps,
        held_out=hold_out_value,
        sharpness=(0.0, rate),
    )
    keep(kept)
    assert read_settings(kept.folder / NAME, AttackerTraining) == kept


def test_paths_are_kept_from_the_root_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = replace(attacker(Path()), scans=(Path("ä b"),), run=Path("run"))
    keep(settings)
    values = read_values(tmp_path / "run" / NAME, AttackerTraining)
    assert values["scans"] == (tmp_path / "ä b",)
    check_resumed(replace(settings, resume=True))


def test_a_contradiction_names_both_values(tmp_path: Path) -> None:
    settings = replace(attacker(tmp_path), resume=True)
    check_resumed(settings)  # nothing is kept yet
    keep(settings)
    check_resumed(replace(settings, licence="other", held_out=True, validate=(Path("v"),)))
    with pytest.raises(OutputError, match="holds a run with steps = 3, found 4"):
        check_resumed(replace(settings, steps=4))
    with pytest.raises(OutputError, match="with init = nothing, found"):
        check_resumed(replace(settings, init=Path("i.safetensors")))
    check_resumed(replace(settings, steps=4, resume=False))


def test_what_another_training_kept_is_told_as_such(tmp_path: Path) -> None:
    settings = attacker(tmp_path)
    keep(settings)
    with pytest.raises(SettingsError, match="of `mitsgan train attacker`, and this is `mitsgan tr"):
        read_values(settings.folder / NAME, ProtectorTraining)
