"""The node's configuration: frozen, typed, checked when it is made; read from one TOML file."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mitsgan.errors import ConfigurationError, SettingsError
from mitsgan.jobs.protect.settings import RestorablyProtecting
from mitsgan.node.processing.actions import Restoring, Verifying
from mitsgan.node.secret_files import check_secret
from mitsgan.node.values import check_keyword, check_title, check_url, fingerprint
from mitsgan.settings import Settings, above_zero, at_least, within
from mitsgan.typed import read_toml

Action = Literal["protect", "verify", "restore", "pass"]
OnFailure = Literal["hold", "pass"]


@dataclass(frozen=True, kw_only=True)
class Tls(Settings):
    """Whom the node believes, and its own certificate, which a ``url`` alone can do without."""

    authorities: Path
    """PEM; peers need a certificate that one of these signed."""
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise SettingsError("`tls` needs both `certificate` and `key`, or neither")


@dataclass(frozen=True, kw_only=True)
class Listen(Settings):
    """Where the storage SCP listens, and what it bears."""

    ae_title: str = "MITSGAN"
    address: str = "127.0.0.1"
    """Nothing beyond the own machine unless told otherwise; "0.0.0.0" is every interface."""
    port: int = 11112
    max_associations: int = 20
    max_pdu: int = 262144
    """Bytes; a longer PDU closes the connection."""
    max_object_mb: float = 4096
    association_seconds: float = 30
    """How long a peer may take to ask for an association, and for its TLS handshake."""
    idle_seconds: float = 60
    """How long a connection may be silent, within a PDU or between two messages."""
    tls: Tls | None = None

    def __post_init__(self) -> None:
        check_title("ae_title", self.ae_title)
        within("port", self.port, 1, 65535)
        at_least("max_associations", self.max_associations, 1)
        within("max_pdu", self.max_pdu, 4096, 1 << 24)
        for name in ("max_object_mb", "association_seconds", "idle_seconds"):
            above_zero(name, getattr(self, name))


@dataclass(frozen=True, kw_only=True)
class Http(Settings):
    """Health, metrics and the status page."""

    token_file: Path
    """The status page's password, in a file only its owner reads."""
    address: str = "127.0.0.1"
    port: int = 8042

    def __post_init__(self) -> None:
        within("port", self.port, 1, 65535)


@dataclass(frozen=True, kw_only=True)
class Audit(Settings):
    """Where the audit trail goes: a collector of syslog, by UDP, or by TLS."""

    address: str
    port: int
    tls: Tls | None = None
    """Without it: UDP, which tells nobody whether a message has come."""
    patient: Literal["none", "hashed", "plain"] = "none"
    """What is told of a patient: nothing, a keyed hash of the *Patient ID*, or that itself."""
    site: str = ""
    """Name of the place, for collectors of several."""

    def __post_init__(self) -> None:
        within("port", self.port, 1, 65535)
        if not self.address:
            raise SettingsError("`audit` needs the `address` of a collector of syslog")


@dataclass(frozen=True, kw_only=True)
class Route(Settings):
    """Who sends, what is done to it, and where it goes; the first route that fits is taken."""

    name: str
    action: Action
    destinations: tuple[str, ...]
    calling: tuple[str, ...] = ()
    """AE titles of senders; none listed means any."""
    addresses: tuple[str, ...] = ()
    """Addresses or networks of senders, such as "10.1.2.0/24"; none listed means any."""
    certificates: tuple[str, ...] = ()
    """SHA-256 of senders' TLS certificates, hexadecimal; none listed means any."""
    others: Literal["refuse", "forward"] = "refuse"
    """What happens to objects that are no CT."""
    quiet_seconds: float = 30
    """A series is complete once nothing of it came for so long."""
    quiet: Literal["series", "study"] = "series"
    """Or once nothing of its whole study did; then all series of that are complete together."""
    expected: str = ""
    """The keyword of an attribute that tells how many objects a series has; with so many it is
    complete at once."""
    protect: RestorablyProtecting | None = None
    verify: Verifying | None = None
    restore: Restoring | None = None

    def __post_init__(self) -> None:
        if not self.name or not self.destinations:
            raise SettingsError("a route needs a `name` and at least one of `destinations`")
        for title in self.calling:
            check_title("calling", title)
        for network in self.addresses:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise SettingsError(f"`addresses` of route {self.name}: {error}") from None
        for certificate in self.certificates:
            fingerprint(certificate)
        above_zero("quiet_seconds", self.quiet_seconds)
        check_keyword(self.expected)
        if self.expected and self.quiet == "study":
            raise SettingsError(
                f"route {self.name}: a series is complete by `expected` or with its study, not both"
            )
        for action, settings in (("verify", self.verify), ("restore", self.restore)):
            if (self.action == action) != (settings is not None):
                raise SettingsError(
                    f"route {self.name}: `{action}` settings and action belong together"
                )
        if self.action == "restore" and not (self.calling or self.addresses or self.certificates):
            raise SettingsError(
                f"route {self.name} restores, so it needs to say for whom: `calling`, `addresses` "
                f"or `certificates`"
            )
        if self.action != "protect" and self.protect is not None:
            raise SettingsError(f"route {self.name}: `protect` settings need that action")

    @property
    def protecting(self) -> RestorablyProtecting:
        """How it protects; by default as `mitsgan protect` does."""
        return self.protect or RestorablyProtecting()

    def fits(self, calling: str, address: str, certificate: str | None) -> bool:
        """Whether a sender is one of this route's."""
        if self.calling and calling not in (title.strip() for title in self.calling):
            return False
        if self.certificates and certificate not in [*map(fingerprint, self.certificates)]:
            return False
        here = ipaddress.ip_address(address)
        # Where the node listens at "::", senders by IPv4 are told as ::ffff:10.1.2.3.
        here = getattr(here, "ipv4_mapped", None) or here
        return not self.addresses or any(
            here in ipaddress.ip_network(network) for network in self.addresses
        )


@dataclass(frozen=True, kw_only=True)
class Destination(Settings):
    """A peer that series are sent to: by C-STORE to an AE title, or by STOW-RS to a URL."""

    ae_title: str = ""
    address: str = ""
    port: int = 0
    url: str = ""
    """Of a DICOMweb server, such as "https://pacs.example/dicom-web", in place of an AE title."""
    bearer_file: Path | None = None
    """Holds a token that the DICOMweb server wants."""
    on_failure: OnFailure = "hold"
    """If a series cannot be protected: hold it back (fail closed), or pass the original on."""
    ask: bool = True
    """Ask which objects of a series it has (C-FIND) before one is sent again."""
    commitment: bool = False
    """Ask for storage commitment; a series is committed only once it was granted."""
    commitment_seconds: float = 60
    """How long to wait for it until it is asked for again."""
    read_back: bool = False
    """Fetch the series back and verify its seal; needs a route that signs."""
    read_back_by: Literal["C-GET", "C-MOVE"] = "C-GET"
    """How; for a C-MOVE the peer has to know where the node listens. A ``url``: by WADO-RS."""
    tls: Tls | None = None
    timeout_seconds: float = 60
    """For a connection, and for each answer."""

    def __post_init__(self) -> None:
        if self.url:
            self._check_web()
        else:
            check_title("ae_title", self.ae_title)
            within("port", self.port, 1, 65535)
            if not self.address or self.bearer_file is not None:
                raise SettingsError(
                    "a destination needs `ae_title`, `address` and `port`, or a `url`, to which "
                    "alone `bearer_file` belongs"
                )
        above_zero("timeout_seconds", self.timeout_seconds)
        above_zero("commitment_seconds", self.commitment_seconds)

    def _check_web(self) -> None:
        check_url(self.url)
        if self.ae_title or self.address or self.port:
            raise SettingsError("a destination has a `url` or an `ae_title`, not both")
        if self.tls is not None and not self.url.startswith("https://"):
            raise SettingsError(f"`tls` needs a `url` that begins with https://, found {self.url}")
        if self.commitment or self.read_back_by != "C-GET":
            raise SettingsError("`commitment` and C-MOVE need an `ae_title`, not a `url`")


@dataclass(frozen=True, kw_only=True)
class Retry(Settings):
    """How often and how long apart what failed is tried again; then it is a dead letter."""

    attempts: int = 8
    """Of work on a series, and of sending objects that storage commitment was refused for."""
    delivery_attempts: int = 100
    """Of a delivery, and of telling a sender what became of its objects: a peer may be away for a
    night, and nothing is wrong with the series."""
    first_seconds: float = 5
    """Before the second attempt; doubled each time."""
    longest_seconds: float = 900

    def __post_init__(self) -> None:
        at_least("attempts", self.attempts, 1)
        at_least("delivery_attempts", self.delivery_attempts, 1)
        above_zero("first_seconds", self.first_seconds)
        at_least("longest_seconds", self.longest_seconds, self.first_seconds)

    def wait(self, attempts: int) -> float:
        """Seconds until the next attempt, after so many."""
        return float(min(self.longest_seconds, self.first_seconds * 2 ** min(attempts - 1, 30)))


@dataclass(frozen=True, kw_only=True)
class NodeConfig(Settings):
    """All of it.

    Raises:
        SettingsError: settings that make no sense, alone or together.
    """

    spool: Path
    """A folder of the node's own: what it received and made, and its ledger."""
    routes: tuple[Route, ...]
    destinations: dict[str, Destination]
    listen: Listen = field(default_factory=Listen)
    retry: Retry = field(default_factory=Retry)
    http: Http | None = None
    audit: Audit | None = None
    reserve_mb: float = 2048
    """Free space below which objects are answered A700, out of resources, in place of taken."""
    reserve_memory_mb: float = 512
    """The same for memory."""
    keep_hours: float = 24
    """How long files of committed series stay in the spool."""
    series_seconds: float = 3600
    """Longest time that work on one series may take."""
    originals: Path | None = None
    """Where lies what is kept of originals, with the seals, by the protected series' UID; by
    default within the spool."""
    secrets: Path | None = None
    """A secret store's folder, whose files need not be readable by their owner alone."""

    def __post_init__(self) -> None:
        names = [route.name for route in self.routes]
        if not names or len(set(names)) != len(names):
            raise SettingsError("`routes`: name at least one, and each by a name of its own")
        for route in self.routes:
            if route.certificates and self.listen.tls is None:
                raise SettingsError(f"route {route.name}: `certificates` need `tls` of `listen`")
            for name in route.destinations:
                if name not in self.destinations:
                    raise SettingsError(f"route {route.name}: no destination is called {name}")
                signs = route.action == "protect" and route.protecting.sign is not None
                if self.destinations[name].read_back and not signs:
                    raise SettingsError(
                        f"destination {name} is to be read back, but route {route.name} has no "
                        f"key to `sign` with"
                    )
        urls = {f"destinations.{name}" for name, to in self.destinations.items() if to.url}
        for of, tls in self.tls.items():
            if tls.certificate is None and of not in urls:
                raise SettingsError(
                    f"`tls` of `{of}` needs `certificate` and `key`; only a `url` can do without"
                )
        for name in ("reserve_mb", "reserve_memory_mb", "keep_hours"):
            at_least(name, getattr(self, name), 0)
        above_zero("series_seconds", self.series_seconds)

    @property
    def tls(self) -> dict[str, Tls]:
        """How TLS is spoken, by the table that says so."""
        every = {"listen": self.listen.tls, "audit": None if self.audit is None else self.audit.tls}
        every |= {f"destinations.{name}": to.tls for name, to in self.destinations.items()}
        return {of: tls for of, tls in every.items() if tls is not None}

    def route(self, name: str) -> Route | None:
        """A route by its name; None where the configuration has changed and it is gone."""
        return next((route for route in self.routes if route.name == name), None)

    def check_secrets(self) -> None:
        """Raise `ConfigurationError` where a key or token is missing, or not ours to read alone."""
        for path in self._secrets():
            check_secret(path, self.secrets)

    def _secrets(self) -> Iterator[Path]:
        for route in self.routes:
            if route.action == "protect":
                to = route.protecting
                yield from (p for p in (to.key, to.sign, to.passphrase_file) if p is not None)
            if route.verify is not None:
                yield route.verify.key
            if route.restore is not None:
                how = route.restore
                yield from (p for p in (how.private_key, how.passphrase_file) if p is not None)
        yield from (tls.key for tls in self.tls.values() if tls.key is not None)
        for destination in self.destinations.values():
            if destination.bearer_file is not None:
                yield destination.bearer_file
        if self.http is not None:
            yield self.http.token_file


def read_config(path: Path) -> NodeConfig:
    """Read the configuration; paths in it that are relative start at its folder.

    Raises:
        ConfigurationError: no such file, no TOML, another key, a wrong type, or it makes no sense.
    """
    folder = path.resolve().parent
    return read_toml(
        path,
        NodeConfig,
        error=ConfigurationError,
        resolve=lambda text: folder / Path(text).expanduser(),
    )
