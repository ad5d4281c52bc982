"""
Writes .ci/lowest.txt: every dependency of setup.cfg at the lowest version that it allows, for `make test-lowest`.

    python .ci/lowest.py
"""

from configparser import ConfigParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
ABOVE = """\
# Every dependency of setup.cfg at the lowest version that it allows. Written by `python .ci/lowest.py`;
# used by `make test-lowest`. What these depend on is not pinned: pip takes what a user gets beside them.
"""


def requirements() -> list[Requirement]:
    """Of the package and its extras, without its own; peers of benchmarks and tools of the site are apart."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = setup["options.extras_require"]
    groups = [setup["options"]["install_requires"], *(extras[n] for n in extras if n not in ("bench", "docs"))]
    found = [Requirement(line) for group in groups for line in group.split("\n") if line.strip()]
    return [r for r in found if canonicalize_name(r.name) != "phi-sol"]


def lowest(requirement: Requirement) -> Version:
    """Raises ValueError for a requirement without a lower bound."""
    bounds = [Version(s.version) for s in requirement.specifier if s.operator == ">="]
    if len(bounds) != 1:
        raise ValueError(f"setup.cfg: {requirement} needs one lower bound (>=).")
    return bounds[0]


def lines() -> list[str]:
    """One a dependency; where several extras name it, the highest of their bounds."""
    bounds: dict[tuple[str, str], Version] = {}
    for r in requirements():
        key = (canonicalize_name(r.name), f"; {r.marker}" if r.marker else "")
        bounds[key] = max(lowest(r), bounds.get(key, Version("0")))
    return [f"{name}=={version}{marker}" for (name, marker), version in sorted(bounds.items())]


if __name__ == "__main__":
    (ROOT / ".ci" / "lowest.txt").write_text(ABOVE + "\n".join(lines()) + "\n")
