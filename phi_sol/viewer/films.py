"""Films of recorded comparisons, for those without a browser."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import InputError, MissingError
from ..pictures.drawing import Drawing
from ..pictures.film import write_film
from ..pictures.panels import Choice, make_rows
from ..pictures.values import meant, quantities
from ..texts import for_figure, printable
from .catalogue import Catalogue
from .comparison import Comparison, example
from .live import CORRECTED, SOURCE

FRAMES = 200  # frames of a film unless it is said


class Film:
    """One comparison over time; `frames` are the numbers of its frames, `title` says what is shown."""

    def __init__(
        self,
        catalogue: Catalogue,
        simulation: str | None = None,
        run: str | None = None,
        field: str | None = None,
        quantity: str | None = None,
        frames: str | None = None,
        prepare: Callable[[], None] = lambda: None,
    ):
        """
        Args:
            simulation, run: Name of each, or the end of it; default: the first.
            field, quantity: What is drawn; default: vorticity of the velocity where there is one.
            frames: `FIRST:LAST` or `FIRST:LAST:STEP`; default: all, at most 200.
            prepare: Called before TensorFlow is imported.

        Raises:
            InputError: for names that do not exist or are not unique, or if there is no simulation.
        """
        self.comparison = Comparison(catalogue, prepare)
        candidates = {k: r for k, r in catalogue.recordings.items() if r.frames}
        if not candidates:
            raise MissingError(
                "There is no recorded simulation in the given folders: name one, or its scene, or data (data=)."
            )
        self.recording = candidates[_pick("simulation", simulation, list(candidates))]
        runs = self.comparison.runs(self.recording)
        given = list(catalogue.trained_for(self.recording.pair)) if self.recording.pair else []
        if given and not runs:
            raise InputError(f"There is no film of {given[0]}: {self.comparison.progress(self.recording, None)}")
        if run is not None and not runs:
            raise InputError(f"There is no corrector for {self.recording.title}.")
        self.run = _pick("run", run, list(runs)) if runs else None
        names = self.comparison.fields(self.recording)
        field, quantity = meant(quantity, field, names)
        if field is not None and field not in names:
            raise InputError(f"There is no field {field!r}. Fields: {', '.join(names)}.")
        self.field, self.quantity = field or names[0], quantity
        self.frames = self._frame_numbers(frames)
        self.title = printable(self.recording.title + (f", corrector {self.run}" if self.run else ""))

    def _frame_numbers(self, text: str | None) -> list[int]:
        there = self.recording.frames
        if text is None:
            return there[:: -(-len(there) // FRAMES)]
        try:
            numbers = [int(p) for p in text.split(":")]
            first, last, step = numbers if len(numbers) == 3 else (*numbers, 1)
            if step < 1 or first > last:
                raise ValueError
        except ValueError:
            form = "the form FIRST:LAST or FIRST:LAST:STEP, e.g. 0:200:2"
            raise InputError(f"frames= must have {form}, not {text!r}.") from None
        chosen = [f for f in there if f in range(first, last + 1, step)]
        if not chosen:
            raise InputError(f"frames= {text}: this simulation has the frames {there[0]} to {there[-1]}.")
        return chosen

    @property
    def remark(self) -> str:
        """What there is to say: of the corrector that it was trained for another flow, of what is missing why."""
        computed = self.comparison.requested(self.recording, self.run).get(CORRECTED)
        missing = self.comparison.progress(self.recording, self.run)
        return "\n".join(filter(None, [computed.remark if computed is not None else "", missing]))

    def write(self, out: Path, fps: float, progress: Callable[[int, int], None] = lambda done, total: None):
        """
        Computes what is missing and writes the film; a film that is not finished is not left behind. `progress` is
        called with (frames done, frames in all). InputError if the first frame is damaged, fps is not positive, or the
        corrector can't be loaded or used.
        """
        if not (np.isfinite(fps) and fps > 0):
            raise InputError(f"The number of frames per second must be positive, not {fps:g}.")
        self._compute(progress)
        comparison, recording = self.comparison, self.recording
        first = comparison.values(recording, self.run, self.field, self.frames[0])
        look = comparison.look(recording, self.run, first, Choice(self.field, self.quantity))
        if self.quantity and self.quantity not in (known := quantities(example(first))):
            raise InputError(f"There is no quantity {self.quantity!r} of {self.field}. Known: {', '.join(known)}.")
        errors = comparison.errors(recording)
        drawing = Drawing(make_rows(first, *look), curves=bool(errors))
        label = comparison.error_label(recording)
        flow = comparison.flow(recording)
        dt, unit = (1.0, "frame") if flow is None else (flow.dt, "time")
        curves = {n: mae[: self.frames[-1] + 1] for n, mae in errors.items()}
        mark = _error_axis(drawing.curve_axis, curves, dt, unit, label) if errors else None

        def frames():
            for i, frame in enumerate(self.frames, 1):
                if mark is not None:
                    mark.set_xdata([dt * frame, dt * frame])
                shown = comparison.values(recording, self.run, self.field, frame)
                yield f"{self.title}, {unit} {dt * frame:g}", make_rows(shown, *look)
                progress(i, len(self.frames))

        write_film(drawing, frames(), out, fps)

    def _compute(self, progress: Callable[[int, int], None]):
        """Waits for the rollouts, which run to the last frame of the film at least."""
        while rollouts := self.comparison.requested(self.recording, self.run).values():
            needed = self.frames[-1] + 1
            progress(sum(min(len(r.frames), needed) for r in rollouts), needed * len(rollouts))
            if failed := [r.error for r in rollouts if r.error and not r.frames]:
                raise InputError(failed[0])
            if all(r.done or len(r.frames) >= needed for r in rollouts):
                return
            time.sleep(0.1)


def _pick(kind: str, wanted: str | None, names: list[str]) -> str:
    if wanted is None:
        return names[0]
    matching = [n for n in names if n == wanted or n.endswith(f"/{wanted}")]
    if len(matching) != 1:
        raise InputError(f"{'No' if not matching else 'More than one'} {kind} {wanted!r}. Known: {', '.join(names)}.")
    return matching[0]


def _error_axis(axis, errors: dict[str, list[float]], dt: float, unit: str, label: str):
    """Curves of values that are dt apart, and the line that marks a frame."""
    styles = ["-", "--", "-.", ":"]
    for i, (name, mae) in enumerate(errors.items()):
        times = dt * np.arange(len(mae))
        axis.plot(times, mae, styles[i % 4], color="k" if name == SOURCE else f"C{i - 1}", label=for_figure(name))
    last = dt * max(1, *map(len, errors.values())) - dt
    axis.set(xlabel=unit, ylabel=label.replace(" (", "\n("), xlim=(0, last or dt), ylim=(0, None))
    axis.legend(fontsize=8, loc="upper left")
    axis.tick_params(labelsize=8)
    return axis.axvline(0, color="0.4", linewidth=1, linestyle=":")
