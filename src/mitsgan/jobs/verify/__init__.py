"""Has a protected scan been tampered with, and where?"""
