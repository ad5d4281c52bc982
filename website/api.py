"""The public names as griffe reads them from the sources, without importing them."""

import re
from collections.abc import Iterator
from functools import cache

import griffe
from sources import ROOT, public_names


@cache
def package() -> griffe.Module:
    found = griffe.load(
        "phi_sol",
        search_paths=[ROOT],
        docstring_parser="google",
        resolve_aliases=True,
        extensions=griffe.load_extensions("griffe_inherited_docstrings"),
    )
    assert isinstance(found, griffe.Module)
    return found


@cache
def public() -> dict[str, griffe.Object]:
    """What each public name stands for."""
    members = ((name, package().members[name]) for name in public_names())
    return {name: m.final_target if isinstance(m, griffe.Alias) else m for name, m in members}


def inherited(cls: griffe.Class) -> list[str]:
    """Names of what a class has from bases that are not public; what public ones show stands with them."""
    known = {c.path for c in public().values()}
    shown = {n for base in cls.mro() if base.path in known for n in base.all_members}
    return [n for n, m in cls.inherited_members.items() if documented(m) and n not in shown]


def documented(member: griffe.Object | griffe.Alias) -> bool:
    return not member.name.startswith("_") and bool(member.docstring)


def is_call(member: griffe.Object | griffe.Alias) -> bool:
    """Methods and properties, which need a docstring; attributes may be said by the class's."""
    return member.is_function or (member.is_attribute and "property" in member.labels)


def members(name: str) -> Iterator[griffe.Object | griffe.Alias]:
    """Public members that the page of a public name shows or should show."""
    found = public()[name]
    if isinstance(found, griffe.Module):
        exported = {str(e) for e in found.exports or ()}
        for member in (m for n, m in found.members.items() if n in exported):
            # a function may have the name of its file, which it hides
            yield member.members[member.name] if member.is_module and member.name in member.members else member
    elif isinstance(found, griffe.Class):
        yield from (m for n, m in found.members.items() if not n.startswith("_"))
        yield from (found.inherited_members[n] for n in inherited(found))


def first_line(found: griffe.Object | griffe.Alias) -> str:
    """The first sentence of a docstring, as far as an equation that follows it."""
    text = found.docstring.value.strip() if found.docstring else ""
    paragraph = " ".join(text.split("\n\n")[0].split())
    sentence = re.split(r"(?<=[.:])\s(?=[A-Z])", paragraph)[0]
    return sentence.rstrip(".,:") + "."


def said(name: str) -> set[str]:
    """Names that the docstring of a class describes itself, as arguments or attributes."""
    sections = found.docstring.parsed if (found := public()[name]).docstring else []
    kinds = (griffe.DocstringSectionKind.attributes, griffe.DocstringSectionKind.parameters)
    return {item.name for section in sections if section.kind in kinds for item in section.value}


def undocumented() -> list[str]:
    """Public names, methods and properties that no docstring describes, neither their own nor an inherited one."""
    names = [f"phi_sol.{n}" for n, found in public().items() if not found.docstring]
    calls = ((n, m) for n in public() for m in members(n) if is_call(m) and not m.docstring)
    return names + [f"phi_sol.{n}.{m.name}" for n, m in calls if m.name not in said(n)]
