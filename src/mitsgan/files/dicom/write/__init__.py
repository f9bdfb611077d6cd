"""A derived DICOM series: its headers, its pixels, its files."""
