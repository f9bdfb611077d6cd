"""The events of a node that an audit trail wants (PS3.15 A.5.3)."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.dsutils import encode

from mitsgan.node.audit.messages import (
    APPLICATION,
    APPLICATION_ACTIVITY,
    BEGIN_TRANSFERRING,
    CLASS_UID,
    DESTINATION,
    EXPORT,
    INSTANCES_ACCESSED,
    INSTANCES_TRANSFERRED,
    LOGIN,
    MEDIA,
    NODE_AUTHENTICATION,
    NODE_ID,
    QUERY,
    SECURITY_ALERT,
    SERIOUS,
    SOURCE,
    START,
    STOP,
    SUCCESS,
    URI,
    USER_AUTHENTICATION,
    Code,
    Event,
    Party,
    Thing,
)
from mitsgan.node.config import Destination, Listen
from mitsgan.node.dicomweb import instances_path
from mitsgan.node.processing.tasks import Answer
from mitsgan.node.send import image_query
from mitsgan.node.services import STUDY_ROOT_FIND


def activity(listen: Listen, *, begins: bool) -> Event:
    """The node starts or stops."""
    who = Party(str(os.getpid()), listen.address, APPLICATION, also=f"AETITLES={_title(listen)}")
    return Event(APPLICATION_ACTIVITY, "E", [who], kind=START if begins else STOP)


def received(
    listen: Listen, calling: str, address: str, study: Sequence[Thing], *, again: bool, failed: str
) -> Event:
    """Objects of a study came in one association.

    Args:
        listen: the node.
        calling, address: who sent them.
        study: what came.
        again: all were there already.
        failed: why some were not taken; "" where all were.
    """
    return Event(
        INSTANCES_TRANSFERRED,
        "R" if again else "C",
        [Party(calling, address, SOURCE, requestor=True), _node(listen, DESTINATION)],
        study,
        outcome=SERIOUS if failed else SUCCESS,
        text=failed,
    )


def begins_sending(listen: Listen, to: Destination, study: Sequence[Thing]) -> Event:
    """A series is about to be sent."""
    parties = [_node(listen, SOURCE, requestor=True), _peer(to, DESTINATION)]
    return Event(BEGIN_TRANSFERRING, "E", parties, study)


def sent(listen: Listen, to: Destination, study: Sequence[Thing], failed: str) -> Event:
    """A series was sent, or not all of it."""
    return Event(
        INSTANCES_TRANSFERRED,
        "C",
        [_node(listen, SOURCE, requestor=True), _peer(to, DESTINATION)],
        study,
        outcome=SERIOUS if failed else SUCCESS,
        text=failed,
    )


def fetched(listen: Listen, peer: Destination, study: Sequence[Thing], failed: str) -> Event:
    """A series was fetched back."""
    return Event(
        INSTANCES_TRANSFERRED,
        "R",
        [_peer(peer, SOURCE), _node(listen, DESTINATION, requestor=True)],
        study,
        outcome=SERIOUS if failed else SUCCESS,
        text=failed,
    )


def queried(
    listen: Listen, peer: Destination, study_uid: str, series_uid: str, failed: str = ""
) -> Event:
    """A peer was asked which objects of a series it has."""
    syntax = ExplicitVRLittleEndian
    if peer.url:
        query = instances_path(study_uid, series_uid).encode()
        thing = Thing(URI, peer.url, query=query)
    else:
        asked = image_query(study_uid, series_uid)
        query = encode(asked, syntax.is_implicit_VR, syntax.is_little_endian) or b""
        details = {"TransferSyntax": str(syntax)}
        thing = Thing(CLASS_UID, STUDY_ROOT_FIND, query=query, details=details)
    parties = [_node(listen, SOURCE, requestor=True), _peer(peer, DESTINATION)]
    outcome = SERIOUS if failed else SUCCESS
    return Event(QUERY, "E", parties, [thing], outcome=outcome, text=failed)


def rejected(listen: Listen, calling: str, address: str, reason: str) -> Event:
    """An association was rejected: its peer is none that the node knows."""
    return Event(
        SECURITY_ALERT,
        "E",
        [_node(listen), Party(calling, address, requestor=True)],
        [Thing(NODE_ID, calling or address, role=11)],
        kind=NODE_AUTHENTICATION,
        outcome=SERIOUS,
        text=reason,
    )


def login_failed(listen: Listen, address: str, forwarded: str = "") -> Event:
    """Somebody gave a wrong token.

    Args:
        listen: the node.
        address: who asked.
        forwarded: for whom, where who asked is a proxy, or says so: nobody has seen to it.
    """
    return Event(
        USER_AUTHENTICATION,
        "E",
        [Party("unknown", address, requestor=True), _node(listen)],
        kind=LOGIN,
        outcome=SERIOUS,
        text="a wrong token" + (f"; said to be for {forwarded}" if forwarded else ""),
    )


def restored(
    listen: Listen,
    calling: str,
    address: str,
    study: Sequence[Thing],
    series_uid: str,
    answer: Answer,
) -> Event:
    """The original of a protected series was given back, or was not.

    Args:
        listen: the node, which decrypted it.
        calling, address: who sent the protected series, so that its original be given back.
        study: what it is of.
        series_uid: of the protected series.
        answer: what came of it.
    """
    details = {"Protected Series": series_uid}
    if not answer.error:
        details |= {"Original SHA-256": answer.original, "Sealed By": answer.signer or "nobody"}
    return Event(
        INSTANCES_ACCESSED,
        "R",
        [Party(calling, address, requestor=True), _node(listen)],
        [replace(study[0], details=details), *study[1:]],
        outcome=SERIOUS if answer.error else SUCCESS,
        text=f"restore: {answer.error or answer.text}",
    )


def exported(listen: Listen, folder: Path, study: Sequence[Thing]) -> Event:
    """Somebody copied a series out of the spool."""
    parties = [
        Party(_user(), "", SOURCE, requestor=True),
        Party(folder.resolve().as_uri(), "", MEDIA, media=URI),
        _node(listen),
    ]
    return Event(EXPORT, "R", parties, study)


def discarded(listen: Listen, series_uid: str, study: Sequence[Thing]) -> Event:
    """Somebody deleted a series that could not be passed on."""
    details = {"Discarded Series": series_uid}
    return Event(
        INSTANCES_ACCESSED,
        "D",
        [Party(_user(), "", requestor=True), _node(listen)],
        [replace(study[0], details=details), *study[1:]],
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def _title(listen: Listen) -> str:
    return listen.ae_title.strip()


def _node(listen: Listen, role: Code | None = None, *, requestor: bool = False) -> Party:
    return Party(_title(listen), listen.address, role, requestor, also=str(os.getpid()))


def _peer(peer: Destination, role: Code) -> Party:
    return Party(peer.ae_title.strip() or peer.url, peer.address, role)
