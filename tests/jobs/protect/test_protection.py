"""Protecting in memory: from an array to a result that carries its own derivation."""

from __future__ import annotations

import inspect
import pickle
from dataclasses import MISSING, fields, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mitsgan.errors import ScanError, SettingsError
from mitsgan.jobs.protect.notes import NO_SECRET
from mitsgan.jobs.protect.protected import Protected
from mitsgan.jobs.protect.protection import Protection, protect
from mitsgan.jobs.protect.settings import ProtectSettings
from mitsgan.mark import Key
from mitsgan.networks import shipped
from mitsgan.scan.scan import Scan


def test_the_function_takes_what_the_settings_hold() -> None:
    taken = inspect.signature(protect).parameters
    names = [name for name in taken if name not in ("scan", "key", "checkpoint", "progress")]
    assert names == [field.name for field in fields(ProtectSettings)]
    for field in fields(ProtectSettings):
        assert field.default is not MISSING
        assert taken[field.name].default == field.default
        assert taken[field.name].annotation.replace("AnyPath", "Path") == field.type
        assert taken[field.name].kind is inspect.Parameter.KEYWORD_ONLY


def test_a_checkpoint_is_for_what_takes_long(phantom: Scan, tmp_path: Path) -> None:
    kept = tmp_path / "kept.npz"
    with pytest.raises(SettingsError, match="say how long that is"):
        protect(phantom, protector="offset", checkpoint=kept)
    how = {"protector": "pgd", "refine_steps": 1, "max_hu": 4.0, "device": "cpu"}
    first = protect(phantom, **how, checkpoint=kept)  # type: ignore[arg-type]
    assert kept.exists(), "the caller has not kept the result yet"
    again = protect(phantom, **how, checkpoint=kept)  # type: ignore[arg-type]
    assert (again.scan.stored == first.scan.stored).all()


def test_the_budget_is_kept_and_the_scan_left_alone(phantom: Scan) -> None:
    before = phantom.stored.copy()
    protected = protect(phantom, max_hu=4, device="cpu")
    moved = np.abs(protected.scan.hu() - phantom.hu())
    assert 0 < moved.max() == protected.largest_hu <= 4
    assert (moved[phantom.is_padding()] == 0).all()
    assert (phantom.stored == before).all()
    assert protected.mark_hu is None
    assert set(protected.seconds) == {"protect"}


def test_the_derivation_follows_from_the_voxels(phantom: Scan) -> None:
    """Two results may share a UID only if they share every voxel."""
    one, same, other = (protect(phantom, protector="noise", seed=seed) for seed in (0, 0, 1))
    assert one.derivation == same.derivation
    assert one.derivation.code != other.derivation.code
    changed = phantom.stored.copy()
    changed[12, 48, 48] += 1
    moved = protect(phantom.with_stored(changed), protector="noise")
    assert moved.derivation.code != one.derivation.code


def test_voxels_of_a_result_are_read_only(phantom: Scan) -> None:
    protected = protect(phantom, protector="offset")
    with pytest.raises(ValueError, match="read-only"):
        protected.scan.stored[0, 0, 0] = 0


def test_one_protection_serves_many_scans(phantom: Scan) -> None:
    ready = Protection.load(ProtectSettings(protector="noise", max_hu=3))
    first, second = ready.protect(phantom), ready.protect(phantom)
    assert isinstance(first, Protected)
    assert (first.scan.stored == second.scan.stored).all()
    assert first.largest_hu == 3


def test_a_mark_is_bound_to_its_series(phantom: Scan) -> None:
    key = Key.generate()
    one, other = (
        protect(phantom, protector="offset", key=key, identity=name) for name in ("a", "b")
    )
    assert one.mark_hu == 3.0
    assert "with a keyed mark" in one.derivation.description
    assert (one.scan.stored != other.scan.stored).any()
    with pytest.raises(SettingsError, match="give `key` too"):
        protect(phantom, identity="a")


def test_progress_is_told_and_an_exception_in_it_stops_the_work(phantom: Scan) -> None:
    phases: list[str] = []

    def watch(phase: str, done: int, total: int, note: str = "") -> None:
        phases.append(phase)
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        protect(phantom, protector="noise", progress=watch)
    assert set(phases) == {"protecting the scan"}


def test_a_scan_without_a_lung_cannot_be_refined(phantom: Scan) -> None:
    air = phantom.with_stored(np.full_like(phantom.stored, 24))
    with pytest.raises(ScanError, match="lung"):
        protect(air, protector="noise", refine_steps=1)


@pytest.mark.parametrize("protector", ["bias-field", "keyed-wave"])
def test_what_a_seed_hides_is_drawn_from_the_key_for_each_series(
    phantom: Scan, protector: str
) -> None:
    one, other = Key.generate(), Key.generate()

    def added(key: Key, identity: str, seed: int = 0) -> np.ndarray:
        protected = protect(phantom, protector=protector, key=key, identity=identity, seed=seed)
        assert NO_SECRET not in protected.notes
        return protected.scan.hu() - phantom.hu()

    first = added(one, "a")
    assert np.array_equal(added(one, "a"), first)
    slow = gaussian_filter(first, 1)
    inside = np.abs(slow) > 0.5
    for another in (added(other, "a"), added(one, "b"), added(one, "a", seed=1)):
        correlation = np.corrcoef(slow[inside], gaussian_filter(another, 1)[inside])[0, 1]
        assert abs(correlation) < 0.4


def test_a_secret_without_a_key_is_none_and_said_to_be(phantom: Scan) -> None:
    assert NO_SECRET in protect(phantom, protector="bias-field").notes
    assert NO_SECRET in protect(phantom, protector="keyed-wave").notes
    assert NO_SECRET not in protect(phantom, protector="noise").notes


def test_weights_of_ones_own_are_not_called_those_that_ship(tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    own.write_bytes(shipped("mitsgan").read_bytes())
    for settings, name in (
        (ProtectSettings(weights=own), "own"),
        (ProtectSettings(protector="mits-gan"), "mitsgan"),
    ):
        entry = Protection.load(settings).protector.weights()
        assert entry is not None
        assert entry.name == name


def test_what_is_ready_is_ready_in_another_process_too(phantom: Scan) -> None:
    """A network that runs is in no pickle: the weights are loaded anew."""
    settings = ProtectSettings(max_hu=4, seed=3, device="cpu")
    ready = Protection.load(settings, Key.generate())
    there: Protection = pickle.loads(pickle.dumps(ready))
    assert (there.settings, there.key, there.protector) == (settings, ready.key, ready.protector)
    plain = replace(ready, key=None)
    again: Protection = pickle.loads(pickle.dumps(plain))
    assert (again.protect(phantom).scan.stored == plain.protect(phantom).scan.stored).all()
