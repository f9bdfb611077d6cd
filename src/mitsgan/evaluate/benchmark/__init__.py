"""Protectors against attackers on scans, as a TOML file says."""
