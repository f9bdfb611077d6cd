"""What a passive detector is: it searches a scan, and, where a part changed, that part anew."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mitsgan.evaluate.passive.score_map import Box, ScoreMap
from mitsgan.scan.scan import Scan

Array = NDArray[np.float32]


class Search(Protocol):
    """What a detector made of one scan."""

    @property
    def scores(self) -> ScoreMap:
        """Of the scan."""
        ...

    def again(self, hu: Array, box: Box) -> ScoreMap:
        """The scores if a part of the scan were another.

        What is usual in the scan, and where its lung is, is taken from the scan as it was. Scores
        change where all that they depend on lies in the part.

        Args:
            hu: ``[z, y, x]`` of the part, in HU.
            box: its voxels.
        """
        ...


class PassiveDetector(Protocol):
    """Looks for tampering in a scan, without key, seal or original."""

    @property
    def name(self) -> str:
        """In results."""
        ...

    def search(self, scan: Scan) -> Search:
        """Look everywhere in the lung.

        Raises:
            ScanError: there is no lung.
        """
        ...
