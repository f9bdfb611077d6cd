"""What was found in a scan, as DICOM objects: a report, and segmentations of the places."""
