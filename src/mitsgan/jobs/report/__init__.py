"""Reports of what runs found."""
