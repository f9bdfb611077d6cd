"""How well the mark finds tampering: mark, tamper and verify in memory."""
