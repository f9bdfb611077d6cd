"""Has a series been tampered with, and where? The verdict, regions to go to, and layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from mitsgan.errors import SettingsError
from mitsgan.files.dicom.findings.findings import GridShape, Layer, Place, Quantity
from mitsgan.jobs.verify.findings import findings_of
from mitsgan.jobs.verify.settings import VerifyFile
from mitsgan.jobs.verify.sketch_pictures import sketch_pictures
from mitsgan.jobs.verify.verify import Verified, verify, verify_file
from mitsgan.progress import Progress
from mitsgan.studio.layers import CellLayer
from mitsgan.studio.series import Series
from mitsgan.studio.session import Known, Session

_LAYER_NAMES = {"mark": "mark map", "sketch": "seal regions"}


def verify_series(session: Session, series: Series, progress: Progress) -> dict[str, Any]:
    """Verify by mark, seal or both: whatever of them there is.

    Raises:
        SettingsError: there is neither a key nor a seal.
        ScanError: the scan was closed meanwhile.
        MitsganError: see `mitsgan.jobs.verify.verify.verify`.
    """
    (seal, trust), key = session.judges_of(series), session.settings.key
    if seal is None and key is None:
        raise SettingsError(
            "there is nothing to verify by: neither a `key` for the mark was given, nor a `seal`, "
            "nor does one lie beside the scan"
        )
    subject = series.scan if series.path is None or seal is None else series.path
    session.verified.pop(series.id, None)  # it is no answer where this one fails
    verified = verify(subject, key=key, seal=seal, trust=trust, progress=progress)
    told = add_verification(series, verified)
    session.shelf.get(series.id)  # it may have been closed since
    session.verified[series.id] = Known(verified, told)
    return {"verification": told, "series": series.card()}


def add_verification(series: Series, verified: Verified) -> dict[str, Any]:
    """A verification for the page; what it flags becomes layers of the series."""
    result = verified.result
    findings = findings_of(result, verified.detection, verified.seal, series.scan)
    regions = []
    for layer in findings.layers:
        regions += [_region(layer, place) for place in layer.places]
        name = _LAYER_NAMES.get(layer.name)
        if name is not None and isinstance(layer.shape, GridShape):
            flagged = np.where(layer.shape.labels > 0, np.uint8(255), np.uint8(0))
            series.layers[name] = CellLayer(flagged, layer.shape.geometry)
    return {
        "verdict": verified.verdict,
        "sentence": verified.result.lead,
        "sentences": [f"{name}: {text}" for name, text in findings.sentences],
        "regions": regions,
        "sketch": verified.seal is not None and verified.seal.content is not None,
    }


def add_sketch(session: Session, series: Series, progress: Progress) -> dict[str, Any]:
    """What was sealed and what is found, in the cells of the sketch, as two series.

    Raises:
        SettingsError: there is no seal.
        SealError: it cannot be read, is not genuine, or has no sketch.
    """
    seal = session.seal_of(series)
    if seal is None:
        raise SettingsError("there is no seal of this scan; name one with `seal`")
    sealed, shown = sketch_pictures(seal, series.scan, progress=progress)
    pair = (
        Series("as sealed, in cells", "sketch", sealed, original=series.id),
        Series("as found, in cells", "sketch", shown, original=series.id),
    )
    session.shelf.add(*pair)
    return {"pair": [one.card() for one in pair]}


def write_dicom_findings(
    session: Session, series: Series, name: str, progress: Progress
) -> dict[str, Any]:
    """Write the structured report and the segmentations of a scan on disk.

    Raises:
        SettingsError: the scan exists in memory alone.
        MissingExtraError: highdicom is not installed.
        OutputError: they cannot be written there.
    """
    if series.path is None:
        raise SettingsError("findings refer to instances on disk; this scan is in memory alone")
    out = session.folders.saving(name)
    seal, trust = session.judges_of(series)
    settings = VerifyFile(
        scan=series.path,
        key=session.settings.key,
        seal=seal,
        trust=trust,
        dicom_out=out,
    )
    verified = verify_file(settings, progress=progress)
    return {"verdict": verified.verdict, "written": str(out)}


def _region(layer: Layer, place: Place) -> dict[str, Any]:
    texts = [_measured(quantity, value) for quantity, value in place.quantities.items()]
    return {
        "kind": layer.name,
        "name": place.name,
        "place": place.centre_mm,
        "lower": place.lower_mm,
        "upper": place.upper_mm,
        "text": "; ".join([layer.description, *texts, *([place.note] if place.note else [])]),
    }


def _measured(quantity: Quantity, value: float) -> str:
    _, name, unit = quantity.value
    shown = {"ml": " ml", "1": ""}.get(unit, " HU")
    return f"{name[0].lower()}{name[1:]} {value:.4g}{shown}"
