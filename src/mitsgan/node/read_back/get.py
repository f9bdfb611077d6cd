"""By C-GET: the archive sends the series in the association that asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import build_role, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event
from pynetdicom.presentation import build_context

from mitsgan.errors import counted
from mitsgan.files.dicom.find.uids import is_uid
from mitsgan.node.config import Destination
from mitsgan.node.send import Item, PeerError, RefusedError, accepts, connected
from mitsgan.node.services import STUDY_ROOT_GET, UNCOMPRESSED
from mitsgan.node.store.spool import read_header

_PENDING = (0xFF00, 0xFF01)


def fetch(calling: str, destination: Destination, files: Sequence[Item], folder: Path) -> None:
    """Fetch a series into a folder, which is made.

    Args:
        calling: our AE title.
        destination: the peer.
        files: what it was sent, of one series.
        folder: where the objects go, as ``SOP-INSTANCE-UID.dcm``.

    Raises:
        PeerError: the peer cannot be reached, or does not return every object.
        RefusedError: it knows no C-GET.
    """
    folder.mkdir()

    def keep(event: Event) -> int:
        uid = str(cast(C_STORE, event.request).AffectedSOPInstanceUID)
        if not is_uid(uid):
            return 0xC000
        Path(event.dataset_path).rename(folder / f"{uid}.dcm")
        return 0

    classes = dict.fromkeys(item.class_uid for item in files)
    contexts = [build_context(STUDY_ROOT_GET)]
    for uid in classes:
        syntaxes = dict.fromkeys(item.syntax for item in files if item.class_uid == uid)
        contexts += [build_context(uid, syntax) for syntax in {**syntaxes, **UNCOMPRESSED}]
    query = series_query(files[0].path)
    with connected(
        calling,
        destination,
        contexts,
        handlers=[(evt.EVT_C_STORE, keep)],
        roles=[build_role(uid, scp_role=True) for uid in classes],
    ) as association:
        if not accepts(association, STUDY_ROOT_GET):
            raise RefusedError(f"{destination.ae_title} does not accept C-GET")
        for status, _ in association.send_c_get(query, UID(STUDY_ROOT_GET)):
            peer_status(destination.ae_title, "C-GET", status)
    check_whole(destination.ae_title, files, folder)


def series_query(path: Path) -> Dataset:
    """A query for the series of a file."""
    header = read_header(path)
    query = Dataset()
    query.QueryRetrieveLevel = "SERIES"
    query.StudyInstanceUID = header.study_uid
    query.SeriesInstanceUID = header.series_uid
    return query


def peer_status(peer: str, service: str, status: Dataset) -> None:
    """Raise `PeerError` where a status is neither success nor pending."""
    if "Status" not in status or status.Status not in (0, *_PENDING):
        shown = f"{status.Status:04X}" if "Status" in status else "none"
        raise PeerError(f"{peer} answered {service} with {shown}")


def check_whole(peer: str, files: Sequence[Item], folder: Path) -> None:
    """Raise `PeerError` where an object did not come back."""
    lacking = [item for item in files if not (folder / f"{item.sop_uid}.dcm").is_file()]
    if lacking:
        raise PeerError(f"{peer} did not return {counted(len(lacking), 'object')}")
