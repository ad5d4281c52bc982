"""Entry point of the command `phi-sol`, also `python -m phi_sol`."""

import logging
import os
import signal
import sys


def main():
    """Runs the command line and ends the process, with exit code 130 if it is interrupted at any moment."""
    logging.getLogger("phi_sol").propagate = False  # some library gives the root logger a handler, too
    try:
        from .cli import main as run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    if code == 130:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # another one would end in a traceback
        print("phi-sol: interrupted; what is finished is kept.", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        # an interrupt through an exec() somewhere in an import makes Python end by signal even if it was handled
        os._exit(130)
    sys.exit(code)


if __name__ == "__main__":
    main()
