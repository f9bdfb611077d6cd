"""Find the CT series of a DICOMweb server by QIDO-RS; what an earlier plan saw is not asked again.

A series is known by its UID and by how many objects it has. Objects are told by their UIDs, under
which nothing else may ever be stored (PS3.5 9), not by their bytes, which no query gives.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mitsgan.archive.find import Folder, SeriesFiles
from mitsgan.archive.web.server import Entry, Server, uid, values, whole_number
from mitsgan.errors import DataError
from mitsgan.files.dicom import elements as dcm
from mitsgan.progress import Steps
from mitsgan.typed import parse_json

_COUNT = 0x00201209
"""*Number of Series Related Instances*."""
_ASKED = (dcm.IMAGE_TYPE, dcm.SOP_CLASS_UID, dcm.NUMBER_OF_FRAMES, dcm.ROWS, dcm.COLUMNS)
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_BYTES = 2
"""Of a voxel that is not compressed."""


@dataclass(frozen=True)
class WebSeries:
    """A series that a server has.

    Attributes:
        study, series: its UIDs.
        count: how many objects it has, None where the server does not say.
    """

    study: str
    series: str
    count: int | None

    @property
    def path(self) -> str:
        """Where it lies below the server's URL."""
        return f"/studies/{self.study}/series/{self.series}"


def find_web_series(
    server: Server, known: Mapping[str, tuple[str, str]], jobs: int, step: Steps
) -> list[Folder]:
    """The CT series of a server, each as a folder of its own.

    Args:
        server: who is asked.
        known: stamp and content of folders, see `Ledger.folders`.
        jobs: questions at the same time.
        step: told how far it is.

    Raises:
        UnreachableError, DataError: see `Server.get`.
    """
    folders, fresh = [], []
    for series in _listed(server):
        earlier = known.get(server.url + series.path)
        if earlier is not None and series.count is not None and earlier[0] == str(series.count):
            folders.append(parse_json(earlier[1], Folder, series.path))
        else:
            fresh.append(series)
    step(0, len(fresh), f"{len(folders)} series are as they were")
    with ThreadPoolExecutor(jobs) as pool:
        answers = pool.map(lambda series: _looked_into(server, series), fresh)
        for done, folder in enumerate(answers, 1):
            folders.append(folder)
            step(done, len(fresh))
    return sorted(folders, key=lambda folder: folder.path)


def instances(server: Server, series: str) -> list[str]:
    """The UIDs of a series' objects, in their order; ``series`` is its path below the URL.

    Raises:
        UnreachableError, DataError: see `Server.get`.
    """
    found = server.entries(f"{series}/instances", [("includefield", f"{dcm.SOP_INSTANCE_UID:08X}")])
    return sorted({uid(entry, dcm.SOP_INSTANCE_UID, server.url) for entry in found})


def _listed(server: Server) -> Iterator[WebSeries]:
    query = [*server.filters, ("Modality", "CT"), ("includefield", f"{_COUNT:08X}")]
    seen = set()
    for entry in server.entries("/series", query):
        modality = next(iter(values(entry, dcm.MODALITY)), "CT")
        if modality != "CT":
            raise DataError(
                f"{server.url} was asked for CT and answered with {modality}: it does not search "
                "series by their modality"
            )
        series = WebSeries(
            uid(entry, dcm.STUDY_INSTANCE_UID, server.url),
            uid(entry, dcm.SERIES_INSTANCE_UID, server.url),
            whole_number(entry, _COUNT),
        )
        if series.path not in seen:
            seen.add(series.path)
            yield series


def _looked_into(server: Server, series: WebSeries) -> Folder:
    fields = [("includefield", f"{tag:08X}") for tag in _ASKED]
    slices: list[Entry] = []
    others: Counter[str] = Counter()
    uids = set()
    for entry in server.entries(f"{series.path}/instances", fields):
        uids.add(uid(entry, dcm.SOP_INSTANCE_UID, server.url))
        kind = _no_slice(entry)
        if kind is None:
            slices.append(entry)
        else:
            others[kind] += 1
    stamp = hashlib.sha256("\n".join(sorted(uids)).encode()).hexdigest()
    whole: tuple[SeriesFiles, ...] = ()
    if slices:
        voxels = _voxels(server, series, slices)
        url = server.url + series.path
        size = _BYTES * voxels / 1e6
        whole = (SeriesFiles(url, series.series, stamp, len(slices), size, voxels),)
    count = len(uids) if series.count is None else series.count
    return Folder(server.url + series.path, str(count), whole, dict(others))


def _no_slice(entry: Entry) -> str | None:
    """What an object is that is surely no slice, as far as a server tells; None of a slice."""
    if "LOCALIZER" in values(entry, dcm.IMAGE_TYPE):
        return "localizer"
    kind = str(next(iter(values(entry, dcm.SOP_CLASS_UID)), ""))
    return "secondary capture" if kind.startswith(_SECONDARY_CAPTURE) else None


def _voxels(server: Server, series: WebSeries, slices: list[Entry]) -> int:
    """Of all slices; of one that the server does not tell the size of, as of the first."""
    first = slices[0]
    if whole_number(first, dcm.ROWS) is None:
        path = f"{series.path}/instances/{uid(first, dcm.SOP_INSTANCE_UID, server.url)}/metadata"
        first = next(server.entries(path, []), {})
    usual = [whole_number(first, tag) or 0 for tag in (dcm.ROWS, dcm.COLUMNS)]
    return sum(
        (whole_number(entry, dcm.ROWS) or usual[0])
        * (whole_number(entry, dcm.COLUMNS) or usual[1])
        * (whole_number(entry, dcm.NUMBER_OF_FRAMES) or 1)
        for entry in slices
    )
