"""MONAI's images as scans, and back."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection
from monai.data.meta_tensor import MetaTensor
from monai.transforms.transform import MapTransform
from monai.utils.enums import MetaKeys, SpaceKeys
from numpy.typing import NDArray

from mitsgan.adapters.grid import channel_of_voxels, scan_of_channel
from mitsgan.errors import ScanError
from mitsgan.scan.order import AxisOrder
from mitsgan.scan.scan import Scan
from mitsgan.scan.simulated import Simulated

SIMULATED = "mitsgan_simulated"
"""In the metadata of what an attacker had a hand in: how."""

Item = Mapping[Any, Any]

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


class ScanTransform(MapTransform):
    """A transform of items of which some entries are CT scans."""

    def __init__(
        self, keys: KeysCollection, allow_missing_keys: bool = False, *, plausible: bool = True
    ) -> None:
        """As follows.

        Args:
            keys: of the images.
            allow_missing_keys: whether an item may lack some of them.
            plausible: refuse values that cannot be a CT in HU. Those of small patches may be taken
                for a label map; give False for them.
        """
        super().__init__(keys, allow_missing_keys)
        self.plausible = plausible

    def __call__(self, data: Item) -> dict[Hashable, Any]:
        """A new item with what becomes of each image; the item is not modified.

        Raises:
            MitsganError: see `scan_of_image`, and what the transform does.
        """
        result = dict(data)
        for name in self.key_iterator(data):
            image = data[name]
            scan = scan_of_image(image, plausible=self.plausible)
            result.update(self.entries(name, image, scan, data))
        return result

    def entries(
        self, name: Hashable, image: MetaTensor, scan: Scan, item: Item
    ) -> Mapping[Hashable, Any]:
        """What an item gets for one of its images.

        Args:
            name: of the image.
            image: as it came.
            scan: of it.
            item: the whole of it, as it came.
        """
        raise NotImplementedError


def scan_of_image(image: Any, *, plausible: bool = True) -> Scan:
    """The scan of a `MetaTensor` ``[1, x, y, z]`` in HU; its voxels are copied.

    Args:
        image: with its affine, to RAS mm or, where its metadata says so, to LPS mm.
        plausible: refuse values that cannot be a CT in HU.

    Raises:
        ScanError: no MetaTensor, more than one channel, operations that are still pending, or
            values that cannot be HU.
    """
    if not isinstance(image, MetaTensor):
        raise ScanError(
            f"expected a MetaTensor, whose affine says where voxels lie, found "
            f"{type(image).__name__}; load it with LoadImaged"
        )
    if image.has_pending_operations:
        raise ScanError(
            "operations of the image are still pending, so its voxels are not yet those of its "
            "affine; apply them with ApplyPendingd first"
        )
    affine: NDArray[Any] = np.asarray(image.affine.cpu(), np.float64)
    if image.meta.get(MetaKeys.SPACE) == SpaceKeys.LPS:
        affine = _LPS_TO_RAS @ affine
    return scan_of_channel(
        _array(image),
        affine,
        "load it with ensure_channel_first=True",
        plausible=plausible,
        source=Simulated(None) if SIMULATED in image.meta else None,
    )


def image_of_scan(scan: Scan, like: MetaTensor, **said: str) -> MetaTensor:
    """A scan that was made of an image as an image of the same grid, dtype, device and history.

    Args:
        scan: of the grid of ``like``, in its order or canonical.
        like: the image that it was made of.
        said: for the metadata, besides what is there.
    """
    return image_of_voxels(scan.stored, scan.order, like, _array(like).dtype, **said)


def image_of_voxels(
    voxels: NDArray[Any], order: AxisOrder, like: MetaTensor, dtype: np.dtype[Any], **said: str
) -> MetaTensor:
    """As `image_of_scan`, of voxels ``[z, y, x]`` that need not be HU, such as a map."""
    channel = torch.from_numpy(channel_of_voxels(voxels, order, dtype))
    image = MetaTensor(channel.to(like.device))
    image.copy_meta_from(like)
    image.meta.update(said)
    return image


def _array(image: MetaTensor) -> NDArray[Any]:
    array: NDArray[Any] = image.as_tensor().detach().cpu().numpy()
    return array
