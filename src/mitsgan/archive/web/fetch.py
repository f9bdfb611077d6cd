"""Fetch a series by WADO-RS into a folder for as long as it is worked on (PS3.18 10.4)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mitsgan.archive.settings import WebSource
from mitsgan.archive.task import Task
from mitsgan.archive.web.find import instances
from mitsgan.archive.web.server import Server, UnreachableError, is_web
from mitsgan.errors import DataError
from mitsgan.leftovers import sweep, work_folder

_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_AT_ONCE = 4
_PREAMBLE, _MARK = 128, b"DICM"


@contextmanager
def on_disk(task: Task, web: WebSource | None) -> Iterator[Task]:
    """The task with its source on this disk: fetched beside its output if a server has it.

    What was fetched is removed in the end; what killed workers left, before.

    Raises:
        UnreachableError, DataError: see `fetch_series`.
        OSError: it cannot be written.
    """
    if not is_web(task.source):
        yield task
        return
    place = Path(tempfile.gettempdir()) / f"mitsgan-{task.series}"
    if task.output not in ("", "."):
        place = Path(task.output)
        place.parent.mkdir(parents=True, exist_ok=True)
        sweep(place.parent)
    else:
        sweep(place.parent, "source.mitsgan-*")
    with work_folder(place.with_name(f"source.{place.name}")) as work:
        scan = work / place.name
        fetch_series(task.source, web, scan)
        yield replace(task, source=str(scan))


def fetch_series(url: str, web: WebSource | None, folder: Path) -> None:
    """Fetch a series into a folder, which is made: an object a file, in the encoding it is kept in.

    Args:
        url: of the series.
        web: how its server is reached.
        folder: where it goes, as ``SOP-INSTANCE-UID.dcm``.

    Raises:
        UnreachableError: the server is gone, or cannot answer now.
        DataError: it refuses, has the series no more, or answers with something else.
    """
    base, _, rest = url.partition("/studies/")
    server, path = Server.of(base, web), f"/studies/{rest}"
    uids = instances(server, path)
    if not uids:
        raise DataError(f"{url} holds no object any more; plan again")
    folder.mkdir()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(lambda uid: _fetch(server, path, uid, folder), uids):
            pass


def _fetch(server: Server, path: str, uid: str, folder: Path) -> None:
    from mitsgan.node.read_back.web import only_part

    where = f"{path}/instances/{uid}"
    answer = server.get(where, _ACCEPT)
    data = only_part(answer.kind, answer.body)
    if data is None or data[_PREAMBLE:][:4] != _MARK:
        raise UnreachableError(f"{server.url}{where} answered with what is no single DICOM object")
    (folder / f"{uid}.dcm").write_bytes(data)
