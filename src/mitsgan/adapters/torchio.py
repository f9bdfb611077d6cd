"""`Protect` as an intensity transform of TorchIO.

Its settings, the seed among them, are in the history of a subject, so that a replay gives the same
voxels bit for bit.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from torchio.data.subject import Subject
from torchio.transforms.intensity_transform import IntensityTransform

from mitsgan.adapters.grid import channel_of_voxels, scan_of_channel
from mitsgan.jobs.protect.protection import Protection
from mitsgan.jobs.protect.settings import ProtectSettings
from mitsgan.jobs.shared import optional_path
from mitsgan.settings import DEFAULT_PROTECTOR

__all__ = ["Protect"]


class Protect(IntensityTransform):
    """Protect images: each voxel moves by a few HU at most, as `mitsgan.protect` does it.

    Scalar images of one channel in HU are protected, in any orientation; label maps stay.

    Examples:
        >>> import torch
        >>> import torchio as tio
        >>> from mitsgan.phantom.chest import chest
        >>> scan = chest((16, 64, 64), (6.0, 5.6, 5.6))
        >>> voxels = torch.from_numpy(scan.hu().transpose(2, 1, 0).copy())[None]
        >>> ct = tio.ScalarImage(tensor=voxels, affine=scan.geometry.affine)
        >>> protected = Protect(max_hu=5, seed=3, protector="noise")(tio.Subject(ct=ct))
        >>> float((protected.ct.data - ct.data).abs().max())
        5.0
        >>> protected.history
        [Protect(max_hu=5, ..., seed=3, protector=noise, weights=None, plausible=True)]
    """

    def __init__(
        self,
        max_hu: float = 10.0,
        noise_fraction: float | None = None,
        seed: int = 0,
        protector: str = DEFAULT_PROTECTOR,
        weights: str | None = None,
        *,
        device: str = "auto",
        plausible: bool = True,
        **transform: Any,
    ) -> None:
        """As follows.

        Args:
            max_hu, noise_fraction, seed, protector, weights, device: see `mitsgan.protect`.
            plausible: refuse values that cannot be a CT in HU.
            transform: ``p``, ``include`` and others, see `torchio.Transform`.

        Raises:
            SettingsError, BudgetError: settings that make no sense, alone or together.
        """
        super().__init__(**transform)
        self.settings = ProtectSettings(
            max_hu=max_hu,
            noise_fraction=noise_fraction,
            seed=seed,
            protector=protector,
            weights=optional_path(weights),
            device=device,
        )
        # TorchIO writes into the history what attributes of these names hold. Not the device: a
        # replay may be on a machine that has no such one.
        self.max_hu, self.noise_fraction, self.seed = max_hu, noise_fraction, seed
        self.protector, self.weights, self.plausible = protector, weights, plausible
        history = ("max_hu", "noise_fraction", "seed", "protector", "weights", "plausible")
        self.args_names = list(history)

    @cached_property
    def protection(self) -> Protection:
        """Its weights are loaded when the first image comes."""
        return Protection.load(self.settings)

    def apply_transform(self, subject: Subject) -> Subject:
        """Protect the scalar images of a subject.

        Raises:
            ScanError: an image is not one channel in HU.
            MitsganError: see `mitsgan.Protection.protect`.
        """
        # TorchIO has numpy raise on what it only warns of elsewhere.
        with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
            for image in self.get_images(subject):
                voxels = image.data.numpy()
                scan = scan_of_channel(
                    voxels, image.affine, "give each channel as an image", plausible=self.plausible
                )
                protected = self.protection.protect(scan).scan
                channel = channel_of_voxels(protected.stored, protected.order, voxels.dtype)
                image.set_data(torch.from_numpy(channel))
        return subject
