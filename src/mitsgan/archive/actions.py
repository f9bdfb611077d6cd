"""Restore or evaluate one series of an archive, as the commands of these names do."""

from __future__ import annotations

from dataclasses import fields
from filecmp import cmp
from pathlib import Path

from mitsgan.archive.settings import How
from mitsgan.archive.task import Task
from mitsgan.errors import DataError, OutputError, counted
from mitsgan.leftovers import work_folder
from mitsgan.node.processing.actions import Restoring


def restore_series(task: Task, how: Restoring) -> str:
    """Give an original back; what came of it, for people.

    An output that is there already, of an attempt that was cut off or given back, is compared, not
    written again: restoring replaces nothing.

    Raises:
        OutputError: something else lies there.
        MitsganError: see `mitsgan.jobs.restore.restore.restore_file`.
    """
    from mitsgan.jobs.restore.restore import restore_file
    from mitsgan.jobs.restore.settings import RestoreFile

    def to(out: Path) -> str:
        result = restore_file(
            RestoreFile(
                scan=Path(task.source),
                out=out,
                private_key=how.private_key,
                passphrase_file=how.passphrase_file,
                trust=how.trust,
            )
        )
        return "; ".join([counted(result.slices, "slice"), *result.notes])

    out = Path(task.output)
    if not out.exists():
        return to(out)
    with work_folder(out.with_name(f"again.{out.name}")) as work:
        again = work / out.name
        text = to(again)
        if not _same(again, out):
            raise OutputError(f"{out} holds something else than the original; take it away")
        return text


def evaluate_series(task: Task, how: How, out: Path | None) -> str:
    """Measure what a series' protection is worth; what was written, for people.

    Args:
        task: the series as it was before it was protected.
        how: what is measured.
        out: the folder that outputs lie in; what is protected lies at the same place in another.

    Raises:
        DataError: there is no protected version of it.
        MitsganError: see `mitsgan.jobs.evaluate.evaluation.evaluate_files`.
    """
    from mitsgan.jobs.evaluate.evaluation import evaluate_files
    from mitsgan.jobs.evaluate.settings import EvaluateFiles, EvaluateSettings

    place, settings = Path(task.output), how.evaluate
    protected = None
    if settings.protected is not None and out is not None:
        protected = settings.protected / place.relative_to(out)
        if not protected.exists():
            raise DataError(
                f"{protected} does not exist: protected, in the table [evaluate], names what an "
                "archive run wrote of the same source, laid out alike"
            )
    place.parent.mkdir(parents=True, exist_ok=True)
    numbers = place.with_name(f"{place.name}.evaluation.json")
    page = place.with_name(f"{place.name}.evaluation.html") if settings.page else None
    evaluate_files(
        EvaluateFiles(
            original=Path(task.source),
            series=task.series or None,
            hu_offset=how.hu_offset,
            assume_hu=how.assume_hu,
            protected=protected,
            weights=settings.weights,
            output=numbers,
            html=page,
            overwrite=True,  # of an attempt that was cut off; only what mitsgan wrote is replaced
            **{f.name: getattr(settings, f.name) for f in fields(EvaluateSettings)},
        )
    )
    return str(numbers)


def _same(one: Path, other: Path) -> bool:
    """Whether two files, or all files of two folders, are the same to the bit."""
    if not one.is_dir():
        return cmp(one, other, shallow=False)
    files = [
        {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
        for folder in (one, other)
    ]
    return files[0].keys() == files[1].keys() and all(
        cmp(path, files[1][name], shallow=False) for name, path in files[0].items()
    )
