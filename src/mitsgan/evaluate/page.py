"""One self-contained HTML page about a protected scan: numbers first, then pictures, then how.

No script, no network: style and pictures are inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from mitsgan.evaluate.evaluation import Result
from mitsgan.evaluate.page_figure import figure
from mitsgan.evaluate.report.pictures.comparison import Comparison

CONTROL = "random sign"
"""The control that the summary compares with: noise of the same strength, without any design."""

OFFSET = "constant offset"
"""The other control: the same HU added everywhere."""

_ROWS = {
    "protected": "protected by MITS-GAN",
    CONTROL: "control: random sign, equal RMSE",
    OFFSET: "control: constant offset, equal RMSE",
    "PGD, position known": "upper control: PGD, position and attacker known",
}
_DOING = {"inject": "injecting", "remove": "removing"}
_HEADING = {"inject": "Injecting a nodule", "remove": "Removing a nodule"}


@dataclass(frozen=True)
class Page:
    """What the page tells.

    Attributes:
        title: its heading.
        what: a clause about the scan, e.g. "A synthetic chest CT".
        result: of `mitsgan.evaluate.evaluate`.
        comparisons: pictures, one per action.
        facts: names and values for the reproduction section: weights, seeds, versions.
        command: what makes this page again.
    """

    title: str
    what: str
    result: Result
    comparisons: Sequence[Comparison]
    facts: Mapping[str, str]
    command: str

    def html(self) -> str:
        """The whole page."""
        style = files("mitsgan.evaluate").joinpath("page.css").read_text(encoding="utf-8")
        parts = [
            self._summary(),
            *(self._action(comparison) for comparison in self.comparisons),
            self._table(),
            _limits(),
            self._reproduction(),
        ]
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(self.title)}</title>\n<style>\n{style}</style>\n</head>\n"
            f"<body>\n<main>\n{''.join(parts)}</main>\n</body>\n</html>\n"
        )

    def _summary(self) -> str:
        close = self.result["fidelity"]
        budget = self.result["config"]["max_hu"]
        worths = [
            f"by <strong>{ours:.0f} HU</strong> when {_DOING[action]}"
            for action, ours, _ in self._worth()
        ]
        cards = [
            _card(
                "Largest change of any voxel",
                close["largest_hu"],
                f"The budget is {budget:g} HU. It holds for every stored value, after rounding.",
                digits=0,
            ),
            _card(
                "RMS change",
                close["rmse_hu"],
                f"PSNR {_db(close['psnr_db'])}, SSIM {close['ssim']:.4f} against the original.",
                digits=1,
            ),
            *(self._worth_card(*worth) for worth in self._worth()),
        ]
        return (
            f'<header>\n<p class="over">mitsgan {escape(str(self.result["version"]))}</p>\n'
            f"<h1>{escape(self.title)}</h1>\n"
            f'<p class="lead">{escape(self.what)} was protected with a perturbation of at most '
            f"<strong>{close['largest_hu']:.0f} HU</strong>. Then the same generative models "
            "tampered with the original and with the protected scan. In the repainted core their "
            f"two results differ {_and(worths)} (RMSE, median over {self._count()} lung "
            "positions). "
            f"{escape(self._verdict())}</p>\n</header>\n"
            f'<div class="cards">\n{"".join(cards)}</div>\n'
            '<p class="note">Every tampered picture on this page is simulated, made in memory for '
            "measurement, and says so in its pixels. mitsgan is no medical device.</p>\n"
        )

    def _worth(self) -> list[tuple[str, float, float]]:
        """Action, median disruption of the protected scan, and of the control."""
        return [
            (action, rows["protected"]["rmse_hu"]["median"], rows[CONTROL]["rmse_hu"]["median"])
            for action, rows in self.result["disruption"].items()
        ]

    def _count(self) -> int:
        return int(self.result["config"]["positions"])

    def _verdict(self) -> str:
        """What the comparison with the controls says, whichever way it went."""
        said = []
        for action, ours, control in self._worth():
            ratio = ours / control if control else float("inf")
            times = f"{ratio:.1f} times" if ratio >= 1.1 else "no more"
            said.append(f"{times} for {_DOING[action]}")
        verdict = f"Compared with random noise of equal strength, that is {_and(said)}."
        stronger = [
            _DOING[action]
            for action, rows in self.result["disruption"].items()
            if rows[OFFSET]["rmse_hu"]["median"] > rows["protected"]["rmse_hu"]["median"]
        ]
        if stronger:
            verdict += f" A constant offset of equal strength does more for {_and(stronger)}."
        return verdict

    def _worth_card(self, action: str, ours: float, control: float) -> str:
        most = max(ours, control, 1e-9)
        bars = "".join(
            f'<span class="bar" style="width:{100 * value / most:.0f}%"></span>'
            for value in (ours, control)
        )
        text = f"Random noise of equal strength: {control:.0f} HU."
        return _card(f"Disruption, {_DOING[action]}", ours, text, digits=0, extra=bars)

    def _action(self, comparison: Comparison) -> str:
        x, y, z = comparison.world
        median = self.result["disruption"][comparison.action]["protected"]["rmse_hu"]["median"]
        text = (
            f"Here, at {x:.0f}, {y:.0f}, {z:.0f} mm (LPS), the attacker's result on the protected "
            f"scan differs from its result on the original by {comparison.disruption_hu:.0f} HU "
            f"(RMSE in the 20 mm core); the median over all measured positions is {median:.0f} HU. "
            "One position is an example; the table below holds the measurement."
        )
        return (
            f"<section>\n<h2>{_HEADING[comparison.action]}</h2>\n<p>{text}</p>\n"
            f"{figure(comparison)}</section>\n"
        )

    def _table(self) -> str:
        body = []
        for action, rows in self.result["disruption"].items():
            body.append(f'<tr><th colspan="6">{_DOING[action].capitalize()}</th></tr>\n')
            body += [_row(name, values) for name, values in rows.items()]
        span = self.result["data_range_hu"]
        return (
            "<section>\n<h2>The measurement</h2>\n"
            f"<p>Disruption is the root mean square difference between the attacker's results on "
            f"the protected and the original scan, inside the repainted 20 mm core, at "
            f"n = {self._count()} random lung positions per action. Controls have the same RMSE "
            f"as the perturbation there. PSNR refers to a data range of {span:.0f} HU; a lower "
            'PSNR is more disruption.</p>\n<div class="wide"><table>\n<thead><tr><th></th>'
            "<th>median<small>HU</small></th><th>mean<small>HU</small></th>"
            "<th>worst<small>HU</small></th><th>PSNR, median<small>dB</small></th>"
            "<th>RMSE put in<small>HU</small></th></tr></thead>\n"
            f"<tbody>\n{''.join(body)}</tbody>\n</table></div>\n</section>\n"
        )

    def _reproduction(self) -> str:
        facts = {
            "scan": _shape(self.result),
            "positions": f"{self._count()} per action, drawn with seed "
            f"{self.result['config']['seed']}",
            **self.facts,
        }
        items = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>\n" for k, v in facts.items())
        return (
            "<section>\n<h2>How to make this page again</h2>\n"
            f"<pre><code>{escape(self.command)}</code></pre>\n<dl>\n{items}</dl>\n</section>\n"
        )


def _limits() -> str:
    points = (
        "Disruption is a distance between two pictures. It does not say whether a reader would "
        "notice; no reader study has been made.",
        "The numbers hold for these attackers, this scan and these positions. Attackers of "
        "another kind, or that filter the scan first or know of the protection, are not "
        "covered by them.",
        "Protection does not prevent tampering and does not detect it: it changes what the "
        "tampering model paints.",
    )
    return f"<section>\n<h2>What this does not show</h2>\n<ul>\n{_list(points)}</ul>\n</section>\n"


def _and(words: Sequence[str]) -> str:
    return " and ".join(words)


def _list(points: Iterable[str]) -> str:
    return "".join(f"<li>{point}</li>\n" for point in points)


def _card(heading: str, value: float, text: str, *, digits: int, extra: str = "") -> str:
    return (
        f'<div class="card"><h3>{escape(heading)}</h3>'
        f'<p class="big">{value:.{digits}f} <small>HU</small></p>{extra}'
        f"<p>{escape(text)}</p></div>\n"
    )


def _row(name: str, values: Mapping[str, Mapping[str, float]]) -> str:
    rmse, psnr, moved = values["rmse_hu"], values["psnr_db"], values["perturbation_rmse_hu"]
    cells = (
        *(f"{rmse[key]:.1f}" for key in ("median", "mean", "worst")),
        f"{psnr['median']:.1f}",
        f"{moved:.2f}",
    )
    kind = ' class="ours"' if name == "protected" else ""
    held = "".join(f"<td>{cell}</td>" for cell in cells)
    return f"<tr{kind}><td>{escape(_ROWS.get(name, name))}</td>{held}</tr>\n"


def _shape(result: Result) -> str:
    scan = result["scan"]
    shape = " x ".join(str(n) for n in scan["shape"])
    spacing = " x ".join(f"{v:g}" for v in scan["spacing_mm"])
    return f"{shape} voxels of {spacing} mm [z, y, x]"


def _db(value: float) -> str:
    return f"{value:.1f} dB" if value < float("inf") else "infinite"
