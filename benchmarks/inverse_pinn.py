"""
A Reynolds number by an inverse physics-informed network, from the observations that an `Estimation` gets (inverse.py).

    python benchmarks/inverse.py --tasks pinn --seeds 3

A network of (t, y, x) gives the stream function ψ and the pressure p, so that the velocity (∂ψ/∂x, -∂ψ/∂y) is free of
divergence. It is trained, and log Re with it, to fulfil the equations of momentum in the region and the time observed,
and to have the mean velocity on every face that was seen:

    loss = <((u - observed) / noise)²> + Σ <(∂u/∂t + u·∇u + ∇p - ∇²u / Re)²> / tolerance²

Lengths are in L (the radius of the cylinder), velocities in U (the stream's). It sees the start within the region, too,
as the `Estimation` does everywhere, and no boundary. Settings were found on Re = 400, not among those measured.

Source: M. Raissi, P. Perdikaris, G. E. Karniadakis, J. Comput. Phys. 378 (2019). Adam in the eigenbasis of
gradients is SOAP (Vyas et al. 2024, arXiv:2409.11321), for such networks in Wang et al. 2025 (arXiv:2502.00604).
"""

import time
from itertools import pairwise

import numpy as np
import tensorflow as tf

import phi_sol as ps
from phi_sol.stepping.arrays import pack

ROWS = ["", "t", "y", "x", "ty", "tx", "yy", "yx", "xx", "ly", "lx"]  # derivatives; l: the Laplacian of what follows
WIDTH, DEPTH = 64, 4  # of the tanh layers, after one of sines
WAVES, DRIFT = 1.5, 0.1  # deviation of the sines' wave numbers at the start, and of frequencies as the stream sees them
VALUES, POINTS = 384, 384  # of data, and of places for the equations: drawn anew in every iteration
ITERATIONS, RATE, LAST_RATE, WARM = 2500, 4e-2, 4e-4, 200
TOLERANCE = (0.02, 0.003)  # in U² / L: at the start of the training, and at its end
MOMENTUM, SQUARES, SIDES, TURN = 0.9, 0.99, 0.95, 10  # of Adam, of the eigenbasis, and how often that is turned


# --- the network and its derivatives ---


def initial_weights(seed: int) -> list[np.ndarray]:
    """Weights and biases, layer by layer: waves that travel with the stream, then as Glorot and Bengio (2010)."""
    rng, sizes = np.random.default_rng(seed), [WIDTH] * (DEPTH + 1) + [2]
    waves = rng.normal(size=(3, WIDTH)) * [[DRIFT], [WAVES], [WAVES]]
    waves[0] -= waves[1]
    result = [waves, rng.uniform(-np.pi, np.pi, WIDTH)]
    for before, after in pairwise(sizes):
        bound = (6 / (before + after)) ** 0.5
        result += [rng.uniform(-bound, bound, (before, after)), np.zeros(after)]
    return [w.astype(np.float32) for w in result]


def layers(weights: list) -> tuple:
    first, *hidden, last = zip(weights[::2], weights[1::2], strict=True)
    return first, hidden, last


def stream_function(weights: list, points: tf.Tensor) -> tf.Tensor:
    """ψ at points (t, y, x), shape (points,): the free stream's, and what the network adds."""
    (waves, phase), hidden, (last, bias) = layers(weights)
    a = tf.sin(points @ waves + phase)
    for weight, b in hidden:
        a = tf.tanh(a @ weight + b)
    return points[:, 2] + (a @ last + bias)[:, 0]


def derivatives(weights: list, points: tf.Tensor) -> tuple[dict, dict]:
    """ψ and p with their derivatives, by name in `ROWS`, through every layer by the chain rule."""
    (waves, phase), hidden, (last, bias) = layers(weights)
    z = dict.fromkeys(ROWS, tf.zeros_like(points @ waves))
    z |= {"": points @ waves + phase} | {d: z[""] + waves[i] for i, d in enumerate("tyx")}
    sine, cosine = tf.sin(z[""]), tf.cos(z[""])
    a = composed(z, sine, cosine, -sine, -cosine)
    for weight, b in hidden:
        z = mixed(a, weight)
        value = tf.tanh(z[""] + b)
        slope = 1 - value**2
        a = composed(z, value, slope, -2 * value * slope, slope * (6 * value**2 - 2))
    out = mixed(a, last)
    psi, pressure = ({r: out[r][:, i] + bias[i] * (r == "") for r in ROWS} for i in range(2))
    return psi | {"": psi[""] + points[:, 2], "x": psi["x"] + 1.0}, pressure


def mixed(a: dict, weight: tf.Tensor) -> dict:
    return dict(zip(ROWS, tf.split(tf.concat([a[r] for r in ROWS], 0) @ weight, len(ROWS)), strict=True))


def composed(z: dict, value, first, second, third) -> dict:
    """The derivatives of f(z) in `ROWS`, from those of z and f(z), f'(z), f''(z), f'''(z)."""
    a = {"": value} | {d: first * z[d] for d in "tyx"}
    a |= {d + e: first * z[d + e] + second * z[d] * z[e] for d, e in ("ty", "tx", "yy", "yx", "xx")}
    squares, laplacian = z["y"] ** 2 + z["x"] ** 2, z["yy"] + z["xx"]
    for d in "yx":
        along = sum(z["yx" if d != e else d + e] * z[e] for e in "yx")
        a["l" + d] = first * z["l" + d] + second * (laplacian * z[d] + 2 * along) + third * squares * z[d]
    return a


def residuals(psi: dict, pressure: dict, reynolds) -> list:
    """What derivatives (by name in `ROWS`) of a stream function and a pressure leave of the momentum along y and x."""
    v, u = psi["x"], -psi["y"]
    along = psi["tx"] + v * psi["yx"] + u * psi["xx"] + pressure["y"] - psi["lx"] / reynolds
    across = -psi["ty"] - v * psi["yy"] - u * psi["yx"] + pressure["x"] + psi["ly"] / reynolds
    return [along, across]


# --- what it sees ---


def observed_faces(seen: ps.Observations, start: ps.State) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Every face that was seen, and those at the start: (t, y, x) of one end of the line that it is, (y, x) of the other
    one, its length, and the mean velocity through it, which is the difference of ψ over the length.

    Returns:
        faces: Shape (faces, 7), in L and U, times and places from the middle of what was seen.
        half: Half of its extent in t, y and x.
        noise: Of each value.
    """
    flow, rows, noise = seen.flow, [], []
    layout, first, times = flow.layouts["velocity"], pack(flow, start)[0], np.concatenate([[0.0], seen.times])
    for name, component in zip(layout.arrays, layout.components, strict=True):
        inside = np.isfinite(seen.values[name][:1])
        values = np.concatenate([np.where(inside, np.asarray(first[name]), np.nan), seen.values[name]])[:, 0]
        ends = {d: [(a + b) / 2] * 2 if d == component else [a, b] for d, (a, b) in layout.intervals(component).items()}
        (y, y_end), (x, x_end) = ends["y"], ends["x"]
        t, i, j = np.nonzero(np.isfinite(values))
        length = x_end[j] - x[j] if component == "y" else y[i] - y_end[i]
        rows.append(np.stack([times[t], y[i], x[j], y_end[i], x_end[j], length, values[t, i, j] / flow.speed], 1))
        noise.append(np.full(len(t), seen.noise[name] / flow.speed))
    faces = np.concatenate(rows)
    low, high = faces[:, :3].min(0), faces[:, [0, 3, 4]].max(0)
    faces[:, :5] -= ((low + high) / 2)[[0, 1, 2, 1, 2]]
    scale = flow.radius / np.array([flow.speed, 1.0, 1.0])
    faces[:, :6] /= scale[[0, 1, 2, 1, 2, 1]]
    return faces.astype(np.float32), ((high - low) / 2 / scale).astype(np.float32), np.concatenate(noise)


def data_errors(weights: list, faces: tf.Tensor) -> tf.Tensor:
    ends = stream_function(weights, tf.concat([faces[:, :3], tf.gather(faces, [0, 3, 4], axis=1)], 0))
    count = faces.shape[0]
    return (ends[count:] - ends[:count]) / faces[:, 5] - faces[:, 6]


# --- the training ---


class Soap:
    """Adam in the eigenbasis of the mean products of a matrix's gradients, and plain Adam for all else."""

    def __init__(self, variables: list):
        self.variables = variables
        self.means, self.squares = ([tf.Variable(tf.zeros_like(v)) for v in variables] for _ in range(2))
        sides = [list(v.shape) if len(v.shape) == 2 else [] for v in variables]
        self.products = [[tf.Variable(tf.zeros([n, n])) for n in shape] for shape in sides]
        self.bases = [[tf.Variable(tf.eye(n)) for n in shape] for shape in sides]

    def step(self, gradients: list, number: tf.Tensor, rate: tf.Tensor):
        each = zip(self.variables, gradients, self.means, self.squares, self.products, self.bases, strict=True)
        for variable, gradient, mean, square, products, bases in each:
            mean.assign(MOMENTUM * mean + (1 - MOMENTUM) * gradient)
            turned, direction = gradient, mean / (1 - MOMENTUM**number)
            if bases:
                products[0].assign(SIDES * products[0] + (1 - SIDES) * gradient @ tf.transpose(gradient))
                products[1].assign(SIDES * products[1] + (1 - SIDES) * tf.transpose(gradient) @ gradient)
                turned, direction = (tf.transpose(bases[0]) @ a @ bases[1] for a in (turned, direction))
            square.assign(SQUARES * square + (1 - SQUARES) * turned**2)
            change = direction / (tf.sqrt(square / (1 - SQUARES**number)) + 1e-12)
            variable.assign_sub(rate * (bases[0] @ change @ tf.transpose(bases[1]) if bases else change))

    def turn(self):
        """An iteration towards the eigenvectors."""
        for products, bases in zip(self.products, self.bases, strict=True):
            for product, base in zip(products, bases, strict=True):
                base.assign(tf.linalg.qr(product @ base)[0])


def fit(
    seen: ps.Observations, start: ps.State, seed: int, begin: float, exact: float | None = None, longer: int = 1
) -> dict:
    """
    The Reynolds number that a network finds, what it leaves of data and equations, and the time it took. With `exact`
    the values are those of decaying vortices of this Reynolds number instead, at the same times and places. `longer`:
    how many times as many iterations.
    """
    began, worked = time.perf_counter(), time.process_time()
    faces, half, noise = observed_faces(seen, start)
    if exact is not None:
        wrong = noise * np.random.default_rng(seed).normal(size=len(faces))
        faces[:, 6] = vortices(faces.astype(np.float64), half, exact) + wrong
    found = train(faces, half, noise, seed, begin, longer * ITERATIONS)
    return found | {"seconds": time.perf_counter() - began, "processor_seconds": time.process_time() - worked}


def vortices(faces: np.ndarray, half: np.ndarray, reynolds: float) -> np.ndarray:
    """Values of `observed_faces` in an exact solution: the stream carries vortices of Taylor and Green, which decay."""
    k, speed = 0.8, 0.4  # about the wave length and the speeds of the wake

    def psi(t, y, x):
        decay = np.exp(-2 * k**2 * (t + half[0]) / reynolds)
        return x + speed / k * np.sin(k * (y - t)) * np.sin(k * x + 0.5) * decay

    t, y, x, y_end, x_end, length, _ = faces.T
    return (psi(t, y_end, x_end) - psi(t, y, x)) / length


def train(faces: np.ndarray, half: np.ndarray, noise: np.ndarray, seed: int, begin: float, iterations: int) -> dict:
    """See `fit` and `observed_faces`."""
    known, deviations = tf.constant(faces), tf.constant(noise, tf.float32)
    weights, log = [tf.Variable(w) for w in initial_weights(seed)], tf.Variable(np.float32(np.log(begin)))
    variables = [*weights, log]
    soap = Soap(variables)

    @tf.function(jit_compile=True)
    def step(number):
        drawn, done = tf.stack([number, seed]), tf.cast(number, tf.float32) / iterations
        chosen = tf.random.stateless_uniform([VALUES], drawn, 0, len(faces), tf.int32)
        places = tf.random.stateless_uniform([POINTS, 3], drawn + tf.constant([0, 1000]), -1.0, 1.0) * half
        tolerance = TOLERANCE[0] * (TOLERANCE[1] / TOLERANCE[0]) ** done
        with tf.GradientTape() as tape:
            now = [tf.convert_to_tensor(w) for w in weights]
            off = data_errors(now, tf.gather(known, chosen)) / tf.gather(deviations, chosen)
            left = residuals(*derivatives(now, places), tf.exp(log))
            loss = tf.reduce_mean(off**2) + sum(tf.reduce_mean(r**2) for r in left) / tolerance**2
        count = tf.cast(number + 1, tf.float32)
        rate = RATE * (LAST_RATE / RATE) ** done * tf.minimum(1.0, count / WARM)
        soap.step(tape.gradient(loss, variables), count, rate)

    turn = tf.function(soap.turn)
    for number in range(iterations):
        if number % TURN == 1:
            turn()
        step(tf.constant(number))
    places = np.random.default_rng(seed).uniform(-1, 1, (4096, 3)).astype(np.float32) * half
    left = residuals(*derivatives(weights, tf.constant(places)), tf.exp(log))
    chi2 = float(np.mean((data_errors(weights, known).numpy() / noise) ** 2))
    residual = float(np.sqrt(np.mean(np.square(left))))
    return {"reynolds": float(np.exp(log.numpy())), "chi2": chi2, "residual": residual}


# --- the reference, as the equations see it ---


def differences(values: np.ndarray, axis: int, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """First and second derivative, of fourth order within, wrong in the two layers at each end."""
    a, b, c, d = (np.roll(values, -n, axis) for n in (-2, -1, 1, 2))
    return (a - 8 * b + 8 * c - d) / (12 * spacing), (16 * (b + c) - a - d - 30 * values) / (12 * spacing**2)


def followed(reference: ps.WakeFlow, states: list, region: dict, frames: int = 30) -> float:
    """
    The Reynolds number at which the equation ∂ω/∂t + u·∇ω = ∇²ω / Re fits best what a 2D solver did itself, on its own
    grid and with its own steps, in a region of some frames from each of the states.
    """
    products = squares = 0.0
    for state in states:
        arrays = reference.rollout(state, frames, progress=False).arrays
        v, u = (arrays[f"velocity.{d}"][:, 0].astype(np.float64) for d in "yx")
        v, (h_y, h_x) = v[:, : u.shape[1] - 1], reference.spacing.values()  # faces that have cells of u on both sides
        vorticity = (v[:, :, 1:] - v[:, :, :-1]) / h_x - (u[:, 1:] - u[:, :-1]) / h_y
        in_time, _ = differences(vorticity, 0, reference.dt)
        (along, twice), (across, twice_across) = differences(vorticity, 1, h_y), differences(vorticity, 2, h_x)
        change = in_time + (v[:, :, 1:] + v[:, :, :-1]) / 2 * along + (u[:, 1:] + u[:, :-1]) / 2 * across
        y, x = ((np.arange(n) + 1) * h for n, h in zip(vorticity.shape[1:], (h_y, h_x), strict=True))
        inside = [(p >= low) & (p <= high) for p, (low, high) in ((y, region["y"]), (x, region["x"]))]
        change, smoothing = (a[2:-2][:, inside[0]][:, :, inside[1]] for a in (change, twice + twice_across))
        products, squares = products + np.sum(change * smoothing), squares + np.sum(smoothing**2)
    return reference.speed * reference.radius * squares / products
