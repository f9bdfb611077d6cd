"""What a chest CT shows: the body, the lungs, the noise, and where a nodule might be."""
