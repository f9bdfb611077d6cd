"""The DICOM conformance statement (PS3.2), from the tables that the node negotiates from."""

from __future__ import annotations

from collections.abc import Sequence

from mitsgan.node.config import Destination, Listen
from mitsgan.node.network.tls import CIPHERS
from mitsgan.node.receive import STATUSES
from mitsgan.node.send import PERMANENT_STATUSES
from mitsgan.node.services import (
    COMMITMENT,
    CT_CLASSES,
    STUDY_ROOT_FIND,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    TRANSFER_SYNTAXES,
    UNCOMPRESSED,
    VERIFICATION,
    other_classes,
)

_SERVICES = {
    VERIFICATION: ("Verification", "yes", "yes"),
    **{uid: (name, "yes", "yes") for uid, name in CT_CLASSES.items()},
    COMMITMENT: ("Storage Commitment Push Model", "yes", "yes"),
    STUDY_ROOT_FIND: ("Study Root Query/Retrieve - FIND", "yes", "no"),
    STUDY_ROOT_MOVE: ("Study Root Query/Retrieve - MOVE", "yes", "no"),
    STUDY_ROOT_GET: ("Study Root Query/Retrieve - GET", "yes", "no"),
}


def statement() -> str:
    """The statement, in Markdown."""
    return (
        "\n\n".join(
            ["# DICOM conformance statement of the node", _OVERVIEW]
            + [f"## {title}\n\n{text}" for title, text in _sections()]
        )
        + "\n"
    )


_OVERVIEW = (
    "Written by `mitsgan node conformance` from the tables that the node negotiates from. The node "
    "is one application entity: it receives CT objects, derives protected ones, or the originals "
    "of protected ones, and sends them on. "
    "It neither prints nor displays, and answers no queries."
)


def _sections() -> list[tuple[str, str]]:
    listen = Listen()
    return [
        ("SOP classes", _services()),
        ("Transfer syntaxes", _syntaxes()),
        ("Associations", _associations(listen)),
        ("Storage as SCP", _storage()),
        ("Storage as SCU", _sending()),
        ("DICOMweb", _WEB),
        ("Storage commitment as SCU", _COMMITMENT),
        ("Storage commitment as SCP", _PROMISES),
        ("Query and retrieve as SCU", _QUERY),
        ("Derived objects", _DERIVED),
        ("Security", _security()),
        ("Character sets", _CHARACTERS),
    ]


def _services() -> str:
    rows = [(name, uid, scu, scp) for uid, (name, scu, scp) in _SERVICES.items()]
    return (
        _table(("SOP class", "UID", "SCU", "SCP"), rows)
        + f"\n\nAlso, if a route's `others` is `forward`: {len(other_classes())} further storage "
        "SOP classes, all that pynetdicom lists, as SCP and, untouched, as SCU. Storage commitment "
        "is negotiated in both roles, for its results come in associations that the peer opens."
    )


def _syntaxes() -> str:
    rows = [(name, uid) for uid, name in TRANSFER_SYNTAXES.items()]
    names = " and ".join(UNCOMPRESSED.values())
    return (
        _table(("Transfer syntax", "UID"), rows)
        + "\n\nAll are accepted for every storage SOP class. Of those that are proposed in a "
        "context, the one that stands first in this table is chosen. As SCU, an object is proposed "
        f"in its own transfer syntax, and, each in a context of its own, in {names}."
    )


def _associations(listen: Listen) -> str:
    rows = [
        ("Application context", "1.2.840.10008.3.1.1.1"),
        (
            "Associations at once, as SCP",
            f"`max_associations`, by default {listen.max_associations}",
        ),
        ("Longest PDU received", f"`max_pdu`, by default {listen.max_pdu} bytes"),
        (
            "Wait for a request",
            f"`association_seconds`, by default {listen.association_seconds:g} s",
        ),
        ("Silence", f"`idle_seconds`, by default {listen.idle_seconds:g} s; then it is aborted"),
        ("As SCU", "one association for a series and destination; asynchronous operations: none"),
    ]
    return (
        _table(("", ""), rows)
        + "\n\nA calling AE title, address or certificate that no route names is rejected: "
        "permanent, by the service user, calling AE title not recognized; unless verification "
        "alone is proposed, or by the AE title of a destination no more than verification and "
        "storage commitment, or while that is to send what C-MOVE asked back. Any called AE title "
        "is accepted."
    )


def _storage() -> str:
    rows = [(f"{status:04X}", meaning) for status, meaning in STATUSES.items()]
    return (
        "Level 2: every attribute is kept, and the data set is stored bit for bit as it was "
        "received. Success is answered once it is on the disk.\n\n"
        + _table(("Status", "Meaning"), rows)
    )


def _sending() -> str:
    ranges = f"{PERMANENT_STATUSES[0]:04X}, A9xx and Cxxx"
    wait = Destination(ae_title="X", address="localhost", port=104).timeout_seconds
    return (
        f"Success and warnings (Bxxx) count as sent. {ranges} end a delivery as a dead letter. Any "
        f"other status, or none within `timeout_seconds` (by default {wait:g} s), is tried again."
    )


_WEB = (
    "As a client, for destinations with a `url`: STOW-RS with `application/dicom` in "
    "`multipart/related`, a length and no chunks, objects in their own transfer syntax; QIDO-RS "
    "for the instances of a series, page after page by `offset`, before and after, with `ask`; "
    "WADO-RS for instances, with `read_back`. Failure reasons count as statuses do of storage as "
    "SCU. As a server: none."
)
_COMMITMENT = (
    "For destinations with `commitment`: N-ACTION for all objects of a series once they were sent. "
    "The N-EVENT-REPORT is taken in an association that the peer opens. Objects that were not "
    "committed are sent again, without a query for them. Without a result in "
    "`commitment_seconds` it is asked for again, under a new transaction; a result of an earlier "
    "one counts, too."
)
_PROMISES = (
    "N-ACTION is taken from senders whose AE title is that of a destination, which tells where "
    "they listen; others are answered 0124, and 0115 those whose UIDs are missing or none. The "
    "N-EVENT-REPORT comes in an association that the "
    "node opens: an object is committed once every destination has the whole series that was made "
    "of it; 0112 is the reason for one that was never received, 0110 for a dead letter, and for "
    "one that is still under way after `series_seconds`."
)
_QUERY = (
    "C-FIND, study root, level IMAGE, keys Study, Series (unique) and SOP Instance UID "
    "(universal), before a series is sent to a destination with `ask`. C-GET or, with "
    "`read_back_by`, C-MOVE to the node itself, study root, level SERIES, after it from a "
    "destination with `read_back`."
)
_DERIVED = (
    "Protected objects are of the SOP class and, where it can be encoded, the transfer syntax of "
    "their sources, with *Image Type* DERIVED, *Derivation Description*, *Source Image Sequence*, "
    "and new SOP Instance, Series Instance and, where needed, further UIDs that follow from the "
    "sources' UIDs and the voxels. Objects that a route passes on or verifies keep their UIDs; "
    "localizers (*Image Type*) and pages in colour (*Samples per Pixel* 3) are passed on by every "
    "route. "
    "With `restorable_form` `full`, protected objects hold an *Encrypted Attributes Sequence* "
    "(PS3.3 C.12.1.1.4.1; CMS, AES-256, RSA). A route that restores sends the original, under its "
    "own UIDs, in the transfer syntax that it had or, from within the objects, in Explicit VR "
    "Little Endian."
)
_TRAIL = (
    "Audit trail messages after PS3.15 A.5, if `audit` is set: Application Activity, Begin "
    "Transferring DICOM Instances, DICOM Instances Accessed (an original was given back), DICOM "
    "Instances Transferred, Query, Export, Security Alert and User Authentication, over syslog by "
    "TLS or UDP (PS3.15 A.6, A.7), MSGID DICOM+RFC3881. The patient is left out of them unless "
    "`patient` tells otherwise.\n\n"
)
_CHARACTERS = (
    "*Specific Character Set* is kept as it is; values of text are neither read nor changed on the "
    "way through."
)


def _security() -> str:
    return _TRAIL + (
        "TLS in both directions, certificates on both sides, after the BCP 195 profile (PS3.15 "
        f"B.9): TLS 1.2 with `{CIPHERS}`, or 1.3. Without `tls` connections are plain, and by "
        "default on loopback only. Digital signatures of received objects are neither verified nor "
        "kept valid: a protected object is a new one."
    )


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)
