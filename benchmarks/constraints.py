"""
Writes constraints.txt: the exact versions of all that is installed beside phi_sol where published figures are measured.

    .venv-bench/bin/python benchmarks/constraints.py        # `make constraints`

The figures' own files name the versions of what decides them; tests/test_metadata.py holds the two together.
"""

import platform
from importlib import metadata
from pathlib import Path

from packaging.utils import canonicalize_name

OUT = Path(__file__).parents[1] / "constraints.txt"
NOT_ITS_OWN = {"phi-sol", "pip", "setuptools", "wheel"}  # itself, and what installs


def installed() -> dict[str, str]:
    """Versions by name."""
    found = {canonicalize_name(d.metadata["Name"]): d.version for d in metadata.distributions()}
    return {n: v for n, v in sorted(found.items()) if n not in NOT_ITS_OWN}


if __name__ == "__main__":
    OUT.write_text(
        "# The exact versions with which the published figures were measured. Written by `make constraints`; used as\n"
        "#     pip install -c constraints.txt phi_sol\n"
        f"# Python {platform.python_version()}, {platform.system()} {platform.machine()}\n"
        + "".join(f"{n}=={v}\n" for n, v in installed().items())
    )
