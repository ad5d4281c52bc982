"""Entry point of the command `phi-sol`, also `python -m phi_sol`."""

import logging
import os
import signal
import sys


def main():
    """Runs the command line and ends the process, with exit code 130 if it is interrupted at any moment."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # or it is ignored, in the background
        signal.signal(signal.SIGINT, interrupt)
    logging.getLogger("phi_sol").propagate = False  # some library gives the root logger a handler, too
    try:
        from .cli import main as run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    if code == 130:
        end()
    sys.exit(code)


def interrupt(*_):
    """The first Ctrl-C. A second one, while what is under way ends, does not wait for it, and meets no handler."""
    signal.signal(signal.SIGINT, end)
    raise KeyboardInterrupt


def end(*_):
    """Ends an interrupted process at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if viewers := sys.modules.get(f"{__package__}.viewer.ending"):
        viewers.clean_up()
    os.write(2, b"phi-sol: interrupted; what is finished is kept.\n")
    sys.stdout.flush()
    sys.stderr.flush()
    # an interrupt through an exec() somewhere in an import makes Python end by signal even if it was handled
    os._exit(130)


if __name__ == "__main__":
    main()
