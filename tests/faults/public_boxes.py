"""More of the table of public calls: the periodic box, terms in its equations, and what finds equations."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from hostile import Call
from public_calls import MANY, NONE

import phi_sol


def calls_of_boxes(folder: Path, tiny, tiny_train, tiny_data, tiny_run) -> dict[str, Call]:
    """The periodic box, terms in its equations, and what finds equations."""
    box = phi_sol.PeriodicBox(y=8, x=8)
    noise = np.random.default_rng(0).normal(size=(4, 2, 8, 8))
    samples = {"fields": {"a": noise}, "size": {"y": 1.0, "x": 1.0}}
    neural = box.with_terms(phi_sol.NeuralTerm("fastest"))
    start = box.initial_state()
    frames = box.rollout(start, 2, progress=False)
    seen = phi_sol.Observations(frames)
    estimation = {"solver": box, "state": start, "unknowns": ["viscosity"], "observations": seen}
    design = {"solver": box, "state": start, "unknowns": ["viscosity"], "steps": 1}
    design["quantity"] = lambda state: tf.reduce_mean(state.velocity.vector["y"].values.native("batch,y,x") ** 2)
    quantity = lambda state: tf.reduce_mean(state.velocity.vector["y"].values.native("batch,y,x") ** 2, [1, 2])  # noqa: E731
    place = {"y": 3.0, "x": 3.0}
    own = phi_sol.Library(fields=("a",), order=1, degree=1)
    return {
        "PeriodicBox": Call(
            phi_sol.PeriodicBox, {"y": 8, "x": 8},
            {"size": "table", "dt": "positive or none", "advection": "choice", "y": "count", "x": "count",
             "forcing": "choice", "drag": "weight", "amplitude": "positive or none", "wave_number": "count or none",
             "initial": "choice", "speed": "positive or none", "peak": "positive or none",
             "spread": "positive or none", "integrator": "choice", "bodies": "thing"},
            {"drag": (NONE,), "forcing": (type,)},
        ),
        "Ensemble": Call(phi_sol.Ensemble, {"solvers": [box, box]}, {"solvers": "thing"}),
        "PeriodicBox.initial_state": Call(
            box.initial_state, {}, {"seed": "natural", "viscosity": "positive", "velocity": "thing"},
            {"seed": MANY, "viscosity": MANY, "velocity": (NONE,)},
        ),
        "with_terms": Call(
            lambda term: box.with_terms(term), {"term": box.rates}, {"term": "thing"}, {"term": (type,)},
        ),
        "Disc": Call(
            phi_sol.Disc, {"name": "a", "center": place, "radius": 2.0},
            {"name": "word", "center": "table", "radius": "positive", "velocity": "table", "spin": "real",
             "free": "list"},
        ),
        "Rectangle": Call(
            phi_sol.Rectangle, {"name": "a", "center": place, "lengths": place},
            {"name": "word", "center": "table", "lengths": "table", "angle": "real",
             "velocity": "table", "spin": "real", "free": "list"},
        ),
        "Outline": Call(
            phi_sol.Outline, {"name": "a", "center": place, "radius": 2.0},
            {"name": "word", "center": "table", "radius": "positive", "a": "list", "b": "list",
             "angle": "real", "velocity": "table", "spin": "real", "free": "list"},
        ),
        "Smagorinsky": Call(phi_sol.Smagorinsky, {}, {"constant": "weight"}),
        "DynamicSmagorinsky": Call(phi_sol.DynamicSmagorinsky, {}, {"factor": "weight", "ratio": "positive"}),
        "FunctionTerm": Call(
            phi_sol.FunctionTerm, {"function": box.rates}, {"function": "function", "weights": "list"},
        ),
        "NeuralTerm": Call(
            phi_sol.NeuralTerm, {},
            {"network": "choice", "field": "word", "magnitude": "positive", "rate": "positive", "seed": "natural"},
            {"network": (type,), "field": (str,)},  # the flow knows its fields: `with_terms` says it
        ),
        "FitTerms": Call(
            phi_sol.FitTerms, {"data": tiny_train, "flow": neural}, {"data": "thing", "flow": "thing"},
        ),
        "Parameter": Call(
            phi_sol.Parameter, {"name": "viscosity"},
            {"name": "name", "start": "real", "bounds": "list", "prior": "list", "scale": "positive or none"},
            {"start": (NONE,)},
        ),
        "Profile": Call(
            phi_sol.Profile, {"name": "inlet"},
            {"name": "name", "deviation": "positive or none", "mean": "real", "bounds": "list"}, {"mean": (NONE,)},
        ),
        "Weights": Call(
            phi_sol.Weights, {"variables": [tf.Variable(1.0)], "name": "weights"},
            {"variables": "list", "name": "name", "deviation": "positive or none"},
        ),
        "Design": Call(
            phi_sol.Design, design,
            {"solver": "thing", "state": "thing", "unknowns": "list", "quantity": "function", "steps": "count",
             "every": "count", "after": "natural"},
        ),
        "Design.fit": Call(
            phi_sol.Design(**design).fit, {"iterations": 1, "progress": False},
            {"iterations": "count", "method": "choice", "starts": "count", "seed": "natural", "folder": "path",
             "resume": "flag", "progress": "flag"}, {"progress": (type,)},
        ),
        "InitialField": Call(
            phi_sol.InitialField, {"name": "velocity"}, {"name": "name", "deviation": "positive or none"}
        ),
        "Observations": Call(
            phi_sol.Observations, {"frames": frames, "every": 1},
            {"frames": "thing", "fields": "names", "every": "count", "region": "table", "noise": "positive or none"},
            {"fields": (NONE,), "region": (NONE,)},
        ),
        "Measurements": Call(
            phi_sol.Measurements,
            {"flow": box, "quantity": quantity, "values": [1.0, 1.0], "times": [box.dt, 2 * box.dt]},
            {"flow": "thing", "quantity": "function", "values": "thing", "times": "list", "noise": "positive or none",
             "name": "name"},
        ),
        "Measurements.of": Call(
            phi_sol.Measurements.of, {"frames": frames, "quantity": quantity},
            {"frames": "thing", "quantity": "function", "every": "count", "noise": "positive or none", "name": "name"},
        ),
        "Estimation": Call(
            phi_sol.Estimation, estimation,
            {"solver": "thing", "state": "thing", "unknowns": "list", "observations": "thing"},
        ),
        "Estimation.fit": Call(
            phi_sol.Estimation(**estimation).fit, {"iterations": 1, "progress": False},
            {"iterations": "count", "method": "choice", "starts": "count", "seed": "natural", "windows": "count",
             "rank": "count or none", "folder": "path", "resume": "flag", "progress": "flag"},
            {"method": (NONE,), "progress": (type,)},
        ),
        "Samples": Call(
            phi_sol.Samples, samples,
            {"fields": "table", "size": "table", "periodic": "flag", "parameters": "table", "dt": "positive or none",
             "mask": "list", "divergence_free": "word"},
            {"periodic": (str, list), "parameters": (dict,)},
        ),
        "Library": Call(
            phi_sol.Library, {},
            {"order": "natural", "degree": "natural", "fields": "list", "constant": "flag", "terms": "table",
             "scales": "list", "by_spacing": "flag", "derivatives": "choice", "without": "list",
             "margin": "natural or none"},
        ),
        "discover": Call(
            phi_sol.discover, {"target": noise, "data": phi_sol.Samples(**samples), "library": own},
            {"target": "thing", "data": "thing", "library": "thing", "minus": "thing", "blocks": "count",
             "error_rate": "fraction", "least": "fraction"},
        ),
    }  # fmt: skip
