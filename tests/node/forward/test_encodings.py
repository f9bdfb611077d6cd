"""An object for a peer that does not take its encoding: its values stay the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.events import Event

from mitsgan.node.config import Destination
from mitsgan.node.send import Item, send
from node_peers import free_port

CT = "1.2.840.10008.5.1.4.1.1.2"
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def got() -> Iterator[tuple[int, list[Dataset]]]:
    """A peer of little endian alone, and what it gets."""
    port, taken = free_port(), list[Dataset]()

    def take(event: Event) -> int:
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        taken.append(dataset)
        return 0

    ae = AE("PACS")
    ae.add_supported_context(CT, ExplicitVRLittleEndian)
    server = ae.start_server(
        ("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, take)]
    )
    assert server is not None
    yield port, taken
    server.shutdown()


def test_big_endian_is_turned(
    phantom: Path, tmp_path: Path, got: tuple[int, list[Dataset]]
) -> None:
    source = dcmread(sorted(phantom.iterdir())[0])
    table = Dataset()
    table.add_new("LUTData", "OW", bytes([1, 2, 3, 4]))
    source.add_new("ModalityLUTSequence", "SQ", [table])
    expected = source.pixel_array.copy()
    source.PixelData = source.pixel_array.byteswap().tobytes()
    table.LUTData = bytes([2, 1, 4, 3])
    source.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    path = tmp_path / "big.dcm"
    dcmwrite(path, source, implicit_vr=False, little_endian=False, enforce_file_format=True)

    port, taken = got
    to = Destination(ae_title="PACS", address="127.0.0.1", port=port)
    item = Item(path, str(source.SOPInstanceUID), CT, str(ExplicitVRBigEndian))
    sent: list[Item] = []
    send("MITSGAN", to, [item], sent.append)
    assert sent == [item]
    (back,) = taken
    assert (back.pixel_array == expected).all()
    assert back.ModalityLUTSequence[0].LUTData == bytes([1, 2, 3, 4])
    assert back.Rows == source.Rows
