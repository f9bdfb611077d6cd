"""An evaluation of the mark as a report: the verdict in words, and what it does not show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mitsgan.evaluate.report.command_line import changed, command_line
from mitsgan.evaluate.report.content import Headline, Report
from mitsgan.typed import to_json, to_tree

if TYPE_CHECKING:
    from mitsgan.evaluate.mark.result import MarkEvaluation

LIMITS = (
    "The numbers hold for these attackers, this scan and these positions. A place is found where "
    "the mark is gone; an attacker who keeps the scan's fine detail keeps the mark too.",
    "False alarms are counted on one scan under many keys, not on many patients.",
    "The mark says where voxels were replaced. It does not say by whom, and not what was there.",
)

_PLAIN = "touched up"
_AS_WRITTEN = "as written"
_TAMPERED = "tampered"


def mark_report(evaluation: MarkEvaluation, command: str = "") -> Report:
    """The report; ``command`` makes it again, by default `mitsgan evaluate-mark`."""
    weights = [
        {"role": action, "name": attack.name, "sha256": attack.sha256}
        for action, attack in evaluation.attacks.items()
    ]
    if evaluation.protector is not None:
        weights.insert(0, {"role": "protector", **to_tree(evaluation.protector)})
    return Report(
        title=f"The mark on {evaluation.scan.name}, evaluated",
        version=evaluation.version,
        lead=" ".join(lead(evaluation)),
        command=command or _command(evaluation),
        config=to_json(evaluation.config),
        provenance={"weights": weights, "scans": [to_tree(evaluation.scan)]},
        headline=tuple(headline(evaluation)),
        tables=tuple(evaluation.tables),
        limits=LIMITS,
    )


def lead(evaluation: MarkEvaluation) -> Iterator[str]:
    """The verdict in sentences."""
    change = evaluation.change
    yield (
        f"A mark of {change.mark_rms_over_body_hu:.2f} HU RMS over the body was added to "
        f"{evaluation.scan.name}, which moves by at most {change.together_largest_hu:g} HU. "
        f"Untouched, it is called {evaluation.untouched.verdict} (score "
        f"{evaluation.untouched.score:.0f})."
    )
    for action, attack in evaluation.attacks.items():
        flagged = attack.cases[_PLAIN].found
        what = "injected nodules" if action == "inject" else "removals"
        yield f"Of {flagged.n} {what}, the mark finds {flagged.count}."
    alarms = evaluation.false_alarms[_AS_WRITTEN][_TAMPERED]
    yield f"Of {alarms.n} untouched scans, {alarms.count} are called tampered."


def headline(evaluation: MarkEvaluation) -> Iterator[Headline]:
    """The numbers that count."""
    change = evaluation.change
    yield Headline(
        "RMS of the mark over the body",
        change.mark_rms_over_body_hu,
        "HU",
        None,
        f"With protection {change.together_rms_hu:.2f} HU over the scan, at most "
        f"{change.together_largest_hu:g} HU.",
    )
    for action, attack in evaluation.attacks.items():
        case = attack.cases[_PLAIN]
        yield Headline(
            f"AUC per position, {action}",
            case.auc,
            "",
            case.n,
            f"{case.found.count} of {case.found.n} found; median Dice {case.dice.median:.2f}.",
        )
    alarms = evaluation.false_alarms[_AS_WRITTEN][_TAMPERED]
    between = ""
    if alarms.interval_95 is not None:
        low, high = (100 * end for end in alarms.interval_95)
        between = f"95 % {low:.2g} to {high:.2g} %."
    share = None if alarms.rate is None else 100 * alarms.rate
    yield Headline("Untouched scans called tampered", share, "%", alarms.n, between)


def _command(evaluation: MarkEvaluation) -> str:
    """`mitsgan evaluate-mark` with the options that this was made by."""
    return command_line(
        "evaluate-mark",
        evaluation.scan.name,
        **changed(evaluation.config),
        mark_only=None if evaluation.protector else True,
    )
