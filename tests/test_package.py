"""The package as installed: import time behaviour, layers, wheel and editable install."""

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

import phi_sol

ROOT = Path(phi_sol.__file__).parent
REPOSITORY = ROOT.parent

# from the bottom to the top; a module may import modules of its own or a lower layer, also inside of functions
LAYERS = [
    "version",
    "errors",
    "arguments",
    "limits",
    "texts",
    "displays",
    "places",
    "progress",
    "quiet",
    "files",
    "scene_files",
    "kernels",
    "grids",
    "pressure",
    "stepping",
    "flows",
    "solvers",
    "storage",
    "networks",
    "metrics",
    "pictures",
    "correctors",
    "schedule",
    "experiment",
    "workers",
    "generation",
    "evaluation",
    "discovery",
    "training",
    "tasks",
    "reproduce",
    "viewer",
    "cli",
    "__main__",
]
WITHOUT_TENSORFLOW = {
    "version",
    "errors",
    "workers",
    "arguments",
    "limits",
    "texts",
    "displays",
    "places",
    "files",
    "scene_files",
    "grids",
    "pressure",
    "flows",
    "metrics",
    "schedule",
    "experiment",
}


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if name != "__init__":
            yield name, path


def imported(path: Path, module: str) -> set[str]:
    """Names of the phi_sol modules that a file imports anywhere, and of the names it takes from them."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            name = ".".join(base + ([node.module] if node.module else []))
            found |= {name} if name else {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            found |= {
                n.removeprefix("phi_sol").lstrip(".") for n in names if n == "phi_sol" or n.startswith("phi_sol.")
            }
    return found


@pytest.mark.parametrize("module, path", list(modules()), ids=lambda v: v if isinstance(v, str) else "")
def test_imports_run_one_way(module, path):
    own = LAYERS.index(module.partition(".")[0])
    for other in imported(path, module):
        assert LAYERS.index(other.partition(".")[0]) <= own, f"{module} imports {other}"


@pytest.mark.parametrize("module, path", list(modules()), ids=lambda v: v if isinstance(v, str) else "")
def test_tensorflow_is_imported_where_the_design_allows_it_and_not_passed_on(module, path):
    tree = ast.parse(path.read_text())
    direct = {a.name.partition(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    direct |= {
        (n.module or "").partition(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and not n.level
    }
    if direct & {"tensorflow", "keras"}:
        assert module.partition(".")[0] not in WITHOUT_TENSORFLOW
    taken = {a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level for a in n.names}
    assert not taken & {"tf", "keras", "tensorflow"} - {"tensorflow"} | (
        taken & {"tensorflow"} if module != "kernels" else set()
    )


def test_files_are_short():
    for _, path in modules():
        assert path.read_text().count("\n") <= 300, path


def public_callables():
    """Public functions, and constructors and public methods of public classes, by name."""
    for module in (phi_sol, phi_sol.metrics, phi_sol.networks):
        for name in module.__all__:
            found = getattr(module, name)
            if inspect.isclass(found):
                yield from ((f"{name}.{n}", f) for n, f in inspect.getmembers(found, callable) if n[0] != "_")
            if callable(found):
                yield name, found


def test_more_than_four_arguments_are_named():
    """Of every public callable at most four arguments are positional; `make_incompressible` is as PhiFlow's."""
    for name, function in public_callables():
        builtin = inspect.isclass(function) and issubclass(function, Exception)
        if (
            builtin
            or name == "make_incompressible"
            or not (getattr(function, "__module__", "") or "").startswith("phi_sol")
        ):
            continue
        given = [p.name for p in inspect.signature(function).parameters.values() if p.kind in (0, 1)]
        assert len([n for n in given if n != "self"]) <= 4, f"{name}{tuple(given)}"


def run_python(code: str, **kwargs) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, **kwargs).stdout


def test_import_is_light():
    code = (
        "import sys, phi_sol; phi_sol.load_experiment('karman_2d'), phi_sol.SolverPair; print('tensorflow' in "
        "sys.modules)"
    )
    assert run_python(code).strip() == "False"


def test_public_names_exist():
    for name in phi_sol.__all__:
        assert getattr(phi_sol, name) is not None
    assert dir(phi_sol) == phi_sol.__all__ and not [n for n in phi_sol.__all__ if n.startswith("_")]
    with pytest.raises(AttributeError, match="[Nn]o .*attribute.* '?nonsense"):
        _ = phi_sol.nonsense


def test_scripts_that_use_public_names_are_type_checked(tmp_path):
    pytest.importorskip("mypy")
    script = tmp_path / "script.py"
    script.write_text(
        "import phi_sol\n"
        "flow: phi_sol.WakeFlow = phi_sol.WakeFlow(y=16, x=8)\n"
        "frames = phi_sol.rollout(flow, flow.initial_state(reynolds=[200.0, 400.0]), steps=2)\n"
        "state: phi_sol.State = frames.last\n"
        "pair = phi_sol.SolverPair(phi_sol.WakeFlow, dict(y=16, x=8), dt=0.5)\n"
        "hybrid = phi_sol.HybridSolver(pair.source, phi_sol.Corrector.load('run'))\n"
        "hybrid.corrector.save('copy')\n"
        "phi_sol.WakeFlo(y=16, x=8)\n"
        "wrong: phi_sol.SmokeBox = flow\n"
        "phi_sol.rollout(pair, state, steps=2)\n"
        "hybrid.corrector.sav('copy')\n"
    )
    where = {"MYPYPATH": str(REPOSITORY)} if (REPOSITORY / "setup.cfg").is_file() else {}
    options = ["--config-file=", "--ignore-missing-imports", "--follow-imports=silent", f"--cache-dir={tmp_path}"]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(script)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | where,
    )
    refused = [line.removeprefix("script.py:") for line in checked.stdout.splitlines() if ": error:" in line]
    assert [line.partition(":")[0] for line in refused] == ["8", "9", "10", "11"], checked.stdout + checked.stderr
    assert '"WakeFlo"' in refused[0]


def test_editable_install_has_the_scenes(tmp_path):
    code = "import phi_sol.scenes, phi_sol.scenes.karman_2d as k; print(k.experiment.name, phi_sol.scenes.__path__[0])"
    name, path = run_python(code, cwd=tmp_path).split(maxsplit=1)
    assert name == "karman_2d" and (Path(path.strip()) / "karman_2d.py").is_file()


def test_wheel_has_the_scenes(tmp_path):
    if not (REPOSITORY / "setup.cfg").is_file():
        pytest.skip("phi_sol is not installed from its source tree")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(REPOSITORY)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("phi_sol-*.whl")
    with ZipFile(wheel) as content:
        packed = set(content.namelist())
    own = {f"phi_sol/{p.relative_to(ROOT)}" for p in ROOT.rglob("*") if p.suffix in (".py", ".pyi", ".css", ".typed")}
    own |= {f"phi_sol/scenes/{p.name}" for p in (REPOSITORY / "scenes").glob("*.py")}
    assert own - packed == set()
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), str(wheel)], check=True
    )
    code = (
        "import phi_sol, phi_sol.scenes.karman_2d as k; print(phi_sol.__file__); print(k.__file__); "
        "print(k.experiment.name)"
    )
    output = run_python(code, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(site)}).split()
    assert output[2] == "karman_2d"
    assert all(Path(f).is_relative_to(site) for f in output[:2])


def test_public_names_need_no_extra():
    """Where Dash, Plotly and the others are not installed, all can be imported; what needs them says so when called."""
    extras = ("dash", "plotly", "werkzeug", "flask", "xarray", "zarr", "h5netcdf", "vtk", "pyarrow", "yaml", "dask")
    extras += ("distributed", "dask_jobqueue", "pyamg", "tensorboard")
    code = f"""
import sys

class Missing:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {extras!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing)
from phi_sol import *
import phi_sol
assert set(phi_sol.__all__) <= set(globals())
"""
    run_python(code)
