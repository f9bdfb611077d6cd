"""DICOM CT series: read, derive, write."""
