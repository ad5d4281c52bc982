"""
What a shell offers for the words of a command: scenes, runs, parameters, unknowns and names of phi_sol's. Nothing here
imports TensorFlow, and what goes wrong offers nothing.
"""

import ast
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from pathlib import Path
from textwrap import shorten

import typer

from ..schedule import DECAYS, FORMS, NETWORK_NAMES, OPTIMIZERS

Offered = list[tuple[str, str] | str]
DEPTH, MANY = 4, 500  # levels below `runs` that are searched, folders that are looked at
TRAINED = ("run.json", "corrector.json", "guess.json", "pinn.npz")  # each the sign of a run
LONGEST = 200_000  # characters of a scene file
WIDE = 60  # characters of what is said of a scene: shells take a second line for another word
FLOWS = {  # parameters, profiles and fields that are not prescribed; to import PhiFlow would take a second
    "BuoyantPlume": (("seed", "buoyancy"), (), ("velocity", "marker")),
    "ForcedAdvection": (("seed", "viscosity", "amplitude"), (), ("velocity",)),
    "PeriodicBox": (("seed", "viscosity"), (), ("velocity",)),
    "SmokeBox": (("seed", "buoyancy"), (), ("velocity", "marker", "divergence", "pressure")),
    "WakeFlow": (("reynolds",), ("inlet",), ("velocity", "marker")),
}
METHODS = ("pre", "pre-sr", "non", "nog", "sol", "pure", "node", "pinn", "phy", "sol-phy")
SEARCHES = ("gauss-newton", "gauss-newton-products", "l-bfgs")
NOT_OFFERED = ("tensorflow", "keras", "jax", "torch")  # a scene that needs one of them takes long to load


def _offered(function: Callable[[typer.Context, str], Iterable[tuple[str, str] | str]]):
    """A function for shells: what begins with the word that is being written, and nothing if anything goes wrong."""

    @wraps(function)
    def complete(ctx: typer.Context, args: list[str], incomplete: str) -> Offered:
        try:
            return list(function(ctx, incomplete))
        except Exception:  # whatever is in the folders and files of users
            return []

    del complete.__wrapped__  # type: ignore[attr-defined]  # typer would ask it for its arguments
    return complete


def one_of(*names: str):
    """Some names."""
    return _offered(lambda ctx, incomplete: names)


methods, networks, optimizers = one_of(*METHODS), one_of(*NETWORK_NAMES), one_of(*OPTIMIZERS)
decays, forms, searches = one_of(*DECAYS), one_of(*FORMS), one_of(*SEARCHES)
precisions = one_of("float32", "mixed_bfloat16", "mixed_float16")


@_offered
def scenes(ctx: typer.Context, incomplete: str) -> Iterator[tuple[str, str] | str]:
    """Known scenes with what they are, and scene files in the folder that is being written."""
    if "/" not in incomplete:
        for name, file in _known_scenes().items():
            summary = (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0]
            yield name, shorten(summary, WIDE, placeholder=" ...")
    folder, _, _ = incomplete.rpartition("/")
    for path in sorted(Path(folder or ("/" if incomplete.startswith("/") else ".")).glob("*.py"))[:MANY]:
        if "xperiment(" in path.read_text(errors="replace")[:LONGEST]:
            yield f"{folder}/{path.name}" if "/" in incomplete else path.name


@_offered
def shipped(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Scenes with a trained corrector that comes with phi_sol."""
    return _shipped()


@_offered
def runs(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Folders of runs below `runs`, and the trained correctors that come with phi_sol."""
    yield "pretrained"
    yield from (f"pretrained:{name}" for name in _shipped())
    yield from found_runs(Path("runs"), TRAINED)


@_offered
def evaluations(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Folders of evaluations below `runs`."""
    yield from found_runs(Path("runs"), ("results.json",))


def found_runs(root: Path, signs: tuple[str, ...]) -> Iterator[str]:
    """Folders below another one with one of some files in them, in order; what is in a run is searched for no more."""
    for looked_at, (place, folders, files) in enumerate(os.walk(root, followlinks=True)):
        if set(signs) & set(files):
            yield place
        if looked_at > MANY or set(signs) & set(files) or len(Path(place).relative_to(root).parts) >= DEPTH:
            folders.clear()
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "checkpoints")


@_offered
def parameters(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """`reynolds=`: the parameters of the scene that was named before."""
    if "=" not in incomplete:
        yield from (f"{name}=" for name in _parameters(_scene(ctx)))


@_offered
def unknowns(ctx: typer.Context, incomplete: str) -> list[str]:
    """What can be estimated of the scene that was named before: parameters, profiles, fields."""
    scene = _scene(ctx)
    try:
        known = _flow(scene)
    except Exception:  # also of a scene that needs what is not offered here
        known = (), (), ()
    return list(dict.fromkeys([*_parameters(scene), *(n for names in known for n in names)]))


@_offered
def fields(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """The fields of the scene that was named before."""
    return _flow(_scene(ctx))[-1]


def _scene(ctx: typer.Context) -> str:
    """The scene, or the first of several, that was named before."""
    given = ctx.params.get("scene") or ctx.params.get("scenes") or ctx.args  # of a line that can't be parsed yet
    words = [given] if isinstance(given, str) else list(given)
    return next((w for w in words if w.endswith(".py") or w in _known_scenes()), "")


def _known_scenes() -> dict[str, Path]:
    """The files of the scenes that come with the package, by name."""
    spec = importlib.util.find_spec("phi_sol.scenes")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return {p.stem: p for place in places for p in sorted(Path(place).glob("[a-z]*.py"))}


def _shipped() -> list[str]:
    return sorted(p.parent.name for p in (Path(__file__).parents[1] / "correctors" / "shipped").glob("*/pretrained"))


def _tree(scene: str) -> list[ast.AST]:
    """The syntax of a scene file, node by node."""
    return list(ast.walk(ast.parse(_known_scenes().get(scene, Path(scene)).read_text()[:LONGEST])))


def _parameters(scene: str) -> list[str]:
    """Names of parameters, as they are written in a scene file, or else of the flow."""
    found = [n for node in _tree(scene) if isinstance(node, ast.keyword) for n in _names(node)]
    return list(dict.fromkeys(found)) or list(_flow(scene)[0])


def _names(given: ast.keyword) -> list[str]:
    """Those of `train=dict(reynolds=...)`, or of a dictionary in braces."""
    value = given.value
    if given.arg in ("train", "test") and isinstance(value, ast.Call):
        return [k.arg for k in value.keywords if k.arg]
    if given.arg in ("train", "test") and isinstance(value, ast.Dict):
        return [k.value for k in value.keys if isinstance(k, ast.Constant) and isinstance(k.value, str)]
    return []


class _Refusing:
    """A finder of modules that finds none of those that take long."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in NOT_OFFERED and name not in sys.modules:
            raise ModuleNotFoundError(f"{name} takes long", name=name)


def _flow(scene: str) -> tuple[Iterable[str], Iterable[str], Iterable[str]]:
    """
    Parameters, profiles and fields of a scene. One with a flow of its own is loaded, unless it needs what takes long.
    """
    given = [n.value for n in _tree(scene) if isinstance(n, ast.keyword) and n.arg == "flow"]
    names = [n.attr if isinstance(n, ast.Attribute) else getattr(n, "id", "") for n in given]
    if len(names) == 1 and names[0] in FLOWS:
        return FLOWS[names[0]]
    from ..experiment import load_experiment

    refusing = _Refusing()
    sys.meta_path.insert(0, refusing)  # type: ignore[arg-type]
    try:
        flow = load_experiment(scene).pair.source
    finally:
        sys.meta_path.remove(refusing)  # type: ignore[arg-type]
    return flow.parameters, tuple(flow.profiles), [f for f in flow.fields if f not in flow.prescribed]
