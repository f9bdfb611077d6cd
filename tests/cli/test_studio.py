"""`mitsgan studio` as a process: it says its address, answers there, and ends when told."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from mitsgan.cli.main import main


@pytest.mark.slow
def test_it_says_its_address_answers_there_and_ends_when_told() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "mitsgan", "studio", "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.match(r"open (http://127\.0\.0\.1:\d+)/#token=(\S+)\n", line)
        assert address is not None, line
        request = urllib.request.Request(
            f"{address[1]}/api/session", headers={"Authorization": f"Bearer {address[2]}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer)["series"] == []
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")


def test_what_is_not_there_is_told_in_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["studio", "/none", "--no-browser"]) == 2
    assert capsys.readouterr().err == (
        "error: /none does not exist; name a DICOM folder or an image file\n"
    )
