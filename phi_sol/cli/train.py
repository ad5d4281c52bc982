"""`phi-sol train`."""

from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Annotated, Any

import typer

from . import completion
from .common import DataOption, OutOption, data_folders, named, option, quiet_tensorflow, say
from .pairs import numbers
from .several import check_several

SCENES = "the scene's"
SEVERAL = "Name of a known scene, or path of a scene file; several for one corrector of all of them."
OF_SCENE = ("batch", "learning_rate", "decay", "ramp", "clip", "steps", "optimizer")  # of its schedule


def train(
    context: typer.Context,
    scenes: Annotated[list[str], typer.Argument(metavar="SCENE...", help=SEVERAL, autocompletion=completion.scenes)],
    data: DataOption = None,
    method: Annotated[
        str,
        option(
            "pre, pre-sr, non, nog, sol, pure, node or pinn; for poisson_2d non, phy, sol or sol-phy.",
            complete=completion.methods,
        ),
    ] = "sol",
    unroll: Annotated[
        int | None, option("Unrolled steps n of NOG-, SOL-, PURE- and NODE-n; of the solver for poisson_2d.", SCENES)
    ] = None,
    placement: Annotated[
        str | None,
        option(
            "Where the correction enters: after the step, or inside as a force.",
            "after",
            complete=completion.one_of("after", "inside"),
        ),
    ] = None,
    project: Annotated[bool, option("Make the corrected velocity divergence-free.", True, "--project")] = False,
    closure: Annotated[
        str | None,
        option(
            "What the network gives: viscosity or stress of a closure, or increment.", SCENES, complete=completion.forms
        ),
    ] = None,
    weights: Annotated[
        str | None, option("Of several scenes, how often each is drawn, e.g. wake_2d=2,smoke_2d=1.", "all 1")
    ] = None,
    scale_free: Annotated[
        bool, option("Channels without dimension: for other cells, speeds and steps, too.", True, "--scale-free")
    ] = False,
    integrator: Annotated[
        str | None,
        option(
            "Runge-Kutta method of a neural ODE (node): rk4, rk3 or heun.",
            "rk4",
            complete=completion.one_of("rk4", "rk3", "heun"),
        ),
    ] = None,
    truncate: Annotated[int | None, option("Cut the gradient after every so many steps.", "never")] = None,
    push_forward: Annotated[int | None, option("Steps without gradient before those of the loss.", SCENES)] = None,
    noise: Annotated[
        float | None, option("Noise on the first state, in standard deviations of each field.", "0")
    ] = None,
    loss_weights: Annotated[
        str | None, option("Weights of fields in the loss, e.g. velocity=1,marker=0.2.", "all 1")
    ] = None,
    gradient_loss: Annotated[
        float | None, option("Weight of squared differences of gradients in the loss.", SCENES)
    ] = None,
    spectral_loss: Annotated[
        float | None, option("Weight of squared differences of spectral amplitudes in the loss.", "0")
    ] = None,
    step_weights: Annotated[
        str | None, option("Weights of the unrolled steps: uniform, linear, last, or n numbers 1,1,2.", "uniform")
    ] = None,
    relative_loss: Annotated[
        bool | None,
        option("Divide by what the source gets wrong in each window.", SCENES, "--relative-loss/--plain-loss"),
    ] = None,
    loss: Annotated[
        str | None, option("FILE.py:NAME of a loss, or of a function (predicted, target) added to it.", SCENES)
    ] = None,
    network: Annotated[
        str | None,
        option(
            "fast, faster, fastest, small, resnet, convnet, unet, deep-unet, dilated, fno (phi-sol networks), or "
            "FILE.py:NAME of a builder or model.",
            SCENES,
            complete=completion.networks,
        ),
    ] = None,
    start: Annotated[
        Path | None,
        option(
            "Run to start from: its network, weights and normalisation; or pretrained.",
            False,
            "--from",
            complete=completion.runs,
        ),
    ] = None,
    frozen: Annotated[
        bool, option("With --from: train the last layer only, on features as they are.", True, "--frozen")
    ] = False,
    steps: Annotated[
        int | None, option("Training iterations in all; with --resume more of them make a run longer.", SCENES)
    ] = None,
    budget: Annotated[
        str | None, option("Training time without compilation instead of iterations: 90s, 20m, 2h.", False)
    ] = None,
    batch: Annotated[int | None, option("Windows per iteration, on all devices together.", SCENES)] = None,
    optimizer: Annotated[
        str | None,
        option(
            "adam, adamw, lion, nadam, rmsprop, sgd, or FILE.py:NAME of one.", SCENES, complete=completion.optimizers
        ),
    ] = None,
    learning_rate: Annotated[float | None, option("The optimizer's, at the start.", SCENES)] = None,
    decay: Annotated[
        str | None,
        option(
            "How the learning rate falls to 1 %: cosine, exponential, step; constant; or FILE.py:NAME of a factor.",
            SCENES,
            "--decay",
            "--schedule",
            complete=completion.decays,
        ),
    ] = None,
    ramp: Annotated[
        float | None, option("Fraction of the training in which the learning rate rises.", SCENES, "--ramp", "--warmup")
    ] = None,
    clip: Annotated[
        float | None, option("Largest norm of the gradient over all weights; inf: no limit.", SCENES)
    ] = None,
    ema: Annotated[
        float | None, option("Momentum of an average of the weights, e.g. 0.999; it is what is saved.", "none")
    ] = None,
    precision: Annotated[
        str | None,
        option("Of the network: float32, mixed_bfloat16 or mixed_float16.", "float32", complete=completion.precisions),
    ] = None,
    validation: Annotated[
        int | None, option("Training simulations held out to choose the best model; 0: none.", "1 of at least 4")
    ] = None,
    validation_frames: Annotated[int | None, option("Steps of a validation rollout.", "100")] = None,
    validate_every: Annotated[int | None, option("Iterations between validations.", "for 5 % of the time")] = None,
    patience: Annotated[int | None, option("End after so many validations without a new best.", "never")] = None,
    tensorboard: Annotated[
        bool, option("Write logs for TensorBoard into the run's folder.", True, "--tensorboard")
    ] = False,
    device: Annotated[
        str, option("gpu, cpu, or auto: a GPU where there is one.", complete=completion.one_of("auto", "cpu", "gpu"))
    ] = "auto",
    strategy: Annotated[
        str,
        option(
            "Devices: none (one), mirrored (all), multi-worker (several machines, by TF_CONFIG).",
            complete=completion.one_of("none", "mirrored", "multi-worker"),
        ),
    ] = "none",
    seed: Annotated[int, option("Seed of weights and data order.")] = 0,
    curriculum: Annotated[
        bool | None, option("Start with n/4 and n/2 unrolled steps.", SCENES, "--curriculum/--no-curriculum")
    ] = None,
    stages: Annotated[
        str | None,
        option("Curriculum of your own: unrolled steps and share of the training, e.g. 2:0.2,4:0.3,8:0.5.", False),
    ] = None,
    remat: Annotated[
        bool | None,
        option(
            "Compute activations again instead of keeping them: less memory.", "from SOL-64 on", "--remat/--no-remat"
        ),
    ] = None,
    workers: Annotated[
        int | None, option("Processes of this machine that share every batch; one that is killed is replaced.", False)
    ] = None,
    resume: Annotated[
        bool,
        option("Go on with an interrupted run, or with more --steps or --budget a finished one.", True, "--resume"),
    ] = False,
    out: OutOption = None,
):
    """
    Train a corrector inside the loop of the source solver, or what else the scene trains.

    With several scenes one scale-free corrector is trained for all of them, with schedule and network of the first.
    Default output: runs/SCENE/METHOD. Interrupt with Ctrl-C at any time and go on with --resume.
    """
    from ..errors import InputError
    from ..experiment import load_experiment
    from ..storage.dataset import Dataset, find_simulations
    from ..tasks import split_of, task_of

    experiments = [load_experiment(s) for s in scenes]
    experiment, several = experiments[0], len(scenes) > 1
    check_several(experiments, data, weights, out)
    exclusive: Any = {"steps": steps, "budget": budget}, {"unroll": unroll, "stages": stages}
    exclusive += ({"from": start, "network": network},)
    exclusive += ({"closure": None if closure == "increment" else closure, "placement": placement},)
    for pair in exclusive:
        if None not in pair.values():
            raise InputError(f"Give either --{' or --'.join(pair)}, not both.")
    how: dict[str, Any] = {"placement": placement, "project": project or None, "truncate": truncate, "noise": noise}
    how |= {"push_forward": push_forward, "loss_weights": loss_weights, "gradient_loss": gradient_loss}
    how |= {"spectral_loss": spectral_loss, "step_weights": step_weights, "remat": remat}
    how |= {"relative_loss": relative_loss, "form": closure, "integrator": integrator}
    how |= {"scale_free": scale_free or None, "frozen": frozen or None}
    plan: dict[str, Any] = {"batch": batch, "learning_rate": learning_rate, "ramp": ramp, "clip": clip, "ema": ema}
    checks: dict[str, Any] = {"simulations": validation, "frames": validation_frames}
    checks |= {"every": validate_every, "patience": patience}
    places = [[d] for d in data] if several and data else [data] * len(experiments)
    split = split_of(method)
    folders = [find_simulations(data_folders(p, e.name), split) for p, e in zip(places, experiments, strict=True)]
    quiet_tensorflow(device)
    from ..training.distribution import is_chief, make_strategy

    devices = make_strategy(strategy)  # before PhiFlow asks TensorFlow for its devices
    from ..progress import showing
    from ..solvers.hybrid import INTEGRATOR
    from ..storage.shipped import shipped_or_own
    from ..training.plan import Plan, parse_duration, parse_stages
    from ..training.runs import read_run
    from ..training.trainer import Trainer
    from ..training.validation import Validation

    prefix = f"{closure}-" if closure not in (None, experiment.schedule.form) else ""
    prefix = f"sf-{prefix}" if scale_free else prefix
    prefix += "inc-" if placement == "inside" else ""
    prefix += f"{integrator}-" if integrator not in (None, INTEGRATOR) else ""
    folder = out or Path("runs") / experiment.name / f"{prefix}{method}"
    if workers is not None:
        if strategy != "none":
            raise InputError("--workers and --strategy exclude each other: workers have the strategy multi-worker.")
        from .launch import launch

        return launch(context.obj, workers, folder)
    how |= {"loss": named(loss)}
    plan |= {"steps": steps, "precision": precision, "optimizer": named(optimizer), "decay": named(decay)}
    how, plan, checks = (
        {n: v for n, v in g.items() if v is not None} for g in (how, plan, checks)
    )  # what was asked for
    plan |= {"clip": None} if clip == inf else {}
    kind, parts = task_of(experiment, method), None if stages is None else parse_stages(stages)
    longest = max(s.unroll for s in parts) if parts else experiment.schedule.unroll if unroll is None else unroll
    used = kind.stages(method, longest)[-1].unroll
    if (parts or unroll is not None) and used != longest:
        raise InputError(f"The method {method} trains on {used} step, not on {longest} unrolled ones: leave that out.")
    if budget is not None or steps is not None:
        plan |= {"steps": steps, "budget": None if budget is None else parse_duration(budget)}
    shorter_first = experiment.schedule.curriculum if curriculum is None else curriculum
    of_scene = {n: getattr(experiment.schedule, n) for n in OF_SCENE}
    chosen = Plan(parts or kind.stages(method, longest, shorter_first), **of_scene | plan)
    checked = Validation(**({"simulations": 0} if split_of(method) == "test" else {}) | checks)
    if resume:  # what was not asked for is as it was
        course = read_run(folder, chosen)
        asked = {"stages": chosen.stages} if parts or curriculum is not None else {}
        length = {"steps": course.plan.steps, "budget": course.plan.budget}
        chosen, checked = replace(course.begun, **length | asked | plan), replace(course.validation, **checks)
    trained: Any = named(network)
    if start is not None:
        start = shipped_or_own(start, experiment.name)
        kind.require(start, scenes[0])
        trained = kind.load(start)
    with showing(is_chief(devices), "frames/s") as show:
        unpacking = partial(show, "unpacking frames")
        recorded = [Dataset(e.pair, f, progress=unpacking) for e, f in zip(experiments, folders, strict=True)]
    how |= {"method": method, "unroll": longest, "network": trained}
    if several:
        often = None if weights is None else numbers(weights.split(","), "weights", "wake_2d=2")
        task = kind.together(experiments, recorded, weights=often, **how)
    else:
        task = kind.create(experiment, recorded[0], **how)
    common = {"seed": seed, "scene": "+".join(e.name for e in experiments), "resume": resume, "strategy": devices}
    with showing(is_chief(devices), "frames/s") as show:
        beforehand = partial(show, "computing beforehand")
        trainer = Trainer(task, chosen, folder, validation=checked, show=beforehand, **common)
    if trainer.finished:
        more = "with --resume and more --steps or --budget, in all, it goes on"
        say(f"The training in {folder} is finished ({trainer.step} iterations): {more}.")
        return
    if trainer.chief:
        say(trainer.summary)
    trainer.fit(tensorboard=tensorboard)
    if trainer.chief:
        say(f"{trainer.step} iterations, {trainer.outcome} in {folder}")
