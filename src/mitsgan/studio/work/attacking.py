"""Simulated tampering, in memory: with a scan and its protected version side by side.

What comes of it has no path and carries SIMULATED wherever it is shown; it is saved as an image
alone, with SIMULATED in its voxels. `mitsgan.write` refuses it as DICOM.
"""

from __future__ import annotations

from typing import Any

from mitsgan.anatomy.lumps import are_lumps
from mitsgan.errors import OutputError, SettingsError
from mitsgan.files.io import is_image
from mitsgan.jobs.scans import write
from mitsgan.jobs.simulation import Simulation, simulate
from mitsgan.jobs.verify.verify import verify
from mitsgan.progress import Progress
from mitsgan.studio.requests import Attack
from mitsgan.studio.series import Series
from mitsgan.studio.session import Session


def attack_series(
    session: Session, series: Series, wanted: Attack, progress: Progress
) -> dict[str, Any]:
    """Attack a scan, and its protected version if one is named; what an earlier attack made is
    forgotten.

    Raises:
        SettingsError: an attacked scan is to be attacked again.
        MitsganError: see `mitsgan.jobs.simulation.simulate`.
    """
    version = session.shelf.get(wanted.protected) if wanted.protected else None
    if series.simulated or (version is not None and version.simulated):
        raise SettingsError("this scan was tampered with already; attack the one it was made of")
    subjects = [one for one in (series, version) if one is not None]
    for old in session.shelf.all():
        if old.role == "simulated":
            session.close(old.id)
    session.shelf.check_room(sum(one.bytes for one in subjects))
    simulation = simulate(
        series.scan,
        None if version is None else version.scan,
        wanted.action,
        position_mm=wanted.place,
        attacker=session.own_attackers.get(wanted.attacker, wanted.attacker),
        progress=progress,
    )
    scans = [simulation.original, *([] if simulation.protected is None else [simulation.protected])]
    name = {"inject": "injected", "remove": "removed"}[wanted.action]
    made = [
        Series(f"{name}: {one.name}", "simulated", scan, None, one.id)
        for one, scan in zip(subjects, scans, strict=True)
    ]
    session.shelf.add(*made)
    lines = _lines(simulation)
    if simulation.protected is not None and session.settings.key is not None:
        verified = verify(simulation.protected, key=session.settings.key, progress=progress)
        lines.append(("Mark of the tampered protected scan", verified.reason))
    return {
        "made": [one.card() for one in made],
        "disruption_hu": simulation.disruption_hu,
        "lines": lines,
    }


def export_simulated(
    session: Session, series: Series, name: str, progress: Progress
) -> dict[str, Any]:
    """Save what an attacker made as an image, with SIMULATED in the voxels of every slice.

    Raises:
        SettingsError: no attacker had a hand in it.
        OutputError: the name is none of an image, or is taken.
    """
    if not series.simulated:
        raise SettingsError("this is for what a simulated attacker made; other scans are files")
    out = session.folders.saving(name)
    if not is_image(out):
        raise OutputError("what an attacker made never becomes DICOM; let the name end in .nii.gz")
    write(series.scan, out, progress=progress)
    return {"written": str(out)}


def _lines(simulation: Simulation) -> list[tuple[str, str]]:
    """What it came to, for people: what it is about, and a sentence."""
    lines = []
    if simulation.disruption_hu is not None and simulation.perturbation_hu is not None:
        lines.append(
            (
                "Disruption",
                f"{simulation.disruption_hu:.1f} HU RMSE in the 20 mm core, of a protection of "
                f"{simulation.perturbation_hu:.1f} HU RMSE there",
            )
        )
    for state, probability in simulation.nodule.items():
        called = "a nodule" if probability >= simulation.threshold else "no nodule"
        lines.append((f"Classifier, {state}", f"{called} ({100 * probability:.0f} %)"))
    for state, volume in simulation.lump_mm3.items():
        (stands,) = are_lumps([volume])
        lump = f"a lump of {volume:.0f} mm³" if stands else "no lump"
        lines.append((f"Measurement, {state}", lump))
    for state, sketch in simulation.sketches.items():
        where = (
            "" if sketch.distance_mm is None else f", {sketch.distance_mm:.0f} mm from the place"
        )
        lines.append((f"Sketch, {state}", f"{sketch.verdict}: {sketch.reason}{where}"))
    return lines
