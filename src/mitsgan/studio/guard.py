"""What every request has to get past, before anything of it is looked at.

- Its *Host* names this machine and our port: a name of somebody else's that was made to lead here
  (DNS rebinding) opens nothing.
- Its *Origin*, and what a browser says of the page that asked (*Sec-Fetch-Site*), is our own.
- Its body is short: nothing is ever uploaded.
- But for the page itself it carries the token, which no browser sends along on its own.

And every answer carries a policy that lets the page load nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mitsgan.serving.secrets import HEADERS, bearer, same_secret

MOST_BODY_BYTES = 65_536

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self' data:; font-src 'self' data:; worker-src 'none'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'"
)
_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}

_log = logging.getLogger(__name__)


class Guard:
    """Wraps an application; see the module.

    Args:
        application: what is guarded.
        token: that requests below ``/api/`` have to carry as *Bearer*.
        port: that browsers use.
    """

    def __init__(self, application: ASGIApp, token: str, port: int) -> None:
        self._application = application
        self._token = token
        names = ("127.0.0.1", "localhost", "[::1]")
        self._hosts = frozenset(f"{name}:{port}" for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = [(n.lower().encode(), v.encode()) for n, v in _HEADERS.items()]
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        reason = self._refused(scope)
        if reason is not None:
            await _answer(send_guarded, *reason)
            return
        try:
            body = await _whole_body(receive)
            if body is None:
                await _answer(send_guarded, 413, "a request is short; nothing can be uploaded")
                return
            await self._application(scope, _once(body, receive), send_guarded)
        except asyncio.CancelledError:  # the server ends, and has waited for this long enough
            if not begun:
                await _answer(send_guarded, 503, "the studio ends")
        except Exception:  # noqa: BLE001 - a bug is told in the log, not on the page
            _log.exception("a bug in the studio: %s", scope["path"])
            if not begun:
                await _answer(send_guarded, 500, "a bug in mitsgan; its terminal says more")

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason, where a request is refused."""
        headers = _by_name(scope["headers"])
        host = headers.get("host", [])
        if len(host) != 1 or host[0].lower() not in self._hosts:
            return 421, "this is not the name of this machine"
        for origin in headers.get("origin", ()):
            if origin.lower() != f"http://{host[0].lower()}":
                return 403, "another site's page cannot ask here"
        for site in headers.get("sec-fetch-site", ()):
            if site not in ("same-origin", "none"):
                return 403, "another site's page cannot ask here"
        if not scope["path"].startswith("/api/") or scope["path"] == "/api/enter":
            return None
        given = bearer(next(iter(headers.get("authorization", ())), ""))
        if given is None or not same_secret(given, self._token):
            return 401, "the token is missing or wrong; open the address that the terminal shows"
        return None


def _by_name(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for name, value in headers:
        named.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return named


async def _whole_body(receive: Receive) -> bytes | None:
    """The body of a request; None where it is too long."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body
        body += message.get("body", b"")
        if len(body) > MOST_BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return body


def _once(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was read already, then whatever comes."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _answer(send: Send, status: int, text: str) -> None:
    body = json.dumps({"error": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
