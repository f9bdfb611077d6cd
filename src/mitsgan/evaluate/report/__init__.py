"""A run's results for readers: one self-contained page, or its tables as Markdown, CSV, JSON."""

from mitsgan.evaluate.report.content import Summary
from mitsgan.evaluate.report.html.page import html_report
from mitsgan.evaluate.report.reading import read_galleries, read_summary
from mitsgan.evaluate.report.text import csv_report, json_report, markdown_report

__all__ = [
    "Summary",
    "csv_report",
    "html_report",
    "json_report",
    "markdown_report",
    "read_galleries",
    "read_summary",
]
