"""Published attackers: the pickle that is not run, the triple, and the whole import."""

from __future__ import annotations

import base64
import io
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mitsgan.attack.import_ctgan.published import read_equalization
from mitsgan.attack.import_ctgan.table import pickled_pair
from mitsgan.errors import WeightsError

Floats = NDArray[np.float64]
BINS, CDF = np.array([-1000.0, 0.0, 500.0]), np.array([1.0, 2.0, 4.0])
TRIPLE = np.array([2.0, 1.0, 4.0])


def _same(tables: tuple[Floats, Floats]) -> None:
    for values, expected in zip(tables, (BINS, CDF), strict=True):
        assert values.dtype == np.float64
        np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_is_read(protocol: int) -> None:
    _same(pickled_pair(pickle.dumps([BINS, CDF], protocol)))
    _same(pickled_pair(pickle.dumps((BINS, CDF), protocol)))


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_floats_of_every_size_and_byte_order_are_read(kind: str, protocol: int) -> None:
    _same(pickled_pair(pickle.dumps([BINS.astype(kind), CDF.astype(kind)], protocol)))


NUMPY_1 = {
    2: "gAJdcQAoY251bXB5LmNvcmUubXVsdGlhcnJheQpfcmVjb25zdHJ1Y3QKcQFjbnVtcHkKbmRhcnJheQpxAksAhXED"
    "Y19jb2RlY3MKZW5jb2RlCnEEWAEAAABicQVYBgAAAGxhdGluMXEGhnEHUnEIh3EJUnEKKEsBSwOFcQtjbnVtcHkKZHR5"
    "cGUKcQxYAgAAAGY4cQ2JiIdxDlJxDyhLA1gBAAAAPHEQTk5OSv////9K/////0sAdHERYoloBFgaAAAAAAAAAABAwo/D"
    "gAAAAAAAAAAAAAAAAABAf0BxEmgGhnETUnEUdHEVYmgBaAJLAIVxFmgIh3EXUnEYKEsBSwOFcRloD4loBFgZAAAAAAAA"
    "AAAAw7A/AAAAAAAAAEAAAAAAAAAQQHEaaAaGcRtScRx0cR1iZS4=",
    4: "gASV2gAAAAAAAABdlCiMFW51bXB5LmNvcmUubXVsdGlhcnJheZSMDF9yZWNv"
    "bnN0cnVjdJSTlIwFbnVtcHmUjAduZGFy"
    "cmF5lJOUSwCFlEMBYpSHlFKUKEsBSwOFlGgEjAVkdHlwZZSTlIwCZjiUiYiHlFKUKEsDjAE8lE5OTkr/////Sv////9L"
    "AHSUYolDGAAAAAAAQI/AAAAAAAAAAAAAAAAAAEB/QJR0lGJoA2gGSwCFlGgIh5RSlChLAUsDhZRoEIlDGAAAAAAAAPA/"
    "AAAAAAAAAEAAAAAAAAAQQJR0lGJlLg==",
    5: "gAWVwAAAAAAAAABdlCiMEm51bXB5LmNvcmUubnVtZXJpY5SMC19mcm9tYnVm"
    "ZmVylJOUKJYYAAAAAAAAAAAAAAAAQI/A"
    "AAAAAAAAAAAAAAAAAEB/QJSMBW51bXB5lIwFZHR5cGWUk5SMAmY4lImIh5RSlChLA4wBPJROTk5K/////0r/////SwB0"
    "lGJLA4WUjAFDlHSUUpRoAyiWGAAAAAAAAAAAAAAAAADwPwAAAAAAAABAAAAAAAAAEECUaApLA4WUaA50lFKUZS4=",
}
"""The same two arrays, written by NumPy 1.26 in three protocols."""


@pytest.mark.parametrize("protocol", NUMPY_1)
def test_what_numpy_1_wrote_is_read(protocol: int) -> None:
    _same(pickled_pair(base64.b64decode(NUMPY_1[protocol])))


def _python_2(values: Floats) -> bytes:
    """An array as Python 2 writes it in protocol 2: bytes are its text."""
    raw = values.tobytes()
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K" + bytes([len(values)]) + b"\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R"
        b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T" + struct.pack("<i", len(raw)) + raw + b"tb"
    )


def test_what_python_2_wrote_is_read() -> None:
    data = b"\x80\x02](" + _python_2(BINS) + _python_2(CDF) + b"e."
    for values, expected in zip(pickle.loads(data, encoding="latin1"), (BINS, CDF), strict=True):
        np.testing.assert_array_equal(values, expected)  # NumPy takes it for the same
    _same(pickled_pair(data))


class _Hostile:
    """Creates a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


class _System:
    def __init__(self, path: Path) -> None:
        self.command = f"touch '{path}'"

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        import os

        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("hostile", [_Hostile, _System])
def test_a_hostile_pickle_is_refused_and_not_run(
    hostile: type[_Hostile] | type[_System], protocol: int, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    data = pickle.dumps([BINS, hostile(trace), CDF], protocol)
    with pytest.raises(WeightsError, match=r"asks for .*hostile and was not run"):
        pickled_pair(data)
    assert not trace.exists()
    pickle.loads(data)
    assert trace.exists(), "else this test shows nothing"


@pytest.mark.parametrize(
    "data",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"c__builtin__\neval\n(S'1'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"cnumpy\nndarray.tofile\n.",
        b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.",
        b"cnumpy.core.multiarray\nscalar\n.",
        b"cmitsgan.attack.array_pickle\npickle.loads\n.",
        b"(S'true'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'true'\no.",  # OBJ
        b"\x80\x02cnumpy\nndarray\n)\x81.",  # NEWOBJ
        b"Pnumber\n.",  # PERSID
        b"\x80\x02\x82\x01.",  # EXT1
        b"}.",  # a dictionary, with which BUILD sets attributes
    ],
)
def test_names_and_operations_that_arrays_do_not_need_are_refused(data: bytes) -> None:
    with pytest.raises(WeightsError, match=r"asks for|uses"):
        pickled_pair(data)


def test_a_small_pickle_cannot_ask_for_much_memory() -> None:
    with pytest.raises(WeightsError, match="memory"):
        pickled_pair(b"\x80\x02]r\xff\xff\xff\x7f.")
    with pytest.raises(WeightsError, match="not a whole pickle"):
        pickled_pair(b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"abc.")


@pytest.mark.parametrize(
    "contents, message",
    [
        ([BINS], "list of two"),
        ([BINS, CDF, CDF], "list of two"),
        (3, "list of two"),
        ([1.0, 2.0], "uses BINFLOAT"),
        ([[1], [2]], "something else than two arrays"),
        ([BINS.astype(int), CDF], "type 'i8'"),
        ([np.array([1, 2, 3], object), CDF], "type 'O8'"),
        ([BINS.astype([("a", "f8")]), CDF], "uses EMPTY_DICT|type"),
        ([np.stack([BINS, CDF]), CDF], "6 numbers for an array of shape"),
    ],
)
def test_other_contents_are_refused(contents: object, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        pickled_pair(pickle.dumps(contents, 3))


@given(st.sampled_from(range(6)), st.data())
def test_damaged_pickles_are_told_or_harmless(protocol: int, data: st.DataObject) -> None:
    whole = bytearray(pickle.dumps([BINS, CDF], protocol))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    whole = whole[: data.draw(st.integers(0, len(whole)))]
    try:
        tables = pickled_pair(bytes(whole))
    except WeightsError:
        return
    assert all(values.ndim == 1 and values.dtype == np.float64 for values in tables)


def _files(folder: Path, bins: Floats, cdf: Floats, triple: Floats) -> tuple[Path, Path]:
    table, numbers = folder / "equalization.pkl", folder / "normalization.npy"
    table.write_bytes(pickle.dumps([bins, cdf], 3))
    np.save(numbers, triple)
    return table, numbers


def test_table_and_triple_become_an_equalization(tmp_path: Path) -> None:
    equalization = read_equalization(*_files(tmp_path, BINS, CDF, TRIPLE))
    _same((equalization.bins.numpy(), equalization.cdf.numpy()))
    assert (equalization.mean, equalization.low, equalization.high) == (2.0, 1.0, 4.0)
    hu = torch.tensor([-1000.0, -500.0, 0.0, 250.0, 500.0])
    expected = torch.tensor([-1.0, -0.5, 0.0, 1.0, 2.0]) / 3
    torch.testing.assert_close(equalization.normalize(hu), expected)


@pytest.mark.parametrize(
    "bins, cdf, triple, message",
    [
        (BINS[:2], CDF, TRIPLE, "2 bins and 3 counts"),
        (BINS[:1], CDF[:1], TRIPLE, "1 bins and 1 counts"),
        (BINS[::-1], CDF, TRIPLE, "ascend"),
        (BINS[[0, 1, 1]], CDF, TRIPLE, "ascend"),
        (BINS, CDF[::-1], TRIPLE, "ascend"),
        (BINS, CDF[[1, 1, 1]], TRIPLE, "ascend"),
        (BINS * np.nan, CDF, TRIPLE, "ascend"),
        (CDF, BINS, TRIPLE, "then counts of 0 or more"),
        (BINS, CDF, TRIPLE * 10, "same model"),
        (BINS, CDF, TRIPLE[:2], "three numbers"),
        (BINS, CDF, TRIPLE[[1, 0, 2]], "the mean between"),
        (BINS, CDF, TRIPLE[[0, 2, 1]], "the mean between"),
        (BINS, CDF, TRIPLE[[0, 0, 0]], "the mean between"),
        (BINS, CDF, TRIPLE * np.nan, "the mean between"),
    ],
)
def test_what_is_no_table_or_triple_is_refused(
    bins: Floats, cdf: Floats, triple: Floats, message: str, tmp_path: Path
) -> None:
    with pytest.raises(WeightsError, match=message):
        read_equalization(*_files(tmp_path, bins, cdf, triple))


def test_a_pickle_in_an_array_file_is_not_run(tmp_path: Path) -> None:
    table, triple = _files(tmp_path, BINS, CDF, TRIPLE)
    trace = tmp_path / "trace"
    archive = io.BytesIO()
    np.save(archive, np.array([_Hostile(trace)] * 3, object), allow_pickle=True)
    for content in (archive.getvalue(), pickle.dumps(_Hostile(trace))):
        triple.write_bytes(content)
        with pytest.raises(WeightsError, match="not an array file"):
            read_equalization(table, triple)
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", b"PK\x05\x06" + bytes(18)])
def test_a_damaged_array_file_is_told(content: bytes, tmp_path: Path) -> None:
    table, triple = _files(tmp_path, BINS, CDF, TRIPLE)
    triple.write_bytes(content)
    with pytest.raises(WeightsError, match=r"normalization\.npy"):
        read_equalization(table, triple)


def test_missing_and_huge_files_are_told(tmp_path: Path) -> None:
    table, triple = _files(tmp_path, BINS, CDF, TRIPLE)
    with pytest.raises(WeightsError, match=r"no such file; give the normalization\.npy"):
        read_equalization(table, tmp_path / "none.npy")
    triple.write_bytes(bytes(5000))
    with pytest.raises(WeightsError, match="5000 bytes, too many"):
        read_equalization(table, triple)


def test_a_message_names_the_file(tmp_path: Path) -> None:
    table, triple = _files(tmp_path, BINS, CDF, TRIPLE)
    table.write_bytes(b"cos\nsystem\n.")
    with pytest.raises(WeightsError) as raised:
        read_equalization(table, triple)
    assert str(raised.value).startswith(f"{table}: asks for os.system")


@pytest.mark.real_data
@pytest.mark.parametrize(
    "folder, ends, mean",
    [("INJ", (-1437.76, 3362.76), 16410.8068), ("REM", (-3730.5566, 5136.5566), 16416.1081)],
)
def test_the_published_tables_load(
    data: Path, folder: str, ends: tuple[float, float], mean: float
) -> None:
    place = data / "ctgan" / folder
    equalization = read_equalization(place / "equalization.pkl", place / "normalization.npy")
    assert len(equalization.bins) == len(equalization.cdf) == 10_000
    assert (float(equalization.bins[0]), float(equalization.bins[-1])) == pytest.approx(
        ends, abs=1e-4
    )
    assert equalization.mean == pytest.approx(mean, abs=1e-4)
    assert equalization.low == float(equalization.cdf[0])
    assert equalization.high == float(equalization.cdf[-1]) == pytest.approx(32**3)
    unit = equalization.normalize(torch.linspace(-1000, 500, 100, dtype=torch.float64))
    assert -0.51 < float(unit.min()) < float(unit.max()) < 0.51
