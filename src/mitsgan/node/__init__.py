"""A DICOM service on the route between scanner and archive, which protects what passes."""
