"""A diagnostic display and an eye in front of it: what a reader may see of two pictures.

Grey values are shown by the *Grayscale Standard Display Function* (DICOM PS3.14), which gives equal
steps of grey equal steps of visibility. The eye is ColorVideoVDP (Mantiuk et al., SIGGRAPH 2024),
a model of contrast sensitivity and masking.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitsgan.errors import MissingExtraError
from mitsgan.evaluate.metrics.windows import GreyWindow

Picture = NDArray[np.float32]
"""``[y, x]``, cd/m2."""

_PERFECT_JOD = 10.0

_INDEX = np.arange(1.0, 1024.0)
_NUMERATOR = (1.3635334e-3, -2.5468404e-2, 1.3646699e-1, 8.0242636e-2, -1.3011877)
_DENOMINATOR = (1.2992634e-4, -3.1978977e-3, 2.8745620e-2, -1.0320229e-1, -2.5840191e-2, 1.0)


@dataclass(frozen=True)
class Display:
    """A display for diagnosis, and how a slice is looked at on it.

    Luminances, size of pixels and distance are what the ACR-AAPM-SIIM Technical Standard for
    Electronic Practice of Medical Imaging asks of one.

    Attributes:
        darkest, brightest: cd/m2, the light of the room included.
        pixel_mm, distance_mm: size of a pixel, and how far away the eye is.
        magnification: pixels of the display for each of a slice, along rows and columns.
    """

    darkest: float = 1.0
    brightest: float = 350.0
    pixel_mm: float = 0.21
    distance_mm: float = 667.0
    magnification: int = 2

    @property
    def pixels_per_degree(self) -> float:
        """Of the visual field, in the middle of the display."""
        return math.radians(1) * self.distance_mm / self.pixel_mm

    def grey(self, hu: NDArray[np.float32], window: GreyWindow) -> NDArray[np.float32]:
        """A slice ``[y, x]`` in HU as greys from 0, black, to 1; linear between its pixels."""
        shown = ndimage.zoom(hu, self.magnification, order=1, mode="nearest", grid_mode=True)
        greys: NDArray[np.float32] = (window.clip(shown) - window.low) / window.data_range
        return greys

    def picture(self, hu: NDArray[np.float32], window: GreyWindow) -> Picture:
        """A slice ``[y, x]`` in HU as it is shown."""
        grey = self.grey(hu, window)
        first, last = jnd_index(self.darkest), jnd_index(self.brightest)
        return luminance(first + grey * (last - first)).astype(np.float32)


def luminance(index: NDArray[np.floating]) -> NDArray[np.float64]:
    """Of a just-noticeable-difference index of 1 to 1023, in cd/m2 (DICOM PS3.14, section 7)."""
    log = np.log(np.asarray(index, np.float64))
    brightness: NDArray[np.float64] = 10 ** (
        np.polyval(_NUMERATOR, log) / np.polyval(_DENOMINATOR, log)
    )
    return brightness


def jnd_index(brightness: float) -> float:
    """The index that `luminance` gives a brightness to."""
    return float(np.interp(brightness, luminance(_INDEX), _INDEX))


class Eye(Protocol):
    """What tells how much worse one picture looks than another."""

    @property
    def name(self) -> str:
        """Of the model, with its version."""

    def lost_jod(self, reference: Picture, shown: Picture) -> float:
        """How much worse than the first the second looks: 0 or more, in JOD.

        At 1 JOD three of four observers name the better one of both.
        """


@dataclass(frozen=True)
class ColorVideoVdp:
    """ColorVideoVDP in front of a display."""

    metric: Any
    name: str

    @classmethod
    def at(cls, display: Display) -> Self:
        """Look at a display.

        Raises:
            MissingExtraError: it cannot be loaded, or torchvision, which it needs, cannot.
        """
        try:
            import pycvvdp
        except (
            ImportError,
            RuntimeError,
        ) as error:  # torchvision's, beside a torch of another make
            raise MissingExtraError(
                f"visibility needs ColorVideoVDP ({error}); in an environment whose torch and "
                "torchvision fit each other: pip install 'cvvdp>=0.5.7,<0.6'"
            ) from error
        photometry = pycvvdp.vvdp_display_photo_eotf(
            Y_peak=display.brightest,
            contrast=display.brightest / display.darkest,
            source_colorspace="luminance",
            EOTF="linear",
        )
        geometry = pycvvdp.vvdp_display_geometry((1536, 2048), ppd=display.pixels_per_degree)
        metric = pycvvdp.cvvdp(display_photometry=photometry, display_geometry=geometry, quiet=True)
        return cls(metric, f"ColorVideoVDP {version('cvvdp')}")

    def lost_jod(self, reference: Picture, shown: Picture) -> float:
        """See `Eye.lost_jod`."""
        quality, _ = self.metric.predict(shown, reference, dim_order="HW")
        return _PERFECT_JOD - float(quality)
