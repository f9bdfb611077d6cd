"""Results for readers: one self-contained page, or tables for terminal, Markdown, CSV, JSON.

`content` and `table` say what a report holds; `html`, `text` and `terminal` draw it.
"""
