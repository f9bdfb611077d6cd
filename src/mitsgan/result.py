"""Results of jobs: typed, written as JSON, and read back as they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from mitsgan.errors import ResultError
from mitsgan.typed import convert, parse_json, read_bytes, to_json, to_tree


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a job found out: to JSON and back, with the number of its schema.

    A subclass is a frozen dataclass of plain values, tuples and other such dataclasses. Its fields
    are the keys.

    Attributes:
        KIND: what it is, as the JSON says.
        SCHEMA: a new number where a reader of the old one would go wrong.
        LEFT_OUT_IF_NONE: keys that are not there at all where they have nothing to say.
    """

    KIND: ClassVar[str]
    SCHEMA: ClassVar[int] = 1
    LEFT_OUT_IF_NONE: ClassVar[frozenset[str]] = frozenset()

    def to_tree(self) -> dict[str, Any]:
        """Mappings, lists and plain values, as they become JSON."""
        tree = {"schema": self.SCHEMA, "kind": self.KIND, **to_tree(self)}
        return {
            key: value
            for key, value in tree.items()
            if value is not None or key not in self.LEFT_OUT_IF_NONE
        }

    def to_json(self) -> str:
        """JSON that `from_json` reads; what is not finite is null."""
        return to_json(self.to_tree())

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "this text") -> Self:
        """What `to_json` gave; ``where`` is what messages call the text.

        Raises:
            ResultError: it is no JSON, of another kind or schema, or a value is of another type.
        """
        tree = parse_json(text, dict[str, Any], where)
        schema, kind = tree.pop("schema", None), tree.pop("kind", None)
        if (schema, kind) != (cls.SCHEMA, cls.KIND):
            raise ResultError(
                f"{where}: expected kind {cls.KIND!r} of schema {cls.SCHEMA}, found kind {kind!r} "
                f"of schema {schema!r}; make it anew with this version, or name another file"
            )
        return convert(tree, cls, where)

    @classmethod
    def read(cls, path: Path) -> Self:
        """As `from_json`, from a file."""
        return cls.from_json(read_bytes(path, ResultError), str(path))


@dataclass(frozen=True)
class WeightsEntry:
    """Name and checksum of weights; never where they lie on this machine."""

    name: str
    sha256: str

    @classmethod
    def of(cls, card: Mapping[str, object], path: Path | None, name: str) -> WeightsEntry:
        """Of weights from a file, or those that ship by ``name``."""
        return cls(path.stem if path is not None else name, str(card["sha256"]))


@dataclass(frozen=True)
class ScanEntry:
    """Which scan it was; voxels and mm ``[z, y, x]``."""

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    name: str
