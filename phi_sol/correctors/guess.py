"""A learned initial guess for the pressure, as one object that can be saved and loaded."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from phi.math import Tensor, precision, reshaped_tensor, wrap
from phi.tf import TENSORFLOW

from ..arguments import checked
from ..displays import Displayed
from ..errors import InputError, integer, positive, quoted
from ..flows import Flow
from ..kernels.settings import traced
from ..networks import build_network
from ..places import check_place
from ..pressure.axes import CLOSED
from ..pressure.laplace import MaskedLaplace
from ..storage.schemas import GUESS
from .files import Sent, check_trained_for, in_short, load_pair, network_fingerprint, save_pair

NETWORK_FILE, DESCRIPTION_FILE = "guess.keras", "guess.json"


class PoissonGuess(Displayed, Sent):
    """
    Guesses the solution of `-∇²p = b` in a domain without open sides:

        p = σ |b| (N(b / |b|) - mean),      |b| the root mean square of b over cells,

    with N a network and σ the scale of solutions of right-hand sides of size one. The guess is scaled as the solution
    is, so that the network sees numbers of order one however small b is, and has the mean zero. Beyond the walls the
    network continues fields by their mirror image, as p continues itself where ∂p/∂n = 0: a convolution near a wall
    then does what it does inside.

    More than one pass is iterative refinement with the network in the place of an approximate inverse: what is left, b
    + ∇²p, is a right-hand side like any other, and its guess is added, as often as wanted.

    Attributes:
        network: Keras model with one channel in and out.
        scale: σ, in domain units².
        description: JSON-ready facts: flow configuration, method, versions and the like.
        passes: How often the network is applied.

    Examples:
        >>> ps.PoissonGuess.create(ps.SmokeBox(y=16, x=16), "small", scale=1.0)
        PoissonGuess(small, 93089 parameters, SmokeBox 16x16)
    """

    @checked
    def __init__(self, network: keras.Model, scale: float, description: dict, passes: int = 1):
        """Raises InputError for less than one pass, a scale that is not positive, or a description without the grid."""
        self.network, self.scale, self.description = network, positive("The scale of a guess", scale), description
        if wrong := GUESS.violation({"flow": None} | description | {"scale": self.scale}):
            raise InputError(f"The description of a guess does not say its grid ({wrong}).")
        self.passes = integer("The number of passes of a guess", passes, 1)
        size, resolution = (description["flow"][n] for n in ("size", "resolution"))
        spacing = [size[d] / n for d, n in resolution.items()]
        inside = np.ones(list(resolution.values()), bool)
        self._operator = MaskedLaplace(inside, spacing, [(CLOSED, CLOSED)] * len(spacing))

    @staticmethod
    @checked
    def create(
        flow: Flow, network: str | keras.Model | Callable, scale: float, *, seed: int = 0, policy: str | None = None
    ) -> "PoissonGuess":
        """
        An untrained guess for the pressure of `flow`, which is zero.

        Args:
            flow: Gives the grid.
            network: Name, `keras.Model` (whose layers are shared) or builder, see `phi_sol.networks.build_network`.
            scale: σ.
            seed: Seed of the initial weights.
            policy: Precision of the network, see `build_network`.

        Raises:
            InputError: for an unknown network or policy, a network for other than one channel in and out, and for a
                flow with obstacles or open or periodic sides.
        """
        check_domain(flow)
        grid = tuple(flow.resolution.values())
        built = build_network(network, 1, 1, len(grid), seed=seed, policy=policy, mirrored=True, grid=grid)
        return PoissonGuess(built, scale, {"flow": flow.config(), "network": built.name})

    def _told(self) -> dict:
        network, flow = in_short(self.network, self.description)
        trained = self.description.get("label") or self.description.get("method", "not yet")
        return {"network": network, "flow": flow, "trained": trained, "passes": self.passes}

    def __repr__(self):
        return f"PoissonGuess({', '.join(in_short(self.network, self.description))})"

    @cached_property
    def compiled(self) -> Callable:
        """`native`, compiled."""
        return traced(self.native, None)

    @property
    def fingerprint(self) -> str:
        """Short hash of all that decides its guesses."""
        return network_fingerprint(self.network, {"scale": self.scale, "passes": self.passes})

    def native(self, b: tf.Tensor) -> tf.Tensor:
        """The guess for native right-hand sides (batch, *spatial), in their precision; for compiled functions."""
        p = self._once(b)
        for _ in range(self.passes - 1):
            with precision(8 * b.dtype.size):
                left = b - self._operator(TENSORFLOW, p)
            p = p + self._once(left)
        return p

    def _once(self, b: tf.Tensor) -> tf.Tensor:
        space = list(range(1, b.shape.rank))
        size = tf.sqrt(tf.reduce_mean(tf.square(b), space, keepdims=True))
        channels = tf.cast(tf.math.divide_no_nan(b, size)[..., None], self.network.compute_dtype)
        p = tf.cast(self.network(channels)[..., 0], b.dtype)
        return self.scale * size * (p - tf.reduce_mean(p, space, keepdims=True))

    def predict(self, b: np.ndarray) -> np.ndarray:
        """The guess for right-hand sides of shape (batch, *spatial), computed in float32."""
        return self.compiled(tf.constant(b, tf.float32)).numpy()

    def __call__(self, b: Tensor) -> Tensor:
        """
        The guess of p, in TensorFlow, of the shape of the right-hand side b: minus the divergence of a velocity, with
        the spatial dimensions of the flow and any batch dimensions. Raises InputError if b is on another grid.
        """
        resolution = self.description["flow"]["resolution"]
        if not hasattr(b, "shape"):
            raise InputError(f"A right-hand side is a tensor, not {quoted(b)}.")
        b = b if isinstance(b, Tensor) else wrap(b)
        grid = b.shape.spatial.untyped_dict
        if grid != resolution:
            raise InputError(f"The guess was trained for right-hand sides on a grid of {resolution}, not of {grid}.")
        others, dims = b.shape.without(list(resolution)), list(resolution)
        values = tf.convert_to_tensor(b.native([others, *dims]))
        return reshaped_tensor(self.compiled(values), [others, *[b.shape[d] for d in dims]], convert=False)

    def check_flow(self, flow: Flow):
        """Raises InputError if the guess was trained for another flow or grid."""
        check_trained_for(flow, self.description, "guess")

    @checked
    def save(self, folder: str | Path, **facts):
        """Writes `guess.keras` and `guess.json`, with further facts, into `folder`, see `Corrector.save`."""
        check_place(Path(folder), "Name another folder.")
        content = self.description | facts | {"scale": self.scale}
        save_pair(self.network, Path(folder) / NETWORK_FILE, Path(folder) / DESCRIPTION_FILE, content)

    @staticmethod
    @checked
    def load(folder: str | Path, passes: int = 1, custom_objects: dict[str, Any] | None = None) -> "PoissonGuess":
        """Reads what `save` wrote, see `Corrector.load`. Raises InputError for less than one pass, too."""
        folder, kind = Path(folder), "guess for a Poisson problem"
        network, content = load_pair(folder / NETWORK_FILE, folder / DESCRIPTION_FILE, GUESS, kind, custom_objects)
        scale = float(content.pop("scale"))
        if (network.input_shape[-1], network.output_shape[-1]) != (1, 1):
            raise InputError(f"{folder / NETWORK_FILE} is no network with one channel in and one out.")
        return PoissonGuess(network, scale, content, passes)


def check_domain(flow: Flow):
    """Raises InputError unless all sides of the flow are closed and it has no obstacle: networks see neither."""
    solver = flow.projection.solver
    sides = {s for pair in solver.sides.values() for s in pair}
    if solver.cut_faces or sides != {CLOSED}:
        found = "obstacles" if solver.cut_faces else " and ".join(sorted(sides)) + " sides"
        raise InputError(f"Guesses are learned for closed boxes without obstacles; {type(flow).__name__} has {found}.")
