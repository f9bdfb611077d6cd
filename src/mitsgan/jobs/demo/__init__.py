"""The demonstration: a synthetic chest, protected and tampered with."""
