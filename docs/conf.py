"""The documentation site: `make site` builds it into build/site, strictly and without network.

Beside the pages of docs/ it has the repository's front pages, and one page for every room of the
package, made from the docstrings. Why Sphinx: docs/decisions/site.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.python import ObjectEntry, PythonDomain
from sphinx.environment import BuildEnvironment
from sphinx.errors import SphinxError

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

project = "mitsgan"
author = "The mitsgan developers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["results/**/*.json*"]
default_role = "code"  # docstrings put names into single backticks, as Markdown does
suppress_warnings = ["ref.python"]  # several classes of one short name in an annotation

html_theme = "furo"
html_title = "mitsgan"
html_copy_source = False
html_show_sphinx = False

myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

FRONT = {"index": "README.md", "contributing": "CONTRIBUTING.md", "changelog": "CHANGELOG.md"}
"""Pages of the site that are files of the repository's root."""

NO_API = frozenset({"cli"})
"""Rooms that nobody imports."""

_API = ROOT / "docs" / "api"
_LOADED = re.compile(
    r"<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=[\"'](?:https?:)?//[^\"']+"
)


class QuickPythonDomain(PythonDomain):
    """Sphinx's own, which looks at once whether anything of a name is documented at all.

    For every type in a signature that is none of ours, such as ``int`` or ``NDArray``, Sphinx goes
    through all names of the site three times, looking for one that ends like it: a third of
    the time that a build took. What is found stays the same.
    """

    def find_obj(
        self,
        env: BuildEnvironment,
        modname: str,
        classname: str,
        name: str,
        type: str | None,
        searchmode: int = 0,
    ) -> list[tuple[str, ObjectEntry]]:
        """See `PythonDomain`; whatever it finds has the same last part as the name."""
        if _last_part(name.removesuffix("()")) not in self._last_parts():
            return []
        return super().find_obj(env, modname, classname, name, type, searchmode)

    def _last_parts(self) -> frozenset[str]:
        """Of all names that are documented so far."""
        known: tuple[int, frozenset[str]] = getattr(self, "_known", (0, frozenset()))
        if known[0] != len(self.objects):
            known = len(self.objects), frozenset(map(_last_part, self.objects))
            self._known = known
        return known[1]


def _last_part(name: str) -> str:
    return name.rpartition(".")[2]


def rooms() -> dict[str, list[str]]:
    """Every room of the package, and the modules in it that have public names."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "src" / "mitsgan").rglob("*.py")):
        parts = path.relative_to(ROOT / "src").with_suffix("").parts
        if parts[1] in NO_API or path.name.startswith("_"):
            continue
        if re.search(r"^(?:class|def|[A-Z])", path.read_text(), re.MULTILINE):
            found.setdefault(parts[1], []).append(".".join(parts))
    return found


def write_api(app: Sphinx) -> None:
    """Write the sources of the API's pages, which are not kept."""
    _API.mkdir(exist_ok=True)
    found = rooms()
    listed = "\n".join(found)
    pages = {
        "index": "# API\n\nThe public names of every room ([layout](../layout.md)).\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n"
    }
    for room, modules in found.items():
        parts = (
            f"## {module}\n\n```{{eval-rst}}\n.. automodule:: {module}\n```\n" for module in modules
        )
        pages[room] = "\n".join([f"# {room}\n", *parts])
    for stale in {path.stem for path in _API.glob("*.md")} - set(pages):
        (_API / f"{stale}.md").unlink()
    for name, text in pages.items():
        path = _API / f"{name}.md"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def turn_links(app: Sphinx, page: str, source: list[str]) -> None:
    """Give front pages their text, and lead links out of docs/ to where that is in the site."""
    text = source[0]
    if page in FRONT:
        text = (ROOT / FRONT[page]).read_text() + "\n" + text
        text = re.sub(r"\]\((?!\w+:|#)", "](../", text).replace("](../docs/", "](")
    for target, name in FRONT.items():
        text = re.sub(rf"\]\((?:\.\./)+{name}", f"](/{target}.md", text)
    source[0] = text.replace("](results/)", "](results/README.md)")


def for_napoleon(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Keep napoleon from taking for types what are none.

    Before the colon of a sentence about a value, and before the second of two parameters that
    share their text.
    """
    if what in ("data", "attribute"):
        lines.insert(0, "")
    in_section = False
    for number, line in enumerate(lines):
        if line and not line.startswith(" "):
            in_section = line in ("Args:", "Attributes:")
        elif in_section and re.match(r" {4}\w+(?:, \w+)+: ", line):
            names, text = line.split(": ", 1)
            lines[number] = f"{names.replace(', ', ',')}: {text}"


def quick_toctree(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Let the theme's tree of all titles, which every page has, be made of titles alone.

    Sphinx copies the contents of all pages for it, every name of the API among them, and then takes
    what is no title out of the copy. The tree stays the same.
    """
    whole: Callable[..., str] = context["toctree"]

    def toctree(**options: Any) -> str:
        if not options.get("titles_only"):
            return whole(**options)
        contents, app.env.tocs = app.env.tocs, titles(app)
        try:
            return whole(**options)
        finally:
            app.env.tocs = contents

    context["toctree"] = toctree


@cache
def titles(app: Sphinx) -> dict[str, nodes.bullet_list]:
    """The contents of every page without what is neither its title nor a tree of pages."""
    found = {}
    for page, contents in app.env.tocs.items():
        found[page] = contents.deepcopy()
        for entry in found[page].children:
            if len(entry) > 1:
                trees = list(entry.findall(addnodes.toctree))
                entry[1:] = [nodes.bullet_list("", *trees)] if trees else []
    return found


def refuse_network(app: Sphinx, error: Exception | None) -> None:
    """Fail where a page would load anything from the network."""
    for path in Path(app.outdir).rglob("*.html"):
        found = _LOADED.search(path.read_text())
        if found and "canonical" not in found[0]:
            raise SphinxError(f"{path} would load from the network: {found[0]}")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.add_domain(QuickPythonDomain, override=True)
    app.connect("builder-inited", write_api)
    app.connect("source-read", turn_links)
    app.connect("autodoc-process-docstring", for_napoleon, priority=400)
    app.connect("html-page-context", quick_toctree, priority=400)
    app.connect("build-finished", refuse_network)
