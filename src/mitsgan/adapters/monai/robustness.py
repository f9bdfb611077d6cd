"""`Tamperd` and `Purifyd`: what robustness is tested against, in memory.

What `Tamperd` gave is called SIMULATED in its metadata, and in the name under which MONAI's
`SaveImage` would write it (docs/threat-model.md).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from monai.config.type_definitions import KeysCollection
from monai.data.meta_tensor import MetaTensor

from mitsgan.adapters.monai.images import SIMULATED, Item, ScanTransform, image_of_scan
from mitsgan.attack import Action
from mitsgan.evaluate.purify.purifiers import purifier, purify_scan
from mitsgan.jobs.tamper import tamper
from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import Scan
from mitsgan.scan.simulated import MARK

PURIFIED = "mitsgan_purified"
"""In the metadata of what was purified: by what."""

_NAME = "filename_or_obj"
"""Where MONAI keeps the name of an image's file."""


class Tamperd(ScanTransform):
    """Let an attacker paint a nodule into images, or one out, as `mitsgan.tamper` does it."""

    def __init__(
        self,
        keys: KeysCollection,
        action: Action,
        allow_missing_keys: bool = False,
        *,
        attacker: str | Path = "textured",
        position_key: Hashable | None = None,
        seed: int = 0,
        device: str = "auto",
        plausible: bool = True,
    ) -> None:
        """As follows.

        Args:
            keys, allow_missing_keys, plausible: see `ScanTransform`.
            action: ``inject`` or ``remove``.
            attacker: the name of a pair (see `mitsgan.attack.ATTACKERS`), or a file of weights.
            position_key: of the item's entry that says where, LPS mm ``(x, y, z)``; by default
                somewhere in the lung.
            seed: of that place.
            device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        """
        super().__init__(keys, allow_missing_keys, plausible=plausible)
        self.action: Action = action
        self.attacker = attacker
        self.position_key = position_key
        self.seed = seed
        self.device = device

    def entries(
        self, name: Hashable, image: MetaTensor, scan: Scan, item: Item
    ) -> Mapping[Hashable, Any]:
        """The image that was tampered with."""
        position = None if self.position_key is None else _place(item[self.position_key])
        tampered = tamper(
            scan,
            self.action,
            position_mm=position,
            attacker=self.attacker,
            seed=self.seed,
            device=self.device,
        )
        said = {SIMULATED: f"{self.action} by {self.attacker}"}
        simulated = image_of_scan(tampered, image, **said)
        simulated.meta[_NAME] = _simulated_name(image.meta.get(_NAME))
        return {name: simulated}


class Purifyd(ScanTransform):
    """Send images through a purifier: what a perturbation has to outlast (docs/purifiers.md)."""

    def __init__(
        self,
        keys: KeysCollection,
        purifier_name: str,
        allow_missing_keys: bool = False,
        *,
        seed: int = 0,
        plausible: bool = True,
    ) -> None:
        """As follows.

        Args:
            keys, allow_missing_keys, plausible: see `ScanTransform`.
            purifier_name: one of `mitsgan.evaluate.purify.purifiers.PURIFIERS`.
            seed: of those that add noise.

        Raises:
            PurifierError: there is none of that name.
        """
        super().__init__(keys, allow_missing_keys, plausible=plausible)
        self.purifier = purifier(purifier_name).name
        self.seed = seed

    def entries(
        self, name: Hashable, image: MetaTensor, scan: Scan, item: Item
    ) -> Mapping[Hashable, Any]:
        """The purified image."""
        purified = purify_scan(canonical(scan), self.purifier, seed=self.seed)
        return {name: image_of_scan(purified, image, **{PURIFIED: self.purifier})}


def _place(position: Sequence[Any]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in position)
    return x, y, z


def _simulated_name(name: Any) -> str:
    """The name of a file, so that it says what it holds."""
    known = PurePath(str(name)).name if name else "image.nii.gz"
    return known if known.startswith(MARK) else f"{MARK}-{known}"
