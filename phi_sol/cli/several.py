"""Trainings on several scenes at once: what is refused."""

from pathlib import Path


def check_several(experiments: list, data: list[Path] | None, weights: str | None, out: Path | None):
    """Raises InputError for several scenes that can't be trained together, or for options that are not for one."""
    from ..errors import InputError
    from ..flows.common_ground import check_together

    names = [e.name for e in experiments]
    if len(names) == 1:
        if weights is not None:
            raise InputError("--weights says how often each of several scenes is drawn: for one leave it out.")
        return
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise InputError(f"The scene {twice[0]} is there twice: name each once, and --weights for how often it counts.")
    if out is None:
        raise InputError("A training on several scenes needs a folder: --out, e.g. --out runs/foundation.")
    if data and len(data) != len(names):
        raise InputError(f"{len(names)} scenes need --data {len(names)} times, in their order, not {len(data)} times.")
    for other in experiments[1:]:
        if other.task != experiments[0].task:
            raise InputError(f"{names[0]} and {other.name} can't be trained together: their tasks differ.")
    check_together({e.name: e.pair.source for e in experiments})
