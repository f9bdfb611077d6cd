"""Scans in files: DICOM, NIfTI, MHA/MHD, NRRD, told by the path."""

from mitsgan.files.derivation import Derivation
from mitsgan.files.io import check_derivable, check_output, read_scan, write_scan, writing

__all__ = ["Derivation", "check_derivable", "check_output", "read_scan", "write_scan", "writing"]
