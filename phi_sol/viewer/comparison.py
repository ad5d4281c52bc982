"""Recorded comparisons: stored reference, and source and hybrid rolled out from its first frame."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..flows import Flow
from ..metrics.metric import compared_arrays, error_label
from ..pictures.panels import FIELDS, Choice, Ranges, View, colour_range, drawn_axes
from ..pictures.values import Values
from ..storage.frames import frame_file
from .catalogue import Catalogue, Run
from .live import CORRECTED, REFERENCE, SOLVERS, SOURCE
from .reading import reason
from .recording import Recording
from .rollouts import OUTSIDE, Computed, Rollouts

RECORDED = "recorded"
SAMPLES = 9  # frames that a fixed colour range is taken from


Shown = dict[str, Values | str]  # values, or the reason why there are none (yet), by title of the panel


def example(shown: Shown) -> Values:
    """Some of the values; InputError with the reason, of what is stored where there is such, if there are none."""
    values = [v for v in shown.values() if isinstance(v, Values)]
    if not values:
        raise InputError(str(shown.get(REFERENCE, next(iter(shown.values())))))
    return values[-1]


class Comparison:
    """What the recorded panels show: values by title for a simulation, a corrector and a frame."""

    def __init__(self, catalogue: Catalogue, prepare: Callable[[], None] = lambda: None):
        """`prepare` is called before TensorFlow is imported."""
        self.catalogue, self.rollouts = catalogue, Rollouts(prepare, catalogue.strict)
        self._flows: dict[Path, Flow | None] = {}
        self._unknown: dict[Path, str] = {}  # why a flow that a recording describes can't be had
        self._ranges: dict[tuple, Ranges] = {}

    def recording(self, key: str) -> Recording:
        """The one of this name; InputError if there is none, or it holds no complete frame."""
        recording = self.catalogue.recordings.get(key)
        if recording is None:
            raise InputError("Choose a simulation." if self.catalogue.recordings else "No simulations were given.")
        if not recording.frames:
            raise InputError(f"{key} holds no frame with all fields yet.")
        return recording

    def flow(self, recording: Recording) -> Flow | None:
        """The flow that a recording's fields belong to; None if it is unknown."""
        if recording.folder not in self._flows:
            self._flows[recording.folder] = None
            try:
                pair = self.catalogue.pair_of(recording.pair)
                self._flows[recording.folder] = pair.reference if recording.full_resolution else pair.source
            except Exception as err:  # whatever a damaged description raises
                why = f"only what was recorded is shown: {reason(err)}"
                self._unknown[recording.folder] = why if recording.pair else ""
        return self._flows[recording.folder]

    def drawn(self, recording: Recording) -> tuple[str, ...]:
        """Axes in the order in which they are drawn."""
        flow = self.flow(recording)
        if flow is not None:
            return drawn_axes(list(flow.resolution), flow.drawn)
        for frame in recording.frames[:SAMPLES]:
            with suppress(InputError):
                return drawn_axes(recording.read(recording.fields[0], frame).axes)
        return drawn_axes(recording.read(recording.fields[0], recording.frames[0]).axes)

    def is_compared(self, recording: Recording) -> bool:
        """Whether source and corrector can be rolled out."""
        return self.flow(recording) is not None and not recording.full_resolution and recording.frames[:1] == [0]

    def runs(self, recording: Recording) -> dict[str, Run]:
        """The runs with something trained for a recording, by key."""
        return self.catalogue.trained_for(recording.pair) if self.is_compared(recording) else {}

    def fields(self, recording: Recording) -> list[str]:
        """Names of the fields to choose from."""
        if self._is_saved(recording):
            return list(dict.fromkeys(n.partition("_")[2] for n in recording.fields))
        return [*recording.fields, *([OUTSIDE] if self.runs(recording) else [])]

    def values(self, recording: Recording, run: str | None, field: str, frame: int) -> Shown:
        """What the panels show of a frame."""
        if self._is_saved(recording):
            return {s: self._read(recording, f"{s}_{field}", frame) for s in SOLVERS}
        rollouts = self.requested(recording, run)
        if field == OUTSIDE:
            stored: Values | str = (
                "not corrected" if CORRECTED in rollouts else "choose a corrector, whose field this is"
            )
        else:
            stored = self._read(recording, field, frame)
        return {n: r.value(field, frame) for n, r in rollouts.items()} | {REFERENCE if rollouts else RECORDED: stored}

    def requested(self, recording: Recording, run: str | None) -> dict[str, Computed]:
        """The rollouts that a comparison needs, started if need be; none if there is nothing to compare."""
        flow = self.flow(recording)
        if flow is None or not self.is_compared(recording):
            return {}
        folders = {SOURCE: None} | ({CORRECTED: self.catalogue.runs[run].folder} if run in self.runs(recording) else {})
        return {n: self.rollouts.request(recording, flow, f) for n, f in folders.items()}

    def error_label(self, recording: Recording) -> str:
        """Of an axis that shows these errors."""
        flow = self.flow(recording)
        return error_label(compared_arrays(flow)) if flow is not None else ""

    def errors(self, recording: Recording) -> dict[str, list[float]]:
        """MAE per frame of all solvers that were rolled out, by name."""
        names = {run.folder: key for key, run in self.catalogue.runs.items()} | {None: SOURCE}
        errors = {names.get(f, str(f)): r.mae[:] for f, r in self.rollouts.of(recording).items() if r.mae}
        return dict(sorted(errors.items(), key=lambda item: item[0] != SOURCE))

    def look(
        self, recording: Recording, run: str | None, shown: Shown, choice: Choice, fixed: bool = True
    ) -> tuple[View, Ranges, str, Flow | None]:
        """
        What `make_rows` needs besides the values; colour ranges are `fixed`, or those of the frame. InputError if there
        are no values.
        """
        reference = REFERENCE if REFERENCE in shown else ""
        view = choice._replace(show=choice.show if reference else FIELDS).view(example(shown), self.drawn(recording))
        ranges = self.fixed_ranges(recording, run, view) if fixed else Ranges()
        return view, ranges, reference, self.flow(recording)

    def progress(self, recording: Recording, run: str | None) -> str:
        """What is being computed, or why it is not, in one line; empty if all is there."""
        computed = self.requested(recording, run).items()
        why = self._unknown.get(recording.folder, "")
        return why or "; ".join(f"{n}: {r.progress}" for n, r in computed if r.progress)

    def fixed_ranges(self, recording: Recording, run: str | None, view: View) -> Ranges:
        """Colour ranges over the whole recording, from some frames: of what is stored, and of the differences to it."""
        run = run if run in self.runs(recording) else None
        key = (recording.folder, view.field, view.quantity, view.drawn, run)
        if key in self._ranges:
            return self._ranges[key]
        stored, differences = [], []
        for i in np.unique(np.linspace(0, len(recording.frames) - 1, SAMPLES).astype(int)):
            shown = self.values(recording, run, view.field, recording.frames[i])
            wholes = {t: view.whole(v) for t, v in shown.items() if isinstance(v, Values)}
            stored += [p for t, p in wholes.items() if t in (RECORDED, REFERENCE) or self._is_saved(recording)]
            fitting = [p for t, p in wholes.items() if t != REFERENCE and p.fits(wholes.get(REFERENCE))]
            differences += [p - wholes[REFERENCE] for p in fitting]
        given = ((stored, view.is_signed), (differences, True))
        ranges = Ranges(*(colour_range(pictures, signed) if pictures else None for pictures, signed in given))
        if all(r.done for r in self.requested(recording, run).values()):
            self._ranges[key] = ranges
        return ranges

    @staticmethod
    def _is_saved(recording: Recording) -> bool:
        return bool(recording.fields) and all(n.partition("_")[0] in SOLVERS for n in recording.fields)

    def _read(self, recording: Recording, field: str, frame: int) -> Values | str:
        try:
            values, axes = recording.read(field, frame), self.drawn(recording)
        except InputError as err:
            return str(err)
        if set(values.axes) != set(axes):
            file = frame_file(recording.folder, field, frame)
            return f"Frame {file} has the axes {', '.join(values.axes)} instead of {', '.join(axes)}."
        return values
