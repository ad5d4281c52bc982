"""Where the trained correctors are that come with the package, and their cards."""

from __future__ import annotations

from pathlib import Path

from ..arguments import checked
from ..errors import MissingError, suggestion
from ..storage.files import read_json

SHIPPED = Path(__file__).parents[1] / "correctors" / "shipped"
NAME = "pretrained"  # of the folder, so also of the solver in evaluations


def pretrained_scenes() -> list[str]:
    """The scenes whose trained correctors come with the package."""
    return sorted(p.parent.name for p in SHIPPED.glob(f"*/{NAME}"))


@checked
def pretrained_folder(scene: str) -> Path:
    """The folder with the trained corrector of a scene, as a training writes it; MissingError if there is none."""
    known = pretrained_scenes()
    if scene not in known:
        hint = suggestion(scene, known)
        there = f"{hint} There is one for {', '.join(known)}" if known else " There is none for any scene"
        raise MissingError(f"No trained corrector for {scene!r} comes with phi_sol.{there}; or train one.")
    return SHIPPED / scene / NAME


def shipped_or_own(run: Path, scene: str) -> Path:
    """
    The folder of a run. Unless there is such a folder, `pretrained` stands for what comes with phi_sol for this scene,
    and `pretrained:SCENE` for another one.
    """
    name, _, other = str(run).partition(":")
    return pretrained_folder(other or scene) if name == NAME and not run.exists() else run


def card(scene: str) -> dict:
    """
    What is known of the trained corrector of a scene: what it was trained on, error and cost as they were measured, the
    range that it is valid in, what it fails at, and how to train it again. Raises MissingError if there is none.
    """
    return read_json(pretrained_folder(scene).parent / "card.json")
