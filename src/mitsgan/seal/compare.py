"""Comparing slices with what was sealed: which is which, and what differs."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from functools import cache, partial

import numpy as np
from pydicom.datadict import dictionary_VR, tag_for_keyword

from mitsgan.errors import ScanError, counted
from mitsgan.files.dicom.content import FRAME, LATER, describe
from mitsgan.files.dicom.elements import decimal
from mitsgan.files.dicom.files import Progress
from mitsgan.seal.content import SALTED, Part, gaps_mm, object_name
from mitsgan.seal.digest import block_digests, differing_blocks
from mitsgan.seal.format import Seal
from mitsgan.seal.report import Finding

_ROUNDED = {"Spacing": 1e-5, "Origin": 1e-3, "Axes": 1e-5}
"""Numbers of an image that another format keeps in single precision, and by how much (mm) they may
differ for it: an MHA has 16 digits of them, the NIfTI that is made of it seven."""

_LONGEST_NUMBER = {"DS": 16, "IS": 12}
"""Characters of a number in text (PS3.5 6.2)."""

_GREY = "MONOCHROME2"
_IMPLIED = {"RescaleType": "HU", "PresentationLUTShape": "IDENTITY"}
"""What of a CT image may be left out in single slices, and not in multi-frame objects (PS3.3
C.8.2.1.1.6, C.8.15.3.10)."""

_DISTANCE = "SpacingBetweenSlices"
_UNEVEN = 0.01
"""By what part of it slices may lie nearer or further apart than a distance says."""


def pair_slices(
    seal: Seal, parts: Sequence[Part], notes: list[str]
) -> tuple[list[Part | None], list[Finding]]:
    """Which slice there is for each that was sealed, and which there are too many.

    Args:
        seal: what was sealed.
        parts: what there is, files of other series too.
        notes: gets a line where some of them were left out.
    """
    if seal.kind == "image":
        return _pair_in_order(seal, parts)
    pairs, rest = _pair_by_name(seal, parts)
    renamed = not any(pairs)
    series = seal.values("SeriesInstanceUID")
    series |= {part.series for part in pairs if part is not None}
    if None in pairs:
        _pair_by_pixels(seal, pairs, rest)
        series |= {part.series for part in pairs if part is not None and renamed}
        if any(pairs):
            _pair_by_place(seal, pairs, rest, series)
    uids = seal.values("SOPInstanceUID")
    extra = [
        part
        for part in rest
        if part.series in series or part.attributes.get("SOPInstanceUID", "") in uids
    ]
    if len(extra) < len(rest):
        notes.append(f"{len(rest) - len(extra)} file(s) of other series were left out")
    if renamed and extra:  # a series made anew: that some slices are as sealed says nothing of it
        pairs = [None] * len(pairs)
    return pairs, [
        Finding("extra", f"{part.name} is no slice that was sealed, or is there twice")
        for part in extra
    ]


def _pair_by_name(seal: Seal, parts: Sequence[Part]) -> tuple[list[Part | None], list[Part]]:
    """For each sealed slice the first of its UID, None where there is none; and what is left."""
    by_name: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        by_name[object_name(part.attributes)].append(part)
    pairs: list[Part | None] = []
    for z in range(len(seal.slices)):
        same_name = by_name.get(object_name(seal.expected(z)))
        pairs.append(same_name.pop(0) if same_name else None)
    return pairs, [part for group in by_name.values() for part in group]


def _pair_by_pixels(seal: Seal, pairs: list[Part | None], rest: list[Part]) -> None:
    """Slices whose UID was changed are known by their pixels; those found leave ``rest``."""
    lost = {seal.slices[z].blocks: z for z, part in enumerate(pairs) if part is None}
    for part in list(rest):
        try:
            z = lost.pop(block_digests(part.pixels(), seal.block), None)
        except ScanError:
            continue
        if z is not None:
            pairs[z] = part
            rest.remove(part)


def _pair_by_place(
    seal: Seal, pairs: list[Part | None], rest: list[Part], series: Container[str]
) -> None:
    """Slices whose UID and pixels were changed stand where those stood that they replace.

    Else whoever changed both would have them left out as a matter of another series, though they
    are shown with the others. Those found leave ``rest``.

    Args:
        seal: what was sealed.
        pairs: those found so far, by sealed slice; grows.
        rest: the others.
        series: the UIDs under which the scan is there.
    """
    lost = {_place(seal.expected(z)): z for z, part in enumerate(pairs) if part is None}
    for part in list(rest):
        if part.series in series:
            z = lost.pop(_place(part.attributes), None)
            if z is not None:
                pairs[z] = part
                rest.remove(part)


def _place(attributes: Mapping[str, str]) -> tuple[object, ...]:
    """Where a slice lies, mm, to a hundredth; its text where that is no numbers."""
    texts = [attributes.get(name, "") for name in ("ImagePositionPatient", FRAME)]
    try:
        return (*(round(float(number), 2) for number in texts[0].split("\\")),)
    except (ValueError, OverflowError):
        return tuple(texts)


def _pair_in_order(seal: Seal, parts: Sequence[Part]) -> tuple[list[Part | None], list[Finding]]:
    """Slices of an image have no names: as many are compared one by one, else aligned.

    Where more or fewer are there and none is as it was sealed, as on another grid, none is paired.
    """
    if len(parts) == len(seal.slices):
        return list(parts), []
    present = [block_digests(part.pixels(), seal.block) for part in parts]
    sealed = [item.blocks for item in seal.slices]
    pairs: list[Part | None] = [None] * len(sealed)
    extra: list[Part] = []
    steps = difflib.SequenceMatcher(None, sealed, present, autojunk=False).get_opcodes()
    on_another_grid = all(tag != "equal" for tag, *_ in steps)
    for _, a, a_end, b, b_end in steps:
        both = 0 if on_another_grid else min(a_end - a, b_end - b)
        pairs[a : a + both] = parts[b : b + both]
        extra += parts[b + both : b_end]
    return pairs, [
        Finding("extra", f"{part.name} of the image is none that was sealed") for part in extra
    ]


def compare(seal: Seal, pairs: Sequence[Part | None], progress: Progress | None) -> list[Finding]:
    """All differences between what was sealed and the slice found for it, None if there is none.

    Raises:
        ScanError: pixels are encoded in a way that no decoder here knows.
    """
    if not any(pairs):
        sealed = counted(len(pairs), "sealed slice")
        text = f"none of the {sealed} is there: is it the seal of another scan?"
        return [Finding("missing", text, tuple(range(len(pairs))))]
    changed: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    findings: list[Finding] = []
    sealed_as = {item.blocks: z for z, item in reversed(list(enumerate(seal.slices)))}
    is_distance = cache(partial(_is_distance, seal))
    untold = [name for name in LATER if not seal.tells(name)]
    for z, part in enumerate(pairs):
        if part is None:
            findings.append(
                Finding("missing", f"{_slice(seal, z)} of {len(pairs)} is missing", (z,))
            )
        else:
            expected = {name: part.attributes.get(name, "") for name in untold} | seal.expected(z)
            names = expected.keys() | part.attributes.keys() if expected != part.attributes else ()
            for name in sorted(names):
                before, now = expected.get(name, ""), part.attributes.get(name, "")
                same = before == now or _equal(name, before, now) or _implied(expected, name, now)
                if not same and not (name == _DISTANCE and not before and is_distance(now)):
                    changed[name, before, now].append(z)
            findings += _compare_pixels(seal, z, part, sealed_as)
        if progress is not None:
            progress(len(pairs) + z + 1, 2 * len(pairs))
    headers = [
        Finding(
            "attribute",
            _attribute(seal, name, before, now, slices),
            tuple(slices),
            name,
            removed=not now,
        )
        for (name, before, now), slices in changed.items()
    ]
    return headers + findings


def _equal(name: str, before: str, now: str) -> bool:
    """Whether numbers are the same, written otherwise.

    Those of the geometry of an image may differ in their last digits; those of DICOM have to be as
    the standard has them, for of longer ones some programs read the start alone.
    """
    longest = _LONGEST_NUMBER.get(_vr_of(name), 0)
    numbers, others = before.split("\\"), now.split("\\")
    if len(numbers) != len(others) or not (longest or name in _ROUNDED):
        return False
    if name not in _ROUNDED and max(map(len, (*numbers, *others))) > longest:
        return False
    try:
        return all(
            abs(decimal(a) - decimal(b)) <= _ROUNDED.get(name, 0.0)
            for a, b in zip(numbers, others, strict=True)
        )
    except ValueError:  # what a seal says may be anything
        return False


def _implied(expected: Mapping[str, str], name: str, now: str) -> bool:
    """Whether a value says, or leaves to be said, what goes without saying of a grey CT image."""
    values = {expected.get(name, ""), now}
    is_grey_ct = expected.items() >= {("Modality", "CT"), ("PhotometricInterpretation", _GREY)}
    return is_grey_ct and name in _IMPLIED and values == {"", _IMPLIED[name]}


def _is_distance(seal: Seal, text: str) -> bool:
    """Whether that many mm lie between all sealed slices, as who makes frames of slices adds.

    It has to be as short as the standard has it: see `_equal`.
    """
    if len(text) > _LONGEST_NUMBER["DS"]:
        return False
    try:
        distance, gaps = decimal(text), gaps_mm(seal.each("ImagePositionPatient"))
    except ValueError:
        return False
    return bool(len(gaps) and (np.abs(gaps - distance) <= _UNEVEN * distance).all())


@cache
def _vr_of(name: str) -> str:
    tag = tag_for_keyword(name)
    return "" if tag is None else dictionary_VR(tag)


def _compare_pixels(
    seal: Seal, z: int, part: Part, sealed_as: Mapping[bytes, int]
) -> list[Finding]:
    """What differs in the pixels of a slice; ``sealed_as``: the first slice of these blocks."""
    item, where = seal.slices[z], f"{_slice(seal, z)} ({part.name})"
    try:
        pixels = part.pixels()
    except ScanError as error:
        if not part.decodable:
            raise
        return [Finding("unreadable", f"{where}: {error}", (z,))]
    rows, columns = pixels.shape
    if (rows, columns) != (item.rows, item.columns):
        text = f"{where} is {rows} x {columns}, was {item.rows} x {item.columns}"
        return [Finding("pixels", text, (z,))]
    digests = block_digests(pixels, seal.block)
    if digests == item.blocks:
        return []
    boxes = differing_blocks(item.blocks, digests, item.rows, item.columns, seal.block)
    if not boxes:  # digests of other sizes than they should have: never called the same
        return [Finding("pixels", f"{where} differs", (z,), frame=part.frame)]
    source = sealed_as.get(digests)
    if source is not None:
        text = f"{where} holds the pixels of {_slice(seal, source)}"
        return [Finding("moved", text, (z,), boxes=tuple(boxes), frame=part.frame)]
    listed = "; ".join(str(box) for box in boxes[:3])
    more = f" and {len(boxes) - 3} more" if len(boxes) > 3 else ""
    blocks = "1 block differs" if len(boxes) == 1 else f"{len(boxes)} blocks differ"
    text = f"{where}: {blocks}: {listed}{more}"
    return [Finding("pixels", text, (z,), boxes=tuple(boxes), frame=part.frame)]


def _slice(seal: Seal, z: int) -> str:
    number = seal.expected(z).get("InstanceNumber", "")
    return f"slice {z}" + (f", instance number {number}" if number else "")


def _attribute(seal: Seal, name: str, before: str, now: str, slices: Sequence[int]) -> str:
    count = len(slices)
    where = "all slices" if count == len(seal.slices) > 1 else f"{count} slices"
    where = _slice(seal, slices[0]) if count == 1 else where
    if name in SALTED and before and now:
        return f"{describe(name)} was changed in {where}"
    was, is_now = _value(name, before), _value(name, now)
    return f"{describe(name)} was {was}, now is {is_now}, in {where}"


def _value(name: str, text: str) -> str:
    if not text:
        return "absent"
    if name in SALTED:
        return "given"
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
