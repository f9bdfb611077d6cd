"""Associations of pynetdicom's, bounded, prompt, and safe."""
