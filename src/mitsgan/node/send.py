"""A series to a peer: what it lacks, in one association, in the encoding that it takes."""

from __future__ import annotations

import socket
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.presentation import build_context

from mitsgan.errors import MitsganError
from mitsgan.node.config import Destination
from mitsgan.node.network.connection import Connection
from mitsgan.node.network.reach import why_not
from mitsgan.node.network.tls import client_context
from mitsgan.node.services import STUDY_ROOT_FIND, UNCOMPRESSED, VERIFICATION

_CONTEXTS = 127
"""An association has 128 (PS3.8 9.3.2.2), of which one is of C-ECHO."""

_WORDS = {"OW": "H", "OF": "I", "OL": "I", "OD": "Q", "OV": "Q"}
"""Values that are kept as bytes, and the words that they are of (PS3.5 7.3), for `array`."""

_END = 0.5
"""Seconds in which the thread of a connection ends that the peer has ended."""

_PENDING = (0xFF00, 0xFF01)
_WARNINGS = range(0xB000, 0xC000)
PERMANENT_STATUSES = (0x0122, *range(0xA900, 0xAA00), *range(0xC000, 0xD000))
"""Statuses by which a peer says that it will never take an object (PS3.4 annex B.2.3)."""


class PeerError(MitsganError):
    """A peer cannot be reached, or does not do what it was asked; it may later on."""


class RefusedError(MitsganError):
    """A peer will never take what it was sent."""


@dataclass(frozen=True)
class Item:
    """A file to send, and what it is."""

    path: Path
    sop_uid: str
    class_uid: str
    syntax: str


def items(folder: Path) -> list[Item]:
    """The objects in a folder, in the order of their names."""
    listed = []
    for path in sorted(folder.iterdir()):
        meta = read_file_meta_info(path)
        listed.append(
            Item(
                path,
                str(meta.MediaStorageSOPInstanceUID),
                str(meta.MediaStorageSOPClassUID),
                str(meta.TransferSyntaxUID),
            )
        )
    return listed


@contextmanager
def connected(
    calling: str,
    destination: Destination,
    contexts: Sequence[Any],
    *,
    handlers: Sequence[Any] = (),
    roles: Sequence[Any] = (),
) -> Iterator[Association]:
    """An association with a peer, released in the end.

    Args:
        calling: our AE title.
        destination: the peer.
        contexts: presentation contexts to ask for.
        handlers: of events of the association.
        roles: role selections to ask for.

    Raises:
        PeerError: it cannot be reached, rejects the association, or has left when it is asked.
    """
    ae = AE(calling)
    ae.connection_timeout = ae.acse_timeout = destination.timeout_seconds
    ae.dimse_timeout = ae.network_timeout = destination.timeout_seconds
    tls = destination.tls
    where = f"{destination.ae_title} at {destination.address}:{destination.port}"
    try:
        association = ae.associate(
            destination.address,
            destination.port,
            ae_title=destination.ae_title,
            # A peer that accepts nothing of what is asked for would count as one that is not there.
            contexts=[*contexts, build_context(VERIFICATION)],
            ext_neg=list(roles),
            evt_handlers=[*handlers, (evt.EVT_CONN_OPEN, _send_at_once)],
            tls_args=None if tls is None else (client_context(tls), destination.address),
        )
    except OSError as error:  # of a name that nobody knows now
        raise PeerError(f"{where} cannot be reached: {error.strerror or error}") from error
    if not association.is_established:
        raise PeerError(f"{where} {why_not(association, destination)}")
    Connection.of_client(association)
    try:
        yield association
    except RuntimeError as error:  # pynetdicom's, where it is asked to send after the end
        if association.is_established:
            raise
        raise PeerError(f"{where} has left: {error}") from error
    except PeerError:
        association.dul.join(_END)
        raise
    finally:
        # Of one whose connection has ended, the answer would be waited for as long as for any.
        if association.dul.is_alive() and association.is_established:
            association.release()


def _send_at_once(event: Event) -> None:
    """Do not let the end of a message wait until the peer has confirmed what came before."""
    wrapper = event.assoc.dul.socket
    if wrapper is not None and wrapper.socket is not None:
        wrapper.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def accepts(association: Association, uid: str) -> bool:
    """Whether a peer accepted a SOP class."""
    return any(str(context.abstract_syntax) == uid for context in association.accepted_contexts)


def send(
    calling: str,
    destination: Destination,
    files: Iterable[Item],
    on_sent: Callable[[Item], None],
) -> None:
    """Send files in one association.

    Args:
        calling: our AE title.
        destination: the peer.
        files: what it is to get.
        on_sent: called for each file once the peer has answered that it has it.

    Raises:
        PeerError: the peer is gone, or cannot take something now.
        RefusedError: it will never take something; what came before it was sent.
    """
    wanted = list(files)
    with connected(calling, destination, _contexts(wanted)) as association:
        for number, item in enumerate(wanted):
            status = _store(association, item, number % 65535 + 1)
            if status is None:
                raise PeerError(f"{destination.ae_title} gave no answer and left")
            if status in PERMANENT_STATUSES:
                raise RefusedError(f"{destination.ae_title} refused an object: status {status:04X}")
            if status != 0 and status not in _WARNINGS:
                raise PeerError(f"{destination.ae_title} could not take an object: {status:04X}")
            on_sent(item)


def image_query(study_uid: str, series_uid: str) -> Dataset:
    """A query for the objects of a series."""
    query = Dataset()
    query.QueryRetrieveLevel = "IMAGE"
    query.StudyInstanceUID = study_uid
    query.SeriesInstanceUID = series_uid
    query.SOPInstanceUID = ""
    return query


def stored_at(
    calling: str, destination: Destination, study_uid: str, series_uid: str
) -> set[str] | None:
    """Which objects of a series a peer has, by C-FIND; None where it does not answer that.

    Raises:
        PeerError: it cannot be reached, or fails in the middle.
    """
    query = image_query(study_uid, series_uid)
    context = build_context(STUDY_ROOT_FIND)
    with connected(calling, destination, [context]) as association:
        if not accepts(association, STUDY_ROOT_FIND):
            return None
        uids = set()
        for status, answer in association.send_c_find(query, UID(STUDY_ROOT_FIND)):
            if "Status" not in status:
                raise PeerError(f"{destination.ae_title} gave no answer to a query and left")
            if status.Status in _PENDING:
                if answer is not None and "SOPInstanceUID" in answer:
                    uids.add(str(answer.SOPInstanceUID))
            elif status.Status != 0:
                raise PeerError(f"{destination.ae_title} failed a query: {status.Status:04X}")
    return uids


def echo(calling: str, destination: Destination) -> None:
    """C-ECHO.

    Raises:
        PeerError: the peer does not answer it.
    """
    with connected(calling, destination, []) as association:
        status = association.send_c_echo()
        if "Status" not in status or status.Status != 0:
            raise PeerError(f"{destination.ae_title} does not answer C-ECHO")


def _contexts(files: Sequence[Item]) -> list[Any]:
    """Each class in its own encoding, and in those that any peer can take."""
    pairs = dict.fromkeys((item.class_uid, item.syntax) for item in files)
    contexts = [build_context(uid, syntax) for uid, syntax in pairs]
    for uid in dict.fromkeys(item.class_uid for item in files):
        for syntax in UNCOMPRESSED:
            if (uid, syntax) not in pairs:
                contexts.append(build_context(uid, syntax))
    if len(contexts) > _CONTEXTS:
        raise RefusedError(f"a series of {len(pairs)} kinds of objects is too mixed to be sent")
    return contexts


def _store(association: Association, item: Item, message: int) -> int | None:
    """The status of one C-STORE; None where the peer has gone.

    Raises:
        RefusedError: the peer takes no encoding that the object could be sent in.
    """
    accepted = {
        str(context.transfer_syntax[0])
        for context in association.accepted_contexts
        if str(context.abstract_syntax) == item.class_uid
    }
    if not accepted:  # of what every peer can decode, too
        raise RefusedError(f"the peer takes no {UID(item.class_uid).name}")
    what: Path | Dataset = item.path
    if item.syntax not in accepted:
        what = _decoded(item, accepted)
    try:
        answer = association.send_c_store(what, msg_id=message)
    except (RuntimeError, OSError) as error:  # it is no longer there
        raise PeerError(f"the association ended: {error}") from error
    return int(answer.Status) if "Status" in answer else None


def _decoded(item: Item, accepted: set[str]) -> Dataset:
    """The object in an uncompressed encoding that the peer takes; its values are the same."""
    syntax = next((uid for uid in UNCOMPRESSED if uid in accepted), None)
    if syntax is None:
        raise RefusedError(
            f"the peer takes neither {UID(item.syntax).name} nor an uncompressed one"
        )
    dataset = dcmread(item.path)
    if not UID(item.syntax).is_little_endian:
        return _little_endian(dataset)
    if UID(item.syntax).is_encapsulated:
        try:
            dataset.decompress(generate_instance_uid=False)
        except (RuntimeError, ValueError, NotImplementedError, AttributeError) as error:
            raise RefusedError(
                f"the peer does not take {UID(item.syntax).name}, and it cannot be decoded: {error}"
            ) from error
    return dataset


def _little_endian(dataset: Dataset) -> Dataset:
    """The same in explicit VR little endian; words that pydicom leaves as bytes are turned."""
    for element in dataset.iterall():
        if element.VR in _WORDS and isinstance(element.value, bytes):
            words = array(_WORDS[element.VR], element.value)
            words.byteswap()
            element.value = words.tobytes()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    turned = BytesIO()
    dcmwrite(turned, dataset, implicit_vr=False, little_endian=True)
    turned.seek(0)
    return dcmread(turned)
