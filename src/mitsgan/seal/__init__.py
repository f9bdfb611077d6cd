"""The seal: a signature over a scan's voxels and over what gives them meaning."""
