"""What commands do: paths in, files out."""
