"""Fetch public scans."""

from __future__ import annotations

from mitsgan.jobs.data.result import FetchResult
from mitsgan.jobs.data.settings import FetchSettings
from mitsgan.jobs.entries import rounded
from mitsgan.progress import Phases, Progress, silent
from mitsgan.training.data.collections import SOURCES
from mitsgan.training.data.fetch import choose_series, fetch, idc_client


def fetch_scans(settings: FetchSettings, *, progress: Progress = silent) -> FetchResult:
    """Fetch the chest CTs of a public collection from the Imaging Data Commons.

    What is there is kept; an interrupted download goes on.

    Raises:
        MissingExtraError: idc-index is not installed.
        DataError: the catalogue has not so many patients, or a download failed.
        OutputError: the folder cannot be written, or the disk is full.
    """
    phases = Phases(progress)
    source = SOURCES[settings.collection]
    with phases.phase("catalogue", "opening the catalogue of the Imaging Data Commons") as step:
        client = idc_client()
        series = choose_series(client, settings.collection, settings.patients, settings.skip)
        licences = tuple(sorted({one.licence for one in series}))
        size = sum(one.megabytes for one in series)
        step(
            *(1, 1),
            f"{len(series)} CT series of {settings.patients} patients, {size:.0f} MB; "
            f"licence: {', '.join(licences)}; cite: {source.citation}",
        )
    with phases.phase("fetch", "fetching") as step:
        fetched, present = fetch(client, settings.collection, series, settings.output, step)
    return FetchResult(
        collection=settings.collection,
        output=str(settings.output),
        fetched=fetched,
        present=present,
        megabytes=round(size, 1),
        licences=licences,
        citation=source.citation,
        seconds=rounded(phases.seconds),
    )
