"""Reading the weights that the authors of CT-GAN published."""
