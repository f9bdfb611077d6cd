"""Whether a reader may see what protection adds, by a model of the eye before a display.

    python benchmarks/visibility.py SCAN... --output docs/results/visibility.json

Each protected slice is shown beside the original on the same display, as to a reader who compares
both. So are slices behind JPEG 2000 of rising ratios, of which readers have said what they can tell
from the original: what protection adds is as visible as one of them.

ColorVideoVDP, the model of the eye, needs a torchvision that fits torch:
pip install 'cvvdp>=0.5.7,<0.6'
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from scipy import ndimage

import mitsgan as mg
from display import ColorVideoVdp, Display, Eye, Picture
from measuring import add_output, exit_code, journal_beside, say
from mitsgan import __version__
from mitsgan.anatomy.lung import lung_box
from mitsgan.atomic import atomic_output
from mitsgan.errors import ScanError
from mitsgan.evaluate.journal import Journal
from mitsgan.evaluate.metrics.windows import LUNG, WINDOWS, GreyWindow
from mitsgan.evaluate.purify.filters import jpeg2000
from mitsgan.files import read_scan
from mitsgan.jobs.outputs import check_file, scan_name, write_result
from mitsgan.mark import Key
from mitsgan.protect.region import REACH_MM
from mitsgan.protect.registry import identify, load_protector
from mitsgan.result import WeightsEntry
from mitsgan.scan.scan import Scan
from mitsgan.settings import at_least
from visibility_result import RATIOS, Compressed, Seen, Visibility, Way

SHOWN_IN = ("lung", "mediastinal")
SLICES = 5
_KEY = Key(bytes(range(32)))

_AERATED_HU = (-950.0, -700.0)
_PART, _RIM = 80, 8
"""Pixels: of a slice, along each side of what is drawn; of the picture, between the parts."""

T = TypeVar("T", np.float32, np.bool_)
Slices = NDArray[np.float32]
"""``[z, y, x]``, HU."""


OURS = ("mits-gan", "mits-gan-waves", "wave")
WAYS = (
    *(Way(name, max_hu) for name in OURS for max_hu in (5.0, 10.0, 20.0, 40.0)),
    *(Way(name, 30.0, 0.5) for name in OURS),
    *(Way(name, magnification=4) for name in OURS),
    Way("mits-gan", marked=True),
    Way("noise"),
    Way("offset"),
)


@dataclass(frozen=True)
class Viewed:
    """The slices of a scan that are looked at: where the lungs are, and what is perturbed around.

    Attributes:
        scan: the original.
        name: of it.
        slices: which.
        rows, columns: of each.
    """

    scan: Scan
    name: str
    slices: tuple[int, ...]
    rows: slice
    columns: slice

    @classmethod
    def of(cls, name: str, scan: Scan, count: int) -> Viewed:
        """So many slices, evenly spread over the lungs.

        Raises:
            ScanError: there is no lung in the scan.
        """
        box = lung_box(scan, REACH_MM)
        if box is None:
            raise ScanError(f"{name}: found no lung in the scan; give a chest CT")
        inner = np.linspace(box[0].start, box[0].stop - 1, count + 2)[1:-1]
        return cls(scan, name, tuple(int(z) for z in np.rint(inner)), box[1], box[2])

    def whole(self, scan: Scan) -> Slices:
        """These slices of a scan, whole."""
        return np.stack([scan.hu(z, z + 1)[0] for z in self.slices])

    def protected(self, way: Way) -> Scan:
        """The scan, protected."""
        return mg.protect(
            self.scan,
            max_hu=way.max_hu,
            noise_fraction=way.noise_fraction,
            protector=way.protector,
            key=_KEY if way.marked else None,
            identity=self.name if way.marked else None,
        ).scan

    def part(self, whole: NDArray[T]) -> NDArray[T]:
        """What is looked at of them."""
        return whole[:, self.rows, self.columns]


@dataclass(frozen=True)
class Comparison:
    """An eye that compares slices with those of the original, one by one, in one window."""

    eye: Eye
    display: Display
    window: GreyWindow
    original: Slices

    @cached_property
    def reference(self) -> tuple[Picture, ...]:
        """The original as it is shown, by slice: all that changed is compared with it."""
        return tuple(self.display.picture(hu, self.window) for hu in self.original)

    def lost_jod(self, changed: Slices) -> tuple[float, ...]:
        """By slice."""
        return tuple(
            round(self.eye.lost_jod(reference, self.display.picture(hu, self.window)), 5)
            for reference, hu in zip(self.reference, changed, strict=True)
        )


def as_ratio(lost: float, by_ratio: Sequence[float]) -> float:
    """The ratio of JPEG 2000 that loses as much, of what each of `RATIOS` loses.

    Interpolated in the logarithm of ratios; a ratio that loses less than the one before counts as
    much as that.
    """
    rising = np.maximum.accumulate(np.asarray(by_ratio))
    return round(float(np.exp(np.interp(lost, rising, np.log(RATIOS)))), 2)


@dataclass(frozen=True)
class Bench:
    """A scan, and what it is looked at with.

    Attributes:
        viewed: its slices.
        comparisons: by magnification, one for each window.
        journal: what was looked at already.
    """

    viewed: Viewed
    comparisons: Mapping[int, Sequence[Comparison]]
    journal: Journal

    @classmethod
    def of(cls, viewed: Viewed, eyes: Sequence[tuple[Display, Eye]], journal: Journal) -> Self:
        """Look at the slices of a scan on displays."""
        original = viewed.part(viewed.whole(viewed.scan))
        windows = [window for window in WINDOWS if window.name in SHOWN_IN]
        comparisons = {
            display.magnification: [
                Comparison(eye, display, window, original) for window in windows
            ]
            for display, eye in eyes
        }
        return cls(viewed, comparisons, journal)

    def compressed(self) -> list[Compressed]:
        """What the eye makes of the scan behind JPEG 2000."""
        whole = self.viewed.whole(self.viewed.scan)
        coded = [self.viewed.part(jpeg2000(whole, ratio)) for ratio in RATIOS]
        return [
            Compressed(
                self.viewed.name,
                comparison.window.name,
                magnification,
                tuple(comparison.lost_jod(part) for part in coded),
            )
            for magnification, comparisons in self.comparisons.items()
            for comparison in comparisons
        ]

    def seen(self, way: Way, compressed: Sequence[Compressed]) -> list[Seen]:
        """What the eye makes of one way to protect the scan."""
        viewed = self.viewed
        changed = viewed.part(viewed.whole(viewed.protected(way)))
        codecs = {(one.window, one.magnification): one.lost_jod for one in compressed}
        found = []
        for comparison in self.comparisons[way.magnification]:
            lost = comparison.lost_jod(changed)
            codec = zip(*codecs[comparison.window.name, way.magnification], strict=True)
            added = changed - comparison.original
            found.append(
                Seen(
                    scan=viewed.name,
                    window=comparison.window.name,
                    way=way,
                    rmse_hu=round(float(np.sqrt(np.mean(added**2))), 3),
                    lost_jod=lost,
                    as_jpeg2000=tuple(map(as_ratio, lost, codec)),
                )
            )
        return found

    def measure(self, ways: Sequence[Way]) -> tuple[list[Compressed], list[Seen]]:
        """All of it, step by step."""
        name, seen = self.viewed.name, list[Seen]()
        compressed = self.journal.step(f"{name}, JPEG 2000", list[Compressed], self.compressed)
        say(f"{name}: JPEG 2000")
        for way in ways:
            look = partial(self.seen, way, compressed)
            seen += self.journal.step(f"{name}, {way}", list[Seen], look)
            say(f"{name}: {way}")
        return compressed, seen


def main(
    argv: Sequence[str] | None = None,
    eye_of: Callable[[Display], Eye] = ColorVideoVdp.at,
    ways: Sequence[Way] = WAYS,
) -> int:
    """Measure and write the result; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scans", type=Path, nargs="+", metavar="SCAN")
    parser.add_argument("--slices", type=int, default=SLICES, help="of each scan")
    parser.add_argument("--protector", metavar="NAME", help="look at this one alone, with 10 HU")
    picture = "draw a part of the first scan, for people to look at"
    parser.add_argument("--picture", type=Path, metavar="FILE.png", help=picture)
    add_output(parser)
    options = parser.parse_args(argv)
    if options.protector is not None:
        ways = (Way(options.protector),)

    def work() -> int:
        check_file(options.output, options.overwrite, "output")
        at_least("slices", options.slices, 1)
        magnifications = sorted({way.magnification for way in ways})
        displays = [Display(magnification=times) for times in magnifications]
        eyes = [(display, eye_of(display)) for display in displays]  # first: is there one?
        names = [scan_name(path) for path in options.scans]
        subject = {
            "version": __version__,
            "eye": eyes[0][1].name,
            "scans": names,
            "slices": options.slices,
            "ways": [asdict(way) for way in ways],
        }
        with journal_beside(options.output, subject) as journal:
            slices: dict[str, tuple[int, ...]] = {}
            compressed: list[Compressed] = []
            seen: list[Seen] = []
            for name, path in zip(names, options.scans, strict=True):
                viewed = Viewed.of(name, read_scan(path), options.slices)
                slices[name] = viewed.slices
                codec, ours = Bench.of(viewed, eyes, journal).measure(ways)
                compressed += codec
                seen += ours
                if options.picture and name == names[0]:
                    draw(viewed, options.picture)
            result = Visibility(
                eye=eyes[0][1].name,
                weights=_weights(ways),
                slices=slices,
                compressed=tuple(compressed),
                seen=tuple(seen),
            )
            write_result(options.output, result, overwrite=options.overwrite)
        return 0

    return exit_code("visibility", work)


def draw(viewed: Viewed, file: Path) -> None:
    """Draw a part of the lung, as it is, protected, and behind JPEG 2000 of 8:1, side by side."""
    middle = len(viewed.slices) // 2
    ways = (Way("mits-gan"), Way("mits-gan-waves"))
    stacks = [viewed.whole(scan) for scan in (viewed.scan, *map(viewed.protected, ways))]
    stacks.append(jpeg2000(stacks[0], 8.0))
    low, high = _AERATED_HU
    aerated = viewed.part((low < stacks[0]) & (stacks[0] < high))[middle]
    most = ndimage.uniform_filter(aerated.astype(np.float32), _PART, mode="constant").argmax()
    row, column = np.unravel_index(int(most), aerated.shape)
    y, x = (
        slice(max(int(centre) - _PART // 2, 0), int(centre) + _PART // 2)
        for centre in (viewed.rows.start + row, viewed.columns.start + column)
    )
    display = Display(magnification=4)
    greys = [display.grey(stack[middle, y, x], LUNG) for stack in stacks]
    rim = np.ones((len(greys[0]), _RIM), np.float32)
    beside = np.hstack([part for grey in greys for part in (grey, rim)][:-1])
    made_by = PngInfo()
    made_by.add_text("Software", f"mitsgan {__version__}")
    with atomic_output(file, overwrite=True) as temporary:
        Image.fromarray(np.rint(255 * beside).astype(np.uint8)).save(
            temporary, "PNG", pnginfo=made_by
        )


def _weights(ways: Sequence[Way]) -> tuple[WeightsEntry, ...]:
    """Of the networks that protect."""
    names = dict.fromkeys(way.protector for way in ways)
    entries = (identify(load_protector(name)).weights() for name in names)
    return tuple(entry for entry in entries if entry is not None)


if __name__ == "__main__":
    sys.exit(main())
