"""Protection where researchers work: MONAI, TorchIO, napari.

Each module needs the package whose name it bears, and nothing here is imported by any other room.
All go through the Python door, so that the same scan, settings and seed give the same voxels.
"""
