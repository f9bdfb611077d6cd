"""Is a scan what was sealed? Bit for bit first, and where it is not, by what it shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mitsgan.errors import ScanError, counted, plain
from mitsgan.files.dicom.content import describe
from mitsgan.files.dicom.files import Progress
from mitsgan.files.dicom.find.sift import LeftOut, left_out_note
from mitsgan.files.dicom.source import DicomSource
from mitsgan.reading import Choice
from mitsgan.scan.scan import Scan
from mitsgan.seal.compare import compare, pair_slices
from mitsgan.seal.content import Part, choose_parts, kind_of, of_series, read_parts
from mitsgan.seal.digest import SIZE
from mitsgan.seal.format import Seal, SealError, read_seal, timestamp
from mitsgan.seal.keys import SignatureError, fingerprint, load_certificates, name_of
from mitsgan.seal.report import Finding, SealReport, SealVerdict
from mitsgan.seal.scans import pads_tissue, pieces
from mitsgan.seal.signature import verify
from mitsgan.seal.sketch.encoding import SketchError, from_fields
from mitsgan.seal.sketch.judge import ContentReport, judge
from mitsgan.seal.sketch.missing import hidden_ml
from mitsgan.seal.sketch.sketch import Sketch
from mitsgan.seal.trust import Trust
from mitsgan.seal.uncovered import uncovered
from mitsgan.seal.weigh import DRAWN, IDENTITY, misleading, weigh

_STORED_AS = ("BitsStored", "PixelRepresentation", "RescaleSlope", "RescaleIntercept")

_LEAST_HIDDEN_ML = 0.05
"""A ball of 4.6 mm."""


@dataclass
class _Comparison:
    """What is being found out.

    Attributes:
        findings: differences, bit for bit.
        content: what the sketch tells, where it is asked.
        notes: for whoever reads the report.
        examined: the slices that were compared.
    """

    findings: list[Finding] = field(default_factory=list)
    content: ContentReport | None = None
    notes: list[str] = field(default_factory=list)
    examined: list[Part] = field(default_factory=list)


def verify_seal(
    path: Path,
    seal_path: Path,
    trust: Trust | None = None,
    choice: Choice | None = None,
    *,
    progress: Progress | None = None,
) -> SealReport:
    """What of a scan differs from its seal, and who vouches for the seal.

    Files of other series in the same folder are left out, and counted in the notes.

    Args:
        path: the scan; of another kind of file than was sealed only if the seal has a sketch.
        seal_path: the sidecar.
        trust: whom to believe. Without it nothing is ever ``intact`` or ``processed``: whoever
            changes a scan can also sign it anew, with a key of their own.
        choice: which scan, where a folder holds several and none of them was sealed as it is.
        progress: called with (done, total) steps.

    Raises:
        SealError: the sidecar, its key or its certificates cannot be read, or it is of another kind
            of file and has no sketch.
        ScanError: the scan is not there, the header of a file cannot be read, or its pixels are
            encoded in a way that no decoder here knows.
    """
    seal = read_seal(seal_path)
    try:
        genuine = verify(seal.public_key, seal.algorithm, seal.signature, seal.signed)
        certificates = load_certificates(seal.certificates)
    except SignatureError as error:
        raise SealError(f"in the seal {seal_path} {error}; fetch it again") from error
    sketch = _sketch(seal, seal_path) if genuine else None
    if kind_of(path) != seal.kind and sketch is None:
        raise SealError(
            f"{seal_path} is the seal of {_named(seal.kind)}, but {path} is "
            f"{_named(kind_of(path))}; give the scan that was sealed"
        )
    result = _compare(path, seal, sketch, choice or Choice(), progress)
    frames = tuple(part.frame for part in result.examined if part.frame is not None)
    result.notes += uncovered({frame.file for frame in frames})
    if not genuine:
        text = "the signature is wrong: the seal itself was changed, or damaged"
        result.findings.insert(0, Finding("signature", text))
    trusted = None
    if genuine and trust is not None:
        trusted = trust.covers(seal.public_key, certificates, seal.created)
        if trusted is None:
            result.notes.append(
                "the signer is none of those that you trust, nor certified by one of them at the "
                "time of signing"
            )
    elif genuine:
        result.notes.append("no trusted certificate or key was given, so the signer may be anybody")
    return SealReport(
        verdict=_verdict(result, trusted),
        findings=tuple(result.findings),
        content=result.content,
        trusted=trusted,
        fingerprint=fingerprint(seal.public_key),
        signer=name_of(certificates[0]) if certificates else "",
        algorithm=seal.algorithm,
        created=timestamp(seal.created),
        slices=len(seal.slices),
        blocks=sum(len(item.blocks) // SIZE for item in seal.slices),
        notes=tuple(result.notes),
        examined=frames,
    )


def _sketch(seal: Seal, path: Path) -> Sketch | None:
    if seal.sketch is None:
        return None
    try:
        return from_fields(seal.sketch)
    except SketchError as error:
        raise SealError(f"the sketch in {path} {error}; fetch the seal again") from error


def _compare(
    path: Path, seal: Seal, sketch: Sketch | None, choice: Choice, progress: Progress | None
) -> _Comparison:
    result = _Comparison()
    beside: list[LeftOut] = []
    parts = read_parts(path, seal.salt, choice, progress, beside)
    if kind_of(path) == seal.kind:
        pairs, extra = pair_slices(seal, parts, result.notes)
        series = seal.values("SeriesInstanceUID")
        posing = _posing(beside, series | {part.series for part in pairs if part is not None})
        result.findings = [*compare(seal, pairs, progress), *extra, *posing]
    else:
        pairs = []
        result.notes.append(
            f"{_named(seal.kind)} was sealed, so this is compared by what it shows; whose scan it "
            f"is, it does not tell"
        )
    same_objects = [part for part in pairs if part is not None]
    with_slices = {part.series for part in parts}
    if told := left_out_note(item for item in beside if item.series not in with_slices):
        result.notes.append(told)
    result.notes += _in_several_series(same_objects)
    result.examined = same_objects
    if sketch is None:
        return result
    if kind_of(path) == seal.kind and not same_objects:
        # Coded with loss, each object of a series is another one by its UID (PS3.3 C.7.6.1.1.5).
        result.findings = [f for f in result.findings if f.kind not in ("missing", "extra")]
        result.notes.append("none of its slices is an object that was sealed")
    shown = same_objects or choose_parts(parts, path, choice)
    unexplained: list[Finding] = []
    if result.findings or not same_objects:
        unexplained += misleading(seal, shown)
    if not same_objects or any(f.kind in ("pixels", "missing") for f in result.findings):
        result.examined = shown
        if not same_objects:
            result.findings += _other_identity(seal, shown)
            result.findings += _posing(beside, {part.series for part in shown})
        try:
            sealed = sketch.grid.geometry if same_objects else None
            scans = pieces(shown, path, sealed)
            result.content = judge(sketch, scans)
        except ScanError as error:
            if not same_objects:
                raise
            result.notes.append(f"what it shows could not be compared: {error}")
            return result
        unexplained += _shown_otherwise(seal, scans, shown)
    result.findings = [*weigh(seal, sketch, result.findings), *unexplained]
    return result


def _shown_otherwise(seal: Seal, scans: Sequence[Scan], parts: Sequence[Part]) -> list[Finding]:
    """By what viewers show something else than the values, or leave it blank, where they do."""
    findings = []
    hidden = sum(hidden_ml(scan) for scan in scans)
    if hidden >= _LEAST_HIDDEN_ML and not pads_tissue(seal):
        name = "PixelPaddingValue"
        text = f"{describe(name)} declares {hidden:.2f} ml denser than air to be no data: a viewer "
        text += "does not show what is there"
        findings.append(Finding("attribute", text, attribute=name))
    sources = [scan.source for scan in scans if isinstance(scan.source, DicomSource)]
    widened = sum(len(source.widened) for source in sources)
    if widened and not all(
        {part.attributes.get(name, "") for part in parts} <= seal.values(name)
        for name in _STORED_AS
    ):
        name = "BitsStored"
        text = f"{describe(name)} is too few for the values of {counted(widened, 'slice')}, which "
        text += "were stored otherwise when sealed: programs that go by it show something else"
        findings.append(Finding("attribute", text, attribute=name))
    return findings


def _in_several_series(parts: Sequence[Part]) -> list[str]:
    """That other programs show some slices apart from the others, where they do."""
    by_series = Counter(part.series for part in parts)
    apart = by_series.total() - max(by_series.values(), default=0)
    if not apart:
        return []
    return [
        f"{apart} of its slices {'has' if apart == 1 else 'have'} another *Series Instance UID* "
        f"than the others: a viewer shows them apart, and the scan without them"
    ]


def _posing(beside: Sequence[LeftOut], series: Iterable[str]) -> list[Finding]:
    """What was left out as no slice of a scan, but has the UID of its series."""
    return [
        Finding(
            "extra",
            f"{plain(str(item.name))} ({item.kind}) is of the series, but was not sealed with it",
        )
        for item in of_series(beside, series)
    ]


def _other_identity(seal: Seal, parts: Sequence[Part]) -> list[Finding]:
    """Where slices that were not sealed say that they are of somebody or something else, or are
    drawn by something else."""
    findings = []
    for name in sorted(IDENTITY | DRAWN):
        sealed = seal.values(name)
        now = {part.attributes.get(name, "") for part in parts} - sealed - {""}
        if now and (sealed != {""} or name in DRAWN):
            text = f"{describe(name)} is another than was sealed"
            findings.append(Finding("attribute", text, attribute=name))
    return findings


def _verdict(result: _Comparison, trusted: str | None) -> SealVerdict:
    content = None if result.content is None else result.content.verdict
    if content == "tampered" or any(not finding.explained for finding in result.findings):
        return "tampered"
    if content == "unknown" or trusted is None:
        return "unknown"
    return "processed" if result.findings or content is not None else "intact"


def _named(kind: str) -> str:
    return "a DICOM series" if kind == "dicom" else "an image file"
