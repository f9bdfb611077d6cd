"""What a scan and tampering look like: voxels around an attack, and pixels made of them."""
