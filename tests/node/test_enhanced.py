"""Multi-frame CT through the node: protected as frames, of its class and transfer syntax."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import (
    UID,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    JPEGLSLossless,
    LegacyConvertedEnhancedCTImageStorage,
)
from tests.files.dicom.multiframe import merge
from tests.node.conftest import World
from tests.node.series import ended, output_uids, send_raw, series_of

from mitsgan.files import read_scan
from node_peers import wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.parametrize(
    "kind, syntax",
    [
        (EnhancedCTImageStorage, JPEGLSLossless),
        (LegacyConvertedEnhancedCTImageStorage, ExplicitVRLittleEndian),
    ],
)
def test_a_multi_frame_object_is_protected_and_arrives_as_one(
    world: World, phantom: Path, tmp_path: Path, kind: UID, syntax: UID
) -> None:
    path = merge(phantom, tmp_path / "multi", kind=kind, syntax=syntax)
    assert send_raw(world.node.port, path, "LATE") == 0
    wait_for(ended(world.node, path), 300, "the object to be forwarded")
    (series,) = series_of(world.node, path)
    assert series.state == "committed", series.reason
    derived = output_uids(world.node, series)
    (back,) = world.archive.files(tmp_path / "back", derived).iterdir()
    header = dcmread(back, stop_before_pixels=True)
    assert header.SOPClassUID == kind
    assert header.file_meta.TransferSyntaxUID == syntax
    assert header.NumberOfFrames == 16
    moved = abs(read_scan(back).hu() - read_scan(phantom).hu())
    assert 0 < moved.max() <= 5
