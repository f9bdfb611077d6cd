"""What the user's terminal shows and says."""
