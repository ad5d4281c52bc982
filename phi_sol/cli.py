"""The command `phi-sol`. Heavy imports happen inside the commands, so that `--help` answers at once."""

import logging
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="phi-sol",
    help="Coarse PDE solvers made accurate by neural networks that are trained inside the solver's loop.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

SceneArgument = Annotated[str, typer.Argument(metavar="SCENE", help="Name of a known scene, or path of a scene file.")]
OutOption = Annotated[Path | None, typer.Option(help="Folder for the output.", show_default=False)]
DataOption = Annotated[Path | None, typer.Option(help="Data folder. Default: data/SCENE.", show_default=False)]


@app.command()
def scenes():
    """List the known scenes, one line each."""
    from .experiment import scene_summaries

    summaries = scene_summaries()
    width = max(map(len, summaries))
    for name, summary in summaries.items():
        typer.echo(f"{name:{width}}  {summary}")


@app.command()
def generate(
    scene: SceneArgument,
    split: Annotated[str | None, typer.Option(help="train, test or all.", show_default="all, or train with --param")] = None,
    param: Annotated[list[str] | None, typer.Option(help="Parameter values, e.g. reynolds=250,900, instead of the scene's.")] = None,
    frames: Annotated[int | None, typer.Option(help="Recorded steps; frame 0 is the start.", show_default="the scene's")] = None,
    warmup: Annotated[int | None, typer.Option(help="Steps discarded before frame 0.", show_default="the scene's")] = None,
    batch: Annotated[int | None, typer.Option(help="Simulations computed together, at most.", show_default="as many as pay here")] = None,
    out: OutOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be written, and write nothing.")] = False,
):
    """
    Compute reference simulations and store them as PhiFlow scenes.

    Default output: data/SCENE/train and data/SCENE/test. With --out DIR, one split goes right into DIR, both into
    DIR/train and DIR/test. A run that was interrupted goes on where it stopped; what is finished is skipped.
    """
    from .errors import InputError
    from .experiment import SPLITS, load_experiment

    experiment = load_experiment(scene)
    parameters = parse_parameters(param or [])
    split = split or ("train" if parameters else "all")
    if split not in (*SPLITS, "all"):
        raise InputError(f"Unknown split {split!r}. Known: train, test, all.")
    if parameters and split == "all":
        raise InputError("--param needs one split: add --split train or --split test.")
    folders = {s: Path("data") / experiment.name / s for s in SPLITS}
    if out is not None:
        folders = {s: out / s for s in SPLITS} if split == "all" else {split: out}
    chosen = SPLITS if split == "all" else (split,)
    for s in chosen:  # refuse bad values before TensorFlow is loaded
        experiment.simulations(s, parameters or None)
    if out is not None and split == "all" and out.is_dir():
        foreign = sorted({p.name for p in out.iterdir() if not p.name.startswith(".")} - set(SPLITS))
        if foreign:
            raise InputError(f"{out} is not a phi_sol data folder: it holds {foreign[0]!r}. Choose another folder with --out.")
    quiet_tensorflow()
    from .data.generate import Generator

    generators = {s: Generator(experiment, s, folders[s], parameters or None, frames, warmup, batch) for s in chosen}
    if dry_run:
        for s, generator in generators.items():
            plan = generator.plan()
            typer.echo(
                f"{folders[s]}: {plan['simulations']} simulations ({plan['finished']} finished) of {plan['files']} files with "
                f"{generator.frames + 1} frames, at most {plan['bytes'] / 1e6:.1f} MB; {plan['steps']} reference steps to compute, "
                f"{plan['batch']} simulations at a time"
            )
        return
    with progress_bar("steps/s") as bar:
        for s, generator in generators.items():
            total = len(generator.jobs) * generator.steps
            task = bar.add_task(f"{experiment.name} {s}", total=total, completed=total - generator.plan()["steps"])
            generator.run(lambda done, total, task=task: bar.update(task, completed=done))
    for s, generator in generators.items():
        typer.echo(f"{len(generator.jobs)} simulations with {generator.frames} frames in {folders[s]}")


@app.command()
def train(
    scene: SceneArgument,
    data: DataOption = None,
    method: Annotated[str, typer.Option(help="pre, pre-sr, non, nog, sol or pure; see docs/methods.md.")] = "sol",
    unroll: Annotated[int | None, typer.Option(help="Unrolled steps n of NOG-n, SOL-n and PURE-n.", show_default="the scene's")] = None,
    placement: Annotated[str, typer.Option(help="Where the correction enters: after the step, or inside as a force.")] = "after",
    project: Annotated[bool, typer.Option("--project", help="Make the corrected velocity divergence-free.")] = False,
    truncate: Annotated[int | None, typer.Option(help="Cut the gradient after every so many steps.", show_default="never")] = None,
    push_forward: Annotated[int, typer.Option(help="Steps without gradient before those of the loss.")] = 0,
    noise: Annotated[float, typer.Option(help="Noise on the first state, in standard deviations of each field.")] = 0.0,
    loss_weights: Annotated[str | None, typer.Option(help="Weights of fields in the loss, e.g. velocity=1,marker=0.2.", show_default="all 1")] = None,
    gradient_loss: Annotated[float, typer.Option(help="Weight of squared differences of gradients in the loss.")] = 0.0,
    spectral_loss: Annotated[float, typer.Option(help="Weight of squared differences of spectral amplitudes in the loss.")] = 0.0,
    step_weights: Annotated[str, typer.Option(help="Weights of the unrolled steps: uniform, linear, last, or n numbers 1,1,2.")] = "uniform",
    network: Annotated[
        str | None, typer.Option(help="resnet, small, convnet, unet, dilated or fno: see phi-sol networks.", show_default="the scene's")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Training iterations.", show_default="the scene's")] = None,
    budget: Annotated[str | None, typer.Option(help="Training time instead of iterations, e.g. 90s, 20m, 2h.", show_default=False)] = None,
    batch: Annotated[int | None, typer.Option(help="Windows per iteration, on all devices together.", show_default="the scene's")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Adam's, at the start.", show_default="the scene's")] = None,
    schedule: Annotated[str, typer.Option(help="How the learning rate falls to 1 %: cosine, exponential, step; or constant.")] = "cosine",
    warmup: Annotated[float, typer.Option(help="Fraction of the training in which the learning rate rises.")] = 0.0,
    clip: Annotated[float | None, typer.Option(help="Largest norm of the gradient over all weights.", show_default="no limit")] = None,
    ema: Annotated[
        float | None, typer.Option(help="Momentum of an average of the weights, e.g. 0.999; it is what is saved.", show_default="none")
    ] = None,
    precision: Annotated[str, typer.Option(help="Of the network: float32, mixed_bfloat16 or mixed_float16.")] = "float32",
    validation: Annotated[
        int | None, typer.Option(help="Training simulations held out to choose the best model; 0: none.", show_default="1 of at least 4")
    ] = None,
    validation_frames: Annotated[int, typer.Option(help="Steps of a validation rollout.")] = 100,
    validate_every: Annotated[int | None, typer.Option(help="Iterations between validations.", show_default="for 5 % of the time")] = None,
    patience: Annotated[int | None, typer.Option(help="End after so many validations without a new best.", show_default="never")] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write logs for TensorBoard into the run's folder.")] = False,
    device: Annotated[str, typer.Option(help="gpu, cpu, or auto: a GPU where there is one.")] = "auto",
    strategy: Annotated[str, typer.Option(help="Devices: none (one), mirrored (all), multi-worker (several machines, by TF_CONFIG).")] = "none",
    seed: Annotated[int, typer.Option(help="Seed of weights and data order.")] = 0,
    curriculum: Annotated[bool, typer.Option(help="Start with n/4 and n/2 unrolled steps.")] = True,
    stages: Annotated[
        str | None, typer.Option(help="Curriculum of your own: unrolled steps and share of the training, e.g. 2:0.2,4:0.3,8:0.5.", show_default=False)
    ] = None,
    remat: Annotated[
        bool | None,
        typer.Option("--remat/--no-remat", help="Compute activations again instead of keeping them: less memory.", show_default="from SOL-64 on"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    out: OutOption = None,
):
    """
    Train a corrector inside the loop of the source solver.

    Default output: runs/SCENE/METHOD. Interrupt with Ctrl-C at any time and go on with --resume.
    """
    from .errors import InputError
    from .experiment import load_experiment

    experiment = load_experiment(scene)
    if steps is not None and budget is not None:
        raise InputError("Give either --steps or --budget, not both.")
    folder = out if out is not None else Path("runs") / experiment.name / (f"inc-{method}" if placement == "inside" else method)
    data = data if data is not None else Path("data") / experiment.name
    defaults = experiment.schedule
    from .data.dataset import Dataset, find_simulations

    folders = find_simulations(data, "train")
    quiet_tensorflow(device)
    from .distribution import is_chief, make_strategy

    devices = make_strategy(strategy)  # before PhiFlow asks TensorFlow for its devices
    from .training import Loss, Plan, Stage, Trainer, Validation, make_method, parse_duration, parse_stages
    from .training import curriculum as stages_of

    if stages is not None and unroll is not None:
        raise InputError("Give either --unroll or --stages, not both.")
    given = None if stages is None else parse_stages(stages)
    how = make_method(
        method,
        max(s.unroll for s in given) if given else defaults.unroll if unroll is None else unroll,
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
        schedule=schedule,
        warmup=warmup,
        clip=clip,
        ema=ema,
        precision=precision,
    )
    visible = is_chief(devices)
    with progress_of("unpacking frames", visible) as show:
        recorded = Dataset(experiment.pair, folders, progress=show)
    with progress_of("precomputing corrections", visible) as show:
        trainer = Trainer(
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
        )
    if trainer.progress >= 1:
        typer.echo(f"The training in {folder} is finished ({trainer.step} iterations).")
        return
    from .training.callbacks import ProgressBar

    if trainer.chief:
        typer.echo(trainer.summary)
    with progress_bar(visible=trainer.chief) as bar:
        trainer.fit([ProgressBar(bar, trainer, experiment.name)], tensorboard)
    if trainer.chief:
        typer.echo(f"{trainer.step} iterations, {trainer.outcome} in {folder}")


@app.command()
def evaluate(
    scene: SceneArgument,
    data: DataOption = None,
    run: Annotated[list[Path] | None, typer.Option(help="Folder of a corrector; may be repeated. Default: all in runs/SCENE.")] = None,
    frames: Annotated[int | None, typer.Option(help="Steps of the rollouts.", show_default="as recorded, at most 500")] = None,
    out: OutOption = None,
):
    """
    Compare the source and every corrector with the reference, over the test simulations.

    Writes results.json, error_curves.png and fields.png. Default output: runs/SCENE/evaluation.
    """
    from .errors import MissingError
    from .experiment import load_experiment

    experiment = load_experiment(scene)
    root = Path("runs") / experiment.name
    data = data if data is not None else Path("data") / experiment.name
    from .data.dataset import find_simulations

    find_simulations(data, "test")
    for folder in run or []:
        if not (folder / "corrector.json").is_file():
            raise MissingError(f"There is no corrector in {folder}: train one first ('phi-sol train {scene}'), or name another run.")
    quiet_tensorflow()
    from rich.console import Console

    from .evaluation.evaluate import evaluate as run_evaluation
    from .evaluation.evaluate import find_runs
    from .evaluation.report import table

    runs = list(run) if run else find_runs(root)
    with progress_bar("steps/s") as bar:
        tasks = {}

        def show(solver, done, total):
            if solver not in tasks:
                tasks[solver] = bar.add_task(solver, total=total)
            bar.update(tasks[solver], completed=done)

        command = " ".join(["phi-sol", *sys.argv[1:]])
        result = run_evaluation(experiment, runs, data, out if out is not None else root / "evaluation", frames, command, show)
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(table(result.results))
    for file in result.files:
        typer.echo(str(file))


@app.command()
def networks(rank: Annotated[int, typer.Option(help="Spatial dimensions.", min=1, max=3)] = 2):
    """
    List the networks, one line each: parameters, receptive field, operations per cell.

    Each is built for a corrector that sees a velocity and one parameter and corrects the velocity, without periodic axes.
    """
    quiet_tensorflow()
    from rich.console import Console
    from rich.table import Table

    from .correctors import NETWORKS, build_network, describe

    table = Table()
    for column in ("network", "what", "parameters", "receptive field", "FLOPs per cell"):
        table.add_column(column, justify="left" if column in ("network", "what") else "right", no_wrap=True)
    for name, network in NETWORKS.items():
        facts = describe(build_network(name, rank + 1, rank, rank))
        field = f"{facts.receptive_field} cells" if facts.receptive_field else "whole domain"
        table.add_row(name, network.summary, f"{facts.parameters:,}", field, f"{facts.flops_per_cell:,.0f}")
    table.title = f"{rank}D, {rank + 1} inputs, {rank} outputs, {'x'.join(map(str, facts.resolution))} cells"
    Console(width=None if sys.stdout.isatty() else 110).print(table)


@app.command()
def view(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH ...", help="Run, data, simulation or evaluation folders, any PhiFlow scene, or a scene.")
    ],
    data: Annotated[Path | None, typer.Option(help="Data to show with the runs. Default: their scene's test data.", show_default=False)] = None,
    port: Annotated[int, typer.Option(help="Port; if it is in use, the next free one is taken.")] = 8051,
    host: Annotated[str, typer.Option(help="Address to serve on. There is no authentication.")] = "127.0.0.1",
):
    """
    Look at source, corrected and reference in a web browser: recorded, live, and training curves.

    A scene's name stands for data/SCENE and runs/SCENE; with a run, the test data of its scene is shown. Nothing outside
    these folders is read. Needs Dash and Plotly: pip install phi-sol[view]
    """
    from .viewer.compat import require_dash

    require_dash()
    from .viewer.catalogue import Catalogue

    catalogue = Catalogue(paths, data)
    from .viewer.server import serve

    serve(catalogue, host, port, quiet_tensorflow, typer.echo)


@app.command()
def animate(
    paths: Annotated[list[str], typer.Argument(metavar="PATH ...", help="As for view.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write: .mp4, .gif or .html.")],
    data: Annotated[Path | None, typer.Option(help="As for view.", show_default=False)] = None,
    simulation: Annotated[str | None, typer.Option(help="Its name, or the end of it.", show_default="the first")] = None,
    run: Annotated[str | None, typer.Option(help="Corrector: its name, or the end of it.", show_default="the first")] = None,
    field: Annotated[str | None, typer.Option(help="Field.", show_default="velocity, or the first")] = None,
    quantity: Annotated[str | None, typer.Option(help="A component, magnitude or vorticity.", show_default="vorticity, or the first")] = None,
    frames: Annotated[str | None, typer.Option(help="FIRST:LAST or FIRST:LAST:STEP.", show_default="all, at most 200")] = None,
    fps: Annotated[float, typer.Option(help="Frames per second.")] = 20,
):
    """
    Write a film of source, corrected and reference side by side, with their errors over time.
    """
    from .viewer.catalogue import Catalogue
    from .viewer.films import Film, check_target

    check_target(out)
    film = Film(Catalogue(paths, data), simulation, run, field, quantity, frames, quiet_tensorflow)
    with progress_bar("frames/s") as bar:
        task = bar.add_task(out.name, total=None)
        film.write(out, fps, lambda done, total: bar.update(task, completed=done, total=total))
    typer.echo(f"{out}: {len(film.frames)} frames of {film.title}")


def parse_parameters(options: list[str]) -> dict[str, list[float]]:
    """
    `["reynolds=250,900"]` -> `{"reynolds": [250.0, 900.0]}`.

    Raises:
        InputError: if an option is not of this form.
    """
    from .errors import InputError

    result = {}
    for option in options:
        name, equals, values = option.partition("=")
        if not equals or not name or not values.strip():
            raise InputError(f"--param {option!r} must have the form NAME=VALUE,VALUE, e.g. reynolds=250,900.")
        try:
            result[name.strip()] = [float(v) for v in values.split(",")]
        except ValueError:
            raise InputError(f"--param {option!r}: {values!r} is not a comma-separated list of numbers.") from None
    return result


def progress_bar(unit: str = "", visible: bool = True):
    """A rich progress display on stderr: bar, share, speed in `unit` or the task's `info`, elapsed and remaining time."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.table import Column
    from rich.text import Text

    class Info(ProgressColumn):
        def render(self, task):
            speed = task.finished_speed or task.speed
            return Text(task.fields.get("info", f"{speed:.0f} {unit}" if speed and unit else ""), no_wrap=True)

    console = Console(stderr=True)
    name = TextColumn("{task.description}", table_column=Column(no_wrap=True))
    return Progress(
        name, BarColumn(10), TaskProgressColumn(), Info(), TimeElapsedColumn(), TimeRemainingColumn(), console=console, disable=not visible
    )


@contextmanager
def progress_of(title: str, visible: bool = True):
    """Gives a function of (frames done, frames in all) that shows a progress display from its first call on."""
    bar = progress_bar("frames/s", visible)

    def show(done: int, total: int):
        if not bar.tasks:
            bar.start()
            bar.add_task(title, total=total)
        bar.update(bar.tasks[0].id, completed=done)

    try:
        yield show
    finally:
        if bar.tasks:
            bar.stop()


def quiet_tensorflow(device: str = "auto"):
    """
    Imports TensorFlow without the start-up notes that it prints before its own log filter is in place.

    Args:
        device: `gpu`, `cpu`, or `auto`.

    Raises:
        InputError: for an unknown device, or `gpu` where TensorFlow finds none.
    """
    from .errors import InputError

    if device not in ("auto", "cpu", "gpu"):
        raise InputError(f"Unknown device {device!r}. Known: auto, cpu, gpu.")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    keep = os.dup(2)
    try:
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), 2)
            import tensorflow as tf

            gpus = tf.config.list_physical_devices("GPU")
    finally:
        os.dup2(keep, 2)
        os.close(keep)
    if device == "gpu" and not gpus:
        raise InputError("TensorFlow finds no GPU: install phi_sol[gpu] and NVIDIA's driver, or leave out --device gpu.")


def main(arguments: list[str]) -> int:
    """Runs a command and returns its exit code: 0 done, 2 wrong use or bad input, 1 anything else, 130 interrupted."""
    from .errors import DivergedError, InputError

    notes = logging.StreamHandler()
    notes.setFormatter(logging.Formatter("phi-sol: %(message)s"))
    logging.getLogger("phi_sol").handlers[:] = [notes]
    try:
        command = typer.main.get_command(app)
        return command.main(arguments or ["--help"], prog_name="phi-sol", standalone_mode=False) or 0
    except InputError as err:
        return fail(err, 2)
    except DivergedError as err:
        return fail(err, 1)
    except OSError as err:  # such as a full disk; the first three are a folder that can't be used
        wrong_use = isinstance(err, NotADirectoryError | FileExistsError | PermissionError)
        return fail(OSError(f"{err.filename}: {err.strerror}") if err.filename else err, 2 if wrong_use else 1)
    except Exception as err:
        if type(err).__name__ == "Abort":  # what typer makes of Ctrl-C
            return 130
        if hasattr(err, "exit_code"):  # wrong use, found by typer
            return fail(err, err.exit_code)
        raise


def fail(err: Exception, code: int) -> int:
    """One line on stderr."""
    message = err.format_message() if hasattr(err, "format_message") else str(err)
    print("phi-sol: " + " ".join(message.split()), file=sys.stderr)
    return code
