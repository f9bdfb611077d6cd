"""Public sets of tampered chest CT, read as their makers lay them out."""
