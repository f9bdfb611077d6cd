"""Whatever is asked, the answer is a status and words, never a traceback."""

from __future__ import annotations

import json
import logging
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


@pytest.mark.slow
def test_many_odd_requests_find_no_traceback(
    bare: Client, caplog: pytest.LogCaptureFixture
) -> None:
    ask_anything(150, bare, caplog)
