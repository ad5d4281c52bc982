"""
One evaluation of each network with the gradient of its weights, and of variants of `small`, against the network
`small`.
"""

from common import row, size_name
from course import measured, measuring
from sides import Case, Effort, Side, alternate

RESOLUTION, BATCH, BASELINE = dict(y=64, x=32), 6, "small"
VARIANTS = {
    "periodic": dict(periodic=True),
    "mixed_bfloat16": dict(policy="mixed_bfloat16"),
    "mixed_float16": dict(policy="mixed_float16"),
}


def gradient_case(name: str, resolution: dict[str, int], batch: int, **options) -> Case:
    """Output and weight gradient of the network of a 2D or 3D wake for random inputs, compiled in its first call."""
    import tensorflow as tf

    from phi_sol.correctors import build_network
    from phi_sol.kernels.settings import compile_whole

    rank = len(resolution)
    network = build_network(name, rank + 1, rank, rank, **options)
    x = tf.random.stateless_normal((batch, *resolution.values(), rank + 1), (0, 0))
    cotangent = tf.random.stateless_normal((batch, *resolution.values(), rank), (0, 1))

    def gradient():
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(network(x) * cotangent)
        return tape.gradient(value, network.trainable_variables)

    compiled = tf.function(gradient, autograph=False, jit_compile=compile_whole())
    return lambda: {"last": compiled()[-1].numpy()}


def gradient_cases(resolution: dict[str, int], batch: int, names: list[str] | None = None) -> dict[str, Case]:
    import tensorflow as tf

    from phi_sol.correctors import NETWORKS

    tf.get_logger().setLevel(
        "ERROR"
    )  # it takes the functions of different networks for one that is traced again and again
    # all are made before the first is compiled: making a network sets Keras's random seed, upon which
    # TensorFlow compiles everything again
    cases = {name: gradient_case(name, resolution, batch) for name in names or NETWORKS}
    return cases | {
        f"{BASELINE}, {v}": gradient_case(BASELINE, resolution, batch, **options) for v, options in VARIANTS.items()
    }


def run(
    effort: Effort, resolution: dict[str, int] = RESOLUTION, batch: int = BATCH, names: list[str] | None = None
) -> list[dict]:
    with Side(gradient_cases) as side:
        cases = side.prepare(resolution, batch, names)
        measuring(f"gradients of {len(cases)} networks, in turn")
        times = alternate({name: (side, name) for name in cases}, effort)
    return measured(
        [row(f"gradient, {n}", size_name(resolution), batch, ms, BASELINE, times[BASELINE]) for n, ms in times.items()]
    )
