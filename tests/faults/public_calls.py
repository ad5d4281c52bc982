"""The table of all public constructors and calls, with arguments that they take and the kinds of these."""

from pathlib import Path

import numpy as np
from hostile import Call
from phi import math

import phi_sol
from phi_sol.evaluation.export import Exporter
from phi_sol.reproduce.reproduction import Reproduction
from phi_sol.storage.dataset import find_simulations
from phi_sol.tasks.guess.experiment import PoissonExperiment

NONE, MANY = type(None), (np.ndarray, list)


def tensor(values: np.ndarray):
    """Right-hand sides of a problem in 2D."""
    return math.wrap(values, math.batch("batch"), math.spatial("y,x"))


def calls_of_scenes(folder: Path, tiny, tiny_train, tiny_data, tiny_run) -> dict[str, Call]:
    """Flows, solvers, scenes, trainings, and what is made of them; output goes into `folder`."""
    flow, grid = tiny.pair.source, {"y": 24, "x": 12}
    state, task = flow.initial_state(reynolds=200.0), phi_sol.Correction(tiny_train, "sol", "small")
    plan = phi_sol.Plan(phi_sol.curriculum(2), batch=2, learning_rate=1e-3, steps=4)
    rollout, corrector = flow.rollout(state, 2, progress=False), phi_sol.Corrector.load(tiny_run)
    wake = {"flow": phi_sol.WakeFlow, "source": grid, "ratio": 2}
    scene = {"name": "tiny", **wake, "train": {"reynolds": (150.0, 600.0)}, "test": {"reynolds": (300.0,)}}
    box = {"name": "box", "flow": phi_sol.SmokeBox, "source": {"y": 16, "x": 16}}
    box |= {"train": {"seed": (1, 2), "buoyancy": (0.5,)}, "test": {"seed": (3,), "buoyancy": (0.5,)}}
    size = {"size": "table", "dt": "positive or none", "advection": "choice"}
    of_scene = {"name": "name", "flow": "thing", "source": "table", "reference": "table", "ratio": "count"}
    of_scene |= {"time_ratio": "count"}
    of_scene |= {"train": "table", "test": "table", "reference_options": "table", "warmup": "natural"}
    of_scene |= {"frames": "count", "keep_reference_every": "count", "correct": "list", "schedule": "thing"}
    of_scene |= {"paper": "thing", "options": "table", "task": "thing"}
    return {
        "WakeFlow": Call(
            phi_sol.WakeFlow,
            {**grid},
            {**size, "y": "count", "x": "count", "obstacle": "choice", "speed": "positive or none",
             "radius": "positive or none", "center": "table", "walls": "choice", "inlet": "thing", "inflow": "table",
             "obstacles": "thing", "bodies": "thing"},
            {"inlet": (type, int)},
        ),
        "BuoyantPlume": Call(
            phi_sol.BuoyantPlume, {**grid},
            {**size, "y": "count", "top": "choice", "inflow": "weight", "source": "table", "obstacles": "thing",
             "bodies": "thing"},
            {"inflow": (NONE,)},
        ),
        "ForcedAdvection": Call(
            phi_sol.ForcedAdvection, {**grid}, {**size, "speed": "positive or none", "bodies": "thing"}
        ),
        "SmokeBox": Call(phi_sol.SmokeBox, {"y": 16, "x": 16},
                         {**size, "x": "count", "obstacles": "thing", "bodies": "thing"}),
        "initial_state": Call(
            flow.initial_state, {"reynolds": 200.0},
            {"reynolds": "positive", "poke": "real", "span": "real", "inlet": "real"},
            {"reynolds": MANY, "inlet": (NONE,)},
        ),
        "seed": Call(
            phi_sol.SmokeBox(y=16, x=16).initial_state, {"seed": 1}, {"seed": "natural", "buoyancy": "positive"},
            {"seed": MANY, "buoyancy": MANY},
        ),
        "step": Call(flow.step, {"state": state}, {"state": "thing", "dt": "positive or none"}),
        "rollout": Call(
            flow.rollout, {"state": state, "steps": 2, "progress": False},
            {"state": "thing", "steps": "count", "keep_every": "count", "progress": "flag", "restart": "thing"},
        ),
        "phi_sol.rollout": Call(
            phi_sol.rollout, {"solver": flow, "state": state, "steps": 2, "progress": False},
            {"solver": "thing", "state": "thing", "steps": "count", "keep_every": "count", "progress": "flag",
             "restart": "thing"},
        ),
        "SolverPair": Call(
            phi_sol.SolverPair, {**wake},
            {"flow": "thing", "source": "table", "reference": "table", "ratio": "count", "time_ratio": "count",
             "dt": "positive or none", "reference_options": "table"},
        ),
        "restrict": Call(tiny.pair.restrict, {"state": state}, {"state": "thing"}),
        "prolong": Call(tiny.pair.prolong, {"state": state}, {"state": "thing"}),
        "Experiment": Call(phi_sol.Experiment, scene, of_scene),
        "PoissonExperiment": Call(
            PoissonExperiment, box,
            {**of_scene, "tolerance": "positive", "samples": "count", "simulation_steps": "count"},
        ),
        "simulations": Call(tiny.simulations, {"split": "train"}, {"split": "choice", "parameters": "table"}),
        "load_experiment": Call(phi_sol.load_experiment, {"scene": "karman_2d"}, {"scene": "path"}),
        "Schedule": Call(
            phi_sol.Schedule, {},
            {"network": "choice", "unroll": "count", "steps": "count", "batch": "count", "learning_rate": "positive",
             "decay": "choice", "ramp": "fraction", "clip": "positive or none", "relative": "flag",
             "curriculum": "flag", "loss": "choice", "optimizer": "choice", "form": "choice",
             "gradient_loss": "weight", "push_forward": "natural"},
            {"network": (type,), "decay": (type,), "optimizer": (type,), "loss": (type,)},
        ),
        "Stage": Call(phi_sol.Stage, {"unroll": 2, "until": 1.0}, {"unroll": "count", "until": "fraction",
                                                                   "anew": "flag"}),
        "curriculum": Call(phi_sol.curriculum, {"unroll": 8}, {"unroll": "count", "shares": "list"}),
        "Plan": Call(
            phi_sol.Plan, {"stages": phi_sol.curriculum(2), "batch": 2, "learning_rate": 1e-3, "steps": 4},
            {"stages": "list", "batch": "count", "learning_rate": "positive", "steps": "count", "final": "positive",
             "decay": "choice", "ramp": "fraction", "clip": "positive or none", "ema": "fraction",
             "precision": "choice", "optimizer": "choice", "budget": "positive"},
            {"ema": (NONE,), "decay": (type,), "budget": (NONE,)},
        ),
        "Validation": Call(
            phi_sol.Validation, {},
            {"simulations": "natural or none", "frames": "count", "every": "count or none",
             "patience": "count or none"},
        ),
        "Loss": Call(
            phi_sol.Loss, {},
            {"fields": "list", "values": "weight", "gradient": "weight", "spectral": "weight", "steps": "choice",
             "relative": "flag", "extra": "list"},
            {"steps": (list,), "extra": (type,)},
        ),
        "Method": Call(
            phi_sol.Method, {"name": "sol", "unroll": 2},
            {"name": "choice", "unroll": "count", "truncate": "count or none", "push_forward": "natural",
             "noise": "weight", "placement": "choice", "project": "flag", "loss": "choice", "temporal": "weight",
             "form": "choice", "integrator": "choice", "scale_free": "flag",
             "seed": "natural", "looped": "flag"},
            {"looped": (NONE,), "loss": (type,), "integrator": (NONE,)},
        ),
        "PoissonMethod": Call(phi_sol.PoissonMethod, {"name": "sol"}, {"name": "choice", "unroll": "count"}),
        "inspect_data": Call(
            phi_sol.inspect_data, {"folder": folder / "data"}, {"folder": "path", "progress": "function"}
        ),
        "repair_data": Call(
            phi_sol.repair_data, {"inspection": phi_sol.inspect_data(tiny_data)},
            {"inspection": "thing", "show": "function"},
        ),
        "Correction": Call(
            phi_sol.Correction, {"data": tiny_train},
            {"data": "thing", "method": "choice", "network": "choice", "correct": "list", "remat": "flag",
             "frozen": "flag"},
            {"remat": (NONE,), "network": (type,)},
        ),
        "SharedCorrection": Call(
            phi_sol.SharedCorrection, {"data": {"tiny": tiny_train}},
            {"data": "thing", "method": "choice", "network": "choice", "weights": "thing", "remat": "flag",
             "frozen": "flag"},
            {"remat": (NONE,), "network": (type,), "weights": (NONE, dict)},
        ),
        "Trainer": Call(
            phi_sol.Trainer, {"task": task, "plan": plan, "folder": folder / "run"},
            {"task": "thing", "plan": "thing", "folder": "path", "seed": "natural", "scene": "thing",
             "resume": "flag", "validation": "thing", "strategy": "thing", "show": "function"},
            {"scene": (str,), "show": (NONE,)},
        ),
        "Dataset": Call(
            phi_sol.Dataset, {"pair": tiny.pair, "folders": find_simulations(tiny_data, "train")},
            {"pair": "thing", "folders": "list", "frames": "count or none", "progress": "function"},
        ),
        "Generator": Call(
            phi_sol.Generator, {"experiment": tiny, "split": "train", "folder": folder / "data"},
            {"experiment": "thing", "split": "choice", "folder": "path", "parameters": "table",
             "frames": "count or none", "warmup": "natural or none", "batch": "count or none", "start": "thing"},
        ),
        "import_frames": Call(
            phi_sol.import_frames,
            {"scene": tiny, "arrays": {"marker": np.zeros((2, 24, 12))}, "times": [0.0, 1.0],
             "parameters": {"reynolds": 100.0}, "folder": folder / "imported"},
            {"scene": "thing", "arrays": "table", "times": "list", "parameters": "table", "folder": "path",
             "split": "choice", "axes": "list", "staggered": "flag", "coordinates": "table", "name": "text"},
            {"staggered": (NONE,), "coordinates": (NONE,)},
        ),
        "HybridSolver": Call(
            phi_sol.HybridSolver, {"solver": flow, "corrector": corrector},
            {"solver": "thing", "corrector": "thing", "remat": "flag", "strict": "flag"},
        ),
        "FinerSource": Call(phi_sol.FinerSource, {"pair": tiny.pair, "solver": tiny.pair.reference},
                            {"pair": "thing", "solver": "thing"}),
        "IterativeFlow": Call(
            phi_sol.IterativeFlow, {"flow": phi_sol.SmokeBox(y=16, x=16)},
            {"flow": "thing", "guess": "choice", "tolerance": "positive", "max_iterations": "count"},
        ),
        "Restart": Call(phi_sol.Restart, {"folder": folder / "restart"}, {"folder": "path", "every": "count"}),
        "load_state": Call(phi_sol.load_state, {"path": folder / "none.npz", "solver": flow},
                           {"path": "path", "solver": "thing"}),
        "state.save": Call(state.save, {"path": folder / "state.npz"}, {"path": "path"}),
        "pretrained": Call(phi_sol.pretrained, {"scene": "karman_2d"}, {"scene": "choice"}),
        "plot": Call(
            lambda states, **how: phi_sol.plot(states, **how), {"states": state, "flow": flow},
            {"states": "thing", "field": "word", "quantity": "word", "reference": "word", "across": "choice",
             "position": "fraction", "flow": "thing"},
            {},
        ),
        "write": Call(
            phi_sol.write, {"frames": rollout, "path": folder / "film.html", "fps": 5},
            {"frames": "thing", "path": "path", "field": "word", "quantity": "word", "fps": "positive",
             "flow": "thing"},
        ),
        "Exporter": Call(
            Exporter, {"data": tiny_train, "trained": {}, "out": folder / "exported"},
            {"data": "thing", "trained": "table", "out": "path", "kind": "choice", "frames": "count or none",
             "every": "count"},
        ),
        "evaluate": Call(
            phi_sol.evaluate, {"experiment": tiny, "runs": [], "data": tiny_data, "frames": 1, "numerics": False,
                               "progress": False},
            {"experiment": "thing", "runs": "runs", "data": "path", "out": "path", "frames": "count or none",
             "numerics": "flag", "schemes": "list", "precision": "choice", "anyway": "flag", "reference_error": "flag",
             "reference_simulations": "count or none", "metrics": "list", "series": "flag", "probes": "list",
             "progress": "flag"},
        ),
    }  # fmt: skip


def calls_of_parts(folder: Path, tiny, tiny_train, tiny_data, tiny_run) -> dict[str, Call]:
    """The objects that flows, solvers and trainings are made of."""
    flow, box = tiny.pair.source, phi_sol.SmokeBox(y=16, x=16)
    state, corrector = flow.initial_state(reynolds=200.0), phi_sol.Corrector.load(tiny_run)
    velocity, rollout = state.velocity, flow.rollout(state, 2, progress=False)
    guess = phi_sol.PoissonGuess.create(box, "small", 1.0)
    domain = {"resolution": {"y": 8, "x": 8}, "spacing": {"y": 1.0, "x": 1.0}}
    domain |= {"sides": {"y": ("closed", "open"), "x": ("closed", "closed")}}
    gradients, b = phi_sol.ConjugateGradients(phi_sol.DirectPoisson(**domain)), np.ones([1, 8, 8])
    network = {"flow": "thing", "network": "choice", "seed": "natural", "policy": "choice"}
    return {
        "Layout": Call(
            phi_sol.Layout, {"name": "velocity", "template": velocity},
            {"name": "name", "template": "thing", "size": "table"},
        ),
        "State": Call(
            phi_sol.State, {"fields": state.fields, "parameters": state.parameters},
            {"fields": "table", "parameters": "table"},
        ),
        "state.with_fields": Call(state.with_fields, {"velocity": velocity}, {"velocity": "thing"}),
        "Rollout": Call(
            phi_sol.Rollout,
            {n: getattr(rollout, n) for n in ("flow", "arrays", "parameters", "times")},
            {"flow": "thing", "arrays": "table", "parameters": "table", "times": "list", "diagnostics": "table",
             "batch": "thing"},
        ),
        "DirectPoisson": Call(
            phi_sol.DirectPoisson, domain,
            {"resolution": "table", "spacing": "table", "sides": "table", "solid": "thing", "budget": "natural",
             "ways": "table"},
        ),
        "DirectPoisson.solve": Call(phi_sol.DirectPoisson(**domain).solve, {"b": tensor(b)}, {"b": "thing"}),
        "ConjugateGradients": Call(
            phi_sol.ConjugateGradients, {"problem": np.eye(4)}, {"problem": "thing", "preconditioner": "choice"},
        ),
        "ConjugateGradients.solve": Call(
            gradients.solve, {"b": b},
            {"b": "thing", "guess": "thing", "tolerance": "weight", "relative": "weight", "max_iterations": "count",
             "norm": "choice", "history": "flag"},
        ),
        "ConjugateGradients.steps": Call(
            gradients.steps, {"b": b}, {"b": "thing", "guess": "thing", "steps": "count"},
        ),
        "Projection": Call(phi_sol.Projection, {"velocity": velocity}, {"velocity": "thing", "obstacles": "thing"}),
        "projection": Call(phi_sol.Projection(velocity), {"velocity": velocity}, {"velocity": "thing"}),
        "make_incompressible": Call(
            phi_sol.make_incompressible, {"velocity": velocity},
            {"velocity": "thing", "obstacles": "thing", "solve": "thing", "active": "thing", "order": "count",
             "correct_skew": "flag", "wide_stencil": "flag"},
            {"wide_stencil": (NONE,)},
        ),
        "Corrector": Call(
            phi_sol.Corrector,
            {n: getattr(corrector, n) for n in ("network", "adapter", "statistics", "description")},
            {"network": "thing", "adapter": "thing", "statistics": "thing", "description": "table"},
        ),
        "Corrector.create": Call(
            phi_sol.Corrector.create, {"flow": flow, "network": "small", "statistics": corrector.statistics},
            {**network, "statistics": "thing", "correct": "list", "placement": "choice", "project": "flag",
             "form": "choice", "integrator": "choice", "scale_free": "flag", "local": "flag"},
            {"integrator": (NONE,)},
        ),
        "calibrated": Call(
            phi_sol.calibrated, {"corrector": corrector, "data": tiny_train},
            {"corrector": "thing", "data": "thing", "frames": "count or none"},
        ),
        "Corrector.load": Call(
            phi_sol.Corrector.load, {"folder": tiny_run}, {"folder": "path", "custom_objects": "table"},
        ),
        "Corrector.save": Call(corrector.save, {"folder": folder / "corrector"}, {"folder": "path"}),
        "Corrector.for_flow": Call(corrector.for_flow, {"flow": flow}, {"flow": "thing"}),
        "Corrector.in_precision": Call(corrector.in_precision, {"policy": "float32"}, {"policy": "choice"}),
        "build_network": Call(
            phi_sol.networks.build_network, {"network": "small", "inputs": 2, "outputs": 1, "rank": 2},
            {"network": "choice", "inputs": "count", "outputs": "count", "rank": "count", "seed": "natural",
             "periodic": "axes", "policy": "choice", "mirrored": "flag", "apart": "flag", "grid": "list"},
        ),
        "in_precision": Call(
            phi_sol.networks.in_precision, {"network": corrector.network, "policy": "float32"},
            {"network": "thing", "policy": "choice"},
        ),
        "PoissonGuess": Call(
            phi_sol.PoissonGuess, {"network": guess.network, "scale": 1.0, "description": guess.description},
            {"network": "thing", "scale": "positive", "description": "table", "passes": "count"},
        ),
        "PoissonGuess.create": Call(
            phi_sol.PoissonGuess.create, {"flow": box, "network": "small", "scale": 1.0},
            {**network, "scale": "positive"},
        ),
        "PoissonGuess.load": Call(
            phi_sol.PoissonGuess.load, {"folder": tiny_run},
            {"folder": "path", "passes": "count", "custom_objects": "table"},
        ),
        "guess": Call(guess, {"b": tensor(np.ones([1, 16, 16]))}, {"b": "thing"}),
        "PressureGuess": Call(
            phi_sol.PressureGuess, {"data": tiny_train},
            {"data": "thing", "method": "choice", "network": "choice", "tolerance": "positive"},
            {"network": (type,)},
        ),
        "Reproduction": Call(
            Reproduction, {"experiment": tiny, "out": folder / "reproduced", "data": tiny_data, "budget": 60.0},
            {"experiment": "thing", "out": "path", "data": "path", "budget": "positive", "seeds": "count"},
        ),
        "Evaluation": Call(
            phi_sol.Evaluation, {"results": {}, "runs": {}, "files": []},
            {"results": "table", "runs": "table", "files": "list", "tables": "list"},
            {"results": (dict,), "files": (list,), "tables": (list,)},
        ),
        "view": Call(
            lambda fields=state, **how: phi_sol.view(fields, **how).close(), {"keep_alive": False, "play": False},
            {"fields": "thing", "controls": "names", "actions": "table", "name": "text", "description": "text",
             "select": "list", "play": "flag", "keep_alive": "flag", "host": "text", "port": "count",
             "allow_control": "flag"},
            {"fields": (dict,), "select": (str,)},  # what is no field is said on the page
        ),
    }  # fmt: skip
