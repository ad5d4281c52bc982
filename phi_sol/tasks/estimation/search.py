"""The search for the numbers that make a cost least: by which method, from where, and never losing the best point."""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize

from ...errors import DivergedError, InputError, integer, quoted
from ...files import read_arrays, reading, write_arrays
from ...places import check_place
from ...progress import Show, showing
from ...stepping.solver import Solver
from ...stepping.state import State
from ...storage.files import fingerprint
from ...storage.locks import FolderLock
from .simulation import Simulation
from .unknowns import Unknown

LOG = logging.getLogger(__name__)
INTERRUPTED = "interrupted"
KIND, FILE, EVERY = "search", "search.npz", 5.0  # seconds between writes
LARGEST = np.finfo(float).max


class Search(ABC):
    """
    Finds the x that makes ½ Σ ((x_j - m_j) / p_j)² plus a cost of its own least. A subclass gives this cost with its
    gradient, and maybe a method of its own.

    Attributes:
        simulation: What x means.
    """

    methods: tuple[str, ...] = ("l-bfgs",)
    what = "search"

    def __init__(self, solver: Solver, state: State, unknowns: Sequence | Unknown | str):
        self.simulation = Simulation(solver, state, unknowns)
        self.solver, self.unknowns, self.size = solver, self.simulation.unknowns, self.simulation.size

    @abstractmethod
    def cost(self, x: np.ndarray, show: Callable[[int, int], None]) -> tuple[float, np.ndarray]:
        """The cost without the prior, infinite where the simulation blows up, and its gradient."""

    def whole(self, x: np.ndarray, show: Callable[[int, int], None]) -> tuple[float, np.ndarray]:
        """The cost with the prior, and its gradient."""
        value, gradient = self.cost(x, show)
        prior, known = self.of_prior(x[None])[0], self.known
        gradient = np.array(gradient)
        gradient[known] += prior / self.simulation.prior[1][known]
        value += float(prior @ prior) / 2
        return (value, gradient) if np.isfinite(value) else (LARGEST, np.zeros_like(x))

    @property
    def known(self) -> np.ndarray:
        """Which numbers have a prior."""
        return np.isfinite(self.simulation.prior[1])

    def of_prior(self, xs: np.ndarray) -> np.ndarray:
        """(x - m) / p of several x, of those with a prior."""
        mean, deviation = self.simulation.prior[:, self.known]
        return (xs[:, self.known] - mean) / deviation

    def search(self, begin: np.ndarray, iterations: int, method: Any, track: "Track") -> str:
        """Searches by a method from one point; says why it ended."""
        if method == "l-bfgs":
            return _l_bfgs(self, begin, iterations, track)
        return _descent(self, begin, iterations, method, track)

    def _find(
        self,
        iterations: int,
        method: Any,
        starts: int,
        seed: int,
        folder: Path | None,
        resume: bool,
        progress: bool | Show,
    ) -> "Track":
        """
        Searches from one or several points; the best one is in what is returned, also where the search was interrupted.

        Raises:
            InputError: for numbers or a method that are not possible, several starts of what has neither bounds nor
                a prior, or a folder with another search.
            DivergedError: if no simulation that a search begins with is finite.
        """
        iterations = integer(f"The iterations of a {self.what}", iterations, 1)
        starts = integer(f"The starts of a {self.what}", starts, 1)
        if not (method in self.methods or hasattr(_optimizer(method), "apply")):
            known = ", ".join(self.methods)
            raise InputError(f"A {self.what} knows the methods {known}, and optimizers of Keras, not {quoted(method)}.")
        lock = None
        if folder is not None:
            check_place(folder, "Name another folder for the search.")
            lock = FolderLock(folder, "wait for it, or name another folder")
        try:
            return self._found(iterations, method, starts, seed, Track(self, folder, resume), progress)
        finally:
            if lock is not None:
                lock.release()

    def _found(self, iterations: int, method: Any, starts: int, seed: int, track: "Track", progress: Any) -> "Track":
        begins, failed = self._begins(starts, seed), None
        with showing(progress, "") as show:
            for i, begin in enumerate(begins):
                track.begin(f"start {i + 1} of {starts}" if starts > 1 else self.what, iterations, show)
                try:
                    track.message = self.search(track.resumed(begin), iterations, method, track)
                except DivergedError as err:
                    failed = err
                    LOG.warning("The %s ended early (%s): the best point so far is kept.", self.what, err)
                    track.message = str(err)
                except KeyboardInterrupt:
                    if not track.found:
                        raise
                    track.message = INTERRUPTED
                    LOG.warning("The %s was interrupted: this is the best point so far.", self.what)
                    break
        if not track.found:
            raise failed or DivergedError("The simulation that the search begins with is not finite: begin elsewhere.")
        track.save()
        self.simulation.assign(track.x)
        return track

    def _begins(self, starts: int, seed: int) -> list[np.ndarray]:
        """The own point, and others that are drawn between bounds or from the prior."""
        own, (low, high), (mean, deviation) = self.simulation.begin, self.simulation.bounds, self.simulation.prior
        begins, rng = [own], np.random.default_rng(integer("The seed of a search", seed, 0))
        bounded, known = np.isfinite(high - low), self.known
        if starts > 1 and not (bounded | known).all():
            raise InputError("Several starts are drawn between bounds or from a prior: give each unknown one of these.")
        for _ in range(starts - 1):
            between = np.where(bounded, low + rng.random(len(own)) * np.where(bounded, high - low, 0), 0)
            around = np.where(known, mean + rng.normal(size=len(own)) * np.where(known, deviation, 0), 0)
            begins.append(np.clip(np.where(bounded, between, around), low, high))
        return begins


class Track:
    """
    What a search has seen.

    Attributes:
        x: The best point so far.
        found: Whether there is one.
        best: Its cost.
        history: The cost of each better point.
        gradients: By iteration the norm of the gradient, without what bounds hold back.
        message: Why the search ended.
    """

    def __init__(self, search: Search, folder: Path | None, resume: bool):
        self.search, self.folder = search, folder
        self.x: np.ndarray = search.simulation.begin
        self.found = False
        self.best, self.message = np.inf, ""
        self.history: list[float] = []
        self.gradients: list[float] = []
        self._written, self._done = time.monotonic(), 0
        self._show: Callable | None = None
        simulation = search.simulation
        facts = {"solver": search.solver.config(), "unknowns": [u.name for u in simulation.unknowns]}
        self._key = fingerprint(facts | {"size": simulation.size, "what": search.what})
        self._taken = False
        if folder is not None and (folder / FILE).is_file():
            if not resume:
                raise InputError(
                    f"There is a search in {folder} already: go on with it (resume=True), or name another."
                )
            self._read(folder / FILE)
        elif resume:
            raise InputError(f"There is no search in {folder} to go on with: leave out resume=True.")

    def _read(self, path: Path):
        about, arrays = read_arrays(path, KIND)
        with reading(path, ": remove it, or name another folder"):
            x, best = np.asarray(arrays["x"], np.float64), float(about["best"])
            if about["key"] != self._key or x.shape != self.search.simulation.begin.shape:
                raise InputError(f"{path} is of another search (solver or unknowns differ): name another folder.")
            if not (np.isfinite(x).all() and np.isfinite(best)):
                raise InputError(f"{path} holds numbers that are not finite: remove it, or name another folder.")
            self.history, self.gradients = arrays["history"].tolist(), arrays["gradients"].tolist()
        self.x, self.best, self.found, self._taken = x, best, True, True

    def begin(self, title: str, iterations: int, show: Callable):
        self._title, self._iterations, self._show, self._done = title, iterations, show, 0

    def resumed(self, begin: np.ndarray) -> np.ndarray:
        """Where to begin: at the best point of a search that goes on."""
        taken, self._taken = self._taken, False
        return self.x.copy() if taken else begin

    def see(self, x: np.ndarray, cost: float):
        """Takes a point."""
        if not np.isfinite(cost) or cost >= LARGEST:
            if not self.found:
                raise DivergedError("The simulation that the search begins with is not finite: begin elsewhere.")
            return
        if cost < self.best:
            self.x, self.best, self.found = np.array(x), cost, True
            self.history.append(cost)
            if self.folder is not None and time.monotonic() - self._written > EVERY:
                self.save()

    def iterated(self, x: np.ndarray | None = None, gradient: np.ndarray | None = None):
        """Counts an iteration."""
        self._done += 1
        if x is not None and gradient is not None:
            low, high = self.search.simulation.bounds
            self.gradients.append(float(np.linalg.norm(np.clip(x - gradient, low, high) - x)))
        if self._show is not None:
            info = f"cost {self.best:.4g}"
            self._show(self._title, min(self._done, self._iterations), self._iterations, info=info)

    def steps(self, done: int, total: int):
        """Of one gradient, shown where there are many."""
        if self._show is not None and total >= 1000:
            self._show("gradient", done, total)

    def save(self):
        """Writes the best point, if there is a folder."""
        if self.folder is None or not self.found:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        arrays = {"x": self.x, "history": np.array(self.history), "gradients": np.array(self.gradients)}
        write_arrays(self.folder / FILE, arrays, {"kind": KIND, "version": 1, "key": self._key, "best": self.best})
        self._written = time.monotonic()


def _l_bfgs(search: Search, begin: np.ndarray, iterations: int, track: Track) -> str:
    last: dict[str, Any] = {}

    def cost(x):
        value, gradient = search.whole(x, track.steps)
        track.see(x, value)
        last.update(x=np.array(x), gradient=gradient)
        return value, gradient

    def after(_):
        track.iterated(last["x"], last["gradient"])

    how: dict = dict(method="L-BFGS-B", jac=True, bounds=search.simulation.bounds.T, callback=after)
    options = {"maxiter": iterations, "maxfun": 3 * iterations + 20, "maxcor": 20, "ftol": 1e-10, "gtol": 1e-9}
    return str(optimize.minimize(cost, begin, options=options, **how).message)


def _optimizer(given: Any) -> Any:
    """A Keras optimizer, of a name or as it is; None for what is none."""
    if not isinstance(given, str):
        return given
    import keras

    try:
        return keras.optimizers.get(given)
    except ValueError:
        return None


def _descent(search: Search, begin: np.ndarray, iterations: int, given: Any, track: Track) -> str:
    import keras
    import tensorflow as tf

    optimizer = _optimizer(given)
    if not isinstance(given, str):
        optimizer = type(given).from_config(given.get_config())  # its state belongs to other variables
    point = keras.Variable(begin, dtype="float64", name="x")
    low, high = search.simulation.bounds
    for _ in range(iterations):
        x = point.numpy()
        value, gradient = search.whole(x, track.steps)
        track.see(x, value)
        track.iterated(x, gradient)
        if value >= LARGEST:
            raise DivergedError("A point beside the best one so far is not finite: a smaller learning rate may help.")
        optimizer.apply([tf.convert_to_tensor(gradient)], [point])
        point.assign(np.clip(point.numpy(), low, high))
    return "as many iterations as asked for"
