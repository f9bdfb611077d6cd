"""Keep the original of a scan that is protected, and give it back."""
