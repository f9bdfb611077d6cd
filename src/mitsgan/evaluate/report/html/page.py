"""A summary and its galleries as one HTML file: no network, no other file, light and dark.

Style, script and voxels are inside. The page's policy lets it load nothing, and run no script
but its own, which it names by hash.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from mitsgan.evaluate.report.content import Headline, Summary
from mitsgan.evaluate.report.formatting import printed
from mitsgan.evaluate.report.html.chart import chart
from mitsgan.evaluate.report.html.figures import figures
from mitsgan.evaluate.report.html.table import html_section, html_table
from mitsgan.evaluate.report.html.viewer import viewer
from mitsgan.evaluate.report.pictures.gallery import Gallery
from mitsgan.evaluate.report.provenance import facts

_STYLES = (("mitsgan.evaluate", "page.css"), ("mitsgan.evaluate.report.html", "report.css"))
_CARDS = 8
"""Where there are more headline numbers, a table holds all of them."""

_SCRIPTS = ("sorting.js", "viewer.js")


def html_report(summary: Summary, galleries: Sequence[Gallery] = ()) -> str:
    """The whole page.

    Args:
        summary: the numbers.
        galleries: attacks to show; pictures and the slice viewer need at least one.
    """
    style = "".join(_text(package, name) for package, name in _STYLES)
    script = '"use strict";\n' + "".join(_text(__package__, name) for name in _SCRIPTS)
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    sections = {
        "pictures": ("Pictures", "".join(map(figures, galleries))),
        "slices": ("Slices", viewer(galleries)),
        "curves": ("Curves", "".join(map(chart, summary.curves))),
        "tables": ("Tables", "".join(map(html_section, summary.tables))),
        "gaps": ("What was not measured", _gaps(summary)),
        "reproduction": ("How to make this again", _reproduction(summary)),
    }
    held = {key: value for key, value in sections.items() if value[1]}
    links = "".join(f'<a href="#{key}">{title}</a>\n' for key, (title, _) in held.items())
    body = "".join(
        f'<section id="{key}">\n<h2>{title}</h2>\n{content}</section>\n'
        for key, (title, content) in held.items()
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(summary.title)}</title>\n<link rel="icon" href="data:,">\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n<main>\n{_top(summary, bool(galleries))}"
        f'<nav aria-label="sections">{links}</nav>\n{body}</main>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _top(summary: Summary, pictured: bool) -> str:
    """Title and headline numbers, and what must be known about the pictures."""
    cards = "".join(map(_card, summary.headline[:_CARDS]))
    count = len(summary.headline)
    table = (
        f"<details><summary>All {count} headline numbers</summary>\n"
        f"{html_table(summary.headline_table)}</details>\n"
        if count > _CARDS
        else ""
    )
    simulated = (
        "Every tampered picture on this page is simulated, made in memory for measurement, and "
        "says so in its pixels. "
    )
    return (
        f'<header>\n<p class="over">mitsgan {escape(summary.version)}</p>\n'
        f"<h1>{escape(summary.title)}</h1>\n</header>\n"
        f'<div class="cards">\n{cards}</div>\n{table}'
        f'<p class="note">{simulated if pictured else ""}mitsgan is no medical device.</p>\n'
    )


def _card(headline: Headline) -> str:
    told = [escape(headline.note), "" if headline.n is None else f"n = {headline.n:,}"]
    notes = "".join(f"<p>{line}</p>" for line in told if line)
    return (
        f'<div class="card"><h3>{escape(headline.label)}</h3>'
        f'<p class="big">{escape(printed(headline.value))} <small>{escape(headline.unit)}</small>'
        f"</p>{notes}</div>\n"
    )


def _gaps(summary: Summary) -> str:
    items = "".join(f"<li>{escape(gap)}</li>\n" for gap in summary.gaps)
    return f"<ul>\n{items}</ul>\n" if items else ""


def _reproduction(summary: Summary) -> str:
    command = f"<pre><code>{escape(summary.command)}</code></pre>\n" if summary.command else ""
    config = (
        f"<details><summary>The configuration</summary>\n<pre><code>{escape(summary.config)}"
        "</code></pre>\n</details>\n"
        if summary.config
        else ""
    )
    return command + config + "".join(map(html_section, facts(summary.provenance)))


def _text(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")
