"""What is compared in an evaluation: the protection, and the controls beside it."""

CONTROL = "random sign"
"""The control that a verdict compares with: noise of the same strength, without any design."""

OFFSET = "constant offset"
"""The other control: the same HU added everywhere."""

KNOWN = "PGD, position known"
"""The upper control: optimised for each position and this very attacker."""

PROTECTED = "protected"
