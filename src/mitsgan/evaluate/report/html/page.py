"""A report and its galleries as one HTML file: no network, no other file, light and dark.

Style, script and voxels are inside. The page's policy lets it load nothing, and run no script
but its own, which it names by hash.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from mitsgan.evaluate.report.content import Report
from mitsgan.evaluate.report.formatting import rounded
from mitsgan.evaluate.report.html.chart import chart, series_colours
from mitsgan.evaluate.report.html.figures import PlaceFigures, attack_figures
from mitsgan.evaluate.report.html.table import html_table
from mitsgan.evaluate.report.html.viewer import viewer
from mitsgan.evaluate.report.pictures.gallery import Gallery
from mitsgan.evaluate.report.provenance import facts

_SCRIPTS = ("slices.js", "sorting.js", "viewer.js")
"""In this order; the first is a module for the studio, which imports it, and plain script here."""
_CARDS = 8
"""Where there are more headline numbers, a table holds all of them."""


def html_report(
    report: Report, galleries: Sequence[Gallery] = (), places: Sequence[PlaceFigures] = ()
) -> str:
    """The whole page.

    Args:
        report: the verdict and the numbers.
        galleries: attacks to show; the slice viewer needs at least one.
        places: other pictures, of places that are no attack's.
    """
    script = '"use strict";\n' + "".join(map(_text, _SCRIPTS)).replace("export const", "const")
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    colours = series_colours(report.curves)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            report=report,
            policy=Markup(policy),
            style=Markup(_text("report.css")),
            script=Markup(script),
            cards=_CARDS,
            headline=html_table(report.headline_table),
            sections=_sections(report, bool(galleries), bool(galleries or places)),
            simulated=bool(galleries),
            places=[*places, *map(attack_figures, galleries)],
            viewer=viewer(galleries) if galleries else None,
            charts=[chart(curve, colours) for curve in report.curves],
            tables=[html_table(table) for table in report.tables],
            facts=[html_table(table) for table in facts(report.provenance)],
        )
    )


def _sections(report: Report, sliced: bool, pictured: bool) -> list[tuple[str, str]]:
    """Names and titles of the sections that have something in them."""
    sections = {
        "pictures": ("Pictures", pictured),
        "slices": ("Slices", sliced),
        "limits": ("What this does not show", report.limits),
        "gaps": (report.gaps_title, report.gaps),
        "curves": ("Curves", report.curves),
        "tables": ("Tables", report.tables),
        "reproduction": (report.last_title, True),
    }
    return [(id, title) for id, (title, content) in sections.items() if content]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["rounded"] = rounded
    environment.filters["code"] = _code
    return environment


def _code(text: str) -> Markup:
    """A sentence whose commands and settings stand in backticks."""
    parts = (escape(part) for part in text.split("`"))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else part
        for number, part in enumerate(parts)
    )


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
