"""Plan an archive: which series there are, what each will need, and what is new since last time."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mitsgan import __version__
from mitsgan.archive.find import Folder, SeriesFiles, content, find_series, whole_series
from mitsgan.archive.forecast import disk_mb, free_mb, memory_mb, seconds_left
from mitsgan.archive.ledger import Ledger
from mitsgan.archive.settings import How, PlanSettings, RetrySettings
from mitsgan.archive.task import NewTask
from mitsgan.archive.web.find import find_web_series
from mitsgan.archive.web.server import Server, is_web
from mitsgan.errors import ConfigurationError, DataError, OutputError, SettingsError
from mitsgan.files.dicom.find.uids import is_uid
from mitsgan.progress import Phases, Progress, Steps, silent
from mitsgan.result import Result
from mitsgan.typed import convert, read_toml, to_tree


@dataclass(frozen=True, kw_only=True)
class Planned(Result):
    """What a plan came to.

    Attributes:
        ledger: its file.
        series: how many the source holds.
        new, changed: of these, how many the ledger did not know, or knew otherwise.
        unreadable: files that are damaged; they stand in the ledger as failed.
        others: files that are no CT, by what they are.
        megabytes: of all series.
        voxels: of all series.
        hours: forecast of the work on one core that the ledger still has to do.
        memory_mb: what the largest series needs.
        disk_mb: what that work will write, were nothing compressed; of a server's series also room
            for the largest one while it is worked on.
        free_mb: on the disk where that goes; None where nothing is written.
    """

    KIND: ClassVar[str] = "archive plan"

    version: str = __version__
    ledger: str
    series: int
    new: int
    changed: int
    unreadable: int
    others: dict[str, int]
    megabytes: float
    voxels: int
    hours: float
    memory_mb: float
    disk_mb: float
    free_mb: float | None


def plan_archive(settings: PlanSettings, *, progress: Progress = silent) -> Planned:
    """Find the series of an archive, and enter into the ledger what is to be done.

    The same plan again reads only folders in which a file changed, and enters what is new. A
    source is only read.

    Raises:
        SettingsError: the settings file is none, or makes no sense.
        DataError: source or ledger cannot be read, or the ledger is of another plan.
        OutputError: the folder for results lies in the source, or is not named.
    """
    how = How()
    if settings.settings is not None:
        how = read_toml(settings.settings.absolute(), How, error=ConfigurationError)
    out, digest = _checked_out(settings, how), _digest(how)
    source = _resolved(settings.source)
    plan = _plan_values(how, source, out)
    known = _known(settings.ledger, plan)
    with Phases(progress).phase("find", f"looking into {source}") as step:
        folders = _found(settings, how, source, known, step)
    with closing(Ledger(settings.ledger, create=True)) as ledger:
        _check_same(ledger, plan)
        for name, value in plan.items():
            ledger.set_plan(name, value)
        ledger.keep_folders(
            (folder.path, folder.stamp, content(folder))
            for folder in folders
            if known.get(folder.path, ("",))[0] != folder.stamp
        )
        series = whole_series(folders)
        tasks = list(_tasks(series, source, out, how, digest))
        new, changed = ledger.enter(tasks)
        ledger.forget_damaged(str(task.source) for task in tasks if task.reason)
        others: Counter[str] = Counter()
        for folder in folders:
            others.update(folder.others)
        return Planned(
            ledger=str(settings.ledger),
            series=sum(not task.reason for task in tasks),
            new=new,
            changed=changed,
            unreadable=sum(bool(task.reason) for task in tasks),
            others=dict(others),
            megabytes=round(sum(task.megabytes for task in tasks), 3),
            voxels=sum(task.voxels for task in tasks),
            hours=round(seconds_left(ledger, how) / 3600, 5),
            memory_mb=round(max((task.memory_mb for task in tasks), default=0.0)),
            disk_mb=round(disk_mb(ledger, how), 3),
            free_mb=None if out is None else round(free_mb(out)),
        )


def plan_verification(ledger: Ledger, trust: Path | None) -> int:
    """Let what was protected or sealed be verified, by its mark, its seal, or both; how many.

    All of it anew, for what a file was when it was looked at last says nothing of what it is now. A
    verification that was interrupted is gone on with, if it believes the same.

    Raises:
        SettingsError: it carries neither, or was verified only.
    """
    how = how_of(ledger)
    marked = how.action == "protect" and how.protect.key is not None
    sealed = how.action == "seal" or how.protect.sign is not None
    if how.action not in ("protect", "seal") or not (marked or sealed):
        raise SettingsError("nothing of this ledger was marked or sealed; give it `key` or `sign`")
    believed = None if trust is None else str(trust.absolute())
    under_way = any(task.action == "verify" for task in ledger.tasks("pending", "running"))
    begun = ledger.plan("verification")
    if begun is None or not under_way or believed != ledger.plan("trust"):
        begun = time.time()
        ledger.set_plan("verification", begun)
    ledger.set_plan("trust", believed)
    done = [task for task in ledger.tasks("done") if task.action != "verify"]
    new, changed = ledger.enter(
        NewTask(
            key=f"{task.key} {task.ended} {begun}",
            action="verify",
            source=task.source if task.action == "seal" else task.output,
            series=task.series if task.action == "seal" else "",
            output=Path(task.output),
            files=task.files,
            megabytes=task.megabytes,
            voxels=task.voxels,
            memory_mb=task.memory_mb,
        )
        for task in done
    )
    return new + changed


def retry_failed(settings: RetrySettings) -> int:
    """Let series of a ledger that failed be done again by the next run; how many.

    Raises:
        DataError: the ledger cannot be read.
    """
    with closing(Ledger(settings.ledger)) as ledger:
        return ledger.retry(settings.failures)


def how_of(ledger: Ledger) -> How:
    """What the series of a ledger are done with.

    Raises:
        DataError: nothing was planned yet.
    """
    tree = ledger.plan("how")
    if tree is None:
        raise DataError(f"{ledger.path} has no plan yet; `mitsgan archive plan` makes it")
    return convert(tree, How, f"the plan in {ledger.path}")


def _resolved(source: str | Path) -> str | Path:
    """The source as the ledger has it: a URL as it is, or a whole path."""
    return str(source) if is_web(source) else Path(source).resolve()


def _found(
    settings: PlanSettings,
    how: How,
    source: str | Path,
    known: dict[str, tuple[str, str]],
    step: Steps,
) -> list[Folder]:
    if isinstance(source, Path):
        return find_series(source, known, settings.jobs, step)
    if how.action == "verify" and how.verify is not None and how.verify.sealed:
        raise SettingsError("a server holds no seals beside its series; leave `sealed` out")
    return find_web_series(Server.of(source, how.web), known, settings.jobs, step)


def _checked_out(settings: PlanSettings, how: How) -> Path | None:
    if how.action == "verify":
        return None
    if settings.output is None:
        raise OutputError("name the folder for what is written: `output`")
    out, source = settings.output.resolve(), _resolved(settings.source)
    if isinstance(source, Path) and (
        out == source or source in out.parents or out in source.parents
    ):
        raise OutputError(
            f"`output` {out} and the source {source} lie in one another; keep them apart"
        )
    return out


def _plan_values(how: How, source: str | Path, out: Path | None) -> dict[str, object]:
    """What a ledger is of."""
    return {
        "how": to_tree(how),
        "source": str(source),
        "out": None if out is None else str(out),
    }


def _known(path: Path, plan: dict[str, object]) -> dict[str, tuple[str, str]]:
    """What an earlier plan saw; a ledger begins only when series were found."""
    if not path.exists():
        if not os.access(path.absolute().parent, os.W_OK):
            raise DataError(f"{path}: no ledger can be written there; name another place")
        return {}
    with closing(Ledger(path, create=True)) as ledger:
        _check_same(ledger, plan)
        return ledger.folders()


_PLANNED = {"how": "other settings", "source": "another source", "out": "another output"}


def _check_same(ledger: Ledger, plan: dict[str, object]) -> None:
    """Raise `DataError` where a ledger is of another archive."""
    for name, value in plan.items():
        earlier, now = ledger.plan(name), json.loads(json.dumps(value))
        if name == "how" and earlier is not None:  # with the defaults that it may not name
            earlier = json.loads(json.dumps(to_tree(how_of(ledger))))
        if earlier is not None and now != earlier:
            had = ", ".join(_had(earlier, now))
            raise DataError(
                f"{ledger.path} was planned with {_PLANNED[name]}: {had}; name a new ledger"
            )


def _had(earlier: object, now: object, place: str = "") -> Iterator[str]:
    """What an earlier plan had where this one has something else."""
    if isinstance(earlier, dict) and isinstance(now, dict):
        for name in now:
            yield from _had(earlier.get(name), now[name], f"{place}.{name}" if place else name)
    elif earlier != now:
        yield f"{place} = {json.dumps(earlier)}" if place else str(earlier)


def _tasks(
    series: list[SeriesFiles], source: str | Path, out: Path | None, how: How, digest: str
) -> Iterator[NewTask]:
    for one in series:
        whole = hashlib.sha256(f"{digest} {one.stamp}".encode()).hexdigest()
        yield NewTask(
            key=whole,
            action=how.action,
            source=one.source,
            series=one.series,
            output=Path() if out is None else _output(one, source, out),
            files=one.files,
            megabytes=one.megabytes,
            voxels=one.voxels,
            memory_mb=memory_mb(how.action, one.voxels),
            reason=one.reason,
        )


def _output(one: SeriesFiles, source: str | Path, out: Path) -> Path:
    """Where a result goes: OUT mirrors the source, with a folder for each series."""
    if not isinstance(source, Path):
        study = one.source.partition("/studies/")[2].split("/")[0]
        return out / study / one.series
    root = source if source.is_dir() else source.parent
    place = Path(one.source)
    if root not in (place, *place.parents):  # a list may name what lies anywhere
        return out / _name(one) if one.series else out.joinpath(*place.absolute().parts[1:])
    return out / place.relative_to(root) / _name(one)


def _name(one: SeriesFiles) -> str:
    """Of the folder of a series: its UID, where it is one and leads nowhere else."""
    if not one.series or is_uid(one.series):
        return one.series
    return (
        f"series-{hashlib.sha256(one.series.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"
    )


def _digest(how: How) -> str:
    """Of settings, version, keys and weights."""
    stamps = []
    for path in how.files():
        if not path.is_file():
            raise SettingsError(f"{path}: no such file; the settings name it")
        stamps.append(hashlib.sha256(path.read_bytes()).hexdigest())
    text = json.dumps([__version__, to_tree(how), stamps], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
