"""Finding the mark again: where it is missing, voxels were repainted."""
