"""A corrector: network, adapter and normalisation, as one object that can be saved and loaded."""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ..arguments import checked
from ..errors import InputError, quoted
from ..flows import Flow
from ..flows.common_ground import check_scale_free
from ..kernels.compiled import Arrays
from ..networks import build_network, continued, in_precision
from ..networks.front import Front
from ..networks.timing import architecture
from ..places import check_place
from ..solvers.hybrid import INTEGRATOR, check_placement
from ..stepping.arrays import array_names
from ..storage.schemas import CORRECTOR
from . import elsewhere
from .adapter import Adapter, periodic_axes
from .described import CALIBRATION, Described
from .files import COMPILED, Sent, check_trained_for, in_short, load_pair, network_fingerprint, save_pair
from .forms import check_form, closure
from .mirrors import TURNED, turned_back, turned_by
from .scale_free import LOCAL, ScaleFree, channels_between
from .statistics import Normalised, Statistics
from .symmetric import SYMMETRIC, Symmetric
from .validity import Knowing

NETWORK_FILE, DESCRIPTION_FILE = "corrector.keras", "corrector.json"


class Corrector(Described, Knowing, Symmetric, Sent):
    """
    Maps a source state to an additive correction of it:

        correction = scale · network((state - mean) / std, (log parameter - mean) / std)

    with the statistics of the training data; `scale` is the root mean square of the correction that one source step
    needs, so that the network works with numbers of order one on both sides. In place of the solver (placements
    `instead` and `rate`) it is the whole change within a step. A scale-free one sees and gives numbers without
    dimension instead (`phi_sol.correctors.scale_free`), which mean the same in all flows.

    Attributes:
        network: Keras model, (batch, *resolution, input channels) -> (batch, *resolution, outputs).
        adapter: Converts between arrays and channels.
        statistics: Normalisation.
        description: JSON-ready facts: flow configuration, method, versions and the like.

    Examples:
        >>> ps.Corrector.load("runs/tiny/sol")
        Corrector(small, 93954 parameters, of velocity after the step, WakeFlow 24x12)
    """

    _flow: Flow | None = None
    _channels: ScaleFree | None = None

    @checked
    def __init__(self, network: keras.Model, adapter: Adapter, statistics: Statistics, description: dict):
        """Raises InputError for a description that does not say what flow it was made for."""
        if not isinstance(description.get("flow"), dict):
            raise InputError(f"The description of a corrector has its flow's configuration, not {quoted(description)}.")
        self.network, self.adapter, self.statistics, self.description = network, adapter, statistics, description

    @staticmethod
    @checked
    def create(
        flow: Flow,
        network: str | keras.Model | Callable,
        statistics: Statistics,
        *,
        correct: tuple[str, ...] = ("velocity",),
        seed: int = 0,
        placement: str = "after",
        project: bool = False,
        policy: str | None = None,
        form: str = "increment",
        integrator: str | None = None,
        scale_free: bool = False,
        local: bool = True,
    ) -> "Corrector":
        """
        An untrained corrector for `flow`. It corrects nothing yet: the last layer starts at zero. Its network continues
        the fields periodically along the periodic axes of the flow.

        Args:
            flow: The source flow.
            network: Name, `keras.Model` (whose layers are shared) or builder, see `phi_sol.networks.build_network`.
            statistics: Statistics of the training data.
            correct: Fields that are seen and corrected; the flow's `inputs` and parameters (not a seed) are seen, too.
            seed: Seed of the initial weights.
            placement: Where the correction enters, see `HybridSolver`.
            project: Whether the corrected velocity is made divergence-free.
            policy: Precision of the network, see `build_network`.
            form: What the network gives, see `phi_sol.correctors.forms`: `increment`, or as a closure `viscosity` or
                `stress`.
            integrator: With the placement `rate` the Runge-Kutta method, `rk4` (default), `rk3` or `heun`.
            scale_free: Whether its channels have no dimension, see `phi_sol.correctors.scale_free`, so that it runs on
                other cells, speeds and time steps, too. Such a corrector corrects the velocity.
            local: Whether it then scales with how much the velocity varies nearby; for networks of before, not.

        Raises:
            InputError: for an unknown network, policy, form or integrator, other channels, fields that are not free.
        """
        check_placement(placement, project, None, integrator)
        free = [f for f in flow.fields if f not in flow.prescribed]
        wrong = [f for f in correct if f not in free]
        if wrong or not correct:
            what = f"not {quoted(wrong[0])}" if wrong else "at least one of them"
            raise InputError(f"Of {type(flow).__name__} {', '.join(free)} can be corrected, {what}.")
        names = tuple(n for n in array_names(flow) if n.partition(".")[0] in correct)
        seen = tuple(n for n in array_names(flow) if n in names or n.partition(".")[0] in flow.inputs)
        grid, parameters = tuple(flow.resolution.values()), flow.seen_parameters
        check_form(form, placement, correct)
        if scale_free:
            check_scale_free(flow, correct)
            seen, parameters = tuple(array_names(flow)), ()
        adapter = Adapter(grid, seen, names, parameters)
        shape = (*channels_between(scale_free, form, adapter), len(grid))
        how: dict = dict(seed=seed, periodic=periodic_axes(flow), policy=policy, grid=adapter.resolution)
        model = build_network(network, *shape, apart=scale_free, **how)
        description = {"flow": flow.config(), "network": model.name, "placement": placement, "project": project}
        description |= {"form": form} if form != "increment" else {}
        description |= {"scale_free": LOCAL if local else True} if scale_free else {}
        description |= {"integrator": integrator or INTEGRATOR} if placement == "rate" else {}
        return Corrector(model, adapter, statistics, description).on(flow)

    def on(self, flow: Flow) -> "Corrector":
        """The same corrector with the grid of a flow, which a closure needs, and one that is scale-free."""
        if self.form == "increment" and not self.scale_free:
            return self
        bound = copy(self)
        bound._flow = flow
        vars(bound).pop(COMPILED, None)
        if self.scale_free:
            bound._channels = ScaleFree(flow, self.is_local)
            bound.network = continued(self.network, periodic_axes(flow))
            bound.adapter = replace(self.adapter, inputs=tuple(array_names(flow)))
        return bound

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the arrays that are corrected."""
        return self.adapter.outputs

    @property
    def architecture(self) -> str:
        """What of the network decides how long it takes, see `phi_sol.networks.timing.architecture`."""
        return architecture(self.network)

    @property
    def fingerprint(self) -> str:
        """Short hash of all that decides its corrections: placement, layers, weights, precision, statistics."""
        kept = {"form", SYMMETRIC, "scale_free", CALIBRATION} & set(self.description)
        how: dict = {"placement": self.placement, "project": self.project} | {n: self.description[n] for n in kept}
        how |= {"integrator": self.integrator} if self.placement == "rate" else {}
        if not self.scale_free:
            how |= {"adapter": asdict(self.adapter), "statistics": asdict(self.statistics)}
        return network_fingerprint(self.network, how)

    def in_precision(self, policy: str) -> "Corrector":
        """
        The same corrector with a network that computes in another precision: `float32`, `mixed_bfloat16` or
        `mixed_float16` (16 bits in all layers but the last; the solver keeps its own). On processors and GPUs with
        instructions for 16 bits it is faster, elsewhere slower. Errors are those of `phi_sol.networks.in_precision`.
        """
        other = copy(self)
        other.network, other.description = in_precision(self.network, policy), self.description | {"precision": policy}
        return other

    def take_over(self, trained: "Corrector"):
        """
        Takes normalisation and gain of a trained corrector, whose network this one has. Raises InputError if it sees or
        corrects other things than this one, or at another place.
        """
        elsewhere.check_continues(self, trained)
        if not self.scale_free:  # what is left of them scales losses
            self.statistics = trained.statistics
        self.description |= {n: trained.description[n] for n in (CALIBRATION,) if n in trained.description}

    def weights(self) -> list[tf.Tensor]:
        """The values of the network's trainable weights, as tensors for loops and recomputed gradients."""
        return [tf.convert_to_tensor(v) for v in self.network.trainable_variables]

    def __call__(self, arrays: Arrays, parameters: Arrays, weights: list[tf.Tensor] | None = None) -> Arrays:
        """
        The correction of each corrected array of a state after a source step, of the same shape (batch, *spatial) and
        type; parameters have the shape (batch,). Weights, from `weights()`, take the place of the network's own.
        """
        if self.is_symmetric and TURNED not in parameters:
            return self.averaged(arrays, parameters, weights)
        channels, mirrored = self.channels, parameters.get(TURNED) if self.scale_free else None
        seen = channels.to_channels(arrays, parameters)
        dims = [n.rpartition(".")[2] for n in self.outputs]
        given = seen if mirrored is None else turned_by(seen, dims, mirrored)
        output = self.gain * tf.cast(self._front(tf.cast(given, self.network.compute_dtype), weights), seen.dtype)
        output = output if mirrored is None else turned_back(output, dims, mirrored, self.form)
        if self.form != "increment":
            return closure(self.form, self._bound)(output, arrays, channels.scale)
        return channels.from_channels(output, arrays)

    @property
    def _front(self) -> Front:
        """The network as it is applied."""
        known = vars(self).get(COMPILED)
        if known is None or known.network is not self.network:
            known = vars(self)[COMPILED] = Front(self.network, self.channels.varying if self.scale_free else 0)  # type: ignore[union-attr]
        return known

    @property
    def _bound(self) -> Flow:
        """The flow that `on` has named."""
        if self._flow is None:
            kind = "A scale-free corrector" if self.scale_free else f"A closure ({self.form})"
            raise InputError(f"{kind} needs the grid of its flow: corrector.on(flow).")
        return self._flow

    @property
    def channels(self) -> Normalised | ScaleFree:  # type: ignore[override]
        """What the network sees, `to_channels`, and how what it gives is read, `from_channels`."""
        if self.scale_free:
            return self._channels or ScaleFree(self._bound, self.is_local)
        return Normalised(self.adapter, self.statistics)

    def __repr__(self):
        corrected = ", ".join(self.description.get("correct", self.outputs))
        where = "as its rate of change" if self.placement == "rate" else f"{self.placement} the step"
        network, flow = in_short(self.network, self.description)
        return f"Corrector({network}, of {corrected} {where}, {flow})"

    def check_flow(self, flow: Flow):
        """Raises InputError if the corrector was trained for another flow or grid."""
        advice = " It can be tried with anyway=True (of a HybridSolver, strict=False)."
        check_trained_for(flow, self.at_home(flow), "corrector", advice)

    @checked
    def for_flow(self, flow: Flow) -> "Corrector":
        """
        The corrector for another flow, with the same weights and statistics: one with other obstacles, boundaries,
        parameters, or more cells of the same size. Nothing says that it is any good there: see `remark`.

        Raises InputError where it can't be used: for cells of another size, another time step, fields or parameters
        that the flow does not have, or a network that is made for one grid.
        """
        elsewhere.check_fits(self, flow)
        adapter = replace(self.adapter, resolution=tuple(flow.resolution.values()))
        return Corrector(self.network, adapter, self.statistics, self.description).on(flow)

    def distances(self, arrays: Mapping, parameters: Mapping) -> dict[str, float]:
        """
        How far inputs are from those of the training: by array name the root mean square of (value - mean) / std with
        the training's statistics, about 1 there; by parameter the same of its logarithm. The largest of all
        simulations. Shapes are those of `Solver.advance`.
        """
        return elsewhere.distances(self, arrays, parameters)

    def remark(self, flow: Flow, arrays: Mapping, parameters: Mapping) -> str:
        """A line on its gain, and on a flow, or states, that it was not trained for: what differs, how far they are."""
        return elsewhere.remark(self, flow, arrays, parameters)

    @checked
    def save(self, folder: str | Path, **facts):
        """
        Writes `corrector.keras` and `corrector.json`, with further facts, into `folder`. Whoever reads them, and
        whenever the process ends, finds the two of one moment. Raises InputError for a place that can't be written to.
        """
        check_place(Path(folder), "Name another folder.")
        content = self.description | facts | {"adapter": asdict(self.adapter), "statistics": asdict(self.statistics)}
        save_pair(self.network, Path(folder) / NETWORK_FILE, Path(folder) / DESCRIPTION_FILE, content)

    @staticmethod
    @checked
    def load(folder: str | Path, custom_objects: dict[str, Any] | None = None) -> "Corrector":
        """
        Reads what `save` wrote, without scene or data. Nothing in the files is executed (Keras's safe mode).

        Args:
            folder: Folder of a run.
            custom_objects: Classes and functions of your own that the network is made of, by name, if they are not
                registered (`keras.saving.register_keras_serializable`).

        Raises:
            MissingError: if there is no corrector in `folder`.
            InputError: if a file is damaged, belongs to another one, or needs a class or function that is not known.
        """
        files = Path(folder) / NETWORK_FILE, Path(folder) / DESCRIPTION_FILE
        network, content = load_pair(*files, CORRECTOR, "corrector", custom_objects)
        adapter = Adapter(**{k: tuple(v) for k, v in content.pop("adapter").items()})
        statistics = Statistics(**content.pop("statistics"))
        channels = network.input_shape[-1], network.output_shape[-1]
        takes, gives = channels_between(bool(content.get("scale_free")), content.get("form", "increment"), adapter)
        if channels != (takes, gives):
            said = f"maps {channels[0]} to {channels[1]} channels, but {DESCRIPTION_FILE} beside it says {takes} to"
            raise InputError(f"{files[0]} {said} {gives}.")
        return Corrector(network, adapter, statistics, content)
