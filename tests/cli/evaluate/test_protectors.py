"""`mitsgan evaluate --protector`: any protector, in memory as `mitsgan protect` has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mitsgan.cli.main import main


@pytest.mark.slow
@pytest.mark.parametrize("protector", ["wave", "noise"])
def test_another_protector_protects_in_memory(series: Path, tmp_path: Path, protector: str) -> None:
    protected, page = tmp_path / "protected", tmp_path / "page.html"
    files = [tmp_path / "memory.json", tmp_path / "disk.json"]
    who, rest = ["--protector", protector], ["--no-attack", "--quiet"]
    assert main(["protect", str(series), str(protected), *who, "--quiet"]) == 0
    command = ["evaluate", str(series), "-o", str(files[0]), "--html", str(page), *who, *rest]
    assert main(command) == 0
    assert main(["evaluate", str(series), str(protected), "-o", str(files[1]), *rest]) == 0
    memory, disk = (json.loads(file.read_text()) for file in files)
    assert memory.pop("protector") is disk.pop("protector") is None
    assert (memory.pop("protected_by"), disk.pop("protected_by")) == (protector, None)
    assert memory == disk
    assert f"--protector {protector}" in page.read_text("utf-8")
