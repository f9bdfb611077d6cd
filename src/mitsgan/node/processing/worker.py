"""The worker: a process of its own that protects, verifies and restores, one series at a time.

``python -m mitsgan.node.processing.worker`` reads a task a line from its input and answers with a
line. It ends with its input. Memory and crashes of codecs and networks stay in here; the node
goes on.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mitsgan.errors import DeviceError, MitsganError, OutputError, SettingsError, counted
from mitsgan.jobs.protect.settings import Protecting
from mitsgan.node.processing.quiet import silence
from mitsgan.node.processing.tasks import (
    Answer,
    CompareTask,
    ProtectTask,
    RestoreTask,
    Task,
    VerifyTask,
)
from mitsgan.processes import end_with_parent
from mitsgan.typed import parse_json, to_json

if TYPE_CHECKING:
    from mitsgan.jobs.protect.protection import Protection


class Worker:
    """Does tasks; keeps what it loaded for the next one."""

    def __init__(self) -> None:
        self._loaded: tuple[object, Protection] | None = None

    def do(self, task: Task) -> Answer:
        """Do one task; what goes wrong is part of the answer."""
        try:
            if task.protect is not None:
                return self._protect(task.protect)
            if task.verify is not None:
                return _verify(task.verify)
            if task.restore is not None:
                return _restore(task.restore)
            if task.compare is not None:
                return _compare(task.compare)
            return Answer(error="there is nothing to do")
        except (OutputError, DeviceError, MemoryError, OSError) as error:
            return Answer(error=_reason(error), passing=True)
        except MitsganError as error:
            return Answer(error=_reason(error))

    def _protect(self, task: ProtectTask) -> Answer:
        from mitsgan.jobs.protect.file import load_protection, protect_file
        from mitsgan.jobs.protect.settings import ProtectFile

        how = {field.name: getattr(task.settings, field.name) for field in fields(task.settings)}
        settings = ProtectFile(scan=task.source, out=task.out, **how)
        if self._loaded is None or self._loaded[0] != task.settings:
            self._loaded = (task.settings, load_protection(settings))
        result = protect_file(settings, protection=self._loaded[1])
        lost = len(list(task.source.iterdir())) - len(list(task.out.iterdir()))
        if lost:  # they were acknowledged, and would go with the spool's files
            are = "is no slice" if lost == 1 else "are no slices"
            what = f"{counted(lost, 'object')} of it {are} of the scan, and would not be sent"
            return Answer(error="; ".join((what, *result.notes)))
        change = result.change
        done = (
            f"{counted(result.scan.shape[0], 'slice')}, largest change {change.largest:g} HU, RMS "
            f"{change.rms:.2f} HU" + ("" if result.mark is None else ", marked")
        )
        return Answer(text=done, notes=result.notes)


def _verify(task: VerifyTask) -> Answer:
    from mitsgan.jobs.verify.settings import VerifyFile
    from mitsgan.jobs.verify.verify import verify_file

    verified = verify_file(VerifyFile(scan=task.source, key=task.settings.key))
    return Answer(verdict=verified.verdict, text=verified.result.reason or "")


def _restore(task: RestoreTask) -> Answer:
    from mitsgan.jobs.restore.restore import restore_file
    from mitsgan.jobs.restore.settings import RestoreFile
    from mitsgan.node.store.originals import kept_of

    original, seal = kept_of(task.originals, task.source)
    how = task.settings
    restored = restore_file(
        RestoreFile(
            scan=task.source,
            out=task.out,
            private_key=how.private_key,
            passphrase_file=how.passphrase_file,
            original=original,
            seal=seal,
            trust=how.trust,
        )
    )
    signer = restored.signer or ""
    text = f"{counted(restored.slices, 'slice')} restored, " + (
        f"sealed by {signer}" if signer else "no seal"
    )
    return Answer(text=text, original=restored.original, signer=signer)


def _compare(task: CompareTask) -> Answer:
    from mitsgan.jobs.verify.settings import VerifyFile
    from mitsgan.jobs.verify.verify import verify_file

    # Beside what is compared, where the node clears away what is left when this is killed.
    with tempfile.TemporaryDirectory(dir=task.source.parent) as folder:
        trust = Path(folder) / "signer.pem"
        trust.write_bytes(_public_key(task.settings))
        verified = verify_file(VerifyFile(scan=task.source, seal=task.seal, trust=trust))
    findings = () if verified.seal is None else verified.seal.findings
    return Answer(verdict=verified.verdict, text="; ".join(f.text for f in findings[:3]))


def _public_key(how: Protecting) -> bytes:
    """PEM of the public key that belongs to the one that a route signs with."""
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_der_public_key,
    )

    from mitsgan.seal.signature import Signer

    def passphrase() -> bytes:
        if how.passphrase_file is None:
            raise SettingsError("the key to `sign` with is encrypted; give `passphrase_file`")
        return how.passphrase_file.read_bytes().splitlines()[0]

    assert how.sign is not None  # the configuration was checked
    der = Signer.load(how.sign, how.certificate, passphrase).public_key
    return load_der_public_key(der).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


def serve(tasks: TextIO, answers: TextIO) -> None:
    """Answer tasks until there are no more."""
    worker = Worker()
    for line in tasks:
        answer = worker.do(parse_json(line, Task, "the task"))
        answers.write(to_json(answer).replace("\n", " ").strip() + "\n")
        answers.flush()
        gc.collect()


def main() -> None:
    """Serve the process that started this one, whose number is the argument."""
    end_with_parent(int(sys.argv[1]))
    silence()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the node ends its worker itself
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    os.chdir(Path(os.sep))
    serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
