"""What help texts show beside the names and descriptions of options."""

from __future__ import annotations

from collections.abc import Mapping

DESCRIPTION = """\
mitsgan protects CT scans against tampering by generative models: it adds a perturbation of a \
few HU that disturbs what such a model paints, hides a mark in it, seals the result, keeps the \
original, and measures what each of these is worth.

examples:
  mitsgan demo demo
      see it work on a synthetic chest; then open demo/report.html
  mitsgan protect SCAN OUT --sign key.pem
      protect the DICOM series in SCAN, write the protected one to OUT and its seal beside it
  mitsgan verify OUT --seal OUT.seal.json --trust public.pem
      whether OUT still shows what was sealed, and where not

`mitsgan help COMMAND` explains a command, `mitsgan --version` says which version this is.
"""
"""Of mitsgan itself."""

GROUPS: Mapping[str, str] = {
    "how the scan is read": "series select strict hu-offset assume-hu",
    "mark": "key mark-hu identity false-alarms map",
    "seal": "sign certificate passphrase-file sketch seal trust dicom-signature",
    "restore": "restorable restorable-form private-key",
    "research": (
        "seed device protector weights refine refine-steps candidates attackers varied checkpoint "
        "noise-fraction least-hu yes-visible pgd-steps variant injector remover classifier "
        "lpips-weights"
    ),
}
"""Options by what they are for, blanks between; all others are basic ones, and stand first."""

GROUPS_OF: Mapping[str, Mapping[str, str]] = {
    "protect": {"research": "nodules readers"},
    "restore": {"restore": "passphrase-file"},
    "studio": {"restore": "passphrase-file"},
}
"""The same of options that stand elsewhere in one command than in others."""

SUMMARIES: Mapping[str, str] = {
    "protect": "Protect a CT scan: a DICOM series or an image.",
    "verify": "Find tampering in a marked or sealed scan.",
    "keygen": "Make a secret key for marks.",
    "seal": "Sign what a scan is, so that any change is found.",
    "restore": "Give the original of a protected scan back.",
    "evaluate": "Measure what a protection costs and is worth.",
    "evaluate-mark": "Measure how well the mark finds tampering.",
    "report": "Make a page, Markdown, CSV or JSON of a result.",
    "studio": "See scans, protection and attacks on a page.",
    "benchmark": "Measure protectors against attackers, on scans.",
    "train": "Train attackers, protectors, baselines.",
    "attacker": "Import a CT-GAN model, or show an attacker's card.",
    "data": "Fetch scans, check them, cut training cubes.",
    "candidates": "List places where a nodule might be.",
    "node": "Run protection as a DICOM service.",
    "archive": "Protect, seal or verify many thousand series.",
    "weights": "List, fetch, export or import weights.",
    "demo": "Show all of it on a synthetic chest.",
}
"""What a command does, on one line of the list of all commands."""

EXAMPLES: Mapping[str, str] = {
    "protect": "mitsgan protect SCAN OUT --sign key.pem --restorable site.crt",
    "verify": "mitsgan verify OUT --seal OUT.seal.json --trust public.pem --html verdict.html",
    "keygen": "mitsgan keygen -o hospital.key",
    "seal": "mitsgan seal SCAN --sign key.pem",
    "restore": "mitsgan restore OUT ORIGINAL --private-key site.pem --trust public.pem",
    "evaluate": "mitsgan evaluate SCAN OUT --html worth.html",
    "evaluate-mark": "mitsgan evaluate-mark SCAN -o mark.json",
    "report": "mitsgan report verified.json -o page.html",
    "studio": "mitsgan studio SCAN OUT",
    "benchmark": "mitsgan benchmark benchmarks/full.toml -o RUN --jobs 2",
    "candidates": "mitsgan candidates SCAN -o candidates.json",
    "demo": "mitsgan demo demo",
    "train attacker": "mitsgan train attacker SCAN -o a.safetensors --action inject",
    "train protector": (
        "mitsgan train protector SCAN -o p.safetensors --attackers i.safetensors r.safetensors"
    ),
    "train classifier": "mitsgan train classifier SCAN -o c.safetensors",
    "train mits-gan-paper": (
        "mitsgan train mits-gan-paper SCAN -o m.safetensors --attackers i.safetensors r.safetensors"
    ),
    "train diffusion": "mitsgan train diffusion SCAN -o d.safetensors --action inject",
    "train detector": (
        "mitsgan train detector SCAN -o d.safetensors --attackers i.safetensors r.safetensors"
    ),
    "train tafim": (
        "mitsgan train tafim SCAN -o t.safetensors --attackers i.safetensors r.safetensors"
    ),
    "attacker import": (
        "mitsgan attacker import G_model.h5 equalization.pkl normalization.npy --action inject "
        "-o injector.safetensors"
    ),
    "attacker import-lefusion": "mitsgan attacker import-lefusion lidc.pt -o injector.safetensors",
    "attacker info": "mitsgan attacker info injector.safetensors",
    "data cubes": "mitsgan data cubes SCAN -o cubes.npz --count 64",
    "data fetch": "mitsgan data fetch lidc -o SCANS",
    "data check": "mitsgan data check SCANS --validate OTHERS",
    "node run": "mitsgan node run CONFIG.toml",
    "node check": "mitsgan node check CONFIG.toml",
    "node queue": "mitsgan node queue CONFIG.toml",
    "node show": "mitsgan node show CONFIG.toml 7",
    "node retry": "mitsgan node retry CONFIG.toml 7",
    "node export": "mitsgan node export CONFIG.toml 7 FOLDER",
    "node discard": "mitsgan node discard CONFIG.toml 7 --yes",
    "node conformance": "mitsgan node conformance",
    "archive plan": "mitsgan archive plan /data/ct --ledger night.db -o /data/protected",
    "archive run": "mitsgan archive run --ledger night.db --jobs 8",
    "archive verify": "mitsgan archive verify --ledger night.db --trust public.pem --jobs 8",
    "archive retry": "mitsgan archive retry --ledger night.db --failures input",
    "archive report": "mitsgan archive report --ledger night.db -o report.html",
    "weights export": "mitsgan weights export mitsgan -o mitsgan-10hu",
    "weights import": "mitsgan weights import mitsgan-10hu -o protector.safetensors",
    "weights list": "mitsgan weights list",
    "weights fetch": "mitsgan weights fetch lpips",
}
"""One command line for each command."""

SWITCHED_OFF: Mapping[str, str] = {
    "attack": "Do not tamper with the scans in memory: budget, image and density measures alone.",
    "sketch": (
        "Seal no sketch, the coarse picture by which processing is later told from tampering; it "
        "shows the patient, at about 4 mm."
    ),
}
"""What is on by default, as the option that switches it off says it."""

METAVARS: Mapping[str, str] = {
    "attackers": "NAME...",
    "certificate": "CERT.pem",
    "config": "CONFIG.toml",
    "failures": "input|resource|bug|infrastructure...",
    "format": "html|md|csv|json",
    "kinds": "solid|part-solid|ground-glass|spiculated...",
    "device": "auto|cpu|cuda[:N]",
    "hu_offset": "HU",
    "false_alarms": "RATE",
    "html": "FILE.html",
    "identity": "TEXT",
    "judges": "FILE...",
    "key": "KEYFILE",
    "lease_seconds": "N",
    "least_hu": "HU",
    "licence": "TEXT",
    "mark_hu": "HU",
    "max_hu": "HU",
    "memory_mb": "MB",
    "metrics": "FILE.prom",
    "nodules": "FILE...",
    "noise_fraction": "PART",
    "original": "ORIGINAL",
    "out": "OUT",
    "output": "FILE.json",
    "pixel_scales": "NUMBER...",
    "picture": "FILE.png",
    "private_key": "KEY.pem",
    "protector": "NAME",
    "refine": "SECONDS",
    "restorable": "RECIPIENT.pem...",
    "run": "FOLDER",
    "scan": "SCAN",
    "scans": "SCAN...",
    "seal": "FILE.seal.json",
    "select": "NAME=VALUE...",
    "series": "UID",
    "sharpness": "NUMBER...",
    "state": "received|complete|working|protected|sending|committed|dead|discarded|refused",
    "target_hu": "HU",
    "sign": "KEY.pem",
    "thicknesses": "MM...",
    "timeout_minutes": "N",
    "trust": "PEM",
    "validate": "SCAN...",
    "waves": "NUMBER...",
}
"""What stands for the value of a setting in usage texts, whichever command has it."""
