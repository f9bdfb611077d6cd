"""What `speed.py` measures: one task per process, its own timings as JSON on standard output.

Each task imports only what it needs, so that a process's time and memory are those of its task.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

Result = dict[str, object]


def read_write(folder: Path, out: Path) -> Result:
    """Read a series and write it again with plain pydicom, pixels and all: the least there is."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    start = perf_counter()
    slices = 0
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            dataset = dcmread(path)
        except InvalidDicomError:
            continue  # notes that lie beside the slices
        pixels = dataset.pixel_array
        if dataset.file_meta.TransferSyntaxUID.is_compressed:
            dataset.decompress(generate_instance_uid=False)
        dataset.PixelData = pixels.tobytes()
        dataset.save_as(out / f"{slices:05d}.dcm")
        slices += 1
    return {"seconds": perf_counter() - start, "slices": slices}


def read(folder: Path) -> Result:
    """Read a scan, as everything here does first."""
    from mitsgan.files import read_scan

    start = perf_counter()
    scan = read_scan(folder)
    return {"seconds": perf_counter() - start, "slices": scan.shape[0]}


def weights(given: Path | None, spare: Path) -> Result:
    """Which weights to measure with: those given, those shipped, or random ones put at ``spare``.

    The time does not depend on what the weights are, only on how many.
    """
    from mitsgan.networks import load_weights, shipped
    from mitsgan.protect import MitsGan
    from mitsgan.protect.network import PerturbationGenerator

    path = given or shipped("mitsgan")
    random = given is None and not path.is_file()
    if random:
        path = spare
        generator = PerturbationGenerator()
        card = {"name": "random", "config": {"width": list(generator.width)}}
        MitsGan(generator).save(path, card)
    _, card = load_weights(path, "protector")
    shipped_ones = given is None and not random
    return {"path": str(path), "random": random, "shipped": shipped_ones, "sha256": card["sha256"]}


def layers(folder: Path, weights: Path | None) -> Result:
    """`apply_perturbations` alone, after the scan is read and the weights are loaded."""
    from mitsgan.files import read_scan
    from mitsgan.jobs.protect.default import load_default
    from mitsgan.perturb import Budget, apply_perturbations
    from mitsgan.protect.registry import identify
    from mitsgan.slabs import processors

    scan = read_scan(folder)
    layer, _ = load_default(weights, seed=0)
    start = perf_counter()
    apply_perturbations(scan, [layer], Budget())
    return {
        "seconds": perf_counter() - start,
        "shape": list(scan.shape),
        "spacing_mm": list(scan.spacing),
        "precision": identify(layer).precision,
        "threads": processors(),
    }


def paper(folder: Path, slices: int) -> Result:
    """The released generator, in its own precision, on slices from the middle of the scan."""
    import numpy as np
    import torch

    from mitsgan.files import read_scan
    from mitsgan.protect.baselines.paper import PAPER_DTYPE, PaperGenerator

    scan = read_scan(folder)
    count = min(slices, scan.shape[0])
    first = (scan.shape[0] - count) // 2
    generator = PaperGenerator().to(PAPER_DTYPE).eval()
    hu = np.clip(scan.hu(first, first + count) / 1000, -1, 1)
    images = torch.from_numpy(hu).to(PAPER_DTYPE)[:, None, None]
    seconds = []
    with torch.inference_mode():
        for image in images:
            start = perf_counter()
            generator(image, torch.rand_like(image))
            seconds.append(perf_counter() - start)
    return {"seconds_per_slice": seconds, "slices": count}


def phantom(
    folder: Path, shape: tuple[int, int, int], spacing: tuple[float, ...], painted: int
) -> Result:
    """A synthetic chest, written as a DICOM series: some slices, over and over, there and back."""
    from pydicom import dcmread
    from pydicom.uid import generate_uid

    from mitsgan.files.dicom.phantom import phantom_series
    from mitsgan.phantom.chest import chest

    z, y, x = spacing
    long = z * shape[0] / painted
    files = phantom_series(chest((painted, *shape[1:]), (long, y, x)), folder)
    stack = [dcmread(file) for file in files]
    x_mm, y_mm, top = (float(mm) for mm in stack[0].ImagePositionPatient)
    for number in range(shape[0]):
        turn = number % (2 * painted)
        dataset = stack[min(turn, 2 * painted - 1 - turn)]
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.InstanceNumber = number + 1
        dataset.ImagePositionPatient = [x_mm, y_mm, top - number * z]
        dataset.SliceLocation = top - number * z
        dataset.SliceThickness = dataset.SpacingBetweenSlices = z
        dataset.save_as(folder / f"IM{number + 1:05d}.dcm")
    return {"slices": shape[0]}


def signing_key(path: Path) -> Result:
    """A new private key, PEM."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    secret = Ed25519PrivateKey.generate()
    path.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tasks = parser.add_subparsers(dest="task", required=True)
    task = tasks.add_parser("read-write")
    task.add_argument("folder", type=Path)
    task.add_argument("out", type=Path)
    task = tasks.add_parser("read")
    task.add_argument("folder", type=Path)
    task = tasks.add_parser("weights")
    task.add_argument("--given", type=Path)
    task.add_argument("spare", type=Path)
    task = tasks.add_parser("layers")
    task.add_argument("folder", type=Path)
    task.add_argument("weights", type=Path, nargs="?")
    task = tasks.add_parser("paper")
    task.add_argument("folder", type=Path)
    task.add_argument("slices", type=int)
    task = tasks.add_parser("phantom")
    task.add_argument("folder", type=Path)
    task.add_argument("shape", type=int, nargs=3)
    task.add_argument("spacing", type=float, nargs=3)
    task.add_argument("painted", type=int)
    task = tasks.add_parser("signing-key")
    task.add_argument("path", type=Path)
    arguments = vars(parser.parse_args())
    functions: dict[str, Callable[..., Result]] = {
        "read-write": read_write,
        "read": read,
        "weights": weights,
        "layers": layers,
        "paper": paper,
        "phantom": phantom,
        "signing-key": signing_key,
    }
    json.dump(functions[arguments.pop("task")](**arguments), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
