"""Finding the series of an archive."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread

from mitsgan.archive.find import Folder, content, find_series, whole_series
from mitsgan.errors import DataError


def look(source: Path, known: dict[str, tuple[str, str]] | None = None) -> list[Folder]:
    return find_series(source, known or {}, 1, lambda done, total, note="": None)


def test_series_are_found_with_what_they_need(root: Path) -> None:
    series = whole_series(look(root))
    assert [Path(one.source).relative_to(root).parts[0] for one in series] == ["p0", "p1", "p2"]
    assert [one.files for one in series] == [8, 10, 12]
    assert [one.voxels for one in series] == [8 * 32 * 32, 10 * 32 * 32, 12 * 32 * 32]
    assert len({one.series for one in series}) == 3
    assert not any(one.reason for one in series)


def test_what_is_unchanged_is_not_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = look(root)
    known = {folder.path: (folder.stamp, content(folder)) for folder in folders}
    changed = next((root / "p1").rglob("*.dcm"))
    changed.write_bytes(changed.read_bytes() + b"\0\0")
    looked_into: list[str] = []

    def look_into(folder: tuple[Path, list[str], str]) -> Folder:
        looked_into.append(str(folder[0]))
        return Folder(str(folder[0]), folder[2], (), {})

    monkeypatch.setattr("mitsgan.archive.find.look_into", look_into)
    again = look(root, known)
    assert looked_into == [str(changed.parent)]
    assert [f for f in again if f.path != str(changed.parent)] == [
        f for f in folders if f.path != str(changed.parent)
    ]


def test_a_series_in_two_folders_is_one(root: Path) -> None:
    folder = root / "p2" / "study"
    half = folder / "more"
    half.mkdir()
    for path in sorted((folder / "ct").iterdir())[6:]:
        path.rename(half / path.name)
    (one,) = [s for s in whole_series(look(root)) if "p2" in s.source]
    assert (one.source, one.files) == (str(folder), 12)


def test_what_is_no_ct_is_counted_and_what_is_damaged_is_named(root: Path) -> None:
    first, second = sorted((root / "p0" / "study" / "ct").iterdir())[:2]
    dataset = dcmread(first)
    dataset.Modality = "MR"
    dataset.save_as(first)
    second.write_bytes(second.read_bytes()[:300])
    folders = look(root)
    (ct,) = [f for f in folders if f.path.endswith("p0/study/ct")]
    assert ct.others == {"object of modality MR": 1}
    damaged = [one for one in ct.series if one.reason]
    assert [one.source for one in damaged] == [str(second)]
    assert "neither a" in damaged[0].reason


def test_a_list_names_folders_and_images(root: Path, tmp_path: Path) -> None:
    image = tmp_path / "a.mha"
    image.write_bytes(b"0" * 100)
    table = tmp_path / "list.csv"
    table.write_text("path,why\nin/p1,x\na.mha,y\n")
    assert [Path(one.source).name for one in whole_series(look(table))] == ["a.mha", "ct"]
    table.write_text("file\nin/p1\n")
    with pytest.raises(DataError, match="no column path;"):
        look(table)
    table.write_text("path\nin/p9\n")
    with pytest.raises(DataError, match="p9, which is not there"):
        look(table)
    with pytest.raises(DataError, match="neither a folder nor"):
        look(image)


def test_several_processes_find_the_same(root: Path) -> None:
    for number in range(20):
        shutil.copytree(root / "p0" / "study", root / "many" / str(number))
    series = find_series(root, {}, 2, lambda done, total, note="": None)
    assert series == look(root)


def test_a_link_to_nothing_and_a_folder_that_cannot_be_listed_stop_nothing_else(
    root: Path, unlistable: Callable[[Path], None]
) -> None:
    link = root / "p0" / "study" / "ct" / "zz.dcm"
    link.symlink_to("nowhere")
    unlistable(root / "p1" / "study")
    series = whole_series(look(root))
    reasons = {one.source: one.reason for one in series if one.reason}
    assert set(reasons) == {str(link), str(root / "p1" / "study")}
    assert "cannot be listed" in reasons[str(root / "p1" / "study")]
    assert len(series) == 2 + 2


def test_names_that_are_no_utf8_are_told_and_stop_nothing_else(root: Path) -> None:
    folder = root / "p1" / "m\udcfcller"  # what Python makes of Latin-1
    (root / "p1" / "study").rename(folder)
    first = min((root / "p0" / "study" / "ct").iterdir())
    first.rename(first.with_name("\udce4.dcm"))
    found = look(root)
    series = whole_series(found)
    assert [one.files for one in series if not one.reason] == [8, 12]
    (lost,) = [one for one in series if one.reason]
    assert lost.source == str(root / "p1" / "m\\udcfcller" / "ct")
    assert "is not UTF-8" in lost.reason
    for one in found:
        content(one).encode()
        one.path.encode()
