"""What the page can ask for: each opens, protects, attacks or verifies through a job."""
