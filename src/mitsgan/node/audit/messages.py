"""DICOM audit messages (PS3.15 A.5): who did what to which study, as XML.

They carry no names. Their schema is in PS3.15 A.5.1; tests hold them to it.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree

_NOT_IN_LINE = re.compile("[^ -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd]")
"""What XML cannot hold, and what begins a new line, after which a peer could write another
message."""

_LONGEST = 1024
"""Characters of a value: of DICOM's own, names have 64. One datagram holds 64 KiB."""
_CLASSES = 30
"""SOP classes that are told of a study: a peer may make up as many as it likes. Collectors should
take 8 KiB (RFC 5425 4.3.1), and rsyslog takes no more unless told to."""


@dataclass(frozen=True)
class Code:
    """A coded term, of DICOM's own terminology (PS3.16 annex D) unless told otherwise."""

    value: str
    meaning: str
    system: str = "DCM"


APPLICATION_ACTIVITY = Code("110100", "Application Activity")
BEGIN_TRANSFERRING = Code("110102", "Begin Transferring DICOM Instances")
INSTANCES_ACCESSED = Code("110103", "DICOM Instances Accessed")
INSTANCES_TRANSFERRED = Code("110104", "DICOM Instances Transferred")
EXPORT = Code("110106", "Export")
QUERY = Code("110112", "Query")
SECURITY_ALERT = Code("110113", "Security Alert")
USER_AUTHENTICATION = Code("110114", "User Authentication")

START, STOP = Code("110120", "Application Start"), Code("110121", "Application Stop")
LOGIN = Code("110122", "Login")
NODE_AUTHENTICATION = Code("110126", "Node Authentication")

APPLICATION = Code("110150", "Application")
DESTINATION, SOURCE = Code("110152", "Destination Role ID"), Code("110153", "Source Role ID")
MEDIA = Code("110154", "Destination Media")
URI = Code("110037", "URI")

STUDY_UID = Code("110180", "Study Instance UID")
CLASS_UID = Code("110181", "SOP Class UID")
NODE_ID = Code("110182", "Node ID")
PATIENT_NUMBER = Code("2", "Patient Number", "RFC-3881")

SUCCESS, MINOR, SERIOUS = 0, 4, 8
"""Outcomes."""


@dataclass(frozen=True)
class Party:
    """Somebody who took part.

    Attributes:
        user: AE title, process, login or URI.
        address: where it was on the network; "" where that is not known.
        role: what it did.
        requestor: whether it began the event.
        also: another name of it.
        media: the kind of a medium.
    """

    user: str
    address: str = ""
    role: Code | None = None
    requestor: bool = False
    also: str = ""
    media: Code | None = None


@dataclass(frozen=True)
class Thing:
    """What the event was about.

    Attributes:
        kind: what its ID is.
        uid: the ID.
        type_code, role: of its kind (PS3.15 A.5.1.2.2): a person is 1, a system object 2.
        name: for people; never that of a patient.
        query: takes the place of the name.
        details: further values, by name.
        classes: of a study, how many objects of each SOP class.
    """

    kind: Code
    uid: str
    type_code: int = 2
    role: int = 3
    name: str = ""
    query: bytes | None = None
    details: Mapping[str, str] | None = None
    classes: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Event:
    """What happened.

    Attributes:
        code, kind: the event, and more closely.
        action: create, read, update, delete or execute.
        outcome: one of `SUCCESS`, `MINOR`, `SERIOUS`.
        text: why it failed.
        parties, things: who, and about what.
    """

    code: Code
    action: str
    parties: Sequence[Party]
    things: Sequence[Thing] = ()
    kind: Code | None = None
    outcome: int = SUCCESS
    text: str = ""


def to_xml(event: Event, source: str, site: str) -> str:
    """The message, in one line, as of now.

    Args:
        event: what happened.
        source: who tells of it.
        site: where that is; may be "".
    """
    root = ElementTree.Element("AuditMessage")
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    head = _add(
        root,
        "EventIdentification",
        EventActionCode=event.action,
        EventDateTime=moment.replace("+00:00", "Z"),
        EventOutcomeIndicator=str(event.outcome),
    )
    _coded(head, "EventID", event.code)
    if event.kind is not None:
        _coded(head, "EventTypeCode", event.kind)
    if event.text:
        _add(head, "EventOutcomeDescription").text = _clean(event.text)
    for party in event.parties:
        _party(root, party)
    source_element = _add(
        root, "AuditSourceIdentification", AuditEnterpriseSiteID=site, AuditSourceID=source
    )
    _add(source_element, "AuditSourceTypeCode", **{"csd-code": "4"})  # an application server
    for thing in event.things:
        _thing(root, thing)
    return ElementTree.tostring(root, encoding="unicode")


def _party(root: ElementTree.Element, party: Party) -> None:
    element = _add(
        root,
        "ActiveParticipant",
        UserID=party.user or "unknown",
        AlternativeUserID=party.also,
        UserIsRequestor="true" if party.requestor else "false",
        NetworkAccessPointID=party.address,
        NetworkAccessPointTypeCode="" if not party.address else _address_type(party.address),
    )
    if party.role is not None:
        _coded(element, "RoleIDCode", party.role)
    if party.media is not None:
        _coded(_add(element, "MediaIdentifier"), "MediaType", party.media)


def _address_type(address: str) -> str:
    """An IP address is 2, a machine's name 1."""
    return "2" if re.fullmatch(r"[0-9.]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*", address) else "1"


def _thing(root: ElementTree.Element, thing: Thing) -> None:
    element = _add(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=thing.uid,
        ParticipantObjectTypeCode=str(thing.type_code),
        ParticipantObjectTypeCodeRole=str(thing.role),
    )
    _coded(element, "ParticipantObjectIDTypeCode", thing.kind)
    if thing.query is not None:
        _add(element, "ParticipantObjectQuery").text = base64.b64encode(thing.query).decode()
    else:
        _add(element, "ParticipantObjectName").text = _clean(thing.name or thing.uid)
    for name, value in (thing.details or {}).items():
        encoded = base64.b64encode(_clean(value).encode()).decode()
        detail = {"type": name, "value": encoded}
        ElementTree.SubElement(element, "ParticipantObjectDetail", detail)
    if thing.classes:
        described = _add(element, "ParticipantObjectDescription")
        for uid, count in Counter(thing.classes).most_common(_CLASSES):
            _add(described, "SOPClass", UID=uid, NumberOfInstances=str(count))


def _coded(parent: ElementTree.Element, name: str, code: Code) -> None:
    values = {"csd-code": code.value, "codeSystemName": code.system, "originalText": code.meaning}
    _add(parent, name, **values)


def _add(parent: ElementTree.Element, name: str, **values: str) -> ElementTree.Element:
    """A new child; attributes that are "" are left out."""
    kept = {key: _clean(value) for key, value in values.items() if value}
    return ElementTree.SubElement(parent, name, kept)


def _clean(text: str) -> str:
    """In one line of bounded length, without what XML cannot hold, whatever a peer has sent."""
    shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return _NOT_IN_LINE.sub("?", shown)
