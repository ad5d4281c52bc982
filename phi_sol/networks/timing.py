"""How long a network takes on this machine."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from ..kernels.loops import Loop
from ..kernels.settings import compile_whole


def architecture(network: keras.Model) -> str:
    """What of a network decides how long it takes: its layers with the shapes of their weights, and its precision."""
    layers = network._flatten_layers(include_self=False, recursive=True)
    shown = [f"{type(x).__name__}{[tuple(w.shape) for w in x.weights]}" for x in layers]
    return f"{' '.join(shown)} in {' '.join(sorted({x.compute_dtype for x in layers}))}"


def evaluation_seconds(network: keras.Model, resolution: Sequence[int]) -> float:
    """
    Seconds of one evaluation on a grid, of a batch of one, in a compiled loop: by XLA or not, as is faster. The output
    goes into the input of the next evaluation, so that none can be left out.
    """
    inputs, outputs = network.input_shape[-1], network.output_shape[-1]

    def advance(arrays, parameters, dt):
        y = tf.cast(network(arrays["x"]), tf.float32)
        more = tf.reduce_mean(y, -1, keepdims=True) * tf.ones([inputs])
        return {"x": arrays["x"] + dt * more}

    loop = Loop(advance, compile_whole(), lambda a, p: a, f"{architecture(network)}, {inputs} to {outputs}")
    start = {"x": tf.random.stateless_normal([1, *resolution, inputs], (0, 0))}
    return loop.seconds(start, {}, tf.constant(1e-6))
