"""Do one series with the job of the command line, and say what came of it."""

from __future__ import annotations

import resource
import traceback
from dataclasses import fields
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from mitsgan.archive.settings import How
from mitsgan.archive.task import Failure, Outcome, Task, storable
from mitsgan.archive.web.fetch import on_disk
from mitsgan.archive.web.server import UnreachableError
from mitsgan.errors import DeviceError, MitsganError, OutputError, SettingsError, counted

if TYPE_CHECKING:
    from mitsgan.jobs.protect.protection import Protection


class Work:
    """Does series one after the other; weights and keys are loaded once."""

    def __init__(self, how: How, trust: Path | None = None, out: Path | None = None) -> None:
        """Prepare.

        Args:
            how: what is done.
            trust: whom to believe seals, where they are verified.
            out: the folder that outputs lie in.
        """
        self._how, self._trust, self._out = how, trust, out
        self._protection: Protection | None = None

    def do(self, task: Task) -> Outcome:
        """Do a series; what goes wrong is part of the outcome, a wish to stop is not."""
        start = perf_counter()
        failure: Failure
        try:
            with on_disk(task, self._how.web) as here:
                text, verdict = getattr(self, f"_{task.action}")(here)
            return Outcome(text=storable(text), verdict=verdict, seconds=perf_counter() - start,
                           peak_mb=_peak_mb())  # fmt: skip
        except MemoryError:
            failure, reason = "resource", "memory did not suffice"
        except (DeviceError, OutputError, OSError) as error:
            failure, reason = _of_output(error), str(error) or type(error).__name__
        except UnreachableError as error:
            failure, reason = "infrastructure", str(error)
        except MitsganError as error:
            failure, reason = "input", str(error)
        except Exception:  # noqa: BLE001 - one bad series does not stop the night
            failure, reason = "bug", traceback.format_exc()
        reason = storable(reason)
        return Outcome(
            failure=failure, reason=reason, seconds=perf_counter() - start, peak_mb=_peak_mb()
        )

    def _protect(self, task: Task) -> tuple[str, str]:
        from mitsgan.jobs.protect.file import load_protection, protect_file
        from mitsgan.jobs.protect.settings import ProtectFile

        how = self._how.protect
        settings = ProtectFile(
            scan=Path(task.source),
            out=Path(task.output),
            series=task.series or None,
            hu_offset=self._how.hu_offset,
            assume_hu=self._how.assume_hu,
            overwrite=True,  # of an attempt that was cut off; only what mitsgan wrote is replaced
            **{field.name: getattr(how, field.name) for field in fields(how)},
        )
        if self._protection is None:
            self._protection = load_protection(settings)
        result = protect_file(settings, protection=self._protection)
        change, slices = result.change, counted(result.scan.shape[0], "slice")
        text = f"{slices}, largest change {change.largest:g} HU, RMS "
        return f"{text}{change.rms:.2f} HU" + "".join(f"; {note}" for note in result.notes), ""

    def _seal(self, task: Task) -> tuple[str, str]:
        from mitsgan.jobs.seal import SealFile, seal_file, seal_path

        how = self._how.seal
        assert how is not None  # the settings were checked
        sealed = seal_file(
            SealFile(
                scan=Path(task.source),
                series=task.series or None,
                output=seal_path(Path(task.output)),
                overwrite=True,
                **{field.name: getattr(how, field.name) for field in fields(how)},
            )
        )
        return f"{counted(sealed.slices, 'slice')}, signed by {sealed.signer}", ""

    def _verify(self, task: Task) -> tuple[str, str]:
        from mitsgan.jobs.verify.settings import VerifyFile
        from mitsgan.jobs.verify.verify import verify_file

        key, seal, trust = self._judges(task)
        verified = verify_file(
            VerifyFile(
                scan=Path(task.source),
                series=task.series or None,
                hu_offset=self._how.hu_offset,
                assume_hu=self._how.assume_hu,
                key=key,
                seal=seal,
                trust=trust,
            )
        )
        return verified.reason, verified.verdict

    def _restore(self, task: Task) -> tuple[str, str]:
        from mitsgan.archive.actions import restore_series

        assert self._how.restore is not None  # the settings were checked
        return restore_series(task, self._how.restore), ""

    def _evaluate(self, task: Task) -> tuple[str, str]:
        from mitsgan.archive.actions import evaluate_series

        return evaluate_series(task, self._how, self._out), ""

    def _judges(self, task: Task) -> tuple[Path | None, Path | None, Path | None]:
        """By which key and which seal a series is verified, and whom the seal is believed of."""
        from mitsgan.jobs.seal import seal_path

        how = self._how
        if how.action != "verify":
            sealed = how.action == "seal" or how.protect.sign is not None
            return (
                how.protect.key if how.action == "protect" else None,
                seal_path(Path(task.output)) if sealed else None,
                self._trust if sealed else None,
            )
        if how.verify is None:
            raise SettingsError("nothing says what to verify by")
        beside = seal_path(Path(task.source)) if how.verify.sealed else None
        return how.verify.key, beside, how.verify.trust


def _of_output(error: Exception) -> Failure:
    """A full disk or a busy device may pass; an output that is somebody else's does not."""
    text = str(error)
    if isinstance(error, OutputError):
        return "resource" if "full" in text or "another run" in text else "input"
    return "resource"


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
