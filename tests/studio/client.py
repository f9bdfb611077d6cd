"""A client of a studio that runs in this process: a browser without a browser."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from mitsgan.studio.server import Studio


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Asks a studio as its page does; every part of a request can be another one."""

    studio: Studio

    def ask(
        self,
        path: str,
        body: object = None,
        *,
        method: str = "",
        raw: bytes | None = None,
        **headers: str | None,
    ) -> Answer:
        """One request; ``headers`` with ``_`` for ``-``, None leaves one out."""
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        sent: dict[str, str | None] = {
            "host": f"127.0.0.1:{self.studio.port}",
            "authorization": f"Bearer {self.studio.token}",
        }
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.studio.port, timeout=120)
        try:
            kind = method or ("GET" if content is None else "POST")
            connection.putrequest(kind, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                if value is not None:
                    connection.putheader(name, value.encode("latin-1"))
            if content is not None:
                connection.putheader("content-length", str(len(content)))
            connection.endheaders(content)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read())
        finally:
            connection.close()

    def work(self, path: str, body: object) -> Any:
        """Have work done, and wait; the task once it is over."""
        answer = self.ask(path, body)
        assert answer.status == 200, answer.body
        return self.over(answer.json["id"])

    def over(self, number: str) -> Any:
        """The task of an id once it is over."""
        end = time.monotonic() + 240
        while time.monotonic() < end:
            task = self.ask(f"/api/task/{number}").json
            if task["state"] in ("done", "failed", "cancelled"):
                return task
            time.sleep(0.02)
        raise TimeoutError(f"{task} is not over")

    def session(self) -> Any:
        """What is open; waits for what is being opened."""
        card = self.ask("/api/session").json
        for task in card["tasks"]:
            self.over(task["id"])
        return self.ask("/api/session").json

    def plane(self, rows: int, **values: object) -> NDArray[np.int16]:
        """Pixels of a plane of so many rows."""
        answer = self.ask(f"/api/plane?{urlencode(values)}")
        assert answer.status == 200, answer.body
        return np.frombuffer(answer.body, "<i2").reshape(rows, -1)
