"""The original of a protected scan that was kept, given back and opened."""

from __future__ import annotations

from typing import Any

from mitsgan.errors import ScanError, SettingsError
from mitsgan.jobs.restore.restore import restore_file
from mitsgan.jobs.restore.settings import RestoreFile
from mitsgan.progress import Progress
from mitsgan.studio.requests import Restore
from mitsgan.studio.series import Series
from mitsgan.studio.session import Session
from mitsgan.studio.work.opening import open_scan


def restore_series(
    session: Session, series: Series, wanted: Restore, progress: Progress
) -> dict[str, Any]:
    """Restore the original to a new folder or file, and open it.

    The job compares it with the digest of the original before anything is written, and with the
    one that the seal holds, where there is a seal.

    Raises:
        SettingsError: no private key was named, its passphrase is missing, or the scan is in memory
            alone.
        SignatureError: the passphrase is wrong.
        RestoreError: it cannot be given back as what it was.
        OutputError: it cannot be written there.
    """
    private_key = session.settings.private_key
    if private_key is None:
        raise SettingsError("the studio was started without a `private_key`; give one to restore")
    if series.path is None:
        raise SettingsError("only what lies on disk can be restored; this scan is in memory alone")
    if session.asks_passphrase and not wanted.passphrase:
        raise SettingsError("the private key is encrypted; give its passphrase")
    out = session.folders.saving(wanted.name)
    seal, trust = session.judges_of(series)
    settings = RestoreFile(
        scan=series.path,
        out=out,
        private_key=private_key,
        passphrase_file=session.settings.passphrase_file,
        seal=seal,
        trust=trust,
    )
    result = restore_file(
        settings, passphrase=lambda _: wanted.passphrase.encode(), progress=progress
    )
    opened, notes = None, result.notes
    try:
        opened = open_scan(session, out, progress, "restored")
    except ScanError as error:  # it lies there all the same
        notes = (*notes, f"It was written to {out}, but not opened: {error}.")
    vouched = f"sealed by {result.signer}" if result.sealed else "no seal vouches for it"
    return {
        "sentence": f"Restored: its digest {result.original[:16]}... is that of the original that "
        f"was kept; {vouched}.",
        "notes": notes,
        "series": opened,
    }
