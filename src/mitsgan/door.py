"""The package's public names, each looked up in its room when it is first asked for.

Some functions share their name with a room: ``mitsgan.protect`` protects a scan, and protectors
live in the room of that name. Python keeps both under one attribute of the package, whichever was
imported last. So the room is what stands there, and it can be called: called, it is the function.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

TYPE_CHECKING = False  # typing itself takes longer to import than all else here
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from inspect import Signature
    from typing import Any


def open_door(package: str, homes: Mapping[str, str], rooms: Collection[str]) -> None:
    """Make a package look public names up on first use.

    Args:
        package: its dotted name.
        homes: public name to the module that it lives in.
        rooms: public names of functions that are names of rooms, too.
    """

    def find(name: str) -> Any:
        return getattr(import_module(homes[name]), name)

    class Room(ModuleType):
        """A room that is called as the function of its name."""

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return find(_last(self))(*args, **kwargs)

        def __reduce__(self) -> tuple[Any, ...]:
            # Another process that is to call the function finds it by its name.
            return import_module, (self.__name__,)

        @property
        def __signature__(self) -> Signature:
            from inspect import signature

            return signature(find(_last(self)))

    class Door(ModuleType):
        """The package."""

        def __getattr__(self, name: str) -> Any:
            if name not in homes:
                raise AttributeError(f"module {package!r} has no attribute {name!r}")
            if name in rooms:
                return import_module(f"{package}.{name}")
            value = find(name)
            setattr(self, name, value)
            return value

        def __setattr__(self, name: str, value: Any) -> None:
            # Importing a room binds it here.
            if name in rooms and isinstance(value, ModuleType):
                value.__class__ = Room
            super().__setattr__(name, value)

        def __dir__(self) -> list[str]:
            return [*homes, "__version__"]

    sys.modules[package].__class__ = Door


def _last(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]
