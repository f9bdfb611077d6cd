"""Whether the original that a seal speaks of is there, and whole."""

from __future__ import annotations

from pathlib import Path


def kept_note(scan: Path, seal: Path, *, same: bool) -> str | None:
    """What is to be told of the original of a scan, in a sentence; None where none was kept.

    Files are called by their names: pages and DICOM reports that hold the sentence are handed on.
    That it can be decrypted, a recipient's key alone would show.

    Args:
        scan: the protected scan.
        seal: its seal, whose signature is genuine.
        same: whether the scan is bit for bit what was sealed: of any other nothing is restored.
    """
    from mitsgan.restore.errors import RestoreError
    from mitsgan.restore.sidecar import read_sidecar, sidecar_path
    from mitsgan.seal.format import read_seal

    original = read_seal(seal).original
    if original is None:
        return None
    sidecar = sidecar_path(scan if scan.name else scan.absolute())
    if not sidecar.exists():
        within = "; its files hold it, too" if files_within(scan) else ""
        return f"its original was kept in {sidecar.name}, which is not beside it{within}"
    try:
        _, encrypted = read_sidecar(sidecar)
    except RestoreError:
        encrypted = ""
    if encrypted != original.encrypted:
        return f"its original was kept, but {sidecar.name} is not as it was sealed: fetch it again"
    where = f"its original is kept in {sidecar.name}, as it was sealed"
    kept = f"{where}; a recipient's key gives it back"
    return kept if same else f"{kept} with the scan as it was sealed, not with this one"


def files_within(scan: Path) -> int:
    """How many DICOM files there are that hold their originals.

    Raises:
        ScanError: they cannot be read.
    """
    from mitsgan.files.io import is_image
    from mitsgan.restore.within import count_originals

    return 0 if is_image(scan) else count_originals(scan)
