"""
Networks as Keras models: channels in, channels out, on any grid size.

A builder takes the layers that it may use (`Layers`: dimension, boundaries, precision), the input and the number of
outputs. Those of phi_sol end in a layer whose weights start at zero: an untrained corrector corrects nothing.

Examples:
    >>> network = ps.networks.build_network("faster", inputs=3, outputs=2, rank=2)
    >>> print(ps.networks.describe(network))
    60096 parameters, receptive field 52 cells
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import keras

from ..arguments import checked
from ..errors import InputError, check_takes, flag, integer, quoted, suggestion
from .coarse import fast, faster, fastest
from .convolutional import convnet, dilated, resnet, small
from .facts import NetworkFacts, describe
from .fourier import fno
from .layers import Layers, continued
from .unet import deep_unet, unet

__all__ = [
    "NETWORKS",
    "POLICIES",
    "Layers",
    "Network",
    "NetworkFacts",
    "build_network",
    "check_policy",
    "continued",
    "describe",
    "in_precision",
    "network_name",
]

POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclass(frozen=True)
class Network:
    """
    A kind of network: its builder, and what it is in a line.

    Examples:
        >>> ps.networks.NETWORKS["faster"].summary
        'ResNet on a quarter of the resolution'
    """

    build: Callable
    summary: str


NETWORKS = {
    "resnet": Network(resnet, "the paper's ResNet, 5x5 convolutions"),
    "small": Network(small, "the ResNet with 3x3 convolutions, for CPUs"),
    "convnet": Network(convnet, "the paper's ConvNet, three 5x5 convolutions"),
    "unet": Network(unet, "U-Net on grids of four sizes"),
    "deep-unet": Network(deep_unet, "U-Net on grids of five sizes"),
    "dilated": Network(dilated, "ResNet with dilated 3x3 convolutions"),
    "fno": Network(fno, "Fourier neural operator"),
    "fast": Network(fast, "ResNet on half the resolution"),
    "faster": Network(faster, "ResNet on a quarter of the resolution"),
    "fastest": Network(fastest, "the same with one block only"),
}


@checked
def build_network(
    network: str | keras.Model | Callable,
    inputs: int,
    outputs: int,
    rank: int,
    *,
    seed: int = 0,
    periodic: Sequence[bool] | bool = False,
    policy: str | None = None,
    mirrored: bool = False,
    grid: Sequence[int] | None = None,
    apart: bool = False,
) -> keras.Model:
    """
    A network by name, by a builder, or of a Keras model of one's own, as a functional model. The random states of
    Python, NumPy and TensorFlow stay as they are.

    Args:
        network: One of `NETWORKS`; a builder `(layers, x, outputs)` as theirs are, which applies layers (those of
            `layers`, which know dimension, boundaries and precision, or any others) to x of shape (batch, *spatial,
            inputs) and returns a tensor of shape (batch, *spatial, outputs); or a functional, sequential or subclassed
            `keras.Model` of these shapes, which keeps its layers with their weights and precision.
        inputs: Channels of the input.
        outputs: Channels of the output.
        rank: Spatial dimensions, 1 to 3.
        seed: Seed of the initial weights. It has no say in a Keras model, nor has anything below.
        periodic: Whether fields continue periodically beyond the ends, per axis or for all, or else with zeros.
        policy: One of `POLICIES`, or None for Keras's global policy. With a mixed one all layers but the last compute
            in 16 bits; variables, input and output have 32. `mixed_float16` needs a `LossScaleOptimizer`.
        mirrored: Whether fields continue by their mirror image instead of zeros beyond ends that are not periodic, as
            those do whose normal derivative is zero there.
        grid: Cells per axis that it will be used on, if they are known.
        apart: Whether layers of their own continue fields at all ends, so that `continued` can change that later.

    Raises:
        InputError: for an unknown name or policy, a dimension other than 1 to 3, flags for another number of axes, and
            a model or builder for other shapes or that can't be saved.

    Examples:
        >>> ps.networks.build_network("unet", inputs=3, outputs=2, rank=2, periodic=True, seed=1).output_shape
        (None, None, None, 2)
    """
    name = network_name(network)
    check_policy(policy)
    integer("The seed of a network", seed, 0)
    for number in (inputs, outputs, *(grid or ())):
        integer("The number of channels or cells of a network", number, 1)
    if rank not in (1, 2, 3):
        raise InputError(f"Networks are for 1, 2 or 3 dimensions, not {quoted(rank)}.")
    flags = (periodic,) * rank if isinstance(periodic, bool) else tuple(flag("periodic", p) for p in periodic)
    if len(flags) != rank:
        needed = f"needs to know of {rank} axes whether they are periodic"
        raise InputError(f"A network in {rank}D {needed}, not of {len(flags)}.")
    layers = Layers(
        flags, keras.config.dtype_policy() if policy is None else keras.DTypePolicy(policy), mirrored, apart
    )
    with _drawn_from(seed):
        if isinstance(network, keras.Model):
            start, end = _applied(network, name, layers, inputs)
        else:
            build, start = NETWORKS[network].build if isinstance(network, str) else network, layers.start(inputs)
            end = build(layers, start, outputs)
    sizes: Sequence[int | None] = grid or [None] * rank
    wanted = [(None, *sizes, n) for n in (inputs, outputs)]
    found = [getattr(t, "shape", None) for t in (start, end)]
    if not all(map(_fits, found, wanted)):
        raise InputError(f"The network {name!r} maps {found[0]} to {found[1]}; {wanted[0]} to {wanted[1]} is needed.")
    model = keras.Model(start, end, name=name)
    if not isinstance(network, str):
        _check_own(model, grid)
    return model


@checked
def in_precision(network: keras.Model, policy: str) -> keras.Model:
    """
    A copy of a functional model, with weights of its own of the same values, that computes in another precision. As in
    `build_network` the last layer that has weights, and all after it, keep the precision of the variables.

    Raises InputError for a policy that is not one of `POLICIES`, and for models with a model of a class of its own
    inside, whose layers can't be told one by one.
    """
    check_policy(policy)
    layers = list(network._flatten_layers(include_self=True, recursive=True))
    for layer in layers:
        if isinstance(layer, keras.Model) and not getattr(layer, "outputs", None):
            made = f"{type(layer).__name__} is no functional model: build it in the wanted one"
            raise InputError(f"The precision of {network.name!r} can't be changed ({made}).")
    plain = [x for x in layers if not isinstance(x, keras.Model)]
    last = max((i for i, x in enumerate(plain) if x.weights), default=0)
    inner = {id(x) for x in plain[:last] if not isinstance(x, keras.layers.InputLayer)}

    def copy(layer):
        config = layer.get_config()
        if "dtype" in config:
            config["dtype"] = policy if id(layer) in inner else keras.DTypePolicy(policy).variable_dtype
        return type(layer).from_config(config)

    copied = keras.models.clone_model(network, clone_function=copy, recursive=True)
    copied.set_weights(network.get_weights())
    return copied


def check_policy(policy: str | None):
    """Raises InputError for a precision that is not one of `POLICIES`, or None."""
    if policy is not None and policy not in POLICIES:
        raise InputError(
            f"Unknown precision {quoted(policy)}.{suggestion(policy, POLICIES)} Known: {', '.join(POLICIES)}."
        )


def network_name(network: str | keras.Model | Callable) -> str:
    """
    What a network is called in descriptions: its name, the name of a model that was given one, else of its class or of
    the builder. Raises InputError for an unknown name, and what is no network.
    """
    if isinstance(network, str):
        if network not in NETWORKS:
            hint = suggestion(network, NETWORKS)
            raise InputError(f"Unknown network {quoted(network)}.{hint} Known: {', '.join(NETWORKS)}.")
        return network
    if isinstance(network, keras.Model):  # Keras numbers the names that it makes up itself
        kind, bare = type(network).__name__, re.sub(r"_\d+$", "", network.name)
        return kind if bare.replace("_", "") == kind.lower() else network.name
    if not callable(network) or isinstance(network, type):
        kind = f"the class {network.__name__}" if isinstance(network, type) else type(network).__name__
        raise InputError(f"A network is a name, a keras.Model or a function (layers, x, outputs), not {kind}.")
    made = " What a function makes can be given itself: net = my_function(), and the network is net."
    check_takes("A network", network, "layers", "x", "outputs", advice=made)
    while isinstance(network, partial):
        network = network.func
    return getattr(network, "__name__", type(network).__name__).strip("<>")


def _fits(shape: Sequence[int | None] | None, wanted: Sequence[int | None]) -> bool:
    """Whether a shape has the channels and, where both are known, the sizes that are wanted."""
    known = shape is not None and len(shape) == len(wanted) and shape[-1] == wanted[-1]
    return known and all(a is None or b is None or a == b for a, b in zip(shape or (), wanted, strict=True))


@contextmanager
def _drawn_from(seed: int) -> Iterator[None]:
    """Within it Keras draws the seeds of weights from `seed`: it takes them from Python's random numbers."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def _applied(model: keras.Model, name: str, layers: Layers, inputs: int):
    """Input and output of a functional model itself, so that its layers stay visible; others are applied to a grid."""
    if getattr(model, "outputs", None):
        if len(model.inputs) != 1 or len(model.outputs) != 1:
            raise InputError(f"The network {name!r} must have one input and one output.")
        return model.inputs[0], model.outputs[0]
    start = layers.start(inputs)
    try:
        return start, model(start)
    except Exception as err:  # whatever the user's code raises
        what = f"an input of shape {start.shape} ({_reason(err)})"
        raise InputError(f"The network {name!r} can't be applied to {what}.") from err


def _check_own(model: keras.Model, grid: Sequence[int] | None):
    """Raises InputError for layers that Keras can't save or safely load, and for an output on another grid."""
    try:
        code = "__lambda__" in str(keras.saving.serialize_keras_object(model))
        reason = "a Lambda is Python code, which is not loaded: use a layer class or a named function" if code else ""
    except Exception as err:  # whatever the user's code raises
        reason = _reason(err)
    if reason:
        raise InputError(f"The network {model.name!r} can't be saved ({reason}).")
    if grid is not None:
        sizes = model.compute_output_shape((1, *grid, model.input_shape[-1]))[1:-1]
        if tuple(sizes) != tuple(grid):
            made = f"{sizes} of {tuple(grid)} cells"
            raise InputError(f"The network {model.name!r} must keep the grid, but makes {made}.")


def _reason(err: Exception) -> str:
    """What Keras says in several lines, and behind a heading, in one."""
    text = re.sub(r"\x1b\[\d*m", "", str(err).partition(".call().")[2] or str(err))
    return " ".join(re.split("Arguments received|Example:", text)[0].split())[:300]
