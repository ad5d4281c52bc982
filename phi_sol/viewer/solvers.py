"""What a viewer needs of flows: which arrays it compares, and a velocity to poke them with."""

import numpy as np

from ..flows import Flow
from ..grids.sampling import gaussian_mean
from ..metrics.metric import error_label


def compared_arrays(flow: Flow) -> list[str]:
    """Names of the arrays whose error is measured: of the velocity, or of the first field where there is none."""
    layouts = flow.layouts
    return (layouts.get("velocity") or next(iter(layouts.values()))).arrays


def error_axis(flow: Flow | None) -> str:
    """Label of an axis that shows the error of these arrays."""
    return error_label(compared_arrays(flow)) if flow else ""


def swirl(flow: Flow, centre: dict[str, float], radius: float, speed: float) -> dict[str, np.ndarray]:
    """
    A divergence-free velocity around an axis, for a poke, by array name, shape (*faces): the curl of the stream
    function ψ = speed radius e^½ exp(-r²/(2 radius²)) in the plane of the first two axes; `speed` is the greatest, at
    the distance `radius` (domain units).

    Face values are differences of ψ between the ends of a face, so that the discrete divergence vanishes and the
    restriction of the reference's swirl is the source's.
    """
    a, b, *others = flow.resolution
    layout, result = flow.layouts["velocity"], {}
    for component in flow.resolution:
        where, shape = layout.intervals(component), layout.shape(component)
        values = np.zeros(shape)
        if component in (a, b):
            other, sign = (b, 1) if component == a else (a, -1)
            bell = {d: [np.exp(-(((x - centre[d]) / radius) ** 2) / 2) for x in where[d]] for d in (a, b)}
            lower, upper = where[other]
            factors = {component: bell[component][0], other: sign * (bell[other][1] - bell[other][0]) / (upper - lower)}
            factors |= {d: gaussian_mean(*where[d], centre[d], radius) for d in others}
            values = speed * radius * np.exp(0.5) * np.ones(shape)
            for axis, d in enumerate(flow.resolution):
                values = values * factors[d].reshape([-1 if i == axis else 1 for i in range(len(shape))])
        result[f"velocity.{component}"] = values
    return result
