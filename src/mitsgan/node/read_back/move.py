"""By C-MOVE: the archive sends the series to the node's own storage SCP, which must run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydicom.uid import UID
from pynetdicom.presentation import build_context

from mitsgan.node.config import Destination
from mitsgan.node.read_back.get import check_whole, peer_status, series_query
from mitsgan.node.read_back.returns import Returns
from mitsgan.node.send import Item, RefusedError, accepts, connected
from mitsgan.node.services import STUDY_ROOT_MOVE


def fetch_by_move(
    calling: str,
    destination: Destination,
    files: Sequence[Item],
    folder: Path,
    returns: Returns,
) -> None:
    """Have a series moved into a folder, which is made.

    Args:
        calling: our AE title, under which the peer knows where we listen.
        destination, files, folder: as of `mitsgan.node.read_back.get.fetch`.
        returns: told what to wait for.

    Raises:
        PeerError, RefusedError: as of `mitsgan.node.read_back.get.fetch`.
    """
    folder.mkdir()
    title = destination.ae_title
    query = series_query(files[0].path)
    with (
        returns.expected(title, (item.sop_uid for item in files), folder),
        connected(calling, destination, [build_context(STUDY_ROOT_MOVE)]) as association,
    ):
        if not accepts(association, STUDY_ROOT_MOVE):
            raise RefusedError(f"{title} does not accept C-MOVE")
        for status, _ in association.send_c_move(query, calling, UID(STUDY_ROOT_MOVE)):
            peer_status(title, "C-MOVE", status)
    check_whole(title, files, folder)
