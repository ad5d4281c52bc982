"""The server: PhiFlow's web interface with phi_sol's pages, on a port of its own."""

import errno
import logging
import socket
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..experiment import Experiment
from ..flows.base import SEED
from ..solvers.pair import SolverPair
from .catalogue import Catalogue
from .compat import install
from .recording import drawn_order
from .solvers import pair_of, zeros

LOCAL = ("127.0.0.1", "localhost", "::1")
ATTEMPTS = 20  # ports that are tried
FRAME_RATE = 25  # steps per second at most, so that pages and other programs get their turn
STYLE = (Path(__file__).parent / "style.css").read_text()
LOG = logging.getLogger(__name__)


class Site:
    """
    All pages of a viewer over a catalogue.

    Attributes:
        catalogue: What may be read.
        live: The live simulation; None if no flow is known (`no_live` says why).
        model: What PhiFlow's pages show.
        app: PhiFlow's `DashApp`; `app.dash.server` is the WSGI application.
    """

    def __init__(self, catalogue: Catalogue, prepare: Callable[[], None] = lambda: None):
        """
        Args:
            catalogue: Runs and simulations.
            prepare: Called before TensorFlow is imported.
        """
        install()
        from .comparison import Comparison
        from .models import BaseModel, LiveModel, RecordedModel
        from .rollouts import Rollouts

        self.catalogue = catalogue
        known = tuple(e.flow for e in catalogue.experiments.values())
        self.comparison = Comparison(catalogue, Rollouts(known, prepare), known)
        self.live, self.no_live, self.live_title, self.ranges = None, "", "", {}
        self._make_live(known, prepare)
        described = [r for r in catalogue.recordings.values() if r.frames]
        if self.live is not None:
            text = "Source, corrected and reference simulation, live. More on the pages Compare, Live and Training."
            self.model = LiveModel(self.live, self.live_title, text, catalogue.save_folder, self.ranges)
        elif described:
            self.model = RecordedModel(described[0], described[0].title, f"Recorded: {described[0].folder}")
        else:
            self.model = BaseModel("phi_sol", self.no_live)
        self.app = make_app(self.model, self._select())
        self.model.stop = self.app.pause
        from .pages import compare, landing, live, training

        for page in (landing, compare, live, training):
            page.register(self)

    def _select(self) -> list[str]:
        """Dimensions that PhiFlow's pages slice."""
        drawn = self.drawn if self.live is not None else ()
        return [max(drawn)] if len(drawn) == 3 else []

    def _make_live(self, known: tuple, prepare: Callable[[], None]):
        from .live import Live

        errors = []
        for title, config, experiment in self._candidates():
            try:
                pair = experiment.pair if experiment else pair_of(config, known)
            except InputError as err:
                errors.append(f"{title}: {err}")
                continue
            runs = {k: r.folder for k, r in self.catalogue.runs.items() if r.has_corrector and r.pair == pair.config}
            starts = {
                r.title.removesuffix(", full resolution"): r
                for r in self.catalogue.recordings.values()
                if r.full_resolution and r.description.get("pair") == pair.config and r.frames[:1] == [0]
            }
            values = self._parameter_values(pair, experiment)
            if not all(values.values()):
                errors.append(f"{title}: no parameter values are known")
                continue
            self.live_title = f"{title}, {pair.source}"
            self.ranges = {n: (0, 999) if n == SEED else (min(v) / 2, max(v) * 2) for n, v in values.items()}
            first = next(iter(starts.values())).parameters if starts else {n: v[0] for n, v in values.items()}
            self.live = Live(pair, {n: float(first[n]) for n in pair.source.parameters}, runs, starts, prepare)
            return
        self.no_live = (
            "; ".join(errors)
            or "no flow of phi_sol is described in the given folders. Give a run, generated data or the name of a scene."
        )

    def _candidates(self):
        """(title, configuration, experiment) of the pairs that are known, those of runs first."""
        for run in self.catalogue.runs.values():
            if run.pair:
                yield str(run.config.get("scene", run.title)), run.pair, None
        for name, experiment in self.catalogue.experiments.items():
            yield name, {}, experiment
        for recording in self.catalogue.recordings.values():
            if recording.description.get("pair"):
                yield str(recording.description.get("scene", recording.title)), recording.description["pair"], None

    def _parameter_values(self, pair: SolverPair, experiment: Experiment | None) -> dict[str, list[float]]:
        """Values of each parameter in runs, recordings and the scene."""
        sets = [r.config.get("parameters", {}) for r in self.catalogue.runs.values() if r.pair == pair.config]
        sets += [r.parameters for r in self.catalogue.recordings.values() if r.description.get("pair") == pair.config]
        sets += [experiment.test, experiment.train] if experiment else []
        return {n: [float(v) for s in sets if n in s for v in np.ravel(s[n])] for n in pair.source.parameters}

    @property
    def flow(self):
        """The source flow of the live simulation."""
        return self.live.pair.source

    @cached_property
    def drawn(self) -> tuple[str, ...]:
        """Axes of the live simulation in the order in which they are drawn."""
        return drawn_order(list(self.flow.resolution), type(self.flow).__name__)

    def example(self, field: str):
        """Zero values of a field of the live simulation, for what can be chosen before it runs."""
        return zeros(self.flow, field)


def make_app(model, select: list[str]):
    """
    PhiFlow's `DashApp` for a model, with the header of phi_sol; PhiFlow's own first page is at `/fields`.

    Args:
        model: A `VisModel`.
        select: Dimensions that PhiFlow's pages slice.
    """
    install()
    from phi.vis._dash.dash_gui import DashGui

    from .pages.parts import header

    gui = DashGui()
    gui.configure({"select": select, "framerate": FRAME_RATE})
    gui.setup(model)
    app = gui.dash_app
    app.add_page("/fields", app.page_urls["/"])
    app.dash.title = "phi_sol"
    app.dash.index_string = app.dash.index_string.replace("</head>", f"<style>{STYLE}</style></head>")
    app.dash.layout.children[1] = header()
    protect(app)
    return app


def protect(app):
    """
    Keeps a server to its pages: no files from folders named `assets` and `static` in the working directory,
        which Dash and Flask
    would serve, and, unless `app.config["host"]` is not local, no requests under other host names (a page on
    the internet could point one here).
    """
    from flask import abort, request

    server = app.dash.server

    @server.before_request
    def check():
        name = request.host.rpartition(":")[0] if ":" in request.host.rpartition("]")[2] else request.host
        if app.config.get("host", LOCAL[0]) in LOCAL and name.strip("[]") not in LOCAL:
            abort(403)
        if request.path.startswith(("/assets/", "/static/")):
            abort(404)


def listen(host: str, port: int) -> socket.socket:
    """
    A listening socket on `port` or the next free one.

    Raises:
        InputError: if the address can't be used or no port is free.
    """
    if not 0 < port < 65536:
        raise InputError(f"A port is a number from 1 to 65535, not {port}.")
    for number in range(port, min(port + ATTEMPTS, 65536)):
        try:
            family = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0][0]
            taken = socket.socket(family, socket.SOCK_STREAM)
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind((host, number))
            taken.listen(64)
            return taken
        except OSError as err:
            if err.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise InputError(f"{host} is no address of this machine ({err.strerror}).") from err
    raise InputError(f"The ports {port} to {number} of {host} are in use or not allowed: name another with --port.")


def make_server(app, host: str, port: int, say: Callable[[str], None] = print):
    """
    A server that is bound to its port; `serve_forever` runs it.

    Args:
        app: From `make_app`.
        host: Address to bind to.
        port: Port to try first.
        say: Receives what the user should know.
    """
    from werkzeug.serving import make_server as make

    app.config["host"] = host
    taken = listen(host, port)
    actual = taken.getsockname()[1]
    if actual != port:
        say(f"Port {port} is in use; taking {actual}.")
    if host not in LOCAL:
        say(f"Warning: anyone who can reach {host}:{actual} can see and steer this; there is no authentication.")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make(host, actual, app.dash.server, threaded=True, fd=taken.fileno())
    server.phi_sol_socket = taken  # kept open
    shown = f"[{host}]" if ":" in host else "localhost" if host in ("0.0.0.0", "127.0.0.1") else host
    say(f"http://{shown}:{actual}/   (Ctrl-C ends)")
    return server


def serve(
    catalogue: Catalogue,
    host: str = "127.0.0.1",
    port: int = 8051,
    prepare: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = print,
):
    """
    Shows a catalogue until interrupted.

    Args:
        catalogue: What may be read.
        host: Address to bind to.
        port: Port to try first.
        prepare: Called before TensorFlow is imported.
        say: Receives what the user should know.

    Raises:
        InputError: if no port can be used.
    """
    site = Site(catalogue, prepare)
    for name in catalogue.root_names():
        say(f"Reading {name}")
    server = make_server(site.app, host, port, say)
    sys.stdout.flush()
    try:
        server.serve_forever()
    finally:
        site.app.pause()
