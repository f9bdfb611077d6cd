"""Record what every command makes of small scans, and compare a later state of the code with it.

    python tools/golden.py record tests/golden/commands.json
    python tools/golden.py compare tests/golden/commands.json

Each command runs as a user runs it, on a synthetic chest as DICOM, NIfTI, MHA and NRRD. Of every
file that it leaves, a digest is kept: of all bytes for voxels and headers, of the values for JSON,
where seconds, versions and paths are left out. Digests depend on the machine where floating point
does, so the record names the machine's kind of arithmetic; `compare` refuses another.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.networks import shipped
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan

MITSGAN = Path(sys.executable).with_name("mitsgan")
TINY = Path(__file__).parents[1] / "benchmarks" / "tiny.toml"

PAIR = "w/injector.safetensors w/remover.safetensors"
"""Copies of the smallest pair that ships."""

SETTING = {"OMP_NUM_THREADS": "1", "COLUMNS": "100"}
"""Sums in floating point follow the number of threads."""

_VOLATILE = frozenset({"seconds", "version", "software", "created", "salt", "signature", "machine"})


@dataclass(frozen=True)
class Run:
    """One command: its arguments, and the exit code that is right.

    ``after`` names the runs whose files it reads.
    """

    name: str
    arguments: str
    code: int = 0
    after: tuple[str, ...] = ()


def _protect(name: str, options: str, scan: str = "chest", out: str = "") -> Run:
    return Run(name, f"protect {scan} {out or name} {options} --output {name}.json")


RUNS = (
    _protect("protected", ""),
    _protect("sealed", "--key k.key --sign k.pem"),
    _protect("noise", "--noise-fraction 0.5 --max-hu 30"),
    _protect("seeded", "--seed 7 --max-hu 5"),
    _protect("refined", "--refine-steps 2"),
    _protect("candidates", "--refine-steps 1 --candidates"),
    _protect("paper", "--protector mits-gan-paper"),
    _protect("tafim", "--protector tafim"),
    _protect("random", "--protector noise"),
    _protect("offset", "--protector offset"),
    _protect("nifti", "--key k.key --sign k.pem", "chest.nii.gz", "p.nii.gz"),
    _protect("mha", "", "chest.mha", "p.mha"),
    _protect("mhd", "", "chest.mha", "p.mhd"),
    _protect("nrrd", "--key k.key", "chest.nrrd", "p.nrrd"),
    _protect("dicom-nifti", "", "chest", "d.nii"),
    Run("verified", "verify sealed --key k.key --seal sealed.seal.json --trust t.pem "
        "--output v.json --map m.nii.gz", 3, ("sealed",)),
    Run("verified-nifti", "verify p.nii.gz --key k.key --seal p.nii.gz.seal.json --trust t.pem "
        "--output vn.json", 3, ("nifti",)),
    Run("verified-seal", "verify sealed --seal sealed.seal.json --trust t.pem --output vs.json",
        0, ("sealed",)),
    Run("verified-unmarked", "verify chest --key k.key --output vu.json", 3),
    Run("verified-other", "verify protected --seal sealed.seal.json --trust t.pem "
        "--output vo.json", 4, ("protected", "sealed")),
    Run("seal", "seal chest --sign k.pem -o chest.seal.json"),
    Run("seal-nrrd", "seal chest.nrrd --sign k.pem -o nrrd.seal.json"),
    Run("evaluate", "evaluate chest protected --positions 3 --pgd-steps 2 -o e.json",
        0, ("protected",)),
    Run("evaluate-residual", "evaluate chest --positions 2 --pgd-steps 0 --attackers residual "
        "--variant denoise-gaussian -o er.json"),
    Run("evaluate-mark", "evaluate-mark chest --positions 2 --keys 2 --purified-keys 1 "
        "--wrong-keys 1 -o em.json"),
    Run("benchmark", f"benchmark {TINY} -o bench"),
    Run("candidates-list", "candidates chest --limit 10 --recall 2 -o c.json"),
    Run("cubes", "data cubes chest -o cubes.npz --count 8 --seed 1"),
    Run("healthy", "data cubes chest -o healthy.npz --count 8 --seed 1 --action remove"),
    Run("attacker", "train attacker cubes.npz --output a.safetensors --action inject --steps 3 "
        "--width 4 --batch 2", 0, ("cubes",)),
    Run("protector", "train protector chest --output pr.safetensors --steps 2 "
        f"--attackers {PAIR}"),
    Run("classifier", "train classifier chest --output cl.safetensors --steps 2"),
    Run("train-tafim", "train tafim chest --output ta.safetensors --steps 2 --width 2 "
        f"--attackers {PAIR}"),
    Run("demo", "demo demo"),
)  # fmt: skip


def prepare(work: Path) -> None:
    """The inputs: a chest in four formats, and keys that protect nothing."""
    scan = chest((40, 96, 96), (5.0, 3.8, 3.8), seed=3)
    phantom_series(scan, work / "chest")
    for name in ("chest.nii.gz", "chest.mha", "chest.nrrd"):
        SimpleITK.WriteImage(_image(scan), work / name)
    (work / "k.key").write_text(_key(work))
    (work / "k.key").chmod(0o600)
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    (work / "k.pem").write_bytes(
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (work / "k.pem").chmod(0o600)
    (work / "w").mkdir()
    for name in ("injector", "remover"):
        shutil.copy(shipped(f"{name}-narrow"), work / "w" / f"{name}.safetensors")
    (work / "t.pem").write_bytes(
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )


def record(work: Path) -> dict[str, Any]:
    """Run everything in an empty folder; digests of what came of it."""
    prepare(work)
    before = _files(work)
    pending, finished, results = list(RUNS), set[str](), dict[str, Any]()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while pending:
            ready = [run for run in pending if finished.issuperset(run.after)]
            for run, said in zip(ready, pool.map(lambda r: _run(r, work), ready), strict=True):
                finished.add(run.name)
                pending.remove(run)
                if said:
                    results[run.name] = said
    digests = {str(p.relative_to(work)): _digest(p, work) for p in sorted(_files(work) - before)}
    return {"machine": machine(), "failed": results, "files": digests}


def machine() -> dict[str, str]:
    """What floating point depends on."""
    return {
        "architecture": platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "bfloat16": str(torch.ops.mkldnn._is_mkldnn_bf16_supported()),
        "torch": torch.__version__.split("+")[0],
        "numpy": np.__version__,
        "simpleitk": SimpleITK.Version_VersionString(),
    }


def _key(work: Path) -> str:
    """A key file with a secret that everybody knows."""
    made = work / "made.key"
    subprocess.run([MITSGAN, "keygen", "-o", made, "--quiet"], check=True)
    kind = made.read_text().splitlines()[0]
    made.unlink()
    return f"{kind}\n{'ab' * 32}\n"


def _image(scan: Scan) -> SimpleITK.Image:
    image = SimpleITK.GetImageFromArray(scan.hu().astype(np.int16))
    z, y, x = scan.spacing
    image.SetSpacing((x, y, z))
    image.SetOrigin(scan.geometry.origin)
    return image


def _run(run: Run, work: Path) -> str:
    """What went wrong, if anything."""
    done = subprocess.run(
        [MITSGAN, *run.arguments.split(), "--quiet"],
        cwd=work,
        env={**os.environ, **SETTING},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == run.code:
        return ""
    return f"exit {done.returncode}, not {run.code}: {done.stdout}{done.stderr}"


def _files(work: Path) -> set[Path]:
    """All of them but logs: a training's folder names the machine's paths."""
    found = (path for path in work.rglob("*") if path.is_file())
    return {path for path in found if not path.parent.name.endswith(".run")}


def _digest(path: Path, work: Path) -> str:
    name = path.name
    if name.endswith((".html", ".png", ".svg")):
        return "drawn"  # looks may change; values may not
    if name.endswith(".jsonl"):
        lines = sorted(
            json.dumps(_steady(json.loads(t), work)) for t in path.read_text().split("\n") if t
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()
    if name.endswith(".json"):
        text = json.dumps(_steady(json.loads(path.read_text()), work), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
    data = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    return hashlib.sha256(data).hexdigest()


def _steady(value: Any, work: Path) -> Any:
    """JSON without what differs from run to run."""
    if isinstance(value, dict):
        return {k: _steady(v, work) for k, v in value.items() if k not in _VOLATILE}
    if isinstance(value, list):
        return [_steady(v, work) for v in value]
    if isinstance(value, str):
        return "salted" if value.startswith("sha256:") else value.replace(str(work), "WORK")
    return value


def main() -> int:
    """Record or compare; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("action", choices=["record", "compare"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--work", type=Path, help="keep what was made in this new folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary) / "work"
        work.mkdir()
        made = record(work.resolve())
    for name, said in made["failed"].items():
        print(f"{name}: {said}")
    if options.action == "record":
        options.file.parent.mkdir(exist_ok=True)
        options.file.write_text(json.dumps(made, indent=1) + "\n")
        return int(bool(made["failed"]))
    was = json.loads(options.file.read_text())
    if was["machine"] != made["machine"]:
        print(f"another machine: recorded on {was['machine']}, this is {made['machine']}")
        return 3
    differing = [
        name
        for name in sorted({*was["files"], *made["files"]})
        if was["files"].get(name) != made["files"].get(name)
    ]
    print(f"{len(was['files'])} files recorded, {len(differing)} differ", *differing, sep="\n  ")
    return int(bool(differing or made["failed"]))


if __name__ == "__main__":
    sys.exit(main())
