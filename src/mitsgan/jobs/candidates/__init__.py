"""Where nodules might be, and what the finder of such places is worth."""
