"""How codecs and filters wore the mark, measured on the scan under test."""
