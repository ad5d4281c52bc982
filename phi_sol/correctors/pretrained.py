"""Trained correctors that come with the package, each with a card that says what it is good for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import MissingError, suggestion
from ..storage.files import read_json

if TYPE_CHECKING:
    from .corrector import Corrector

SHIPPED = Path(__file__).parent / "shipped"
NAME = "pretrained"  # of the folder, so also of the solver in evaluations


def pretrained_scenes() -> list[str]:
    """The scenes whose trained correctors come with the package."""
    return sorted(p.parent.name for p in SHIPPED.glob(f"*/{NAME}"))


def pretrained_folder(scene: str) -> Path:
    """The folder with the trained corrector of a scene, as a training writes it; MissingError if there is none."""
    known = pretrained_scenes()
    if scene not in known:
        hint = suggestion(scene, known)
        there = f"{hint} There is one for {', '.join(known)}" if known else " There is none for any scene"
        raise MissingError(f"No trained corrector for {scene!r} comes with phi_sol.{there}; or train one.")
    return SHIPPED / scene / NAME


def pretrained(scene: str) -> Corrector:
    """
    The trained corrector of a scene that comes with the package, for `HybridSolver(experiment.pair.source, ...)`.

    Args:
        scene: Name of the scene, such as `wake_2d`; `phi-sol pretrained` lists them.

    Raises:
        MissingError: if there is none for this scene.
    """
    from .corrector import Corrector

    return Corrector.load(pretrained_folder(scene))


def card(scene: str) -> dict:
    """
    What is known of the trained corrector of a scene: what it was trained on, error and cost as they were measured, the
    range that it is valid in, what it fails at, and how to train it again. Raises MissingError if there is none.
    """
    return read_json(pretrained_folder(scene).parent / "card.json")
