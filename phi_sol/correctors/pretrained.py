"""Trained correctors that come with the package."""

from ..storage.shipped import pretrained_folder
from .corrector import Corrector


def pretrained(scene: str) -> Corrector:
    """
    The trained corrector of a scene that comes with the package, for `HybridSolver(experiment.pair.source, ...)`.

    Args:
        scene: Name of the scene, such as `wake_2d`; `phi-sol pretrained` lists them.

    Raises:
        MissingError: if there is none for this scene.

    Examples:
        >>> ps.pretrained("wake_2d")
        Corrector(faster, 60096 parameters, of velocity after the step, WakeFlow 64x32)
    """
    return Corrector.load(pretrained_folder(scene))
