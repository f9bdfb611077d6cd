"""Whatever is asked, the answer is a status and words, never a traceback."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.studio.client import Client

from mitsgan.studio.server import running
from mitsgan.studio.settings import StudioSettings

GETS = ("session", "colours", "files", "plane", "layer", "volume", "report", "task/x", "none", "")
POSTS = (
    *("enter", "open", "close", "lung", "candidates", "verify", "sketch", "findings", "restore"),
    *("attack", "protect", "export"),
)
NAMES = ("series", "plane", "index", "minus", "over", "name", "root", "below", "place", "code")

texts = st.text(max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def bare() -> Iterator[Client]:
    with running(StudioSettings()) as studio:
        yield Client(studio)


def check(client: Client, caplog: pytest.LogCaptureFixture, path: str, raw: bytes | None) -> None:
    for method in ("GET", "POST", "PUT", "OPTIONS"):
        answer = client.ask(path, raw=raw, method=method)
        assert answer.status < 500, answer.body
        assert b"Traceback" not in answer.body
        if answer.status >= 400 and method != "OPTIONS":
            assert json.loads(answer.body)["error"]
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


def ask_anything(examples: int, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        st.sampled_from(GETS) | texts,
        st.dictionaries(st.sampled_from(NAMES), texts, max_size=4),
    )
    def gets(path: str, query: dict[str, str]) -> None:
        asked = urlencode(query, errors="surrogatepass")
        where = quote(path, safe="/", errors="surrogatepass")
        check(client, caplog, f"/api/{where}?{asked}", None)

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.sampled_from(POSTS), values.map(json.dumps).map(str.encode) | st.binary(max_size=60))
    def posts(path: str, body: bytes) -> None:
        check(client, caplog, f"/api/{path}", body)

    gets()
    posts()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'{"series": 1}', b'{"a": "\xff"}'])
def test_odd_bodies_are_refused_in_words(
    bare: Client, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    for path in POSTS:
        assert bare.ask(f"/api/{path}", raw=body).status == 400
        check(bare, caplog, f"/api/{path}", body)


@pytest.mark.parametrize(
    "body",
    [b"[" * 60_000, b'{"series": "\\ud800"}', b'{"series": NaN}'],
    ids=["deep", "half", "nan"],
)
def test_what_is_json_and_yet_odd_is_refused_in_words(
    bare: Client, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    for path in POSTS:
        check(bare, caplog, f"/api/{path}", body)


ODD = (-math.inf, math.inf, 1e308, -1e308, 2**70, -(2**70), 1e-320, 0, -1)


def odd_requests(series: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Requests about an open scan, each with one value that makes no sense."""
    for value in ODD:
        if abs(value) > 1e6:
            yield "attack", {"action": "inject", "place": [value, 0, 0]}
        yield "protect", {"protector": "noise", "max_hu": value}
        yield "protect", {"protector": "noise", "noise_fraction": value}
    for name in ("", "nope", "/etc/passwd", "../x", "\0", "a" * 300, "a\nb"):
        yield "attack", {"action": "remove", "place": [-60, -11, 4], "attacker": name}
        yield "attack", {"action": "remove", "place": [-60, -11, 4], "protected": name or "x"}
        yield "protect", {"protector": name}
        yield "restore", {"name": name}
        yield "findings", {"name": name}
        yield "export", {"name": name}
        yield "open", {"root": 0, "below": name or "none"}
    yield "protect", {"protector": "noise", "seed": -1}
    yield (
        "attack",
        {"action": "inject", "place": [-60, -11, 4], "protected": series, "attacker": ""},
    )


def test_odd_values_of_an_open_scan_fail_in_words(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    series = client.session()["series"][0]["id"]
    for path, values in odd_requests(series):
        body = values if path == "open" else {"series": series, **values}
        answer = client.ask(f"/api/{path}", body)
        assert answer.status in (200, 400), (path, values)
        task = client.over(answer.json["id"]) if answer.status == 200 else answer.json
        assert task["error"], (path, values)
        assert "a bug" not in task["error"], (path, values)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.slow
def test_many_odd_requests_find_no_traceback(
    bare: Client, caplog: pytest.LogCaptureFixture
) -> None:
    ask_anything(150, bare, caplog)
