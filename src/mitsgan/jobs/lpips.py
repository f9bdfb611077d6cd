"""Where LPIPS gets its network from: a file that was named, or torch's cache; never the network."""

from __future__ import annotations

from pathlib import Path

from mitsgan.errors import WeightsError
from mitsgan.evaluate.metrics.backbone import cached_backbone
from mitsgan.evaluate.metrics.lpips import Lpips


def load_lpips(path: Path | None) -> tuple[Lpips | None, str | None]:
    """The perceptual distance, or why there is none.

    Args:
        path: weights that the user named; by default AlexNet in torch's cache, if it is there.

    Raises:
        WeightsError: the named file is missing or not AlexNet's.
    """
    if path is not None:
        return Lpips.load(path), None
    cached = cached_backbone()
    if cached is None:
        return None, (
            "LPIPS: no AlexNet in torch's cache; fetch it (`mitsgan weights fetch lpips`), or give "
            "`lpips_weights`"
        )
    try:
        return Lpips.load(cached), None
    except WeightsError as error:
        return None, f"LPIPS: {cached.name} in torch's cache cannot be used: {error.args[0]}"
