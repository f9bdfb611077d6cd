"""Badges of the README as one picture: what is true of this version, read where it is set."""

from __future__ import annotations

import tomllib
from pathlib import Path

from markupsafe import escape

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "badges.svg"

_HEIGHT, _PADDING, _LETTER, _GAP = 20, 7, 6.6, 8
"""In pixels; letters are as wide as those of Verdana at 11 pixels on average."""


def badges() -> str:
    """The picture in Markdown, with the same in words."""
    return f"![{', '.join(f'{what}: {value}' for what, value in _facts())}](docs/images/badges.svg)"


def svg() -> str:
    """The picture: name and value of each badge, side by side."""
    parts, x = [], 0.0
    for what, value in _facts():
        for text, colour in ((what, "#555"), (value, "#0b6e75")):
            width = round(len(text) * _LETTER + 2 * _PADDING, 1)
            parts.append(
                f'<rect x="{x:g}" width="{width:g}" height="{_HEIGHT}" fill="{colour}"/>'
                f'<text x="{x + width / 2:g}" y="14" textLength="{width - 2 * _PADDING:g}">'
                f"{escape(text)}</text>"
            )
            x = round(x + width, 1)
        x += _GAP
    whole = f"{x - _GAP:g}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="{_HEIGHT}">\n'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" '
        'text-anchor="middle">\n' + "\n".join(parts) + "\n</g>\n</svg>\n"
    )


def stale() -> bool:
    """Whether the picture shows something else."""
    return not PICTURE.is_file() or PICTURE.read_text(encoding="utf-8") != svg()


def draw() -> None:
    """Draw it anew."""
    PICTURE.write_text(svg(), encoding="utf-8")


def _facts() -> list[tuple[str, str]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project, tools = settings["project"], settings["tool"]
    floor = tools["coverage"]["report"]["fail_under"]
    types = "mypy, strict" if tools["mypy"]["strict"] else "mypy"
    return [
        ("Python", project["requires-python"]),
        ("licence", project["license"]),
        ("types", types),
        ("tests cover", f"at least {floor} %"),
        ("medical device", "no"),
    ]
