"""What security officers want to know, as DICOM audit messages (PS3.15 A.5) over syslog."""
