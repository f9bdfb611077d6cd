"""What simulated attacks make of an original and of its protected version."""
