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
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #1b1f24; background: #fff }
h1 { font-size: 1.3rem } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #d8dee4;
  vertical-align: top } th { font-weight: 600; background: #f6f8fa }
td.uid { font-family: ui-monospace, monospace; font-size: .85em; word-break: break-all }
td.number { text-align: right } .dead, .refused { color: #a40e26 } .committed { color: #116329 }
p.counts span { margin-right: 1.2rem } button { font: inherit; padding: .1rem .6rem }
@media (prefers-color-scheme: dark) { body { color: #e6edf3; background: #0d1117 }
  th { background: #161b22 } th, td { border-color: #30363d }
  .dead, .refused { color: #ff7b72 } .committed { color: #56d364 } }
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
    head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>mitsgan node</title>'
        f"<style>{_STYLE}</style><h1>mitsgan node</h1>"
        f"<p>{'Takes nothing: ' + escape(not_ready) if not_ready else 'Ready.'}</p>"
        f'<p class="counts">{shown or "No series yet."}</p>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></html>"
    )


_COLUMNS = ("", "State", "Series", "From", "Route", "Objects", "Destinations", "Changed", "")


def _row(series: Series, ledger: Ledger, proof: str) -> str:
    verdict = f"verified: {series.verdict}" if series.verdict else ""
    texts = [text for text in (verdict, series.reason, series.note) if text]
    more = "".join(f"<br>{escape(text)}" for text in texts)
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
