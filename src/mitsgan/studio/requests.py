"""What the page asks for, as typed values; what does not fit is refused in words."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from starlette.requests import Request

from mitsgan.errors import SettingsError
from mitsgan.settings import DEFAULT_PROTECTOR, within
from mitsgan.studio.layers import PLANES, Plane
from mitsgan.typed import parse_json

T = TypeVar("T")

LARGEST_BUDGET_HU = 50.0
"""Of the slider: beyond it readers see a protection."""
LARGEST_FRACTION = 5.0
"""Of the noise."""
FARTHEST_MM = 1e5
"""From the origin of the patient's coordinates."""


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

    def __post_init__(self) -> None:
        for coordinate in self.place:
            within("place", coordinate, -FARTHEST_MM, FARTHEST_MM)


@dataclass(frozen=True)
class Protect:
    """A protection of an open scan; with a name it is saved, through the job of the command."""

    series: str
    max_hu: float = 10.0
    noise_fraction: float | None = None
    protector: str = DEFAULT_PROTECTOR
    seed: int = 0
    mark: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        within("max_hu", self.max_hu, 0, LARGEST_BUDGET_HU)
        if self.noise_fraction is not None:
            within("noise_fraction", self.noise_fraction, 0, LARGEST_FRACTION)


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
    body = await request.body()
    try:
        # Half a character is valid JSON, but no name of a file, unless it stands for a byte of one.
        json.dumps(json.loads(body), ensure_ascii=False).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise SettingsError("the request holds half a character; send whole ones") from None
    except RecursionError:
        raise SettingsError("the request is nested too deeply; send what the page sends") from None
    except ValueError:
        pass  # what is no JSON is said below
    return parse_json(body, kind, "the request", error=SettingsError)


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
