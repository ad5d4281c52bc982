"""What setup.cfg and the files around it say about the package is true, of one mind, and from one place."""

import ast
import json
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import phi_sol

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "phi_sol"
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
FOR_DEVELOPERS = {"dev", "bench", "docs"}
IN_NOTEBOOKS = {"ipython"}  # is there, or is not asked for

pytestmark = pytest.mark.skipif(not (REPOSITORY / "setup.cfg").is_file(), reason="not in the source tree")


@pytest.fixture(scope="module")
def setup() -> ConfigParser:
    found = ConfigParser()
    found.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    return found


def requirements(lines: str) -> list[Requirement]:
    return [Requirement(line) for line in lines.split("\n") if line.strip()]


def names(lines: str) -> set[str]:
    return {canonicalize_name(r.name) for r in requirements(lines)} - {"phi-sol"}


def pins(file: Path) -> dict[str, Requirement]:
    """The lines of a constraints file by name."""
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(r.name): r for r in map(Requirement, lines)}


# --- one version ---


def test_one_file_states_the_version(setup):
    assert setup["metadata"]["version"] == "attr: phi_sol.version.__version__"
    assert str(Version(phi_sol.__version__)) == phi_sol.__version__
    others = [*PACKAGE.rglob("*.py"), *(REPOSITORY / n for n in ("setup.cfg", "pyproject.toml", "CITATION.cff"))]
    quoted = re.compile(
        rf"""(["']){re.escape(phi_sol.__version__)}\1|\bversion\s*[:=]\s*{re.escape(phi_sol.__version__)}\b"""
    )
    stating = [p.relative_to(REPOSITORY).as_posix() for p in others if quoted.search(p.read_text())]
    assert stating == ["phi_sol/version.py"]


def test_the_changelog_begins_with_the_version():
    first = re.search(r"^## (\S+)", (REPOSITORY / "CHANGELOG.md").read_text(), re.M)
    assert first and first[1] == phi_sol.__version__


def test_the_version_is_known_without_an_installation_and_without_a_search_for_one(tmp_path):
    """Of a copy of the files that `import phi_sol` reads, in a Python that finds no distribution."""
    (tmp_path / "phi_sol").mkdir()
    for name in ("__init__.py", "__init__.pyi", "version.py"):
        shutil.copy(PACKAGE / name, tmp_path / "phi_sol")
    code = (
        "import sys; before = set(sys.modules); import phi_sol; new = set(sys.modules) - before; "
        "print(phi_sol.__version__, phi_sol.__file__, 'importlib.metadata' in new or 'tensorflow' in new)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    version, file, heavy = output.stdout.split()
    assert (version, heavy) == (phi_sol.__version__, "False") and Path(file).is_relative_to(tmp_path)


def test_what_is_stored_and_printed_states_it(capsys):
    from phi_sol.cli import main
    from phi_sol.storage.files import versions

    assert versions()["phi_sol"] == phi_sol.__version__
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.split()[:2] == ["phi-sol", phi_sol.__version__]


# --- Python ---


def test_pythons_are_the_same_everywhere(setup):
    allowed = SpecifierSet(setup["options"]["python_requires"])
    assert [v for v in (f"3.{i}" for i in range(8, 20)) if f"{v}.0" in allowed] == list(PYTHONS)
    classifiers = re.findall(r"Python :: (3\.\d+)", setup["metadata"]["classifiers"])
    assert tuple(classifiers) == PYTHONS
    said = f"Python {PYTHONS[0]} to {PYTHONS[-1]}"
    found = {p.relative_to(REPOSITORY).as_posix(): re.findall(r"Python 3\.\d+ to 3\.\d+", p.read_text()) for p in PAGES}
    saying = {page: versions for page, versions in found.items() if versions}
    assert all(versions == [said] for versions in saying.values()), saying
    assert {
        "README.md",
        "CONTRIBUTING.md",
        "docs/index.md",
        "docs/install.md",
        "docs/getting-started.md",
    } <= saying.keys()
    config = (REPOSITORY / "pyproject.toml").read_text()
    assert f'target-version = "py{PYTHONS[0].replace(".", "")}"' in config
    assert f'python_version = "{PYTHONS[0]}"' in config  # of mypy: what only later ones have is found


# --- dependencies ---


def imported(path: Path) -> set[str]:
    """Top-level names of what a file imports, anywhere, from outside of the package."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {a.name.partition(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"phi_sol"}


def test_everything_that_is_imported_is_required(setup):
    """By the package or by an extra for users, itself, not by luck through something else."""
    extras = setup["options.extras_require"]
    always = names(setup["options"]["install_requires"])
    required = always.union(*(names(extras[e]) for e in extras if e not in FOR_DEVELOPERS))
    known = metadata.packages_distributions()
    missing, optional = set(), set()
    for path in [*PACKAGE.rglob("*.py"), *(REPOSITORY / "scenes").glob("*.py")]:
        for module in imported(path):
            distributions = {canonicalize_name(d) for d in known.get(module, [module])}
            if not distributions & (required | IN_NOTEBOOKS):
                missing.add(f"{path.relative_to(REPOSITORY)}: {module} ({', '.join(distributions)})")
            optional |= distributions - always
    assert not missing
    assert {"dash", "pyamg", "vtk", "pyarrow"} <= optional  # of what extras hold some was seen


def test_no_development_tools_are_required(setup):
    extras = setup["options.extras_require"]
    tools = names(extras["dev"])
    assert {"pytest", "ruff", "mypy", "build", "twine"} <= tools
    needed = names(setup["options"]["install_requires"]).union(
        *(names(extras[e]) for e in extras if e not in FOR_DEVELOPERS)
    )
    assert not needed & tools


def test_all_has_every_extra_of_users_but_gpu(setup):
    extras = setup["options.extras_require"]
    inside = {e for r in requirements(extras["all"]) for e in r.extras}
    assert inside == set(extras) - FOR_DEVELOPERS - {"gpu", "all"}
    assert "phi_sol[all]" in extras["dev"]  # so that all of it is tested


def test_every_requirement_has_a_lower_bound_and_is_named_once_with_it(setup):
    extras = setup["options.extras_require"]
    ranges: dict[tuple, str] = {}
    for lines in (setup["options"]["install_requires"], *extras.values()):
        for r in requirements(lines):
            if canonicalize_name(r.name) == "phi-sol":
                assert r.extras <= set(extras), r
                continue
            assert [s.operator for s in r.specifier].count(">=") == 1, r
            assert ranges.setdefault((canonicalize_name(r.name), str(r.marker)), str(r.specifier)) == str(r.specifier)


NAMED = re.compile(r"(?:phi[_-]sol|(?<![\w\])])\.)\[([a-z][\w, -]*)\]")  # phi_sol[view], .[view,netcdf]


def test_extras_that_texts_name_exist(setup):
    known, seen = set(setup["options.extras_require"]), set()
    files = [*PACKAGE.rglob("*.py"), *(REPOSITORY / "tests").rglob("*.py"), *(REPOSITORY / "scenes").glob("*.py")]
    files += [*PAGES, REPOSITORY / "Makefile", *(REPOSITORY / "benchmarks").glob("*.md")]
    for file in files:
        for found in NAMED.findall(file.read_text()):
            extras = {e.strip() for e in found.split(",")}
            seen |= extras
            assert extras <= known, f"{file.relative_to(REPOSITORY)} names the extra {found}"
    assert {"view", "netcdf", "zarr", "cluster", "tensorboard", "multigrid", "parquet", "gpu", "all"} <= seen


def test_extras_that_are_chosen_while_running_exist(setup):
    from phi_sol.evaluation.formats import NEEDED
    from phi_sol.storage.readers import EXTRAS

    extras = setup["options.extras_require"]
    always = names(setup["options"]["install_requires"])
    assert set(EXTRAS.values()) <= set(extras)
    for kind, libraries in NEEDED.items():
        assert not set(libraries) - always or set(libraries) <= names(extras[kind]) | always, kind


# --- exact versions ---


def stated(content) -> list[dict[str, str]]:
    """All versions in a file of results."""
    if isinstance(content, list):
        return [v for entry in content for v in stated(entry)]
    if not isinstance(content, dict):
        return []
    own = [v for n, v in content.items() if n == "versions" and isinstance(v, dict)]
    return own + [v for n, entry in content.items() if n != "versions" for v in stated(entry)]


def test_constraints_are_within_the_ranges_and_complete(setup):
    exact = pins(REPOSITORY / "constraints.txt")
    python = re.search(r"^# Python (\S+), Linux x86_64$", (REPOSITORY / "constraints.txt").read_text(), re.M)
    assert python and python[1] in SpecifierSet(setup["options"]["python_requires"])
    extras = setup["options.extras_require"]
    for lines in (setup["options"]["install_requires"], *(extras[e] for e in extras if e not in ("gpu", "docs"))):
        for r in requirements(lines):
            name = canonicalize_name(r.name)
            if name == "phi-sol" or (r.marker and not r.marker.evaluate({"python_version": python[1][:4]})):
                continue
            (pin,) = exact[name].specifier
            assert pin.operator == "==" and pin.version in r.specifier, f"{r}, but constraints.txt has {exact[name]}"


def test_constraints_are_those_of_the_published_figures():
    """Of every file of results, and of the correctors that come with the package; otherwise `make constraints`."""
    exact = pins(REPOSITORY / "constraints.txt")
    python = re.search(r"^# Python (\S+),", (REPOSITORY / "constraints.txt").read_text(), re.M)
    files = [*(REPOSITORY / "benchmarks").rglob("*.json"), *(PACKAGE / "correctors" / "shipped").rglob("*.json")]
    counted = 0
    for file in files:
        for versions in stated(json.loads(file.read_text())):
            counted += 1
            for name, version in versions.items():
                if name == "python":
                    assert python and version == python[1], file
                elif name != "phi_sol":
                    assert str(exact[canonicalize_name(name)].specifier) == f"=={version}", file
    assert counted > 20


def test_lowest_versions_are_those_of_the_ranges():
    """`python .ci/lowest.py` writes them; this computes them anew, in another way."""
    setup = ConfigParser()
    setup.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    extras = setup["options.extras_require"]
    expected: dict[str, Version] = {}
    for lines in (setup["options"]["install_requires"], *(extras[e] for e in extras if e not in ("bench", "docs"))):
        for name, bound in re.findall(r"^([\w.-]+)(?:\[[\w-]+\])?>=([\d.]+)", lines, re.M):
            expected[canonicalize_name(name)] = Version(bound)
    found = pins(REPOSITORY / ".ci" / "lowest.txt")
    assert {n: Version(str(r.specifier).removeprefix("==")) for n, r in found.items()} == expected


# --- files around it ---


def test_the_citation_is_valid_and_states_no_version():
    """The schema's required keys and kinds; releases are checked with cffconvert (docs/releasing.md)."""
    yaml = pytest.importorskip("yaml")
    found = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert found["cff-version"] == "1.2.0" and {"message", "title", "authors"} <= found.keys()
    assert found["license"] == "MIT" and "version" not in found and "date-released" not in found
    (paper,) = found["references"]
    assert {"type", "title", "authors"} <= paper.keys() and len(paper["authors"]) == 5


@pytest.mark.parametrize("form", ["bug", "feature"])
def test_issue_forms_are_valid(form):
    """By the rules of GitHub's issue forms: known kinds, unique ids, labels where they are needed."""
    yaml = pytest.importorskip("yaml")
    found = yaml.safe_load((REPOSITORY / ".github" / "ISSUE_TEMPLATE" / f"{form}.yml").read_text())
    assert all(isinstance(found[n], str) and found[n] for n in ("name", "description"))
    ids = [part["id"] for part in found["body"]]
    assert len(set(ids)) == len(ids) >= 3
    for part in found["body"]:
        assert part["type"] in ("input", "textarea", "dropdown", "checkboxes") and part["attributes"]["label"]
        if part["type"] == "checkboxes":
            assert all(o["label"] for o in part["attributes"]["options"])
    assert any(part.get("validations", {}).get("required") for part in found["body"])


def test_targets_and_commands_of_the_contributors_pages_exist():
    rules = set(re.findall(r"^([\w-]+):", (REPOSITORY / "Makefile").read_text(), re.M))
    for page in ("CONTRIBUTING.md", "docs/releasing.md"):
        asked = set(
            re.findall(
                r"\bmake ([a-z][\w-]*)", "\n".join(re.findall(r"```\n(.*?)```", (REPOSITORY / page).read_text(), re.S))
            )
        )
        assert asked and asked <= rules, page


def test_the_source_distribution_is_asked_for_every_folder_and_file():
    """By name, fast; tests/e2e/test_packaging.py builds it and compares every file."""
    if not (REPOSITORY / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout")
    command = ["git", "-C", str(REPOSITORY), "ls-files", "-z"]
    tracked = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    lines = [line.split() for line in (REPOSITORY / "MANIFEST.in").read_text().splitlines()]
    grafted = {word for what, *words in lines if what == "graft" for word in words}
    included = [word for what, *words in lines if what == "include" for word in words]
    assert {f.partition("/")[0] for f in tracked if "/" in f} <= grafted
    alone = [f for f in tracked if f and "/" not in f and not any(fnmatch(f, i) for i in included)]
    assert set(alone) <= {"MANIFEST.in", "pyproject.toml", "setup.cfg"}  # are always there
