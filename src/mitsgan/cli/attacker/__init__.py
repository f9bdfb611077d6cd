"""`mitsgan attacker`: attackers as files."""
