"""Things by name that anybody may add to: ours, a script's own, those of installed packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import signature
from typing import Generic, Protocol, TypeVar

from mitsgan.errors import ExtensionError, SettingsError

PROTECTORS_GROUP, ATTACKERS_GROUP = "mitsgan.protectors", "mitsgan.attackers"
"""Groups of entry points by which installed packages make theirs known."""


def installed(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group by name; nothing is imported for it."""
    return {point.name: point for point in entry_points(group=group)}


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str:
        """By which it is asked for."""
        ...


T = TypeVar("T", bound=Named)


class Registry(Generic[T]):
    """Things of one kind by name.

    What somebody adds is there without a change of this package: a script calls `register`, an
    installed package names an entry point. Nobody's code is imported before its name is asked for.

    Args:
        kind: what messages call one of them, such as "protector".
        group: of entry points; each has the name of the thing that it leads to.
        ours: names of this package's own, in the order in which they are told, each with the module
            that registers it when it is imported; it is, as soon as its name is asked for.
        fault: what keeps an object from being one of them, in words; None if nothing does.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        ours: Mapping[str, str],
        fault: Callable[[object], str | None],
    ) -> None:
        self.kind, self.group = kind, group
        self._ours, self._fault = ours, fault
        self._things: dict[str, T] = {}

    def register(self, thing: T) -> T:
        """Add one by its name; usable as a decorator.

        Raises:
            ExtensionError: it is none, or its name is taken by another one.
        """
        fault = self._fault(thing)
        if fault is not None:
            raise ExtensionError(f"{thing!r} cannot be registered as {self._one}: {fault}")
        ours = self._ours.get(thing.name)
        if ours is not None and _module(thing) != ours:
            import_module(ours)
        there = self._things.setdefault(thing.name, thing)
        if there is not thing and _home(there) != _home(thing):
            raise ExtensionError(
                f"the name {thing.name!r} of {_home(thing)} is that of {_home(there)} already; "
                "give it another one"
            )
        self._things[thing.name] = thing  # a module that is loaded anew registers anew
        return thing

    def names(self) -> tuple[str, ...]:
        """Of all: ours first, then those that were registered, then those of entry points."""
        return tuple(dict.fromkeys([*self._ours, *self._things, *installed(self.group)]))

    def check(self, name: str) -> None:
        """Raise `SettingsError` where there is none of that name; nothing is imported for it."""
        if name not in self.names():
            raise SettingsError(
                f"there is no {self.kind} {name!r}; there are: {', '.join(self.names())}"
            )

    def get(self, name: str) -> T:
        """The one of that name.

        Raises:
            SettingsError: there is none.
            ExtensionError: an entry point of that name leads nowhere, or to something else.
        """
        if name in self._ours:
            import_module(self._ours[name])
        if name not in self._things:
            self.check(name)
            self._load(installed(self.group)[name])
        return self._things[name]

    @property
    def _one(self) -> str:
        return f"{'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind}"

    def _load(self, point: EntryPoint) -> None:
        source = f"{self.kind} {point.name!r}, the entry point {point.value!r} of {_owner(point)}"
        try:
            thing = point.load()
        except Exception as error:
            raise ExtensionError(f"the {source}, cannot be loaded: {error}") from error
        if getattr(thing, "name", None) != point.name:
            raise ExtensionError(
                f"the {source}, calls itself {getattr(thing, 'name', None)!r}; "
                "give both the same name"
            )
        self.register(thing)


def unmakeable(kind: type, *given: str) -> str | None:
    """What keeps a class from being made of what is ``given``, in words; None if nothing does."""
    missing = sorted(getattr(kind, "__abstractmethods__", ()))
    if missing:
        return f"it has no {' and no '.join(f'{name}()' for name in missing)}"
    try:
        signature(kind).bind(*given)
    except TypeError as error:
        return f"{kind.__name__}({', '.join(given)}) makes none: {error}"
    return None


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an installed package"


def _home(thing: object) -> str:
    """Where something is defined, as far as that can be told."""
    kind = thing if isinstance(thing, type) else type(thing)
    return f"{kind.__module__}.{kind.__qualname__}"


def _module(thing: object) -> str:
    return (thing if isinstance(thing, type) else type(thing)).__module__
