"""`Protectd` and `Verifyd`: what the Python door does, as transforms of dictionaries."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from monai.config.type_definitions import KeysCollection
from monai.data.meta_tensor import MetaTensor

from mitsgan.adapters.monai.images import Item, ScanTransform, image_of_scan, image_of_voxels
from mitsgan.errors import SettingsError
from mitsgan.jobs.protect.protection import Protection
from mitsgan.jobs.protect.settings import ProtectSettings
from mitsgan.jobs.shared import AnyPath
from mitsgan.jobs.verify.settings import FALSE_ALARMS
from mitsgan.jobs.verify.verify import verify
from mitsgan.mark import Key
from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import Scan

PROTECTED = "mitsgan_protection"
"""In the metadata of what was protected: how."""


class Protectd(ScanTransform):
    """Protect images: each voxel moves by a few HU at most, as `mitsgan.protect` does it.

    The metadata get ``mitsgan_protection``, the sentence that files of a protected scan carry.

    Examples:
        >>> import torch
        >>> from monai.data.meta_tensor import MetaTensor
        >>> from mitsgan.phantom.chest import chest
        >>> scan = chest((16, 64, 64), (6.0, 5.6, 5.6))
        >>> voxels = torch.from_numpy(scan.hu().transpose(2, 1, 0).copy())[None]
        >>> image = MetaTensor(voxels, affine=scan.geometry.affine)
        >>> protected = Protectd("image", max_hu=5, protector="noise")({"image": image})["image"]
        >>> float((protected - image).abs().max())
        5.0
    """

    def __init__(
        self,
        keys: KeysCollection,
        allow_missing_keys: bool = False,
        *,
        key: Key | AnyPath | None = None,
        identity_key: Hashable | None = None,
        plausible: bool = True,
        **settings: Any,
    ) -> None:
        """As follows.

        Args:
            keys, allow_missing_keys, plausible: see `ScanTransform`.
            key: to mark images with, or its file.
            identity_key: of the item's entry that names the series that the mark is bound to.
            settings: those of `mitsgan.ProtectSettings`, such as ``max_hu`` and ``seed``.

        Raises:
            SettingsError, BudgetError: settings that make no sense, alone or together.
            MarkKeyError: the key cannot be read.
        """
        super().__init__(keys, allow_missing_keys, plausible=plausible)
        if (key is None) != (identity_key is None):
            raise SettingsError(
                "a mark needs a `key`, and the name of the series that it is bound to, which an "
                "image does not tell; give `key` and `identity_key` together"
            )
        self.settings = ProtectSettings(**settings)
        self.settings.check_mark(key is not None)
        self.key = None if key is None else Key.of(key)
        self.identity_key = identity_key

    @cached_property
    def protection(self) -> Protection:
        """Its weights are loaded when the first image comes."""
        return Protection.load(self.settings, self.key)

    def __getstate__(self) -> dict[str, Any]:
        """For another process, which loads the weights anew, onto a device of its own."""
        return {name: value for name, value in vars(self).items() if name != "protection"}

    def entries(
        self, name: Hashable, image: MetaTensor, scan: Scan, item: Item
    ) -> Mapping[Hashable, Any]:
        """The protected image."""
        protection = self.protection
        if self.identity_key is not None:
            settings = replace(self.settings, identity=_identity(item, self.identity_key))
            protection = replace(protection, settings=settings)
        protected = protection.protect(scan)
        said = {PROTECTED: protected.derivation.description}
        return {name: image_of_scan(protected.scan, image, **said)}


class Verifyd(ScanTransform):
    """Verify marked images, as `mitsgan.verify` does it; they stay as they are.

    For an image called ``image`` the item gets ``image_verdict``, a word, and ``image_tampered``,
    the probability of every voxel that it was repainted, as an image of the same grid.
    """

    def __init__(
        self,
        keys: KeysCollection,
        allow_missing_keys: bool = False,
        *,
        key: Key | AnyPath,
        identity_key: Hashable,
        false_alarms: float = FALSE_ALARMS,
        plausible: bool = True,
    ) -> None:
        """As follows.

        Args:
            keys, allow_missing_keys, plausible: see `ScanTransform`.
            key: that images were marked with, or its file.
            identity_key: of the item's entry that names the series that the mark is bound to.
            false_alarms: how often an untouched scan may be called tampered, per scan.

        Raises:
            MarkKeyError: the key cannot be read.
        """
        super().__init__(keys, allow_missing_keys, plausible=plausible)
        self.key = Key.of(key)
        self.identity_key = identity_key
        self.false_alarms = false_alarms

    def entries(
        self, name: Hashable, image: MetaTensor, scan: Scan, item: Item
    ) -> Mapping[Hashable, Any]:
        """Verdict and map."""
        axial = canonical(scan)
        identity = _identity(item, self.identity_key)
        verified = verify(axial, key=self.key, identity=identity, false_alarms=self.false_alarms)
        assert verified.detection is not None  # there is a key
        probability = verified.detection.probability()
        kind = np.dtype(np.float32)
        return {
            f"{name}_verdict": str(verified.verdict),
            f"{name}_tampered": image_of_voxels(probability, axial.order, image, kind),
        }


def _identity(item: Item, name: Hashable) -> str:
    """The name of a series, from its item.

    Raises:
        SettingsError: there is none.
    """
    identity = item.get(name)
    if not isinstance(identity, str) or not identity:
        raise SettingsError(
            f"the item does not name its series under {name!r} (`identity_key`), and a mark is "
            f"bound to it; add its Series Instance UID, or another name"
        )
    return identity
