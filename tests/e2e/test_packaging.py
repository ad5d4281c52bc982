"""What is uploaded: built, checked, installed into an empty environment for every Python; its commands run there."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import phi_sol

REPOSITORY = Path(__file__).parents[2]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
EXACT = "3.11"  # of constraints.txt: with this one its versions are installed
FRAMES = 2

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (REPOSITORY / "setup.cfg").is_file(), reason="not in the source tree"),
]


def outside() -> dict[str, str]:
    """The environment without what this process's Python is told, such as a path on which phi_sol lies already."""
    return {n: v for n, v in os.environ.items() if not n.startswith(("PYTHON", "PHI_SOL_")) and n != "VIRTUAL_ENV"}


def run(*command: str | Path | int, **kwargs) -> str:
    """What a command prints, outside of this process's Python; its errors are in the failure."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **{"env": outside()} | kwargs)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Path]:
    """Source distribution, made from this tree, and wheel, made from the source distribution."""
    pytest.importorskip("build")
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", out, REPOSITORY)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    assert sdist.name == f"phi_sol-{phi_sol.__version__}.tar.gz"
    assert wheel.name == f"phi_sol-{phi_sol.__version__}-py3-none-any.whl"
    return sdist, wheel


def test_checks(built):
    for tool in ("twine", "check_wheel_contents"):
        pytest.importorskip(tool)
    run(sys.executable, "-m", "twine", "check", "--strict", *built)
    run(sys.executable, "-m", "check_wheel_contents", built[1])


def tracked() -> set[str]:
    """Files of the repository; the test is skipped where it is none."""
    if not (REPOSITORY / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout")
    files = run("git", "-C", REPOSITORY, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return {f for f in files if f and (REPOSITORY / f).is_file()}


def test_the_source_distribution_holds_the_repository(built):
    with tarfile.open(built[0]) as archive:
        held = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
    made = {"PKG-INFO"} | {n for n in held if n.startswith("phi_sol.egg-info/")}
    assert held - made == tracked()


def test_the_wheel_holds_the_package_and_nothing_else(built):
    with ZipFile(built[1]) as archive:
        held = {n for n in archive.namelist() if not n.startswith("phi_sol-")}
    files = tracked()
    scenes = {f"phi_sol/{f}" for f in files if f.startswith("scenes/")}
    assert held == {f for f in files if f.startswith("phi_sol/")} | scenes


def test_tests_run_in_the_source_distribution(built, tmp_path):
    with tarfile.open(built[0]) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    tests = ("tests/test_metadata.py", "tests/test_package.py", "tests/grids/test_layout.py")
    command = (
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n0",
        "-m",
        "not slow",
        "-k",
        "not editable and not distribution",
        *tests,
    )
    output = run(*command, cwd=source, env=outside() | {"PYTHONPATH": str(source)})
    assert re.search(r"\d+ passed", output) and "skipped" not in output.splitlines()[-1], output


# --- installed ---


def interpreter(version: str) -> Path:
    """A Python that starts: by name, or where pyenv keeps them, whose shims are there for those that do not start."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    named = shutil.which(f"python{version}")
    candidates = [Path(named)] if named else []
    for python in candidates + sorted(pyenv.glob(f"{version}.*/bin/python")):
        said = subprocess.run([str(python), "--version"], capture_output=True, text=True)
        if said.returncode == 0 and said.stdout.startswith(f"Python {version}."):
            return python
    pytest.skip(f"no python{version} was found")


@pytest.fixture(scope="module", params=PYTHONS)
def installed(request, built, tmp_path_factory) -> Iterator[Path]:
    """The `bin` of an empty environment into which the wheel was installed, as a user would."""
    python = interpreter(request.param)
    folder = tmp_path_factory.mktemp(f"python{request.param}")
    run(python, "-m", "venv", folder / "venv")
    bin = folder / "venv" / "bin"
    exact = ("--constraint", REPOSITORY / "constraints.txt") if request.param == EXACT else ()
    # most of TensorFlow is never imported: what is, is compiled then
    run(bin / "python", "-m", "pip", "install", "--quiet", "--no-compile", *exact, built[1])
    assert (bin / "phi-sol").is_file()
    yield bin
    shutil.rmtree(folder)


@pytest.fixture
def here(tmp_path) -> dict:
    """Where and how commands run: in an empty folder, with nothing of this process's Python."""
    return {"cwd": tmp_path, "env": outside()}


def packages(bin: Path) -> dict[str, str]:
    listed = json.loads(run(bin / "python", "-m", "pip", "list", "--format", "json"))
    return {canonicalize_name(p["name"]): p["version"] for p in listed}


def brought(bin: Path) -> set[str]:
    """What packages other than phi_sol require for themselves, such as markdown-it-py for rich."""
    inspected = json.loads(run(bin / "python", "-m", "pip", "inspect"))["installed"]
    others = [p["metadata"] for p in inspected if canonicalize_name(p["metadata"]["name"]) != "phi-sol"]
    required = [Requirement(r) for metadata in others for r in metadata.get("requires_dist", ())]
    return {canonicalize_name(r.name) for r in required if not r.marker or r.marker.evaluate({"extra": ""})}


def test_what_is_installed(installed):
    """All that the package requires, in one piece; of extras nothing; with constraints exactly those versions."""
    setup = ConfigParser()
    setup.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    found = packages(installed)
    run(installed / "python", "-m", "pip", "check")
    extras = [r for lines in setup["options.extras_require"].values() for r in lines.split("\n") if r.strip()]
    required = {canonicalize_name(Requirement(r).name) for r in setup["options"]["install_requires"].split("\n") if r}
    further = {canonicalize_name(Requirement(r).name) for r in extras} - required - {"phi-sol"}
    assert not (further - brought(installed)) & found.keys()
    assert found["phi-sol"] == phi_sol.__version__
    if found_python(installed) == EXACT:
        exact = dict(re.findall(r"^([\w.-]+)==(\S+)$", (REPOSITORY / "constraints.txt").read_text(), re.M))
        ours = {n: v for n, v in found.items() if n not in ("phi-sol", "pip", "setuptools", "wheel")}
        assert ours and ours == {n: exact.get(n) for n in ours}


def found_python(bin: Path) -> str:
    return run(bin / "python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()


def test_commands(installed, here):
    command = installed / "phi-sol"
    assert run(command, "--version", **here).startswith(f"phi-sol {phi_sol.__version__} (phiflow 3.")
    assert "generate" in run(command, "--help", **here)
    assert {"karman_2d", "wake_2d", "poisson_2d"} <= set(run(command, "scenes", **here).split())
    assert "wake_2d" in run(command, "pretrained", **here)
    options = ("--split", "test", "--param", "reynolds=300", "--warmup", 1, "--frames", FRAMES)
    run(command, "generate", "karman_2d", *options, **here)
    frames = sorted((here["cwd"] / "data" / "karman_2d" / "test" / "sim_000000").glob("velocity_*.npz"))
    assert len(frames) == FRAMES + 1
    run(command, "check", "data/karman_2d", **here)


def test_pretrained_correctors_load_and_correct(installed, here):
    listed = json.loads(run(installed / "phi-sol", "pretrained", "--json", **here))
    names = [entry["scene"] for entry in listed]
    assert {"wake_2d", "foundation_2d"} <= set(names)
    code = (
        "import phi_sol, numpy as np\n"
        f"correctors = [phi_sol.pretrained(name) for name in {names}]\n"
        "pair = phi_sol.load_experiment('wake_2d').pair\n"
        "hybrid = phi_sol.HybridSolver(pair.source, phi_sol.pretrained('wake_2d'))\n"
        "start = pair.source.initial_state(reynolds=300.0)\n"
        "ends = [s.rollout(start, steps=2, progress=False).arrays['velocity.y'][-1] for s in (pair.source, hybrid)]\n"
        "assert all(np.isfinite(e).all() for e in ends)\n"
        "print(float(np.abs(ends[0] - ends[1]).max()), phi_sol.__file__)\n"
    )
    difference, file = run(installed / "python", "-c", code, **here).split()[-2:]
    assert 0 < float(difference) < 1
    assert Path(file).is_relative_to(installed.parent)


def test_what_extras_hold_is_asked_for_by_their_name(installed, here):
    (here["cwd"] / "box.vti").touch()
    (here["cwd"] / "job.yaml").touch()
    for arguments, extra in (
        (("view", "wake_2d"), "view"),
        (("generate", "karman_2d", "--cluster", "job.yaml"), "cluster"),
        (("import", "karman_2d", "box.vti", "--out", "imported"), "vtk"),
    ):
        done = subprocess.run([installed / "phi-sol", *arguments], capture_output=True, text=True, **here)
        assert done.returncode == 2, done.stdout + done.stderr
        (line,) = done.stderr.strip().splitlines()
        assert f"pip install 'phi_sol[{extra}]'" in line
