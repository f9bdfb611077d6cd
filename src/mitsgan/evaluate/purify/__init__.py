"""What an attacker or an archive does to a scan before the attack: denoise, resample, compress."""
