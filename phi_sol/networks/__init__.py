"""
Networks as Keras models: channels in, channels out, on any grid size.

A builder takes the layers that it may use (`Layers`: dimension, boundaries, precision), the input and the
number of outputs. It ends in a layer whose weights start at zero, so that an untrained corrector leaves the
source solver as it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import keras

from ..errors import InputError
from .convolutional import convnet, dilated, resnet, small
from .facts import NetworkFacts, describe
from .fourier import fno
from .layers import Layers
from .unet import deep_unet, unet

__all__ = ["NETWORKS", "POLICIES", "Network", "NetworkFacts", "build_network", "describe"]

POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclass(frozen=True)
class Network:
    """A kind of network: its builder, and what it is in a line."""

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
}


def build_network(
    name: str,
    inputs: int,
    outputs: int,
    rank: int,
    seed: int = 0,
    periodic: Sequence[bool] | bool = False,
    policy: str | None = None,
    mirrored: bool = False,
) -> keras.Model:
    """
    A network by name, with weights drawn from `seed`.

    Args:
        name: One of `NETWORKS`.
        inputs: Channels of the input.
        outputs: Channels of the output.
        rank: Spatial dimensions, 1 to 3.
        seed: Seed of the initial weights.
        periodic: Whether the domain is periodic, per axis or for all. Beyond periodic ends the fields continue
            periodically, beyond others with zeros.
        policy: One of `POLICIES`, or None for Keras's global policy. With a mixed one all layers but the last
            compute in 16 bits; variables, input and output have 32. `mixed_float16` needs a scaled loss
            (`keras.optimizers.LossScaleOptimizer`).
        mirrored: Whether fields continue by their mirror image instead of zeros beyond ends that are not
            periodic, as those do whose normal derivative is zero there.

    Raises:
        InputError: for an unknown name or policy, a dimension other than 1 to 3, and flags for another number of axes.
    """
    if name not in NETWORKS:
        raise InputError(_unknown("network", name, NETWORKS))
    if policy is not None and policy not in POLICIES:
        raise InputError(_unknown("policy", policy, POLICIES))
    if rank not in (1, 2, 3):
        raise InputError(f"Networks are for 1, 2 or 3 dimensions, not {rank}.")
    flags = (periodic,) * rank if isinstance(periodic, bool) else tuple(periodic)
    if len(flags) != rank:
        raise InputError(
            f"A network in {rank}D needs to know of {rank} axes whether they are periodic, not of {len(flags)}."
        )
    keras.utils.set_random_seed(seed)
    layers = Layers(flags, keras.config.dtype_policy() if policy is None else keras.DTypePolicy(policy), mirrored)
    start = layers.start(inputs)
    return keras.Model(start, NETWORKS[name].build(layers, start, outputs), name=name)


def _unknown(kind: str, name: str, known) -> str:
    close = get_close_matches(name, known, 1)
    return f"Unknown {kind} {name!r}.{f' Did you mean {close[0]!r}?' if close else ''} Known: {', '.join(known)}."
