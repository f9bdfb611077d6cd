"""All commands, by name, as the command line offers them."""

from __future__ import annotations

from mitsgan.terminal.choice import Choice, Several

COMMANDS: Choice = {
    "protect": "mitsgan.cli.protect:Protect",
    "verify": "mitsgan.cli.verify:Verify",
    "keygen": "mitsgan.cli.keygen:Keygen",
    "seal": "mitsgan.cli.seal:SealCommand",
    "restore": "mitsgan.cli.restore:Restore",
    "evaluate": "mitsgan.cli.evaluate.evaluate:Evaluate",
    "evaluate-mark": "mitsgan.cli.evaluate.mark:EvaluateMark",
    "report": "mitsgan.cli.pages.report:Report",
    "studio": "mitsgan.cli.pages.studio:StudioCommand",
    "benchmark": "mitsgan.cli.benchmark:Benchmark",
    "train": Several(
        "Train attackers, a protector against them, a classifier, a detector, or a baseline.",
        "Attackers first: a protector learns from how they fail. Split your scans by patient.",
        {
            "attacker": "mitsgan.cli.train.train:TrainAttacker",
            "diffusion": "mitsgan.cli.train.train:TrainDiffusion",
            "protector": "mitsgan.cli.train.train:TrainProtector",
            "classifier": "mitsgan.cli.train.train:TrainClassifier",
            "detector": "mitsgan.cli.train.train:TrainDetector",
            "mits-gan-paper": "mitsgan.cli.train.train:TrainPaper",
            "tafim": "mitsgan.cli.train.train:TrainTafim",
        },
    ),
    "attacker": Several(
        "Import a published CT-GAN or LeFusion, or show what an attacker's card says.",
        "An imported attacker serves `mitsgan evaluate --injector` and `--remover`.",
        {
            "import": "mitsgan.cli.attacker.import_ctgan:ImportAttacker",
            "import-lefusion": "mitsgan.cli.attacker.import_lefusion:ImportLefusion",
            "info": "mitsgan.cli.attacker.info:AttackerInfo",
        },
    ),
    "data": Several(
        "Make training cubes of scans, fetch public scans to make them of, or check scans.",
        "Scans first, cubes of them next, then `mitsgan train attacker`. Split by patient.",
        {
            "cubes": "mitsgan.cli.data.cubes:DataCubes",
            "fetch": "mitsgan.cli.data.fetch:DataFetch",
            "check": "mitsgan.cli.data.check:DataCheck",
        },
    ),
    "candidates": "mitsgan.cli.candidates:Candidates",
    "node": Several(
        "A DICOM service that protects the series passing through it. Needs: pip install "
        "'mitsgan[node]'.",
        "Check before going live, then run; the others look after what is on its way.",
        {
            "run": "mitsgan.cli.node.run:NodeRun",
            "check": "mitsgan.cli.node.check:NodeCheck",
            "queue": "mitsgan.cli.node.letters:NodeQueue",
            "show": "mitsgan.cli.node.letters:NodeShow",
            "retry": "mitsgan.cli.node.letters:NodeRetry",
            "export": "mitsgan.cli.node.letters:NodeExport",
            "discard": "mitsgan.cli.node.letters:NodeDiscard",
            "conformance": "mitsgan.cli.node.conformance:NodeConformance",
        },
    ),
    "archive": Several(
        "Protect, seal or verify many thousand series, resumably.",
        "Plan, run, look at the report; then verify.",
        {
            "plan": "mitsgan.cli.archive:ArchivePlan",
            "run": "mitsgan.cli.archive:ArchiveRun",
            "report": "mitsgan.cli.archive:ArchiveReportFile",
            "retry": "mitsgan.cli.archive:ArchiveRetry",
            "verify": "mitsgan.cli.archive:ArchiveVerify",
        },
    ),
    "weights": Several(
        "Show the weights that ship, hand weights on as a folder, or fetch the network of LPIPS.",
        "Nothing else fetches weights: evaluation never does so by itself.",
        {
            "fetch": "mitsgan.cli.weights:WeightsFetch",
            "list": "mitsgan.cli.weights:WeightsList",
            "export": "mitsgan.cli.weights:WeightsExport",
            "import": "mitsgan.cli.weights:WeightsImport",
        },
    ),
    "demo": "mitsgan.cli.demo:Demo",
}
"""What `mitsgan` can be told to do: where each command is, to be loaded when it is called."""
