"""What all commands share on the terminal."""
