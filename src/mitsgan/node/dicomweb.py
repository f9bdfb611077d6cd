"""A series to a DICOMweb server by STOW-RS, and what it has by QIDO-RS (PS3.18 10.5, 10.6)."""

from __future__ import annotations

import http.client
import json
import ssl
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from mitsgan.errors import MitsganError
from mitsgan.node.config import Destination
from mitsgan.node.network.tls import client_context
from mitsgan.node.send import PERMANENT_STATUSES, Item, PeerError, RefusedError
from mitsgan.node.tokens import read_token

_BATCH = 32
"""Objects in one request, unless that is too long for the server or a proxy before it; each is
noted as sent once its request was answered."""
_CHUNK = 1 << 20
_PREAMBLE = 128
_REFUSED = (400, 415)
_TOO_LONG = 413
_SOP_INSTANCE, _REFERENCED, _REFERENCED_UID = "00080018", "00081199", "00081155"
_FAILED, _REASON = "00081198", "00081197"


class _TooLongError(MitsganError):
    """A server takes no request of this length."""


def send_web(
    destination: Destination, files: Sequence[Item], on_sent: Callable[[Item], None]
) -> None:
    """Send files by STOW-RS.

    Args:
        destination: the server.
        files: what it is to get.
        on_sent: called for each that the server says it has stored.

    Raises:
        PeerError: it cannot be reached, or cannot take something now.
        RefusedError: it will never take something.
    """
    start, most = 0, _BATCH
    while start < len(files):
        batch = files[start : start + most]
        try:
            stored, failed = _store(destination, batch)
        except _TooLongError as error:
            if len(batch) == 1:
                raise RefusedError(f"{error}, of a single object") from None
            most = len(batch) // 2
            continue
        for item in batch:
            if item.sop_uid in stored:
                on_sent(item)
        if failed:
            final = [reason for reason in failed.values() if reason in PERMANENT_STATUSES]
            reason = next(iter(final or failed.values()))
            text = f"{where(destination)} did not store {len(failed)}: {reason:04X}"
            raise RefusedError(text) if final else PeerError(text)
        if any(item.sop_uid not in stored for item in batch):
            raise PeerError(f"{where(destination)} does not say that it stored every object")
        start += len(batch)


def instances_path(study_uid: str, series_uid: str) -> str:
    """Where a server tells the objects of a series."""
    return f"/studies/{study_uid}/series/{series_uid}/instances?includefield={_SOP_INSTANCE}"


def stored_at_web(destination: Destination, study_uid: str, series_uid: str) -> set[str]:
    """Which objects of a series a server has.

    Raises:
        PeerError: it cannot be reached, or does not answer that.
    """
    path = instances_path(study_uid, series_uid)
    headers = {"Accept": "application/dicom+json"}
    uids: set[str] = set()
    while True:  # servers answer with so many at a time, 100 for instance, and need not say so
        answer = ask_web(destination, "GET", f"{path}&offset={len(uids)}", headers=headers)
        if answer.status in (204, 404):
            return uids
        if answer.status != 200:
            raise PeerError(f"{where(destination)} answered a query with {answer.status}")
        page = {uid for entry in _json(answer.body) for uid in _values(entry, _SOP_INSTANCE)}
        if page <= uids:
            return uids
        uids |= page


def reach(destination: Destination) -> None:
    """See that a server answers queries.

    Raises:
        PeerError: it does not.
    """
    headers = {"Accept": "application/dicom+json"}
    answer = ask_web(destination, "GET", "/studies?limit=1", headers=headers)
    if answer.status not in (200, 204):
        raise PeerError(f"{where(destination)} answered a query with {answer.status}")


def _store(destination: Destination, batch: Sequence[Item]) -> tuple[set[str], dict[str, int]]:
    """What the server stored, and the reasons for what it did not, by SOP Instance UID."""
    boundary = uuid.uuid4().hex
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    tail = f"--{boundary}--\r\n".encode()
    # A length is told, not chunks: servers are known to take chunks and to store nothing.
    sizes = (len(head) + item.path.stat().st_size + 2 for item in batch)
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Content-Length": str(sum(sizes) + len(tail)),
        "Accept": "application/dicom+json",
    }

    def body() -> Iterator[bytes]:
        for item in batch:
            yield head
            with item.path.open("rb") as file:
                file.seek(_PREAMBLE)  # the spool's own
                yield bytes(_PREAMBLE)
                while chunk := file.read(_CHUNK):
                    yield chunk
            yield b"\r\n"
        yield tail

    answer = ask_web(destination, "POST", "/studies", headers=headers, body=body())
    if answer.status == _TOO_LONG:
        raise _TooLongError(f"{where(destination)} answered STOW-RS with {answer.status}")
    if answer.status in _REFUSED:
        raise RefusedError(f"{where(destination)} answered STOW-RS with {answer.status}")
    if answer.status not in (200, 202, 409):
        raise PeerError(f"{where(destination)} answered STOW-RS with {answer.status}")
    tree = _json(answer.body)
    tree = tree[0] if isinstance(tree, list) and tree else tree
    stored = {uid for entry in _items(tree, _REFERENCED) for uid in _values(entry, _REFERENCED_UID)}
    failed = {
        uid: int(next(iter(_values(entry, _REASON)), 0))
        for entry in _items(tree, _FAILED)
        for uid in _values(entry, _REFERENCED_UID)
    }
    return stored, failed


@dataclass(frozen=True)
class Response:
    """What a server answered: its status, *Content-Type* and body."""

    status: int
    kind: str
    body: bytes


def ask_web(
    destination: Destination,
    method: str,
    path: str,
    *,
    headers: dict[str, str],
    body: Iterator[bytes] | None = None,
) -> Response:
    """One request.

    Raises:
        PeerError: the server cannot be reached.
        ConfigurationError: its token or our certificate cannot be read.
    """
    url = urlsplit(destination.url)
    if destination.bearer_file is not None:
        token = read_token("bearer_file", destination.bearer_file)
        headers = {**headers, "Authorization": f"Bearer {token}"}
    timeout = destination.timeout_seconds
    try:
        with closing(_connection(destination, url.hostname or "", url.port, timeout)) as connection:
            connection.request(method, url.path.rstrip("/") + path, body=body, headers=headers)
            answer = connection.getresponse()
            kind = answer.headers.get("Content-Type", "")
            return Response(answer.status, kind, answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise PeerError(f"{where(destination)} cannot be reached: {error}") from error


def _connection(
    destination: Destination, host: str, port: int | None, timeout: float
) -> http.client.HTTPConnection:
    if not destination.url.startswith("https:"):
        return http.client.HTTPConnection(host, port, timeout=timeout)
    own = destination.tls
    context = ssl.create_default_context() if own is None else client_context(own)
    return http.client.HTTPSConnection(host, port, timeout=timeout, context=context)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise PeerError("a DICOMweb server answered with what is no JSON") from None


def _items(tree: object, tag: str) -> list[dict[str, Any]]:
    """Items of a sequence in DICOM JSON (PS3.18 annex F)."""
    return [item for item in _values(tree, tag) if isinstance(item, dict)]


def _values(tree: object, tag: str) -> list[Any]:
    """Values of an attribute in DICOM JSON."""
    attribute = tree.get(tag) if isinstance(tree, dict) else None
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    return values if isinstance(values, list) else []


def where(destination: Destination) -> str:
    """A server, for people."""
    url = urlsplit(destination.url)
    return f"{url.scheme}://{url.hostname}" + (f":{url.port}" if url.port else "")
