"""What a protection is worth: measured, with controls at the same energy.

Importing the room is cheap: what measures is imported from its module.
"""
