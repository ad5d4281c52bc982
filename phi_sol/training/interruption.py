"""Ctrl-C in the middle of an iteration waits for its end, so that a checkpoint holds whole iterations."""

import logging
import signal
import threading

LOG = logging.getLogger(__name__)
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """
    Within it, the first Ctrl-C (or SIGTERM) is kept until `check` is called, and the second one acts at once.

    Attributes:
        forced: Whether there was a second one: the state may then be that of half an iteration.
    """

    def __init__(self):
        self.requested = self.forced = False

    def check(self):
        """Raises KeyboardInterrupt if one was asked for."""
        if self.requested:
            raise KeyboardInterrupt

    def _handle(self, number, frame):
        if self.requested:
            self.forced = True
            raise KeyboardInterrupt
        self.requested = True
        LOG.warning("Stopping after this iteration; a second Ctrl-C (or SIGTERM) stops at once, without a checkpoint.")

    def __enter__(self) -> "Interruption":
        self._before = {}
        if threading.current_thread() is threading.main_thread():  # only there are signals handled
            handled = [s for s in SIGNALS if signal.getsignal(s) not in (None, signal.SIG_IGN)]
            self._before = {s: signal.signal(s, self._handle) for s in handled}
        return self

    def __exit__(self, *error):
        for number, handler in self._before.items():
            signal.signal(number, handler)
