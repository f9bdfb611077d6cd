"""Help, version, usage errors and exit codes of the command as a whole."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from mitsgan import __version__
from mitsgan.cli.main import main
from mitsgan.errors import MitsganError
from mitsgan.terminal.command import Command
from mitsgan.terminal.process import keep_freed_memory

COMMANDS = (
    ("protect", "--max-hu"),
    ("evaluate", "--pgd-steps"),
    ("train attacker", "--action"),
    ("train protector", "--attackers"),
    ("demo", "OUT"),
)


@pytest.mark.parametrize("arguments", [["--help"], []])
def test_help_teaches(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert "protects CT scans against tampering" in text
    assert text.count("\n  mitsgan ") == 3, "three examples"
    assert "Exit codes" not in text, "of each command one line"
    for command in ("protect", "evaluate", "train", "demo"):
        assert f"• {command}" in text


@pytest.mark.parametrize("command, option", COMMANDS)
def test_each_command_explains_itself(
    command: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([*command.split(), "--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert option in text
    assert "default: None" not in text
    assert "default: False" not in text
    with pytest.raises(SystemExit):
        main(["help", *command.split()])
    assert capsys.readouterr().out == text


@pytest.mark.parametrize(
    "command, text",
    [
        (["protect"], "such as kernel=B70f, acquisition=2, or any DICOM keyword."),
        (["train", "protector"], "as a part of the budget: voxels that protect nothing stay"),
    ],
)
def test_what_a_setting_says_is_not_broken_where_its_source_is(
    command: list[str],
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    assert text in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mitsgan {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["protect"],
        ["protect", "scan"],
        ["protect", "scan", "out", "--max-hu", "ten"],
        ["train", "attacker", "scan", "--output", "x.safetensors"],
    ],
)
def test_usage_errors_exit_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err != ""


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom mitsgan.cli.main import main\n"
        "try:\n    main(['train', 'attacker', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(*{m.split('.')[0] for m in sys.modules}, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "numpy", "pydicom", "SimpleITK", "nibabel", "matplotlib"}
    assert heavy & set(ran.stderr.split()) == set()


def test_verifying_a_mark_loads_no_network(series: Path, tmp_path: Path) -> None:
    """Importing torch takes longer than all the rest of it."""
    key = tmp_path / "k.key"
    assert main(["keygen", "-o", str(key), "--quiet"]) == 0
    code = (
        "import sys\nfrom mitsgan.cli.main import main\n"
        f"main(['verify', {str(series)!r}, '--key', {str(key)!r}, '--quiet'])\n"
        "print(*{m.split('.')[0] for m in sys.modules}, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ran.stderr.split())
    assert "numpy" in loaded
    assert {"torch", "nibabel", "matplotlib", "highdicom", "scipy"} & loaded == set()


@pytest.mark.parametrize("protector", ["mits-gan-waves", "mits-gan", "wave", "noise", "offset"])
def test_protecting_loads_no_torch(series: Path, tmp_path: Path, protector: str) -> None:
    """Importing torch takes as long as reading and writing a scan with plain pydicom."""
    code = (
        "import sys\nfrom mitsgan.cli.main import main\n"
        f"code = main(['protect', {str(series)!r}, {str(tmp_path / 'out')!r}, '--quiet',"
        f"  '--protector', {protector!r}])\n"
        "print(code, *{m.split('.')[0] for m in sys.modules}, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    done, *loaded = ran.stderr.split()
    assert done == "0"
    assert "numpy" in loaded
    heavy = {"torch", "safetensors", "scipy", "skimage", "nibabel", "matplotlib", "cryptography"}
    assert heavy & set(loaded) == set()


@dataclass(frozen=True, kw_only=True)
class _Fails(Command):
    error: BaseException

    def start(self) -> int:
        raise self.error


def _run(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("tyro.cli", lambda *_, **__: _Fails(error=error))
    return main(["demo", "out"])


@pytest.mark.parametrize(
    "error, code, said",
    [
        (MitsganError("x is wrong; do y"), 2, "error: x is wrong; do y\n"),
        (PermissionError(13, "Permission denied", "a/b"), 2, "error: a/b: Permission denied\n"),
        (OSError(28, "No space left on device"), 2, "error: No space left on device\n"),
        (KeyboardInterrupt(), 130, "mitsgan: interrupted; no output was written\n"),
    ],
)
def test_exit_codes(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _run(error, monkeypatch) == code
    assert capsys.readouterr() == ("", said)


def test_a_full_memory_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(MemoryError(), monkeypatch) == 2
    assert "memory is full" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_termination_cleans_up_and_gives_the_signal_back(
    number: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cleaned = tmp_path / "cleaned"

    @dataclass(frozen=True, kw_only=True)
    class Killed(Command):
        def start(self) -> int:
            try:
                os.kill(os.getpid(), number)
                signal.pause()
            finally:
                cleaned.touch()
            return 0

    inherited = signal.signal(number, signal.default_int_handler)  # nohup would have it ignored
    try:
        monkeypatch.setattr("tyro.cli", lambda *_, **__: Killed())
        assert main(["demo", "out"]) == 128 + number
        assert cleaned.exists()
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, inherited)
    assert "terminated" in capsys.readouterr().err


@pytest.mark.parametrize(
    "number, code, said",
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_an_interrupt_of_which_a_library_makes_another_error_is_told_as_what_it_is(
    number: signal.Signals,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @dataclass(frozen=True, kw_only=True)
    class InterruptedInside(Command):
        def start(self) -> int:
            try:
                signal.raise_signal(number)
            except KeyboardInterrupt:  # as torch does where it asks for the shape of something
                raise ValueError("could not determine the shape") from None
            return 0

    monkeypatch.setattr("tyro.cli", lambda *_, **__: InterruptedInside())
    inherited = signal.signal(number, signal.default_int_handler)  # a shell's "&" ignores SIGINT
    try:
        assert main(["demo", "out"]) == code
    finally:
        signal.signal(number, inherited)
    assert capsys.readouterr() == ("", f"mitsgan: {said}; no output was written\n")


def test_a_hangup_that_nohup_ignores_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True, kw_only=True)
    class HungUp(Command):
        def start(self) -> int:
            os.kill(os.getpid(), signal.SIGHUP)
            return 0

    monkeypatch.setattr("tyro.cli", lambda *_, **__: HungUp())
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main(["demo", "out"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_python_looks_for_garbage_as_before_once_a_command_is_done() -> None:
    before = gc.get_threshold()
    assert main(["protect", "nowhere", "out"]) == 2
    assert gc.get_threshold() == before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="asks glibc")
def test_freed_memory_is_kept() -> None:
    code = """
import resource
from mitsgan.terminal.process import keep_freed_memory
keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def use():
    bytearray(b"1") * (16 << 20)
use()
before = faults()
for _ in range(20):
    use()
print(faults() - before)
"""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=own
    )
    assert int(ran.stdout) < 1000  # pages; without it, 4096 each time


def test_memory_is_left_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("asked the C library")

    monkeypatch.setattr(ctypes, "CDLL", never)
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")
    keep_freed_memory()


def test_a_null_byte_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["node", "check", "\0x"]) == 2
    assert "a null byte" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="streams are closed as POSIX has them")
@pytest.mark.parametrize("closed", [(1,), (0, 1, 2)])
def test_closed_streams_are_no_bug(closed: tuple[int, ...]) -> None:
    source = (
        f"import os, sys\nfor n in {closed}: os.close(n)\n"
        f"os.execv(sys.executable, [sys.executable, '-m', 'mitsgan', '--version'])"
    )
    process = subprocess.run([sys.executable, "-c", source], capture_output=True, check=False)
    assert process.returncode == 0
