"""Public scans from the Imaging Data Commons: which, in what order, and what is there already.

Source: Fedorov et al., RadioGraphics 43:e230180, 2023; the package idc-index holds the catalogue
and the download.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from mitsgan.atomic import output_error
from mitsgan.errors import DataError, MissingExtraError, counted
from mitsgan.training.data.collections import SOURCES, Catalogue, Collection

MANIFEST = "manifest.json"
_PARTIAL = ".partial"
_BUCKET = "https://idc-open-data.s3.amazonaws.com/"
_PATIENCE_S = 20.0


@dataclass(frozen=True)
class Series:
    """One CT series in the catalogue."""

    patient: str
    uid: str
    files: int
    megabytes: float
    licence: str
    doi: str

    @property
    def folder(self) -> Path:
        """Where it goes, below the folder of all."""
        return Path(self.patient) / self.uid


class Client(Catalogue, Protocol):
    """What is needed of ``idc_index.IDCClient``."""

    def download_from_selection(self, downloadDir: str, **options: Any) -> Any:  # noqa: N803
        """Download what is selected."""


Progress = Callable[[int, int, str], None]
"""Called with series done, series in all, and what comes next."""


def idc_client() -> Client:
    """The Imaging Data Commons; loading its catalogue takes some seconds.

    Raises:
        MissingExtraError: idc-index is not installed.
    """
    try:
        from idc_index import IDCClient
    except ImportError as error:
        raise MissingExtraError(
            "fetching scans needs idc-index, which is not installed; "
            "install it with: pip install 'mitsgan[idc]'"
        ) from error
    client: Client = IDCClient()
    return client


def check_network() -> None:
    """Raise unless the bucket answers: the download itself would try for many minutes.

    Raises:
        DataError: there is no way to it.
    """
    request = urllib.request.Request(_BUCKET, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_S):
            return
    except urllib.error.HTTPError:
        return  # it answered, if only that its list is not public
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(
            f"{_BUCKET} cannot be reached ({reason}), and the scans come from there: is there a "
            f"network? Behind a proxy, set HTTPS_PROXY"
        ) from error


def choose_series(client: Client, collection: Collection, patients: int, skip: int) -> list[Series]:
    """All CT series of so many patients, by ascending patient ID, after the first ``skip``.

    The choice is the same every time; more patients add to what fewer gave.

    Raises:
        DataError: the catalogue does not have so many.
    """
    source = SOURCES[collection]
    frame = client.sql_query(
        "SELECT PatientID, SeriesInstanceUID, instanceCount, series_size_MB, license_short_name, "
        f"source_DOI FROM index WHERE {source.selection} ORDER BY PatientID, SeriesInstanceUID"
    )
    candidates = [
        Series(
            patient=str(row["PatientID"]),
            uid=str(row["SeriesInstanceUID"]),
            files=int(row["instanceCount"]),
            megabytes=float(row["series_size_MB"]),
            licence=str(row["license_short_name"]),
            doi=str(row["source_DOI"]),
        )
        for row in frame.to_dict("records")
    ]
    names = sorted({series.patient for series in candidates})
    chosen = set(names[skip : skip + patients])
    if len(chosen) < patients:
        raise DataError(
            f"the catalogue has {len(names)} patients with CT in {source.collection_id}; "
            f"{patients} after the first {skip} are more than that"
        )
    return [series for series in candidates if series.patient in chosen]


def fetch(
    client: Client,
    collection: Collection,
    series: Sequence[Series],
    folder: Path,
    progress: Progress | None = None,
    *,
    check: Callable[[], None] = check_network,
) -> tuple[int, int]:
    """Download what is not there yet; the manifest in ``folder`` grows with every series.

    A series comes into a hidden folder and is moved when it is whole; an interrupted download
    goes on from there. Nothing that is there already is changed or taken away.

    Args:
        client: the Imaging Data Commons.
        collection, series: what `choose_series` chose.
        folder: where it goes; made if it is not there.
        progress: told before and after each series.
        check: called before the first download; raises where none can succeed.

    Returns:
        How many series were fetched, and how many were there.

    Raises:
        DataError: a download failed or is incomplete, something else lies in a series' place, or
            the folder holds another collection, of which the manifest would lose the citation.
        OutputError: the folder cannot be written, or the disk is full.
    """
    manifest = _read_manifest(folder, collection)
    listed = {entry.get("uid") for entry in manifest}
    # Checked for all before anything is downloaded.
    missing = [one for one in series if not _is_there(folder / one.folder, one)]
    if missing:
        check()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one in series:
            if one not in missing and one.uid not in listed:
                manifest.append(_entry(one))
        _write_manifest(folder, collection, manifest)
        for number, one in enumerate(missing):
            if progress is not None:
                progress(number, len(missing), f"{one.patient}, {one.megabytes:.0f} MB")
            _download(client, one, folder)
            manifest = [entry for entry in manifest if entry.get("uid") != one.uid]
            manifest.append(_entry(one))
            _write_manifest(folder, collection, manifest)
            if progress is not None:
                progress(number + 1, len(missing), one.patient)
    except OSError as error:
        raise output_error(folder, error) from error
    with suppress(OSError):  # what another download has begun stays
        (folder / _PARTIAL).rmdir()
    return len(missing), len(series) - len(missing)


def _is_there(place: Path, series: Series) -> bool:
    """Whether the whole series is in its place; raises where something else is."""
    if not place.exists():
        return False
    count = _files(place)
    if count != series.files:
        raise DataError(
            f"{place} holds {counted(count, 'file')}, where the series has {series.files}; it was "
            f"changed since it was fetched: move it away to fetch it again, or name another folder"
        )
    return True


def _download(client: Client, series: Series, folder: Path) -> None:
    partial = folder / _PARTIAL / series.uid
    partial.mkdir(parents=True, exist_ok=True)
    begun = any(partial.iterdir())
    try:
        client.download_from_selection(
            str(partial),
            seriesInstanceUID=series.uid,
            dirTemplate=None,
            quiet=True,
            show_progress_bar=False,
            use_s5cmd_sync=begun,
        )
    except OSError as error:
        if error.errno is not None:
            raise
        raise DataError(_failed(series, str(error))) from error
    # The client raises what its own libraries do, without a common root.
    except Exception as error:
        raise DataError(_failed(series, str(error) or type(error).__name__)) from error
    count = _files(partial)
    if count != series.files:
        raise DataError(_failed(series, f"{count} of {series.files} files came"))
    place = folder / series.folder
    place.parent.mkdir(parents=True, exist_ok=True)
    partial.rename(place)


def _failed(series: Series, reason: str) -> str:
    return (
        f"series {series.uid} of {series.patient} was not fetched whole ({reason}); is there a "
        f"network, and may it reach the bucket idc-open-data? What came is kept: give the same "
        f"command again to go on"
    )


def _files(place: Path) -> int:
    return sum(1 for file in place.rglob("*") if file.is_file() and not file.name.startswith("."))


def _entry(series: Series) -> dict[str, object]:
    return {**asdict(series), "folder": series.folder.as_posix()}


def _read_manifest(folder: Path, collection: Collection) -> list[dict[str, Any]]:
    path = folder / MANIFEST
    if not path.exists():
        return []
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        listed, of = list(manifest["series"]), manifest["collection"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is no manifest of fetched scans; move it away, or name another folder"
        ) from error
    if listed and of != SOURCES[collection].collection_id:
        raise DataError(
            f"{folder} holds scans of {of}, to be cited otherwise; name another folder for those "
            f"of {SOURCES[collection].collection_id}"
        )
    return listed


def _write_manifest(
    folder: Path, collection: Collection, entries: Sequence[Mapping[str, object]]
) -> None:
    source = SOURCES[collection]
    ordered = sorted(entries, key=lambda entry: str(entry.get("folder")))
    about = {
        "collection": source.collection_id,
        "citation": source.citation,
        "series": ordered,
    }
    temporary = folder / f".{MANIFEST}.new"
    temporary.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    temporary.replace(folder / MANIFEST)
