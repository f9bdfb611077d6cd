"""Cubes of many scans, one scan in memory at a time; and whose scan each is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from mitsgan import __version__
from mitsgan.atomic import atomic_output
from mitsgan.errors import DataError
from mitsgan.files import read_scan
from mitsgan.files.identity import pixel_order, series_names
from mitsgan.jobs.data.result import CubesResult, ScanCubes
from mitsgan.jobs.data.settings import CubesFile
from mitsgan.jobs.entries import rounded
from mitsgan.jobs.outputs import check_file
from mitsgan.jobs.scans import origin_of
from mitsgan.progress import Phases, Progress, Steps, silent
from mitsgan.scan import Scan
from mitsgan.training.data.annotations import Annotations, Finding, read_annotations
from mitsgan.training.data.cube_file import CubeFile, join_cubes, read_cubes, write_cubes
from mitsgan.training.data.make_cubes import CubeRecipe, MadeCubes, make_cubes
from mitsgan.training.data.split import Origin, check_apart

_SEEDS = 1_000_003
"""So that scans of one seed have streams of their own."""


def cut_cubes(settings: CubesFile, *, progress: Progress = silent) -> CubesResult:
    """Cut training cubes out of the lungs of scans, and write them, whole or not at all.

    Raises:
        ScanError: a scan cannot be read, has no lung, or is too small.
        DataError: a list of nodules or a file of cubes cannot be read, or does not belong here; or
            no scan has what is wanted.
        OutputError: the cubes cannot be written.
    """
    settings.check_scans()
    check_file(settings.output, settings.overwrite, "output")
    phases = Phases(progress)
    cutter = _Cutter.of(settings, phases)
    for number, path in enumerate(settings.scans):
        cutter.cut(path, number)
    file = cutter.file()
    with (
        phases.phase("write", f"writing {settings.output}"),
        atomic_output(settings.output, overwrite=settings.overwrite) as temporary,
    ):
        write_cubes(file, temporary)
    return CubesResult(
        output=str(settings.output),
        action=file.action,
        split=file.split,
        cubes=len(file.cubes),
        kinds=dict(sorted(Counter(file.kinds).items())),
        patients=len(set(file.patients)),
        scans=tuple(cutter.scans),
        seed=settings.seed,
        seconds=rounded(phases.seconds),
    )


@dataclass(frozen=True)
class _Cutter:
    """The cubes so far.

    Attributes:
        settings: what is wanted.
        phases: told how far it is.
        lists: of nodules.
        others: whose cubes are on the other side.
        names: of scans seen, as lists may call them.
        cubes: cubes of scans.
        scans: what became of each.
    """

    settings: CubesFile
    phases: Phases
    lists: Sequence[Annotations]
    others: Sequence[Origin]
    names: set[str] = field(default_factory=set)
    cubes: list[tuple[Origin, MadeCubes]] = field(default_factory=list)
    scans: list[ScanCubes] = field(default_factory=list)

    @classmethod
    def of(cls, settings: CubesFile, phases: Phases) -> _Cutter:
        lists = [read_annotations(path) for path in settings.nodules]
        others = [read_cubes(path) for path in settings.apart_from]
        for other in others:
            if other.split == settings.split:
                raise DataError(
                    f"`apart_from` {other.name} holds cubes for `split={other.split}` too; name "
                    f"those of the other side"
                )
        for one in lists:
            if "" in one.findings and len(settings.scans) > 1:
                raise DataError(
                    f"{one.path} does not say which series its nodules are in, and there are "
                    f'{len(settings.scans)} scans; add "series" to each'
                )
        return cls(settings, phases, lists, [o for other in others for o in other.origins])

    def cut(self, path: Path, number: int) -> None:
        """Read a scan and cut its share of the cubes."""
        with self.phases.phase("read", f"reading {path}") as step:
            scan = read_scan(path, progress=step)
        origin = origin_of(scan, path)
        check_apart(self.others, [origin])
        findings = self._findings(scan)
        if number == len(self.settings.scans) - 1:
            _check_named(self.lists, self.names)
        share = self._share(number)
        with self.phases.phase("cut", f"cutting {share} cubes of {origin.name}") as step:
            self.scans.append(self._cut(scan, origin, findings, number, step))

    def file(self) -> CubeFile:
        """All cubes together."""
        if not self.cubes:
            raise DataError(
                "no scan has a real nodule of that size: widen `diameters`, or leave `real_only` "
                "out to make synthetic ones"
            )
        settings, about = self.settings, {"seed": self.settings.seed, "version": __version__}
        return join_cubes(
            settings.output.name, self.cubes, _recipe(settings), settings.split, about
        )

    def _cut(
        self, scan: Scan, origin: Origin, findings: Sequence[Finding], number: int, step: Steps
    ) -> ScanCubes:
        settings, share = self.settings, self._share(number)
        cubes, note = None, "left out: no real nodule of that size"
        if not settings.real_only or self._wanted(findings):
            generator = torch.Generator().manual_seed((settings.seed * _SEEDS + number) % 2**63)
            cubes = make_cubes(scan, findings, share, _recipe(settings), generator, step)
            note = self._note(findings, cubes)
        if cubes is not None and settings.real_only and not cubes.taken:
            cubes, note = None, "left out: its nodules lie too near the border"
        if cubes is not None:
            self.cubes.append((origin, cubes))
        step(share, share, note)
        count, real = (0, 0) if cubes is None else (len(cubes.hu), cubes.taken)
        return ScanCubes(origin.name, count, len(findings), real, note)

    def _share(self, number: int) -> int:
        count, scans = self.settings.count, len(self.settings.scans)
        return count // scans + (number < count % scans)

    def _findings(self, scan: Scan) -> tuple[Finding, ...]:
        names = series_names(scan)
        self.names.update(names)
        readers, pixels = self.settings.readers, pixel_order(scan)
        return tuple(f for one in self.lists for f in one.of(scan, names, readers, pixels=pixels))

    def _wanted(self, findings: Sequence[Finding]) -> bool:
        low, high = self.settings.diameters
        return any(low <= finding.diameter_mm <= high for finding in findings)

    def _note(self, findings: Sequence[Finding], cubes: MadeCubes) -> str:
        """Which of the nodules in a list were used, where there is a list."""
        if not self.lists:
            return ""
        low, high = self.settings.diameters
        if self.settings.action == "remove":
            use = "kept clear of"
        elif cubes.taken:
            use = f"{cubes.taken} of {low:g} to {high:g} mm used"
        else:
            use = f"none of {low:g} to {high:g} mm far enough inside, so synthetic ones instead"
        return f"{len(findings)} listed nodules, {use}"


def _recipe(settings: CubesFile) -> CubeRecipe:
    return CubeRecipe(
        action=settings.action,
        real_mm=settings.diameters,
        synthetic_mm=settings.synthetic_diameters,
        kinds=settings.kinds,
        thicknesses=settings.thicknesses,
        shift_mm=settings.shift,
    )


def _check_named(lists: Sequence[Annotations], names: set[str]) -> None:
    """Raise where a list of nodules is about none of the scans: it would silently be unused."""
    for one in lists:
        if one.names and not one.names & names:
            some = sorted(one.names)
            shown = ", ".join(some[:3]) + (f" and {len(some) - 3} more" if len(some) > 3 else "")
            raise DataError(
                f"{one.path} lists nodules of {shown}; the scans are "
                f"{', '.join(sorted(names))}: none of them is named; a list names a series by its "
                f"Series Instance UID, or an image by its file name"
            )
