"""Collectors of syslog, for tests: what came, parsed by RFC 5424."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from pathlib import Path

from lxml import etree
from tests.node.certificates import Party

SCHEMA = etree.RelaxNG(etree.parse(str(Path(__file__).with_name("audit_message.rng"))))

_RECORD = re.compile(
    r"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) ([!-~]{1,255}) ([!-~]{1,48}) "
    r"([!-~]{1,128}) ([!-~]{1,32}) - \ufeff(.*)",
    re.DOTALL,
)


class Told:
    """An audit message that is what RFC 5424 and the schema want."""

    def __init__(self, record: str) -> None:
        match = _RECORD.fullmatch(record)
        assert match, record
        self.priority, self.program, self.kind = int(match[1]), match[4], match[6]
        assert self.kind == "DICOM+RFC3881"
        self.text = match[7]
        self.xml = etree.fromstring(self.text.encode())
        SCHEMA.assertValid(self.xml)

    def codes(self, name: str) -> list[str]:
        """The codes of all elements of a name."""
        return [str(element.get("csd-code")) for element in self.xml.iter(name)]

    @property
    def event(self) -> str:
        """The code of the event, and that of its type."""
        return "/".join(self.codes("EventID") + self.codes("EventTypeCode"))

    @property
    def outcome(self) -> str:
        """Of the event."""
        return str(self.xml.find("EventIdentification").get("EventOutcomeIndicator"))

    def values(self, name: str, attribute: str) -> list[str]:
        """An attribute of all elements of a name."""
        return [str(element.get(attribute)) for element in self.xml.iter(name)]


class UdpCollector:
    """One datagram is one message."""

    def __init__(self) -> None:
        self.records: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while data := self._socket.recv(65536):
            self.records.append(data.decode())

    def told(self) -> list[Told]:
        """What came so far."""
        return [Told(record) for record in list(self.records)]

    def stop(self) -> None:
        """End."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()


class TlsCollector(UdpCollector):
    """Messages with their lengths before them (RFC 5425), over mutual TLS."""

    def __init__(self, port: int, party: Party) -> None:
        self.records = []
        self.port = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.load_cert_chain(party.certificate, party.key)
        self._context.load_verify_locations(party.authority)
        self._listener = socket.create_server(("127.0.0.1", port))
        self._ending = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            plain, _ = self._listener.accept()
            with plain:
                if self._ending:
                    return
                try:
                    with self._context.wrap_socket(plain, server_side=True) as connection:
                        self._read(connection)
                except OSError:
                    continue

    def _read(self, connection: ssl.SSLSocket) -> None:
        data = b""
        while chunk := connection.recv(65536):
            data += chunk
            while match := re.match(rb"(\d+) ", data):
                end = match.end() + int(match[1])
                if len(data) < end:
                    break
                self.records.append(data[match.end() : end].decode())
                data = data[end:]

    def stop(self) -> None:
        """End."""
        self._ending = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()
