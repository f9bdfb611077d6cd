"""Cubes of many scans, one scan in memory at a time; and whose scan each is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mitsgan import __version__
from mitsgan.atomic import atomic_output
from mitsgan.cli.console import Console
from mitsgan.cli.files import scan_name
from mitsgan.errors import DataError
from mitsgan.files import read_scan
from mitsgan.files.identity import patient_key, series_key, series_names
from mitsgan.scan import Scan
from mitsgan.training.data.split import Origin, Split, check_apart

if TYPE_CHECKING:
    from mitsgan.training.data.annotations import Annotations, Finding
    from mitsgan.training.data.cube_file import CubeFile
    from mitsgan.training.data.make_cubes import CubeRecipe, MadeCubes


def origin_of(scan: Scan, path: Path) -> Origin:
    """Whose scan it is, in hashes, and what the user calls it."""
    return Origin(patient_key(scan), series_key(scan), scan_name(path))


@dataclass(frozen=True)
class CubeJob:
    """What ``mitsgan data cubes`` is to make, its options checked."""

    recipe: CubeRecipe
    split: Split
    nodules: Sequence[Path]
    readers: int
    real_only: bool
    apart_from: Sequence[Path]

    def make(
        self, scans: Sequence[Path], count: int, seed: int, name: str, console: Console
    ) -> CubeFile:
        """Read each scan and cut its share of the cubes.

        Raises:
            MitsganError: see the messages.
        """
        import torch

        from mitsgan.training.data.annotations import read_annotations
        from mitsgan.training.data.cube_file import join_cubes, read_cubes
        from mitsgan.training.data.make_cubes import make_cubes

        listed = [read_annotations(path) for path in self.nodules]
        others = [read_cubes(path) for path in self.apart_from]
        for other in others:
            if other.split == self.split:
                raise DataError(
                    f"--apart-from {other.name} holds cubes for --split {other.split} too; name "
                    f"those of the other side"
                )
        for one in listed:
            if "" in one.findings and len(scans) > 1:
                raise DataError(
                    f"{one.path} does not say which series its nodules are in, and there are "
                    f'{len(scans)} scans; add "series" to each'
                )
        known = [origin for other in others for origin in other.origins]
        seen: set[str] = set()
        made: list[tuple[Origin, MadeCubes]] = []
        for number, path in enumerate(scans):
            with console.phase("read", f"reading {path}") as progress:
                scan = read_scan(path, progress=progress)
            origin = origin_of(scan, path)
            check_apart(known, [origin])
            findings = self._findings(scan, listed, seen)
            if number == len(scans) - 1:
                _check_named(listed, seen)
            if self.real_only and not self._wanted(findings):
                console.note(f"{origin.name}: no real nodule of that size; left out")
                continue
            share = count // len(scans) + (number < count % len(scans))
            generator = torch.Generator().manual_seed(seed * 1_000_003 + number)
            with console.phase("cut", f"cutting {share} cubes of {origin.name}") as progress:
                cubes = make_cubes(scan, findings, share, self.recipe, generator, progress)
            if self.real_only and not cubes.taken:
                console.note(f"{origin.name}: its nodules lie too near the border; left out")
                continue
            self._tell(origin, findings, cubes, console)
            made.append((origin, cubes))
        if not made:
            raise DataError(
                "no scan has a real nodule of that size: widen --diameters, or leave --real-only "
                "out to make synthetic ones"
            )
        about = {"seed": seed, "version": __version__}
        return join_cubes(name, made, self.recipe, self.split, about)

    def write(self, file: CubeFile, path: Path, overwrite: bool, console: Console) -> None:
        """Write the cubes, whole or not at all, and say what they are."""
        from mitsgan.training.data.cube_file import write_cubes

        with (
            console.phase("write", f"writing {path}"),
            atomic_output(path, overwrite=overwrite) as temporary,
        ):
            write_cubes(file, temporary)
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(Counter(file.kinds).items()))
        patients = len(set(file.patients))
        console.say(
            f"{path}: {len(file.cubes)} cubes to {file.action} ({kinds}) of {patients} "
            f"patient{'s' if patients > 1 else ''}, to {file.split} on; made in "
            f"{console.elapsed:.0f} s"
        )

    def _findings(
        self, scan: Scan, listed: Sequence[Annotations], seen: set[str]
    ) -> tuple[Finding, ...]:
        names = series_names(scan)
        seen |= names
        return tuple(f for one in listed for f in one.of(scan, names, self.readers))

    def _wanted(self, findings: Sequence[Finding]) -> bool:
        low, high = self.recipe.real_mm
        return any(low <= finding.diameter_mm <= high for finding in findings)

    def _tell(
        self, origin: Origin, findings: Sequence[Finding], cubes: MadeCubes, console: Console
    ) -> None:
        """Say which of the nodules in the list were used, where there is a list."""
        if not self.nodules:
            return
        low, high = self.recipe.real_mm
        if self.recipe.action == "remove":
            use = "kept clear of"
        elif cubes.taken:
            use = f"{cubes.taken} of {low:g} to {high:g} mm used"
        else:
            use = f"none of {low:g} to {high:g} mm far enough inside, so synthetic ones instead"
        console.note(f"{origin.name}: {len(findings)} listed nodules, {use}")


def _check_named(listed: Sequence[Annotations], seen: set[str]) -> None:
    """Raise where a list of nodules is about none of the scans: it would silently be unused."""
    for one in listed:
        if one.names and not one.names & seen:
            some = sorted(one.names)
            shown = ", ".join(some[:3]) + (f" and {len(some) - 3} more" if len(some) > 3 else "")
            raise DataError(
                f"{one.path} lists nodules of {shown}; the scans are "
                f"{', '.join(sorted(seen))}: none of them is named; a list names a series by its "
                f"Series Instance UID, or an image by its file name"
            )
