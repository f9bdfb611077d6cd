"""By WADO-RS (PS3.18 10.4): one object after another, each in the encoding it is kept in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mitsgan.node.config import Destination
from mitsgan.node.dicomweb import ask_web, where
from mitsgan.node.read_back.get import check_whole
from mitsgan.node.send import Item, PeerError
from mitsgan.node.store.spool import read_header

_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'


def fetch_web(destination: Destination, files: Sequence[Item], folder: Path) -> None:
    """Fetch a series into a folder, which is made.

    Args:
        destination: the server.
        files: what it was sent, of one series.
        folder: where the objects go, as ``SOP-INSTANCE-UID.dcm``.

    Raises:
        PeerError: the server cannot be reached, or does not return every object.
    """
    folder.mkdir()
    header = read_header(files[0].path)
    series = f"/studies/{header.study_uid}/series/{header.series_uid}"
    for item in files:
        path = f"{series}/instances/{item.sop_uid}"
        answer = ask_web(destination, "GET", path, headers={"Accept": _ACCEPT})
        if answer.status != 200:
            raise PeerError(f"{where(destination)} answered WADO-RS with {answer.status}")
        data = only_part(answer.kind, answer.body)
        if data is None:
            raise PeerError(f"{where(destination)} answered WADO-RS with what is no single object")
        (folder / f"{item.sop_uid}.dcm").write_bytes(data)
    check_whole(where(destination), files, folder)


def only_part(kind: str, body: bytes) -> bytes | None:
    """The content of a ``multipart/related`` body of one part; None where it is none.

    Args:
        kind: its *Content-Type*.
        body: all of it.
    """
    match = re.search(r'boundary="?([^";]+)"?', kind)
    if match is None or not kind.lower().startswith("multipart/related"):
        return None
    mark = b"--" + match[1].strip().encode("latin-1")
    begin = body.find(mark)
    head_end = body.find(b"\r\n\r\n", begin)
    end = body.rfind(b"\r\n" + mark + b"--")
    if begin < 0 or head_end < 0 or end < head_end:
        return None
    return body[head_end + 4 : end]
