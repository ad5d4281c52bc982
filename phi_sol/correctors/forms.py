"""What the channels of a corrector's network mean."""

from collections.abc import Callable

import tensorflow as tf

from ..errors import InputError, quoted
from ..flows import Flow
from ..flows.closures import filter_width, viscous_force
from ..grids.layout import Layout
from ..grids.strain import at_edges, beyond, force, pairs_of, strain_rate, strain_size
from ..kernels.compiled import Arrays

FORMS = {
    "increment": "each channel is added to an array of the state",
    "viscosity": "an eddy viscosity, whose force enters the step: 2 ν_t S_ij is the stress",
    "stress": "a stress, whose divergence enters the step",
}


def check_known(form: str):
    """Raises InputError for an unknown form."""
    if form not in FORMS:
        raise InputError(f"Unknown form {quoted(form)}. Known: {', '.join(FORMS)}.")


def check_form(form: str, placement: str, correct: tuple[str, ...]):
    """Raises InputError for an unknown form, or a closure of more than the velocity or not inside of the step."""
    check_known(form)
    if form != "increment" and placement != "inside":
        raise InputError(f"A closure ({form}) is a force: its placement is inside the step, not {quoted(placement)}.")
    if form != "increment" and tuple(correct) != ("velocity",):
        raise InputError(f"A closure ({form}) corrects the velocity, not {', '.join(correct)}.")


def channels_of(form: str, outputs: int, axes: int) -> int:
    """Channels of a network in this form, for so many corrected arrays on a grid of so many axes."""
    return {"increment": outputs, "viscosity": 1, "stress": axes * (axes + 1) // 2}[form]


def closure(form: str, flow: Flow) -> Callable[[tf.Tensor, Arrays, float], Arrays]:
    """
    The increments of a step from the channels n of a network, shape (batch, *resolution, channels), and the velocity:
    with Δ the width of a cell and dt the flow's time step

        viscosity:  dt ∂_j (2 ν_t S_ij),   ν_t = 0.04 Δ² |S| log(1 + exp(n))
        stress:     Δ ∂_j (scale n_ij),    n symmetric, at edges by the mean of the cells around

    An untrained network gives n = 0: no stress, and as viscosity Smagorinsky's model with C = 0.17; it never is
    negative. Differences of stresses through the faces of volumes: in a periodic box momentum stays. Second order in
    space.
    """
    layout = flow.layouts["velocity"]
    return {"viscosity": _viscosity, "stress": _stress}[form](layout, flow.dt)


def _viscosity(layout: Layout, dt: float) -> Callable:
    def increments(channels: tf.Tensor, arrays: Arrays, scale: float) -> Arrays:
        strain = strain_rate(layout, {n: arrays[n] for n in layout.arrays})
        eddy = 0.04 * filter_width(layout) ** 2 * strain_size(layout, strain) * tf.nn.softplus(channels[..., 0])
        return {n: dt * f for n, f in viscous_force(layout, eddy, strain).items()}

    return increments


def _stress(layout: Layout, dt: float) -> Callable:
    def increments(channels: tf.Tensor, arrays: Arrays, scale: float) -> Arrays:
        width = scale * filter_width(layout)
        cells = {pair: beyond(layout, channels[..., k]) for k, pair in enumerate(pairs_of(layout))}
        return force(layout, {pair: width * at_edges(layout, c, pair) for pair, c in cells.items()})

    return increments
