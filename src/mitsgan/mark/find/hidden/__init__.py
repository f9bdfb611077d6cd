"""Where no mark could show, or only half of it: places that an attacker chose so."""
