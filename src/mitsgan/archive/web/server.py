"""A DICOMweb server that is asked, and what its refusals mean (PS3.18 8.5, 10.6)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from mitsgan.archive.settings import WebSource
from mitsgan.errors import ConfigurationError, DataError, MitsganError, SettingsError
from mitsgan.extras import require_extra
from mitsgan.files.dicom.find.uids import is_uid

if TYPE_CHECKING:
    from mitsgan.node.config import Destination
    from mitsgan.node.dicomweb import Response

Entry = dict[str, Any]
"""One object of an answer in DICOM JSON (PS3.18 annex F)."""

_PAGE = 500
_NOTHING = (204,)
_WHO = (401, 403)
_LATER = (408, 425, 429)


class UnreachableError(MitsganError):
    """A server is gone, or cannot answer now; it may later on."""


def is_web(source: object) -> bool:
    """Whether a source is the URL of a server, not a path."""
    return str(source).startswith(("http://", "https://"))


@dataclass(frozen=True)
class Server:
    """A server that is asked.

    Attributes:
        url: where its DICOMweb begins, without a slash at the end.
        filters: what series are narrowed down by, as names and values of a query.
        destination: how it is reached.
    """

    url: str
    filters: tuple[tuple[str, str], ...]
    destination: Destination

    @classmethod
    def of(cls, url: str, web: WebSource | None) -> Server:
        """The server at a URL.

        Args:
            url: where its DICOMweb begins; a query in it narrows series down.
            web: how it is reached, by default as anybody.

        Raises:
            SettingsError: no URL of a server, or one that holds a password.
            MissingExtraError: the extra that talks to servers is not installed.
        """
        require_extra("node", "a DICOMweb source needs", ("pynetdicom",))
        from mitsgan.node.config import Destination

        parts = urlsplit(url)
        if not parts.hostname:
            raise SettingsError(f"{url} names no server; give such as https://pacs.example/web")
        if parts.username or parts.password:
            raise ConfigurationError(
                "the URL of the source holds a name or a password, which ledgers and logs would "
                "show; name a token's file by `bearer_file` in the table [web]"
            )
        base = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        web = web or WebSource()
        destination = Destination(
            url=base,
            bearer_file=web.bearer_file,
            tls=web.tls,
            timeout_seconds=web.timeout_seconds,
        )
        return cls(base, tuple(parse_qsl(parts.query, keep_blank_values=True)), destination)

    def get(self, path: str, accept: str) -> Response:
        """An answer that is one, status 200 or 204.

        Raises:
            UnreachableError: the server is gone, or cannot answer now.
            DataError: it refuses, or there is no such thing.
        """
        from mitsgan.node.dicomweb import ask_web
        from mitsgan.node.send import PeerError

        try:
            answer = ask_web(self.destination, "GET", path, headers={"Accept": accept})
        except PeerError as error:
            raise UnreachableError(f"{error}; is the URL right, and the server up?") from error
        if answer.status == 200 or answer.status in _NOTHING:
            return answer
        what = f"{self.url}{path.split('?')[0]} answered with status {answer.status}"
        if answer.status in _WHO:
            raise DataError(
                f"{what}: it does not let everybody in; name a token's file by bearer_file, or a "
                "client certificate by tls, in the table [web]"
            )
        if answer.status >= 500 or answer.status in _LATER:
            raise UnreachableError(f"{what}: it cannot answer now")
        raise DataError(
            f"{what}; expected the URL where its DICOMweb begins, that which /studies follows"
        )

    def entries(self, path: str, query: Sequence[tuple[str, str]]) -> Iterator[Entry]:
        """What a query finds, page after page, until one brings nothing new.

        Raises:
            UnreachableError, DataError: see `get`, or the answer is no DICOM JSON.
        """
        seen: set[str] = set()
        offset = 0
        while True:
            pages = [("limit", str(_PAGE)), ("offset", str(offset))]
            page = self._page(f"{path}?{urlencode([*query, *pages])}")
            # Whoever does not know offsets answers with the same, again and again.
            texts = [json.dumps(entry, sort_keys=True) for entry in page]
            new = [entry for entry, text in zip(page, texts, strict=True) if text not in seen]
            if not new:
                return
            seen.update(texts)
            yield from new
            offset += len(page)

    def _page(self, path: str) -> list[Entry]:
        answer = self.get(path, "application/dicom+json")
        if answer.status in _NOTHING or not answer.body:
            return []
        try:
            page = json.loads(answer.body)
        except ValueError:
            page = None
        if not isinstance(page, list) or not all(isinstance(entry, dict) for entry in page):
            raise DataError(
                f"{self.url}{path.split('?')[0]} answered with what is no DICOM JSON "
                f"({answer.kind or 'of no type'}); a page for people, maybe: give the URL where "
                "its DICOMweb begins"
            )
        return page


def values(entry: Entry, tag: int) -> list[Any]:
    """Values of an attribute, by its number."""
    attribute = entry.get(f"{tag:08X}")
    found = attribute.get("Value") if isinstance(attribute, dict) else None
    return found if isinstance(found, list) else []


def whole_number(entry: Entry, tag: int) -> int | None:
    """The value of an attribute as a whole number; None where there is none."""
    try:
        return int(next(iter(values(entry, tag))))
    except (StopIteration, TypeError, ValueError):
        return None


def uid(entry: Entry, tag: int, where: str) -> str:
    """The value of an attribute that has to be a UID: it becomes the name of a folder.

    Raises:
        DataError: it is none.
    """
    text = next(iter(values(entry, tag)), None)
    if not isinstance(text, str) or not is_uid(text):
        raise DataError(f"{where} names an object by {text!r}, which is no UID")
    return text
