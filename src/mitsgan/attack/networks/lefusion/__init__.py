"""The network of LeFusion, which paints a lesion into a mask (Zhang et al., arXiv 2403.14066)."""
