"""Who may ask: this machine's own page with the token, and nobody else."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from tests.studio.client import Client

from mitsgan.progress import Progress
from mitsgan.serving.server import HttpServer
from mitsgan.studio.guard import MOST_BODY_BYTES
from mitsgan.studio.server import Studio, running
from mitsgan.studio.session import Session
from mitsgan.studio.settings import StudioSettings


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A studio in which nothing is open."""
    with running(StudioSettings()) as studio:
        yield Client(studio)


def test_the_page_is_sent_with_a_policy_that_allows_nothing_from_elsewhere(client: Client) -> None:
    answer = client.ask("/", authorization=None)
    assert answer.status == 200
    assert b"<title>mitsgan studio</title>" in answer.body
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("given", [None, "", "Bearer ", "Bearer wrong", "Basic {token}", "{token}"])
def test_nothing_is_told_without_the_token(client: Client, given: str | None) -> None:
    value = None if given is None else given.format(token=client.studio.token)
    answer = client.ask("/api/session", authorization=value)
    assert answer.status == 401
    assert "token" in answer.json["error"]
    assert b"series" not in answer.body


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:{port}"],
)
def test_a_name_of_somebody_elses_opens_nothing(client: Client, host: str | None) -> None:
    value = None if host is None else host.format(port=client.studio.port)
    for path in ("/", "/api/session"):
        assert client.ask(path, host=value).status in (400, 421), "uvicorn refuses no name at all"


@pytest.mark.parametrize("name", ["localhost", "[::1]", "LOCALHOST"])
def test_this_machine_has_several_names(client: Client, name: str) -> None:
    assert client.ask("/api/session", host=f"{name}:{client.studio.port}").status == 200


@pytest.mark.parametrize("origin", ["null", "http://evil.example", "https://127.0.0.1:{port}"])
def test_pages_of_other_sites_are_refused(client: Client, origin: str) -> None:
    value = origin.format(port=client.studio.port)
    assert client.ask("/api/session", origin=value).status == 403
    own = f"http://127.0.0.1:{client.studio.port}"
    assert client.ask("/api/session", origin=own).status == 200


@pytest.mark.parametrize("site, status", [("cross-site", 403), ("same-site", 403), ("none", 200)])
def test_what_the_browser_says_of_the_asking_page_counts(
    client: Client, site: str, status: int
) -> None:
    assert client.ask("/api/session", sec_fetch_site=site).status == status


def test_nothing_long_is_taken(client: Client) -> None:
    answer = client.ask("/api/verify", raw=b"x" * (MOST_BODY_BYTES + 1))
    assert answer.status == 413
    assert client.ask("/api/verify", raw=b"x" * MOST_BODY_BYTES).status == 400


def test_the_browsers_code_works_once() -> None:
    with running(StudioSettings()) as studio:
        enter_once(Client(studio))


def enter_once(client: Client) -> None:
    assert client.ask("/api/enter", {"code": "wrong"}, authorization=None).status == 401
    answer = client.ask("/api/enter", {"code": client.studio.code}, authorization=None)
    assert answer.json == {"token": client.studio.token}
    again = client.ask("/api/enter", {"code": client.studio.code}, authorization=None)
    assert again.status == 401
    assert client.ask("/api/enter", {"code": ""}, authorization=None).status == 401


def test_tokens_are_long_and_new_each_time(client: Client) -> None:
    assert len(client.studio.token) >= 32
    assert client.studio.token not in client.studio.address_once
    assert client.studio.address.startswith("http://127.0.0.1:")


def test_ending_while_something_is_asked_leaves_no_traceback(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a request that takes longer than the server waits for at its end."""
    asked, ended = threading.Event(), threading.Event()

    def names(session: Session) -> dict[str, list[str]]:
        asked.set()
        assert ended.wait(60)
        return {}

    monkeypatch.setattr(Session, "names", names)
    with running(StudioSettings()) as studio:
        asking = threading.Thread(target=ask_names, args=(studio,))
        asking.start()
        assert asked.wait(60)
    ended.set()
    asking.join(60)
    assert [record for record in caplog.records if record.exc_info] == []


def test_a_second_interrupt_while_it_ends_leaves_no_work_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What ran would be finished and written, after the user was told that nothing is."""

    def stop(server: HttpServer) -> None:
        ended(server)
        raise KeyboardInterrupt

    ended = HttpServer.stop
    monkeypatch.setattr(HttpServer, "stop", stop)
    with pytest.raises(KeyboardInterrupt), running(StudioSettings()) as studio:
        task = studio.session.worker.start("something long", endless)
    try:
        assert task.stop.wait(10)
    finally:
        studio.session.worker.close()


def endless(progress: Progress) -> dict[str, Any]:
    while True:
        progress("working", 0, 0)
        time.sleep(0.01)


def ask_names(studio: Studio) -> None:
    with suppress(OSError, http.client.HTTPException):  # it ended before it answered
        Client(studio).ask("/api/names")
