"""
Checks the built site: links and anchors, what is loaded from elsewhere, public names and examples, the search.

    python website/check.py build/docs

prints what is wrong, one line each, and ends with 1 where there is any.
"""

import json
import re
import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import sources

# what one looks for, and the page that has to be found by it
SEARCHES = {
    "Reynolds": "glossary/",
    "own network": "networks/",
    "own flow": "extending/",
    "GPU": "install/",
    "restart": "restart/",
    "corrector": "concepts/",
    "HybridSolver": "api/solvers/",
}


class Page(HTMLParser):
    """Links, anchors and loaded files of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors |= {v for k in ("id", "name") if (v := values.get(k))}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        elif tag == "link" and values.get("href") and values.get("rel") != "canonical":
            self.loaded.append(values["href"])
        elif tag in ("img", "script", "source", "iframe", "video") and values.get("src"):
            self.loaded.append(values["src"])


def broken(site: Path) -> list[str]:
    """Links to files or anchors that are not there, and files that are loaded from other servers."""
    pages = {p: Page(p.read_text()) for p in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        name = path.relative_to(site)
        if name.name == "404.html":  # its links are those of the server's root
            continue
        found += [f"{name} loads {u} from elsewhere" for u in page.loaded if urlsplit(u).netloc]
        for link in page.links + page.loaded:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target = target / "index.html"
            if not target.is_file():
                found.append(f"{name} leads to {link}, which is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{name} leads to {link}, whose anchor is not there")
    return found


def misread(site: Path) -> list[str]:
    """Pages of the API with a quotation: what Markdown takes `>>>` for where a docstring does not say `Examples:`."""
    pages = (site / "api").rglob("*.html")
    return [f"{p.relative_to(site)} shows an example as a quotation" for p in pages if "<blockquote>" in p.read_text()]


def inventory(site: Path) -> set[str]:
    """The names in `objects.inv`, which other projects link by (Sphinx's format, version 2)."""
    content = (site / "objects.inv").read_bytes()
    packed = content.split(b"\n", 4)[4]
    return {line.split(" ", 1)[0] for line in zlib.decompress(packed).decode().splitlines() if line}


def unlisted(site: Path) -> list[str]:
    """Public names, methods and properties that no page of the API has, and those that no docstring describes."""
    import api  # needs griffe, which only the site's environment has

    known = inventory(site)
    found = [f"phi_sol.{n} is on no page of the API" for n in sources.public_names() if f"phi_sol.{n}" not in known]
    for name in sources.public_names():
        for member in (m for m in api.members(name) if m.docstring):
            if not known & {f"phi_sol.{name}.{member.name}", member.canonical_path}:
                found.append(f"phi_sol.{name}.{member.name} is on no page of the API")
    return found + [f"{n} has no docstring" for n in api.undocumented()]


def search(site: Path, query: str) -> list[str]:
    """Pages whose text or title has all words of a query, those with more of them in titles first."""
    words = query.lower().split()
    hits: dict[str, int] = {}
    for entry in json.loads((site / "search" / "search_index.json").read_text())["docs"]:
        title, text = entry["title"].lower(), re.sub("<[^>]*>", " ", entry["text"]).lower()
        if all(w in title or w in text for w in words):
            page = entry["location"].split("#")[0]
            hits[page] = max(hits.get(page, 0), 1 + sum(w in title for w in words))
    return sorted(hits, key=lambda p: -hits[p])


def not_found(site: Path) -> list[str]:
    found = {query: search(site, query) for query in SEARCHES}
    return [f"a search for {q!r} does not lead to {p}" for q, p in SEARCHES.items() if p not in found[q]]


def main(site: Path) -> int:
    problems = unlisted(site) + misread(site) + broken(site) + not_found(site)
    for problem in problems:
        print(problem)
    print(
        f"{site}: {len(problems)} problems"
        if problems
        else f"{site}: links, public names, examples and search are as they should be"
    )
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
