"""One page on this machine that shows what protection, attacks and verification make of a scan."""
