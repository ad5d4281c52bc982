"""The server: PhiFlow's web interface with phi_sol's pages, on a port of its own."""

import errno
import re
import socket
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import numpy as np
from dash.exceptions import DependencyException
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from ..errors import InputError
from ..flows.base import SEED
from ..flows.comparison import same_config
from ..solvers.pair import SolverPair
from ..texts import for_markdown, printable
from .catalogue import Catalogue
from .comparison import Comparison
from .door import TOKEN, Door
from .ending import clean_up
from .live import Live
from .pages import compare, landing, live, training
from .pages.parts import OWN, PHIFLOW, header, nothing
from .phiflow.compat import install
from .phiflow.models import BaseModel, LiveModel, RecordedModel, end_play
from .reading import reason

PATIENCE = 60  # seconds without a byte after which a connection ends
ATTEMPTS = 20  # ports that are tried
FRAME_RATE = 25  # steps per second at most, so that pages and other programs get their turn
STYLE = (Path(__file__).parent / "style.css").read_text()


class Site:
    """
    All pages of a viewer over a catalogue.

    Attributes:
        live: The live simulation; None if no flow is known (`no_live` says why).
        model: What PhiFlow's pages show.
        app: PhiFlow's `DashApp`; `app.dash.server` is the WSGI application.
    """

    def __init__(self, catalogue: Catalogue, prepare: Callable[[], None] = lambda: None):
        """Over runs and simulations; `prepare` is called before TensorFlow is imported."""
        self.catalogue, self.comparison = catalogue, Comparison(catalogue, prepare)
        self.live: Live | None = None
        self.model: BaseModel
        self.no_live, self.live_title, self.ranges = "", "", {}
        self._make_live(prepare)
        first = next((r for r in catalogue.recordings.values() if r.frames), None)
        if self.live is not None:
            text = "Source, corrected and reference simulation, live. More on the pages Compare, Live and Training."
            self.model = LiveModel(self.live, for_markdown(self.live_title), text, catalogue.save_folder, self.ranges)
        elif first is not None:
            drawn = getattr(self.comparison.flow(first), "drawn", ())
            self.model = RecordedModel(
                first, for_markdown(first.title), f"Recorded: {for_markdown(first.folder)}", drawn
            )
        else:
            self.model = BaseModel("phi_sol", for_markdown(self.no_live))
        cut = [max(self.live.drawn)] if self.live is not None and len(self.live.drawn) == 3 else []
        self.app = make_app(self.model, cut)
        self.model.stop = self.app.pause
        for path, module in {"/": landing, "/compare": compare, "/live": live, "/training": training}.items():
            self.app.add_page(path, lambda _, m=module: self.page(m))
        for module in (compare, live, training):
            module.register(self)

    def page(self, module):
        """A page, or why there is none."""
        try:
            return module.page(self)
        except Exception as err:  # whatever damaged files raise
            self.model.log.exception("a page can't be shown")
            return nothing("This page can't be shown", reason(err))

    def close(self):
        """Ends what runs in the background, and removes the log."""
        end_play(self.app)
        self.comparison.rollouts.close()
        self.model.close()

    def _make_live(self, prepare: Callable[[], None]):
        """For the first pair that is known: of a run, a scene, a recording."""
        runs, recordings = self.catalogue.runs.values(), self.catalogue.recordings.values()
        scenes = [(name, {}, experiment) for name, experiment in self.catalogue.experiments.items()]
        candidates: list = [(r.config.get("scene", r.title), r.pair, None) for r in runs if r.pair]
        candidates = candidates + scenes if self.catalogue.strict else scenes + candidates  # runs may be of others
        candidates += [(r.description.get("scene", r.title), r.pair, None) for r in recordings if r.pair]
        errors = []
        for title, config, experiment in candidates:
            try:
                pair = experiment.pair if experiment else self.catalogue.pair_of(config)
                self._start_live(title, pair, experiment, prepare)
                return
            except Exception as err:  # whatever a damaged description raises
                errors.append(f"{title}: {reason(err)}")
        self.no_live = "; ".join(errors) or (
            "no flow of phi_sol is described in the given folders. Give a run, generated data or the name of a scene."
        )

    def _start_live(self, title: str, pair: SolverPair, experiment, prepare: Callable[[], None]):
        """InputError if no values of its parameters are known."""
        runs, recordings = self.catalogue.runs.values(), self.catalogue.recordings.values()
        names = pair.source.parameters
        recorded = [r for r in recordings if same_config(r.pair, pair.config) and set(names) <= set(r.parameters)]
        sets = [r.config.get("parameters", {}) for r in runs if same_config(r.pair, pair.config)]
        sets += [r.parameters for r in recorded] + ([experiment.test, experiment.train] if experiment else [])
        values = {n: [float(v) for s in sets if n in s for v in np.ravel(s[n])] for n in names}
        if not all(values.values()):
            raise InputError("no parameter values are known")
        full = [r for r in recorded if r.full_resolution and r.frames[:1] == [0]]
        starts = {r.title.removesuffix(", full resolution"): r for r in full}
        first = {n: float(full[0].parameters[n] if full else v[0]) for n, v in values.items()}
        correctors = {k: r.folder for k, r in self.catalogue.trained_for(pair.config).items()}
        known = self.catalogue.experiments.values()
        warmup = next((e.warmup for e in known if same_config(e.pair.config, pair.config)), 0)
        self.live = Live(pair, first, correctors, starts, prepare, warmup, self.catalogue.strict)
        self.live_title = f"{title}, {pair.source}"
        self.ranges = {n: (0, 999) if n == SEED else (min(v) / 2, max(v) * 2) for n, v in values.items()}


def make_app(model, select: list[str], own: dict[str, str] = OWN, others: dict[str, str] = PHIFLOW):
    """
    PhiFlow's `DashApp` for a `VisModel`, its own first page at `/fields`; its pages slice the dimensions `select`. The
    header is that of phi_sol: names of pages by path, phi_sol's `own` and `others`, PhiFlow's.
    """
    install()
    from phi.vis._dash.dash_gui import DashGui

    gui = DashGui()
    gui.configure({"select": select, "framerate": FRAME_RATE})
    gui.setup(model)
    app = gui.dash_app
    app.add_page("/fields", app.page_urls["/"])
    app.dash.title = "phi_sol"
    app.dash.index_string = app.dash.index_string.replace("</head>", f"<style>{STYLE}</style></head>")
    app.dash.layout.children[1] = header(own, others)
    server = app.dash.server
    server.register_error_handler(InputError, lambda err: BadRequest(printable(err)))  # asked for what is not there
    server.register_error_handler(DependencyException, lambda err: NotFound())
    app.door = server.wsgi_app = Door(app)
    return app


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on `port` or the next free one; InputError if the address can't be used or none is free."""
    if not 0 < port < 65536:
        raise InputError(f"A port is a number from 1 to 65535, not {port}.")
    for number in range(port, min(port + ATTEMPTS, 65536)):
        try:
            family = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0][0]
            both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
            return socket.create_server((host, number), family=family, backlog=64, dualstack_ipv6=both)
        except OSError as err:
            if err.errno not in (errno.EADDRINUSE, errno.EACCES):
                reason = str(err.strerror).partition(" (")[0]
                raise InputError(f"{host} is no address of this machine ({reason}).") from err
    raise InputError(f"The ports {port} to {number} of {host} are in use or not allowed: name another (port=).")


class Handler(WSGIRequestHandler):
    protocol_version, timeout = "HTTP/1.1", PATIENCE

    def run_wsgi(self):
        try:
            urlsplit(self.path)
        except ValueError:  # werkzeug would end with a traceback
            return self.send_error(400)
        super().run_wsgi()

    def log_request(self, code="-", size="-"):
        """No line on the terminal per request."""


class Server(ThreadedWSGIServer):
    """A server that can be closed: connections that browsers keep open end with it, and their threads."""

    def __init__(self, app, host: str, port: int, say: Callable[[str], None] = print, allow_control: bool = False):
        """
        For what `make_app` makes, bound to an address and a port (see `listen`); `say` tells the user. Whoever can
        reach it needs the token in the printed address, unless this is local; see `Door` for `allow_control`.
        """
        self.connections: set[socket.socket] = set()
        self._thread: Thread | None = None
        with listen(host, port) as taken:  # the server has a copy of it
            super().__init__(host, taken.getsockname()[1], app.dash.server, Handler, fd=taken.fileno())
        if self.port != port:
            say(f"Port {port} is in use; taking {self.port}.")
        app.door.open(host, self.port, allow_control)
        tag = "<html>" if app.door.controls else '<html class="no-control">'
        app.dash.index_string = re.sub("<html.*?>", tag, app.dash.index_string, count=1)
        secret = f"?{TOKEN}={app.door.token}" if app.door.token else ""
        if secret:
            may = "see and steer this" if allow_control else "see this and use its page Live"
            say(f"Warning: whoever has this address can {may}; there is no authentication but its token.")
        shown = f"[{host}]" if ":" in host else "localhost" if host in ("0.0.0.0", "127.0.0.1") else host
        say(f"http://{shown}:{self.port}/{secret}   (Ctrl-C ends)")

    def process_request(self, request, client_address):
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def start(self):
        """Serves in the background."""
        self._thread = Thread(target=self.serve_forever, args=(0.1,), name="phi_sol.view", daemon=True)
        self._thread.start()

    def wait(self):
        """Until it is closed."""
        self._thread.join()

    def close(self):
        """Ends the background, gives the port back, and ends all connections."""
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
        self.server_close()
        for connection in list(self.connections):
            with suppress(OSError):  # it ended by itself
                connection.shutdown(socket.SHUT_RDWR)


def serve(
    catalogue: Catalogue,
    host: str,
    port: int,
    prepare: Callable[[], None],
    say: Callable[[str], None],
    allow_control: bool = False,
):
    """Shows a catalogue until interrupted; arguments and errors as for `Site` and `Server`."""
    try:
        site = Site(catalogue, prepare)
        for name in catalogue.root_names():
            say(f"Reading {printable(name)}")
        with closing(site), closing(Server(site.app, host, port, say, allow_control)) as server:
            sys.stdout.flush()
            server.serve_forever()
    finally:  # interrupted before or while it ended
        clean_up()
