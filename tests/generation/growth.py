"""Exponential growth, whose solution is known, as a scene; with the second rate it leaves float32."""

from phi import math
from phi.math.extrapolation import PERIODIC

from phi_sol import Experiment, Flow, State


class Growth(Flow):
    """∂d/∂t = r d on 4 x 4 cells by Euler steps: d = (1 + r dt)^n."""

    fields, staggered, parameters = ("marker",), (), ("rate",)
    size = {"y": 1.0, "x": 1.0}

    @property
    def boundaries(self):
        return {"marker": PERIODIC}

    def initial_state(self, rate):
        parameters = self.parameter_tensors({"rate": rate})
        return State({"marker": math.expand(self.field("marker", 1.0), parameters["rate"].shape)}, parameters)

    def physics(self, state, dt):
        return state.with_fields(marker=state.marker * (1 + state.rate * dt))


def growth(rates, warmup=7, frames=23) -> Experiment:
    return Experiment(
        name="growth", flow=Growth, source=dict(y=4, x=4), ratio=1, train=dict(rate=rates), test=dict(rate=(0.5,)),
        warmup=warmup, frames=frames, keep_reference_every=6, correct=("marker",),
    )  # fmt: skip


experiment = growth((0.5, 1e9, 0.25), warmup=0, frames=8)
