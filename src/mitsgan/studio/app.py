"""The web application: the page, its files, and the interface that it talks to."""

from __future__ import annotations

import threading

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mitsgan.errors import MitsganError
from mitsgan.serving.secrets import same_secret
from mitsgan.studio.answers import Answer
from mitsgan.studio.api import Api
from mitsgan.studio.assets import Asset, assets
from mitsgan.studio.guard import Guard
from mitsgan.studio.requests import Enter, body_of
from mitsgan.studio.session import Session


class Door:
    """Lets in the browser that was opened: a code that works once stands for the token.

    What a browser is started with, others on the machine can read; the code is spent by then.
    """

    def __init__(self, token: str, code: str) -> None:
        self._token, self._code = token, code
        self._lock = threading.Lock()

    def enter(self, code: str) -> str | None:
        """The token for the code; None for a wrong or a spent one."""
        with self._lock:
            if not self._code or not same_secret(code, self._code):
                return None
            self._code = ""
            return self._token


def application(session: Session, token: str, port: int, code: str = "") -> Guard:
    """The whole application, guarded.

    Args:
        session: what it shows.
        token: that requests have to carry.
        port: that browsers use.
        code: that is exchanged for the token, once; "" for none.

    Raises:
        DataError: a file of the page is damaged.
    """
    door = Door(token, code)

    async def enter(request: Request) -> Response:
        given = door.enter((await body_of(request, Enter)).code)
        if given is None:
            text = "this address was used already; open the one that the terminal shows"
            return Answer({"error": text}, status_code=401)
        return Answer({"token": given})

    def send(asset: Asset) -> Response:
        headers = {"Content-Encoding": asset.encoding} if asset.encoding else None
        return Response(asset.content, media_type=asset.kind, headers=headers)

    def file(request: Request) -> Response:
        return send(assets()[request.url.path])

    files = [Route(path, file) for path in assets()]
    routes = [Route("/api/enter", enter, methods=["POST"]), *Api(session).routes(), *files]
    handlers = {MitsganError: _refuse, OSError: _refuse_file, HTTPException: _refuse_address}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), token, port)


def _refuse(request: Request, error: Exception) -> Response:
    return Answer({"error": str(error)}, status_code=400)


def _refuse_file(request: Request, error: Exception) -> Response:
    text = error.strerror if isinstance(error, OSError) else None
    return Answer({"error": f"a file cannot be read: {text}"}, status_code=400)


def _refuse_address(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return Answer({"error": "there is nothing at this address"}, status_code=status)
