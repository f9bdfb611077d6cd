"""Long measurements in steps that are kept as they come, so that an interrupted one goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from mitsgan.errors import OutputError
from mitsgan.typed import convert, to_tree

T = TypeVar("T")


class Journal:
    """Results of steps, one JSON line each, in a file beside the result to be.

    Args:
        path: of the file, to be removed when the result is safe; None keeps nothing.
        subject: what is measured, by what, how: a journal of anything else is refused.

    Raises:
        OutputError: the file belongs to another measurement, is damaged, or cannot be written.
    """

    def __init__(self, path: Path | None, subject: Mapping[str, object]) -> None:
        self._path = path
        self._done: dict[str, Any] = {}
        text = json.dumps(subject, sort_keys=True)
        head = {"subject": hashlib.sha256(text.encode()).hexdigest()}
        if path is None:
            return
        if not path.exists():
            self._write(head, new=True)
            return
        lines = path.read_text(encoding="utf-8").split("\n")
        if lines.pop():  # the last line was being written when the power went
            path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        try:
            entries = [json.loads(line) for line in lines]
            self._done = {str(entry["step"]): entry["result"] for entry in entries[1:]}
        except (ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"{path} is no journal of a measurement, or is damaged; remove it to start anew"
            ) from error
        if not entries or entries[0] != head:
            raise OutputError(
                f"{path} was left by a measurement of another scan or with other options; repeat "
                "that one to go on with it, or remove the file"
            )

    def __contains__(self, name: str) -> bool:
        """Whether the result of a step is kept."""
        return name in self._done

    def results(self) -> dict[str, Any]:
        """All results that are kept, by their steps."""
        return dict(self._done)

    def step(self, name: str, kind: type[T], compute: Callable[[], T]) -> T:
        """The result of a step: as it was kept, else computed and kept.

        Args:
            name: of the step, once in a measurement.
            kind: of the result: anything that JSON can be made of, and made from again.
            compute: the step.

        Raises:
            OutputError: what was kept is of another kind.
        """
        if name not in self._done:
            self.keep(name, to_tree(compute()))
        where = f"{self._path}, step {name!r}"
        return convert(self._done[name], kind, where, error=OutputError)

    def keep(self, name: str, result: Any) -> None:
        """Keep the result of a step, JSON values, unless it is kept already."""
        if name not in self._done:
            self._done[name] = result
            if self._path is not None:
                self._write({"step": name, "result": result})

    def _write(self, entry: Mapping[str, object], *, new: bool = False) -> None:
        if self._path is None:
            return
        try:
            with self._path.open("x" if new else "a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise OutputError(
                f"{self._path} cannot be written: {error.strerror or error}; without it the "
                "measurement could not be gone on with"
            ) from error
