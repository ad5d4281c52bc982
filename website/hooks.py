"""
Hooks of MkDocs: pages whose files lie outside of docs/, links that lead there, the gallery of notebooks, the list of
public names, and links from names in the text to their place in the API.
"""

import json
import logging
import posixpath
import re
import sys
from pathlib import Path

import griffe
from markdown_it import MarkdownIt
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))

import api
import sources
from sources import ROOT

log = logging.getLogger("mkdocs.hooks.phi_sol")

# pages of the site whose text is that of a file elsewhere in the repository
PULLED = {
    "benchmarks.md": "benchmarks/README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
}
SAME = {source: page for page, source in PULLED.items()} | {"README.md": "index.md"}
COMMON = MarkdownIt("gfm-like", {"linkify": False})
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)]*)?\))")
UNTIL_WRITTEN = """# Contribute

```
make test     # the tests
make lint     # style and types
make docs     # this site
```

[Design decisions](design.md) says how phi_sol is built and why, [extending](extending.md) how to add to it.
"""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Each notebook has a place in the navigation."""
    try:
        pages = ["notebooks/index.md", *({n.title: f"notebooks/{n.file}"} for n in sources.notebooks())]
    except ValueError as error:
        raise PluginError(str(error)) from None
    for section in config.nav or ():
        for entry in next(iter(section.values())):
            if isinstance(entry, dict) and "Notebooks" in entry:
                entry["Notebooks"] = pages
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for page, source in PULLED.items():
        path = ROOT / source
        files.append(File.generated(config, page, content=path.read_text() if path.exists() else UNTIL_WRITTEN))
    for page in list(files.documentation_pages()):
        if not page.src_uri.endswith(".md"):
            continue
        for _, target, _ in LINK.findall(page.content_string):
            inside = _in_repository(page.src_uri, target)
            if not inside or inside in SAME or inside.startswith("docs/"):
                continue
            if (ROOT / inside).is_file() and not files.get_file_from_path(inside):
                files.append(File(inside, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    here = page.file.src_uri
    folder = posixpath.dirname(here)

    def relink(found: re.Match) -> str:
        inside = _in_repository(here, found[2])
        if inside is None:
            return found[0]
        target = SAME.get(inside, inside.removeprefix("docs/"))
        return found[1] + posixpath.relpath(target, folder or ".") + found[3]

    if here == "index.md":
        page.meta["hide"] = ["navigation"]
    if here == "notebooks/index.md":
        markdown = markdown.replace("<!-- gallery -->", sources.gallery())
    if here == "api/index.md":
        markdown = markdown.replace("<!-- names -->", _names(config))
    markdown = LINK.sub(relink, markdown)
    return sources.DIRECTIVE.sub(_directive, markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """
    Names in code font that are public lead to the API, but not in headings, links and blocks of code; links of
    notebooks to pages lead to these pages.
    """
    _check_reading(html, page)
    if page.file.src_uri.endswith(".ipynb"):
        html = _from_notebook(html, page, files)
    places = {n: files.get_file_from_path(p).url for p, names in sources.api_pages().items() for n in names}

    def link(found: re.Match) -> str:
        if not found["name"] or found["name"] not in places:
            return found[0]
        name, member = found["name"], found["member"]
        if member and member not in {m.name for m in api.members(name) if m.docstring}:
            return found[0]
        if not member and not found["whole"] and name.islower():  # `rollout` may be anyone's, `phi_sol.rollout` is not
            return found[0]
        anchor = f"phi_sol.{name}" + (f".{member}" if member else "")
        url = posixpath.relpath(places[name], page.url or ".") + "/"
        return f'<a href="{url}#{anchor}">{found[0]}</a>'

    skipped = r"<(?P<tag>pre|a|h\d|div class=\"doc doc-signature)\b.*?</(?P=tag)>"
    code = r"<code>(?P<whole>phi_sol\.)?(?P<name>[A-Za-z]\w*)(?:\.(?P<member>\w+))?(?:\(\))?</code>"
    return re.sub(f"{skipped}|{code}", link, html, flags=re.S)


def _from_notebook(html: str, page: Page, files: Files) -> str:
    """Links to files of docs/, which are left as they are in notebooks."""

    def link(found: re.Match) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), found["path"]))
        file = files.get_file_from_path(path)
        return f'href="{file.url_relative_to(page.file)}{found["anchor"] or ""}"' if file else found[0]

    return re.sub(r'href="(?P<path>[^":#]+\.(?:md|ipynb))(?P<anchor>#[^"]*)?"', link, html)


def _check_reading(html: str, page: Page) -> None:
    """
    Warns where the page has other parts than in the repository, which shows Markdown by CommonMark's rules.

    Python's Markdown wants an empty line before a list, and four spaces before what goes on inside of one.
    """
    if page.markdown is None or page.file.src_uri.startswith(("api/", "notebooks/")):
        return
    expected = COMMON.render(page.markdown)
    for part in ("li", "table", "tr", "pre", "blockquote", "img", "h2", "h3"):
        here, there = (len(re.findall(rf"<{part}[ >]", text)) for text in (html, expected))
        if here != there:
            log.warning(f"{page.file.src_uri}: {here} times <{part}> on the site, {there} times in the repository")


def _in_repository(page: str, target: str) -> str | None:
    """The path of a link's target in the repository where it lies outside of docs/; None for every other."""
    if re.match(r"[a-z]+:", target) or target.startswith("/"):
        return None
    source = PULLED.get(page, f"docs/{page}")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    return path if not path.startswith("docs/") or page in PULLED else None


def _directive(found: re.Match) -> str:
    """What mkdocstrings shows of a name: of a class what it has from bases that are not public, too."""
    what = api.public()[found[1]]
    if isinstance(what, griffe.Class):
        return f"{found[0]}\n    options:\n      inherited_members: {json.dumps(api.inherited(what))}"
    if isinstance(what, griffe.Module):
        return f"{found[0]}\n    options:\n      members: {json.dumps([m.name for m in api.members(found[1])])}"
    return found[0]


def _names(config: MkDocsConfig) -> str:
    """The public names of each page in the order of the navigation, one line each."""
    names = sources.api_pages()
    (entries,) = (entries for section in config.nav or () for name, entries in section.items() if name == "API")
    parts = []
    for title, page in (item for entry in entries if isinstance(entry, dict) for item in entry.items()):
        file = posixpath.basename(page)
        parts += [f"## [{title}]({file})", ""]
        parts += [f"- [`{n}`]({file}#phi_sol.{n}): {api.first_line(api.public()[n])}" for n in names[page]]
        parts.append("")
    return "\n".join(parts)
