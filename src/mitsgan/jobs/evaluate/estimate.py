"""How long an evaluation will take, told before it starts."""

from __future__ import annotations

from mitsgan.jobs.evaluate.settings import EvaluateSettings

# Seconds of one core, measured on lidc-0001 (133 slices of 512 x 512) with 12 positions.
_DIAGNOSIS_PER_MEGAVOXEL = 1.8
_DIAGNOSIS = 18.0
_CONTROLS_PER_MEGAVOXEL = 0.12
_HEALTHY_LUNG = 4.0
_POSITION = 0.6
_GRADIENT_STEP = 0.067

_ATTACKERS = 2
"""That strike: one injects, one removes."""


def estimated_seconds(settings: EvaluateSettings, voxels: int) -> float:
    """Seconds of one core that an evaluation takes, from what it took on one scan.

    Args:
        settings: what is measured.
        voxels: of the scan.
    """
    megavoxels = voxels / 1e6
    seconds = 0.0
    if settings.diagnostics:
        seconds += _DIAGNOSIS + _DIAGNOSIS_PER_MEGAVOXEL * megavoxels
    if settings.attack:
        positions = len(settings.places) or settings.positions
        per_position = _POSITION + _GRADIENT_STEP * settings.pgd_steps
        per_attacker = _CONTROLS_PER_MEGAVOXEL * megavoxels + per_position * positions
        seconds += _HEALTHY_LUNG + _ATTACKERS * per_attacker
    return seconds


def estimate_in_words(settings: EvaluateSettings, voxels: int) -> str:
    """The same for people, who care for minutes."""
    seconds = estimated_seconds(settings, voxels)
    if seconds < 90:
        return f"this takes about {max(10, round(seconds, -1)):.0f} s of one core"
    return f"this takes about {seconds / 60:.0f} min of one core"
