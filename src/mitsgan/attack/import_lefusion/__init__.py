"""Reading the weights that the authors of LeFusion published."""
