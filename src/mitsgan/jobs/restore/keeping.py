"""Keep the original of a scan while it is protected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mitsgan.atomic import check_target
from mitsgan.jobs.protect.result import RestorableEntry
from mitsgan.progress import Steps
from mitsgan.scan.source import Source

if TYPE_CHECKING:
    from mitsgan.restore.envelope import Recipient
    from mitsgan.seal.format import SealedOriginal


@dataclass(frozen=True)
class Keeping:
    """An original to be kept: for whom, where, and whether within the DICOM files, too."""

    recipients: tuple[Recipient, ...]
    path: Path
    full: bool = False

    @classmethod
    def prepare(
        cls, recipients: Sequence[Path], scan: Path, out: Path, overwrite: bool, full: bool = False
    ) -> Keeping | None:
        """Load the recipients, and see that the original can be kept: before the work.

        Args:
            recipients: their certificates or public keys; None is kept for nobody.
            scan: the original.
            out: where the protected scan is to be.
            overwrite: whether what an earlier run kept may be replaced.
            full: whether the original is kept within the DICOM files, too.

        Raises:
            RestoreError, SignatureError: a recipient that cannot be read, or is not RSA; a format
                that would change.
            OutputError: it cannot be written there.
        """
        if not recipients:
            return None
        # All that signatures need takes longer to import than a scan to protect.
        from mitsgan.restore.envelope import load_recipients
        from mitsgan.restore.keep import check_keepable
        from mitsgan.restore.sidecar import sidecar_path

        path = sidecar_path(out)
        check_target(path, overwrite, folder=False, source=scan)
        check_keepable(scan, out)
        return cls(load_recipients(recipients), path, full)

    def check(self, source: Source | None) -> None:
        """Raise where a scan that was read could not keep its original: before the work.

        Raises:
            RestoreError: files that the original cannot be kept within.
            ScanError: an image whose voxels do not stand in one piece in one file.
        """
        if source is not None and source.path is not None and source.path.is_file():
            from mitsgan.restore.image import check_in_one_piece

            check_in_one_piece(source.path)
        if self.full:
            from mitsgan.restore.encrypted import check_encryptable

            check_encryptable(source)

    def keep(
        self, source: Source | None, written: Path, progress: Steps | None = None
    ) -> tuple[RestorableEntry, SealedOriginal]:
        """Write the original beside what was written, under its name.

        Raises:
            RestoreError: it cannot be kept.
            ScanError: a file cannot be read.
        """
        from mitsgan.restore.digest import source_digest
        from mitsgan.restore.encrypted import add_originals
        from mitsgan.restore.errors import RestoreError
        from mitsgan.restore.keep import keep_original
        from mitsgan.seal.format import SealedOriginal

        if source is None or source.path is None:
            raise RestoreError("the scan was made in memory, so there is no original to give back")
        original = source_digest(source)
        if self.full:
            add_originals(source, written, self.recipients, original)
        kept = keep_original(source, written, self.recipients, original, progress)
        written.with_name(self.path.name).write_bytes(kept.sidecar)
        entry = RestorableEntry(
            file=str(self.path),
            bytes=len(kept.sidecar),
            voxel_bytes=kept.voxel_bytes,
            recipients=tuple(one.fingerprint for one in self.recipients),
        )
        return entry, SealedOriginal(kept.original, kept.encrypted)
