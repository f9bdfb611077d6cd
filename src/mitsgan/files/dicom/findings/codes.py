"""Codes of the report and the segmentations; ours where no standard has any.

Source: DICOM PS3.16 (templates TID 1500, 1411, 1501; CID 7150, 7151, 7162), UCUM.
"""

from __future__ import annotations

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CodedConcept
from pydicom.sr.coding import Code

from mitsgan.files.dicom.findings.findings import Quantity

SCHEME = "99MITSGAN"
"""Coding schemes of one's own start with 99."""

_MEANINGS = {
    "intact": "Intact: bit for bit what was protected or sealed",
    "processed": "Processed: not bit for bit, but it shows the same",
    "tampered": "Tampered: it does not show what was protected or sealed",
    "unknown": "Unknown: it cannot be told",
}
COMPUTED_TOMOGRAPHY = Code("77477000", "SCT", "Computed tomography")
ALTERED = CodedConcept("altered-region", SCHEME, "Region that may have been altered")
SPATIAL_CONCEPT = Code("309825002", "SCT", "Spatial and relational concept")
INTEGRITY = CodedConcept("integrity", SCHEME, "Integrity of the image content")
_SENTENCES = "statement"


def scheme() -> CodingSchemeIdentificationItem:
    """Whose codes ours are."""
    return CodingSchemeIdentificationItem(
        designator=SCHEME, name="mitsgan codes", responsible_organization="mitsgan"
    )


def verdict_code(verdict: str) -> CodedConcept:
    """One of the four words."""
    return CodedConcept(verdict, SCHEME, _MEANINGS[verdict])


def verdict_name(layer: str) -> CodedConcept:
    """Whose verdict it is: of all together, or of one way of looking."""
    return CodedConcept(f"verdict-{layer}", SCHEME, f"Verdict: {layer}")


def sentence_name(about: str) -> CodedConcept:
    """What a sentence is about."""
    return CodedConcept("-".join([_SENTENCES, *about.lower().split()])[:16], SCHEME, about)


def quantity_name(quantity: Quantity) -> CodedConcept:
    """What was measured."""
    value, meaning, _ = quantity.value
    if quantity is Quantity.VOLUME:
        return CodedConcept("118565006", "SCT", "Volume")
    return CodedConcept(value, SCHEME, meaning)


def unit(quantity: Quantity) -> CodedConcept:
    """In what it was measured."""
    text = quantity.value[2]
    meaning = {"ml": "milliliter", "[hnsf'U]": "Hounsfield unit", "1": "no units"}[text]
    return CodedConcept(text, "UCUM", meaning)
