"""Public chest CTs in the Imaging Data Commons: what they are called there, and what is owed.

Collections hold more than chests: scouts of a few images, abdomens of the same patients. ``where``
says what is taken. How many patients that gives is counted by `tools/count_collections.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Collection = Literal["lidc", "nlst", "covid-19", "lung-pet-ct-dx"]


class Catalogue(Protocol):
    """What is asked of ``idc_index.IDCClient``."""

    def sql_query(self, sql_query: str) -> Any:
        """Rows of the catalogue, as a pandas data frame."""


@dataclass(frozen=True)
class Source:
    """A collection.

    Attributes:
        collection_id: its name in the catalogue.
        title: for people.
        citation: what its users owe.
        where: which of its CT series are taken, in the catalogue's SQL.
    """

    collection_id: str
    title: str
    citation: str
    where: str = "TRUE"

    @property
    def selection(self) -> str:
        """The condition for its series, in the catalogue's SQL."""
        return f"collection_id = '{self.collection_id}' AND Modality = 'CT' AND ({self.where})"


@dataclass(frozen=True)
class Count:
    """How much of a collection is taken."""

    patients: int
    series: int
    gigabytes: float
    licences: tuple[str, ...]


_NO_SCOUT = "instanceCount >= 40"
"""Scouts have one to three images; a chest of 5 mm slices has 50 and more."""

SOURCES: Mapping[Collection, Source] = {
    "lidc": Source(
        "lidc_idri",
        "LIDC-IDRI",
        "Armato III, S. G., et al. Data From LIDC-IDRI. The Cancer Imaging Archive, 2015. "
        "https://doi.org/10.7937/K9/TCIA.2015.LO9QL9SX",
    ),
    "nlst": Source(
        "nlst",
        "NLST",
        "National Lung Screening Trial Research Team. Data from the National Lung Screening Trial "
        "(NLST). The Cancer Imaging Archive, 2013. https://doi.org/10.7937/TCIA.HMQ8-J677",
        f"{_NO_SCOUT} AND source_DOI = '10.7937/tcia.hmq8-j677'",
    ),
    "covid-19": Source(
        "covid_19_ny_sbu",
        "COVID-19-NY-SBU",
        "Saltz, J., et al. Stony Brook University COVID-19 Positive Cases. The Cancer Imaging "
        "Archive, 2021. https://doi.org/10.7937/TCIA.BBAG-2923",
        f"{_NO_SCOUT} AND BodyPartExamined = 'CHEST'",
    ),
    "lung-pet-ct-dx": Source(
        "lung_pet_ct_dx",
        "Lung-PET-CT-Dx",
        "Li, P., et al. A Large-Scale CT and PET/CT Dataset for Lung Cancer Diagnosis. The Cancer "
        "Imaging Archive, 2020. https://doi.org/10.7937/TCIA.2020.NNC2-0461",
        f"{_NO_SCOUT} AND (BodyPartExamined IS NULL OR BodyPartExamined IN ('CHEST', 'THORAX'))",
    ),
}
"""By what the command calls them."""


def count(catalogue: Catalogue, source: Source) -> Count:
    """How many patients and series of a collection are taken, how large they are, and how free."""
    frame = catalogue.sql_query(
        "SELECT license_short_name, COUNT(DISTINCT PatientID) AS patients, COUNT(*) AS series, "
        f"SUM(series_size_MB) / 1000 AS gigabytes FROM index WHERE {source.selection} "
        "GROUP BY license_short_name ORDER BY license_short_name"
    )
    rows = frame.to_dict("records")
    return Count(
        patients=sum(int(row["patients"]) for row in rows),
        series=sum(int(row["series"]) for row in rows),
        gigabytes=round(sum(float(row["gigabytes"]) for row in rows), 1),
        licences=tuple(str(row["license_short_name"]) for row in rows),
    )
