"""Health, metrics and the status page, over HTTP on loopback unless told otherwise."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from mitsgan.node.config import Http
from mitsgan.node.http.status_page import status_page, status_rows
from mitsgan.node.store.deliveries import Deliveries
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.ledger_schema import STATES
from mitsgan.node.store.spool import Spool
from mitsgan.serving.secrets import HEADERS, same_secret
from mitsgan.serving.server import HttpServer

_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
}
_LONGEST_FORM = 1024
_LAST = (1 << 63) - 1
"""The largest number that SQLite has."""


@dataclass(frozen=True)
class Views:
    """What HTTP shows of a node.

    Attributes:
        ledger, spool: of the node.
        registry: its counters.
        not_ready: why it cannot take objects now; "" where it can.
        token: opens the status page.
        wrong_token: told the address of who gave another one, and for whom a proxy there, or who
            says that it is one, has asked; "" where it does not say.
    """

    ledger: Ledger
    spool: Spool
    registry: CollectorRegistry
    not_ready: Callable[[], str]
    token: str
    wrong_token: Callable[[str, str], None]

    def application(self, hosts: list[str]) -> Starlette:
        """The web application, for requests to certain hosts."""
        self.registry.register(_Gauges(self.ledger, self.spool))
        return Starlette(
            routes=[
                Route("/health/live", self._live),
                Route("/health/ready", self._ready),
                Route("/metrics", self._metrics),
                Route("/", self._status),
                Route("/series", self._series),
                Route("/series/{number:int}/retry", self._retry, methods=["POST"]),
                Route("/studies/{uid}/complete", self._complete, methods=["POST"]),
            ],
            # Another site's name that leads here must not open the page in somebody's browser.
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)],
        )

    def _live(self, request: Request) -> Response:
        return PlainTextResponse("live\n")

    def _ready(self, request: Request) -> Response:
        reason = self.not_ready()
        return PlainTextResponse(f"{reason or 'ready'}\n", status_code=503 if reason else 200)

    def _metrics(self, request: Request) -> Response:
        return Response(generate_latest(self.registry), media_type="text/plain; version=0.0.4")

    def _status(self, request: Request) -> Response:
        if not self._may(request):
            return _unauthorised()
        page = status_page(self.ledger, self._proof(), self.not_ready())
        return Response(page, media_type="text/html", headers=_HEADERS)

    def _series(self, request: Request) -> Response:
        if not self._may(request):
            return _unauthorised()
        return JSONResponse(status_rows(self.ledger), headers=_HEADERS)

    async def _retry(self, request: Request) -> Response:
        if not self._may(request):
            return _unauthorised()
        bearer = request.headers.get("authorization", "").lower().startswith("bearer ")
        # A browser sends its password along with forms of other sites, too; these lack the proof.
        if not bearer and not same_secret(await _form(request), f"proof={self._proof()}"):
            return PlainTextResponse("the form is of another page\n", status_code=403)
        number = int(request.path_params["number"])
        if number > _LAST or not Deliveries(self.ledger).retry(number):
            return PlainTextResponse("no dead letter whose files are kept\n", status_code=409)
        return RedirectResponse("/", status_code=303)

    def _complete(self, request: Request) -> Response:
        """A sender, or what watches it, knows that a study has come to its end."""
        bearer = request.headers.get("authorization", "").lower().startswith("bearer ")
        if not bearer or not self._may(request):
            return _unauthorised()
        numbers = self.ledger.complete_study(str(request.path_params["uid"]))
        if numbers is None:
            return PlainTextResponse("nothing of this study has come\n", status_code=404)
        return JSONResponse({"series": numbers}, headers=_HEADERS)

    def _proof(self) -> str:
        """What a form of our own page carries."""
        return hmac.new(self.token.encode(), b"retry", hashlib.sha256).hexdigest()

    def _may(self, request: Request) -> bool:
        """Whether a request has the token: as Bearer, or as the password of Basic."""
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            try:
                value = base64.b64decode(value, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return False
        elif kind.lower() != "bearer":
            return False
        if same_secret(value, self.token):
            return True
        address = "" if request.client is None else request.client.host
        self.wrong_token(address, request.headers.get("x-forwarded-for", ""))
        return False


class _Gauges(Collector):
    """How many series are in each state and wait for each destination, and the free space."""

    def __init__(self, ledger: Ledger, spool: Spool) -> None:
        self._ledger, self._spool = ledger, spool

    def collect(self) -> Iterator[Metric]:
        """As they are now."""
        states = GaugeMetricFamily("mitsgan_node_series", "series, by state", labels=["state"])
        counts = self._ledger.counts()
        for state in STATES:
            states.add_metric([state], counts.get(state, 0))
        yield states
        waiting = GaugeMetricFamily(
            "mitsgan_node_waiting", "series that wait, by destination", labels=["destination"]
        )
        for destination, count in Deliveries(self._ledger).waiting().items():
            waiting.add_metric([destination], count)
        yield waiting
        rows = self._ledger.query("SELECT COUNT(*) FROM audit", ())
        yield GaugeMetricFamily(
            "mitsgan_node_audit_waiting", "audit messages that wait", value=rows[0][0]
        )
        free = self._spool.free_mb() * 1e6
        yield GaugeMetricFamily("mitsgan_node_free_bytes", "free space in the spool", value=free)


def http_server(views: Views, settings: Http) -> HttpServer:
    """What serves the views of a node where its settings say."""
    hosts = ["127.0.0.1", "localhost", "[::1]", settings.address]
    if settings.address in ("0.0.0.0", "::"):
        hosts = ["*"]
    return HttpServer(views.application(hosts), settings.address, settings.port)


async def _form(request: Request) -> str:
    """The body of a request, as far as any form of our own goes: memory."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST_FORM:
            break
    return body[:_LONGEST_FORM].decode("latin-1")


def _unauthorised() -> Response:
    return PlainTextResponse(
        "the token is missing or wrong\n",
        status_code=401,
        headers={"WWW-Authenticate": 'Basic realm="mitsgan node, password: the token"'},
    )
