"""Recorded comparisons: stored reference, and source and hybrid rolled out from its first frame."""

from pathlib import Path

import numpy as np

from ..errors import InputError
from ..flows import Flow
from .catalogue import Catalogue, Run
from .live import CORRECTED, REFERENCE, SOLVERS, SOURCE
from .recording import Recording
from .rollouts import Rollout, Rollouts
from .solvers import pair_of
from .values import Values, colour_range, is_signed
from .views import DIFFERENCE, Ranges, View

RECORDED = "recorded"
SAMPLES = 9  # frames that a fixed colour range is taken from


class Comparison:
    """What the recorded panels show: values by title for a simulation, a corrector and a frame."""

    def __init__(self, catalogue: Catalogue, rollouts: Rollouts, known_flows: tuple[type[Flow], ...] = ()):
        self.catalogue, self.rollouts, self._known = catalogue, rollouts, known_flows
        self._flows: dict[Path, Flow | None] = {}
        self._ranges: dict[tuple, tuple[float, float]] = {}

    def recording(self, key: str) -> Recording:
        """
        Raises:
            InputError: if there is none of this name, or it holds no complete frame.
        """
        recording = self.catalogue.recordings.get(key)
        if recording is None:
            raise InputError("Choose a simulation." if self.catalogue.recordings else "No simulations were given.")
        if not recording.frames:
            raise InputError(f"{key} holds no frame with all fields yet.")
        return recording

    def flow(self, recording: Recording) -> Flow | None:
        """The source flow of a recording; None if it is unknown or the recording is at full resolution."""
        if recording.folder not in self._flows:
            try:
                pair = pair_of(recording.description.get("pair") or {}, self._known)
                self._flows[recording.folder] = pair.reference if recording.full_resolution else pair.source
            except InputError:
                self._flows[recording.folder] = None
        return self._flows[recording.folder]

    def is_compared(self, recording: Recording) -> bool:
        """Whether source and corrector can be rolled out."""
        return self.flow(recording) is not None and not recording.full_resolution and recording.frames[:1] == [0]

    def runs(self, recording: Recording) -> dict[str, Run]:
        """The runs with a corrector for a recording, by key."""
        if not self.is_compared(recording):
            return {}
        return {
            k: r
            for k, r in self.catalogue.runs.items()
            if r.has_corrector and r.pair == recording.description.get("pair")
        }

    def fields(self, recording: Recording) -> list[str]:
        """Names of the fields to choose from."""
        if self._is_saved(recording):
            return list(dict.fromkeys(n.partition("_")[2] for n in recording.fields))
        return recording.fields

    def values(self, recording: Recording, run: str | None, field: str, frame: int) -> dict[str, Values | str]:
        """Values, or the reason why there are none (yet), by title of the panel."""
        if self._is_saved(recording):
            return {s: self._read(recording, f"{s}_{field}", frame) for s in SOLVERS}
        stored = self._read(recording, field, frame)
        if not self.is_compared(recording):
            return {RECORDED: stored}
        rollouts = self.requested(recording, run)
        result = {SOURCE: self._rolled_out(rollouts[SOURCE], field, frame)}
        if CORRECTED in rollouts:
            result[CORRECTED] = self._rolled_out(rollouts[CORRECTED], field, frame)
        return result | {REFERENCE: stored}

    def requested(self, recording: Recording, run: str | None) -> dict[str, Rollout]:
        """The rollouts that a comparison needs, started if need be."""
        result = {SOURCE: self.rollouts.request(recording, None)}
        if run in self.runs(recording):
            result[CORRECTED] = self.rollouts.request(recording, self.catalogue.runs[run].folder)
        return result

    def errors(self, recording: Recording) -> dict[str, list[float]]:
        """Velocity MAE per frame of all solvers that were rolled out, by name."""
        names = {run.folder: key for key, run in self.catalogue.runs.items()} | {None: SOURCE}
        errors = {names.get(f, str(f)): r.mae[:] for f, r in self.rollouts.of(recording).items() if r.mae}
        return dict(sorted(errors.items(), key=lambda item: item[0] != SOURCE))

    def progress(self, recording: Recording, run: str | None) -> str:
        """What is being computed, or why it is not, in one line; empty if all is there."""
        if not self.is_compared(recording):
            return ""
        parts = []
        for name, rollout in self.requested(recording, run).items():
            if rollout.error:
                parts.append(f"{name}: {rollout.error}")
            elif not rollout.done:
                parts.append(
                    f"{name}: {len(rollout.frames)} of {rollout.total + 1} frames"
                    if rollout.frames
                    else f"{name}: {rollout.message} ..."
                )
        return "; ".join(parts)

    def fixed_ranges(self, recording: Recording, run: str | None, view: View) -> Ranges:
        """
        Colour ranges over the whole recording, from some frames of the reference and of the source's difference
        to it; where the source is the reference (a guess for its pressure solves is what is compared), of the
        corrected solution's.
        """
        numbers = [
            recording.frames[i] for i in np.unique(np.linspace(0, len(recording.frames) - 1, SAMPLES).astype(int))
        ]
        fields = self._range(recording, run, view, numbers, False)
        if view.show != DIFFERENCE and not self.is_compared(recording):
            return Ranges(fields)
        return Ranges(fields, self._range(recording, run, view, numbers, True))

    def _range(
        self, recording: Recording, run: str | None, view: View, numbers: list[int], difference: bool
    ) -> tuple[float, float] | None:
        compared = CORRECTED if (recording.description.get("pair") or {}).get("ratio") == 1 else SOURCE
        key = (
            recording.folder,
            view.field,
            view.quantity,
            view.drawn,
            difference,
            run if compared == CORRECTED else None,
        )
        if key in self._ranges:
            return self._ranges[key]
        pictures = []
        for number in numbers:
            shown = self.values(recording, run if compared == CORRECTED or not difference else None, view.field, number)
            whole = {
                t: view.whole(v)
                for t, v in shown.items()
                if isinstance(v, Values) and (t in (compared, REFERENCE, RECORDED) or self._is_saved(recording))
            }
            if not difference:
                pictures += [p for t, p in whole.items() if t != compared]
            elif compared in whole and REFERENCE in whole:
                pictures.append(whole[compared] - whole[REFERENCE])
        if not pictures:
            return None
        dimensions = len(pictures[0].coordinates)
        result = colour_range(pictures, difference or is_signed(view.quantity, dimensions))
        rollouts = self.requested(recording, run) if difference else {}
        if not difference or rollouts.get(compared, rollouts[SOURCE]).done:
            self._ranges[key] = result
        return result

    @staticmethod
    def _is_saved(recording: Recording) -> bool:
        return bool(recording.fields) and all(n.partition("_")[0] in SOLVERS for n in recording.fields)

    @staticmethod
    def _read(recording: Recording, field: str, frame: int) -> Values | str:
        try:
            return recording.read(field, frame)
        except InputError as err:
            return str(err)

    @staticmethod
    def _rolled_out(rollout: Rollout, field: str, frame: int) -> Values | str:
        try:
            return rollout.values(frame)[field]
        except InputError as err:
            return str(err)
        except KeyError:
            return f"no field {field} here"
