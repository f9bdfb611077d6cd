"""What the page asks for, as typed values; what does not fit is refused in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeVar

from starlette.requests import Request

from mitsgan.errors import SettingsError
from mitsgan.studio.layers import PLANES, Plane
from mitsgan.typed import parse_json

T = TypeVar("T")


@dataclass(frozen=True)
class Enter:
    """The code of a browser that was opened, for the token."""

    code: str


@dataclass(frozen=True)
class Open:
    """A scan below a folder that was named."""

    root: int
    below: str = ""


@dataclass(frozen=True)
class Of:
    """Something that is made of an open scan."""

    series: str


@dataclass(frozen=True)
class Attack:
    """Simulated tampering with an open scan at a place, LPS mm, and with its protected version."""

    series: str
    action: Literal["inject", "remove"]
    place: tuple[float, float, float]
    protected: str = ""
    attacker: str = "textured"


@dataclass(frozen=True)
class Protect:
    """A protection of an open scan; with a name it is saved, through the job of the command."""

    series: str
    max_hu: float = 10.0
    noise_fraction: float | None = None
    protector: str = "mits-gan"
    seed: int = 0
    mark: bool = False
    name: str = ""


@dataclass(frozen=True)
class Named:
    """Something that is made of an open scan and saved under a name."""

    series: str
    name: str


@dataclass(frozen=True)
class Restore:
    """The original of an open scan, saved under a name; the passphrase of the key, if it has one.

    The passphrase is used once: it is in no message, no log and no result.
    """

    series: str
    name: str
    passphrase: str = field(default="", repr=False)


async def body_of(request: Request, kind: type[T]) -> T:
    """What a request says.

    Raises:
        SettingsError: it is no such thing.
    """
    return parse_json(await request.body(), kind, "the request", error=SettingsError)


def plane_of(request: Request) -> tuple[Plane, int]:
    """The plane that a request names, and its number.

    Raises:
        SettingsError: it names none.
    """
    name, number = request.query_params.get("plane", ""), request.query_params.get("index", "")
    for plane in PLANES:
        if name == plane and number.isascii() and number.isdigit() and len(number) < 7:
            return plane, int(number)
    raise SettingsError("a plane is axial, coronal or sagittal, with its number")
