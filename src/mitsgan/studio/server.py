"""A studio that runs: on loopback, with a random token, until it is stopped."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_urlsafe

from mitsgan.errors import SettingsError
from mitsgan.serving.server import HttpServer
from mitsgan.studio.app import application
from mitsgan.studio.session import Session
from mitsgan.studio.settings import StudioSettings
from mitsgan.studio.work.opening import open_first

_ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class Studio:
    """A running studio.

    Attributes:
        session: what it knows.
        port: where it listens.
        token: that opens it.
        code: opens it once.
    """

    session: Session
    port: int
    token: str
    code: str

    @property
    def address(self) -> str:
        """For people: the token is behind the ``#``, which browsers keep to themselves."""
        return f"http://{_ADDRESS}:{self.port}/#token={self.token}"

    @property
    def address_once(self) -> str:
        """For the browser that is opened."""
        return f"http://{_ADDRESS}:{self.port}/#code={self.code}"


@contextmanager
def running(settings: StudioSettings) -> Iterator[Studio]:
    """A studio that serves, and has begun to open the scans that were named.

    Raises:
        ScanError, SettingsError, OutputError: something that was named is not there.
        DataError: a file of the page is damaged.
    """
    settings.check()
    listening = _listen(settings.port)
    port = int(listening.getsockname()[1])
    studio = Studio(Session.of(settings), port, token_urlsafe(32), token_urlsafe(16))
    app = application(studio.session, studio.token, port, studio.code)
    server = HttpServer(app, _ADDRESS, port, [listening])
    server.start()
    try:
        open_first(studio.session)
        yield studio
    finally:
        studio.session.worker.stop()  # first: a second Ctrl+C may cut short what follows
        server.stop()
        studio.session.worker.close()
        listening.close()


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((_ADDRESS, port))
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"`port` {port} cannot be listened on ({error.strerror}); name another, or none"
        ) from None
    listening.listen(64)
    return listening
