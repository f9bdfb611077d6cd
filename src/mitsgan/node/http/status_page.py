"""The status page: series, states, verdicts, and a button for dead letters. No patient on it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape

from mitsgan.node.store.deliveries import Deliveries
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.ledger_schema import STATES, Series

_SHOWN = 200

_STYLE = """
:root { color-scheme: light dark; --good: #1c6b2a; --bad: #a3152b; --unsure: #7a5200 }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #1b1f24; background: #fff }
h1 { font-size: 1.3rem } table { border-collapse: collapse; width: 100% }
.wide { overflow-x: auto } @media (max-width: 480px) { body { margin: 1rem } }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #d8dee4;
  vertical-align: top } th { font-weight: 600; background: #f6f8fa }
td.uid { font-family: ui-monospace, monospace; font-size: .85em; word-break: break-all }
td.uid { min-width: 14rem }
td:first-child { position: sticky; left: 0; background: #fff }
td.number { text-align: right } .dead, .refused, .tampered { color: var(--bad) }
.committed, .intact { color: var(--good) } .unknown, .processed { color: var(--unsure) }
p.counts span { margin-right: 1.2rem } button { font: inherit; padding: .1rem .6rem }
@media (prefers-color-scheme: dark) { body { color: #e6edf3; background: #0d1117 }
  th { background: #161b22 } th, td { border-color: #30363d }
  td:first-child { background: #0d1117 }
  :root { --good: #7fcf83; --bad: #ff8a95; --unsure: #e5c05c } }
@media print { .wide { overflow: visible } td.uid { min-width: 0 } table { font-size: 8pt }
  th, td { padding: .2rem .3rem; overflow-wrap: anywhere } button { display: none } }
"""


def status_rows(ledger: Ledger) -> list[dict[str, object]]:
    """The latest series, the newest first, as plain values."""
    deliveries = Deliveries(ledger)
    return [
        {
            "number": series.id,
            "state": series.state,
            "series_uid": series.series_uid,
            "sender": series.calling,
            "route": series.route,
            "objects": ledger.count(series.id),
            "changed": _when(series.changed),
            "verdict": series.verdict,
            "reason": series.reason,
            "note": series.note,
            "deliveries": {d.destination: d.state for d in deliveries.of(series.id)},
        }
        for series in ledger.latest(_SHOWN)
    ]


def status_page(ledger: Ledger, proof: str, not_ready: str) -> str:
    """The page as HTML.

    Args:
        ledger: of the node.
        proof: what its forms carry, so that no other page's form counts.
        not_ready: why the node takes nothing now; "" where it does.
    """
    counts = ledger.counts()
    shown = "".join(
        f'<span class="{state}" title="{escape(meaning)}">{counts[state]} {state}</span>'
        for state, meaning in STATES.items()
        if counts.get(state)
    )
    rows = "".join(_row(series, ledger, proof) for series in ledger.latest(_SHOWN))
    head = "".join(f'<th scope="col">{name}</th>' if name else "<td></td>" for name in _COLUMNS)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>mitsgan node</title>"
        f"<style>{_STYLE}</style><main><h1>mitsgan node</h1>"
        f"<p>{'Takes nothing: ' + escape(not_ready) if not_ready else 'Ready.'}</p>"
        f'<p class="counts">{shown or "No series yet."}</p>'
        '<div class="wide" tabindex="0" role="region" aria-label="series"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></main></html>"
    )


_COLUMNS = ("", "State", "Series", "From", "Route", "Objects", "Destinations", "Changed", "")


def _row(series: Series, ledger: Ledger, proof: str) -> str:
    more = "".join(f"<br>{escape(text)}" for text in (series.reason, series.note) if text)
    if verdict := escape(series.verdict):
        more = f'<br>verified: <strong class="{verdict}">{verdict.upper()}</strong>{more}'
    button = ""
    if series.state == "dead" and series.files == "kept":
        button = (
            f'<form method="post" action="/series/{series.id}/retry">'
            f'<input type="hidden" name="proof" value="{proof}"><button>Try again</button></form>'
        )
    cells: Iterable[tuple[str, str]] = (
        ("number", str(series.id)),
        (series.state, series.state),
        ("uid", escape(series.series_uid) + more),
        ("", escape(series.calling)),
        ("", escape(series.route)),
        ("number", str(ledger.count(series.id))),
        ("", _destinations(series, ledger)),
        ("", _when(series.changed)),
        ("", button),
    )
    shown = "".join(f'<td class="{kind}">{text}</td>' for kind, text in cells)
    return f"<tr>{shown}</tr>"


def _destinations(series: Series, ledger: Ledger) -> str:
    listed = Deliveries(ledger).of(series.id)
    return "<br>".join(escape(f"{d.destination}: {d.state}") for d in listed)


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
