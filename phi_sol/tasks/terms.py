"""The task of fitting the terms in the equations of a flow to recorded simulations."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import InputError, MissingError, quoted
from ..files import read_arrays, write_arrays
from ..flows import Flow
from ..kernels.compiled import Arrays
from ..storage.dataset import Dataset
from ..training.task import Setting, Task
from .correction.validation import rollout_error


class FitTerms(Task):
    """
    Trains the weights of a flow's terms, numbers and networks alike, so that its trajectories follow recorded ones:

        loss = Σ_{i=1..n} Σ_arrays mean (s_i - r_i)² / var r,   s_0 = r_0,   s_{i+1} = step of s_i

    with r the recorded (restricted) states; gradients pass all n steps. What is trained are the variables themselves;
    the run's folder has them in `terms.npz`, and `FitTerms.load(folder)` reads them.

    Examples:
        >>> drag = ps.FunctionTerm(lambda state, c: {"velocity": -c * state.velocity}, [tf.Variable(0.0)])
        >>> isinstance(ps.FitTerms(data, scene.pair.source.with_terms(drag)), ps.Task)
        True
    """

    name = "terms"
    product = "fit of terms"
    files = ("terms.npz",)

    def __init__(self, data: Dataset, flow: Flow):
        """
        Args:
            data: Training simulations.
            flow: The flow with its terms, `data.pair.source.with_terms(...)`.

        Raises:
            InputError: for a flow without variables in its terms, or of another grid, parameters or fields.
        """
        super().__init__(data)
        if not isinstance(flow, Flow) or not flow.term_weights:
            raise InputError("FitTerms needs a flow whose terms have weights: pair.source.with_terms(...).")
        known = self.flow
        ours, theirs = ((f.fields, f.resolution, f.size, f.parameters, f.dt) for f in (flow, known))
        if ours != theirs:
            raise InputError(f"The terms belong to {flow}, but the data to {known}: take data.pair.source.")
        self.flow = flow
        self.names = [n for f in flow.fields if f not in flow.prescribed for n in flow.layouts[f].arrays]

    def set_up(self, setting: Setting):
        moments = self.data.moments(list(setting.simulations))
        self._scales = {n: moments[n][1] or 1.0 for n in self.names}

    @property
    def variables(self) -> list:
        return self.flow.term_weights

    def losses(self, unroll: int, window: Arrays, parameters: Arrays, numbers: tf.Tensor) -> tf.Tensor:
        dt = tf.constant(self.flow.dt, tf.float32)
        arrays, result = {n: window[n][:, 0] for n in self.arrays}, []
        for i in range(1, unroll + 1):
            arrays = self.flow.advance(arrays, parameters, dt)
            total: Any = 0.0
            for n in self.names:
                square = tf.square((arrays[n] - window[n][:, i]) / self._scales[n])
                total = total + tf.reduce_mean(square, list(range(1, square.shape.rank)))
            result.append(total)
        return tf.stack(result, 1)

    def terms(self, unroll: int) -> int:
        return unroll

    def error(self, simulations: Sequence[int], frames: int) -> float:
        return rollout_error(self.flow, self.data, simulations, frames, self.names)

    def describe(self, unroll: int) -> dict:
        return super().describe(unroll) | {"terms": [type(t).__name__ for t in self.flow.terms]}

    def label(self, unroll: int) -> str:
        return f"TERMS-{unroll}"

    def save(self, folder: Path, **facts):
        values = {f"weight_{i}": np.asarray(v) for i, v in enumerate(self.variables)}
        Path(folder).mkdir(parents=True, exist_ok=True)
        write_arrays(Path(folder) / self.files[0], values, {"kind": self.product, "flow": repr(self.flow)})

    @classmethod
    def load(cls, folder: Path) -> list[np.ndarray]:
        """The weights of a run, in the order of `Flow.term_weights`."""
        path = Path(folder) / cls.files[0]
        if not path.is_file():
            raise MissingError(f"There is no {cls.product} in {folder}: no {path.name}.")
        _, content = read_arrays(path, cls.product)
        names = [f"weight_{i}" for i in range(len(content))]
        if set(names) != content.keys():
            raise InputError(f"{path} holds no {cls.product}, but {', '.join(map(quoted, sorted(content)[:5]))}.")
        return [content[n] for n in names]
