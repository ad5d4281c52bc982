"""
A process that carries out items of work, one after the other: each comes on stdin as a line of JSON, and lines of JSON
go to stdout: `done`, how far it is, `note`, a warning, and at last what came of it. It ends when stdin does, at once.
"""

import json
import logging
import os
import queue
import sys
import threading

from .items import carry_out


class Notes(logging.Handler):
    """Sends warnings to whoever sends the work."""

    def __init__(self, say):
        super().__init__()
        self.say = say

    def emit(self, record):
        self.say({"note": record.getMessage()})


def main():
    channel, lock = os.fdopen(os.dup(1), "w"), threading.Lock()
    os.dup2(2, 1)  # whatever else is printed must not come in between

    def say(what: dict):
        with lock:
            print(json.dumps(what), file=channel, flush=True)

    given: queue.Queue[str] = queue.Queue()

    def listen():
        for line in sys.stdin:
            given.put(line)
        os._exit(0)  # whoever sends work has ended, or wants this one to end; what is done goes on from checkpoints

    threading.Thread(target=listen, daemon=True).start()
    logging.getLogger("phi_sol").addHandler(Notes(say))
    while True:
        say(carry_out(json.loads(given.get()), lambda done: say({"done": done})))


if __name__ == "__main__":
    main()
