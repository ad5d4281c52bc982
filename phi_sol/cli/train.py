"""`phi-sol train`."""

from math import inf
from pathlib import Path
from typing import Annotated

import typer

from .common import DataOption, OutOption, SceneArgument, progress_bar, progress_of, quiet_tensorflow


def train(
    scene: SceneArgument,
    data: DataOption = None,
    method: Annotated[
        str, typer.Option(help="pre, pre-sr, non, nog, sol or pure; for poisson_2d non, phy, sol or sol-phy.")
    ] = "sol",
    unroll: Annotated[
        int | None,
        typer.Option(
            help="Unrolled steps n of NOG-n, SOL-n and PURE-n; steps of the solver for poisson_2d.",
            show_default="the scene's",
        ),
    ] = None,
    placement: Annotated[
        str, typer.Option(help="Where the correction enters: after the step, or inside as a force.")
    ] = "after",
    project: Annotated[bool, typer.Option("--project", help="Make the corrected velocity divergence-free.")] = False,
    truncate: Annotated[
        int | None, typer.Option(help="Cut the gradient after every so many steps.", show_default="never")
    ] = None,
    push_forward: Annotated[int, typer.Option(help="Steps without gradient before those of the loss.")] = 0,
    noise: Annotated[float, typer.Option(help="Noise on the first state, in standard deviations of each field.")] = 0.0,
    loss_weights: Annotated[
        str | None,
        typer.Option(help="Weights of fields in the loss, e.g. velocity=1,marker=0.2.", show_default="all 1"),
    ] = None,
    gradient_loss: Annotated[float, typer.Option(help="Weight of squared differences of gradients in the loss.")] = 0.0,
    spectral_loss: Annotated[
        float, typer.Option(help="Weight of squared differences of spectral amplitudes in the loss.")
    ] = 0.0,
    step_weights: Annotated[
        str, typer.Option(help="Weights of the unrolled steps: uniform, linear, last, or n numbers 1,1,2.")
    ] = "uniform",
    network: Annotated[
        str | None,
        typer.Option(
            help="resnet, small, convnet, unet, deep-unet, dilated or fno: see phi-sol networks.",
            show_default="the scene's",
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Training iterations.", show_default="the scene's")] = None,
    budget: Annotated[
        str | None, typer.Option(help="Training time instead of iterations, e.g. 90s, 20m, 2h.", show_default=False)
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Windows per iteration, on all devices together.", show_default="the scene's")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Adam's, at the start.", show_default="the scene's")
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            help="How the learning rate falls to 1 %: cosine, exponential, step; or constant.",
            show_default="the scene's",
        ),
    ] = None,
    warmup: Annotated[
        float | None,
        typer.Option(help="Fraction of the training in which the learning rate rises.", show_default="the scene's"),
    ] = None,
    clip: Annotated[
        float | None,
        typer.Option(help="Largest norm of the gradient over all weights; inf: no limit.", show_default="the scene's"),
    ] = None,
    ema: Annotated[
        float | None,
        typer.Option(
            help="Momentum of an average of the weights, e.g. 0.999; it is what is saved.", show_default="none"
        ),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="Of the network: float32, mixed_bfloat16 or mixed_float16.")
    ] = "float32",
    validation: Annotated[
        int | None,
        typer.Option(
            help="Training simulations held out to choose the best model; 0: none.", show_default="1 of at least 4"
        ),
    ] = None,
    validation_frames: Annotated[int, typer.Option(help="Steps of a validation rollout.")] = 100,
    validate_every: Annotated[
        int | None, typer.Option(help="Iterations between validations.", show_default="for 5 % of the time")
    ] = None,
    patience: Annotated[
        int | None, typer.Option(help="End after so many validations without a new best.", show_default="never")
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write logs for TensorBoard into the run's folder.")
    ] = False,
    device: Annotated[str, typer.Option(help="gpu, cpu, or auto: a GPU where there is one.")] = "auto",
    strategy: Annotated[
        str, typer.Option(help="Devices: none (one), mirrored (all), multi-worker (several machines, by TF_CONFIG).")
    ] = "none",
    seed: Annotated[int, typer.Option(help="Seed of weights and data order.")] = 0,
    curriculum: Annotated[bool, typer.Option(help="Start with n/4 and n/2 unrolled steps.")] = True,
    stages: Annotated[
        str | None,
        typer.Option(
            help="Curriculum of your own: unrolled steps and share of the training, e.g. 2:0.2,4:0.3,8:0.5.",
            show_default=False,
        ),
    ] = None,
    remat: Annotated[
        bool | None,
        typer.Option(
            "--remat/--no-remat",
            help="Compute activations again instead of keeping them: less memory.",
            show_default="from SOL-64 on",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    out: OutOption = None,
):
    """
    Train a corrector inside the loop of the source solver.

    Default output: runs/SCENE/METHOD. Interrupt with Ctrl-C at any time and go on with --resume.
    """
    from ..errors import InputError
    from ..experiment import load_experiment
    from .poisson import is_poisson, refuse_options

    experiment = load_experiment(scene)
    poisson = is_poisson(experiment)
    if poisson:
        used = {
            "placement": placement != "after",
            "project": project,
            "truncate": truncate,
            "push-forward": push_forward,
            "noise": noise,
        }
        used |= {"loss-weights": loss_weights, "gradient-loss": gradient_loss, "spectral-loss": spectral_loss}
        used |= {"step-weights": step_weights != "uniform", "remat": remat is not None}
        refuse_options(experiment, {f"--{option}": bool(value) for option, value in used.items()})
    if steps is not None and budget is not None:
        raise InputError("Give either --steps or --budget, not both.")
    folder = (
        out
        if out is not None
        else Path("runs") / experiment.name / (f"inc-{method}" if placement == "inside" else method)
    )
    data = data if data is not None else Path("data") / experiment.name
    defaults = experiment.schedule
    from ..storage.dataset import Dataset, find_simulations

    folders = find_simulations(data, "train")
    quiet_tensorflow(device)
    from ..training.distribution import is_chief, make_strategy

    devices = make_strategy(strategy)  # before PhiFlow asks TensorFlow for its devices
    from ..tasks.guess.methods import PoissonMethod
    from ..tasks.guess.trainer import GuessTrainer
    from ..training import Loss, Plan, Stage, Trainer, Validation, make_method, parse_duration, parse_stages
    from ..training import curriculum as stages_of

    if stages is not None and unroll is not None:
        raise InputError("Give either --unroll or --stages, not both.")
    given = None if stages is None else parse_stages(stages)
    longest = max(s.unroll for s in given) if given else defaults.unroll if unroll is None else unroll
    if poisson:
        how, curriculum = PoissonMethod(method, longest), False
    else:
        how = make_method(
            method,
            longest,
            placement=placement,
            project=project,
            truncate=truncate,
            push_forward=push_forward,
            noise=noise,
            loss=Loss.parse(loss_weights, gradient_loss, spectral_loss, step_weights),
            seed=seed,
        )
    plan = Plan(
        given or (stages_of(how.unroll) if curriculum else (Stage(how.unroll, 1.0),)),
        defaults.batch if batch is None else batch,
        defaults.learning_rate if learning_rate is None else learning_rate,
        steps=None if budget is not None else defaults.steps if steps is None else steps,
        budget=None if budget is None else parse_duration(budget),
        schedule=defaults.decay if schedule is None else schedule,
        warmup=defaults.warmup if warmup is None else warmup,
        clip=defaults.clip if clip is None else None if clip == inf else clip,
        ema=ema,
        precision=precision,
    )
    kind, options = (GuessTrainer, {"tolerance": experiment.tolerance}) if poisson else (Trainer, {})
    visible = is_chief(devices)
    with progress_of("unpacking frames", visible) as show:
        recorded = Dataset(experiment.pair, folders, progress=show)
    with progress_of("precomputing corrections", visible) as show:
        trainer = kind(
            recorded,
            folder,
            plan,
            how,
            network or defaults.network,
            experiment.correct,
            seed,
            experiment.name,
            resume,
            remat,
            Validation(validation, validation_frames, validate_every, patience),
            devices,
            show,
            **options,
        )
    if trainer.finished:
        typer.echo(f"The training in {folder} is finished ({trainer.step} iterations).")
        return
    from ..training.callbacks import ProgressBar

    if trainer.chief:
        typer.echo(trainer.summary)
    with progress_bar(visible=trainer.chief) as bar:
        trainer.fit([ProgressBar(bar, trainer, experiment.name)], tensorboard)
    if trainer.chief:
        typer.echo(f"{trainer.step} iterations, {trainer.outcome} in {folder}")
