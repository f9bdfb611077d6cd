"""Other methods, to compare with: MITS-GAN as released, and TAFIM."""
