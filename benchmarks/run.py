"""
Measures phi_sol against its peers: `python benchmarks/run.py [PART ...] [--quick]`, all parts by default.

Prints a table per part and writes `results.json` and `machine.json` beside this file; a part replaces its own rows.
"""

import argparse
import importlib
import sys
import time
import traceback
from pathlib import Path

from common import PARTS, read_json, save, save_machine, show
from sides import QUICK, Effort

HERE = Path(__file__).parent


def run_part(part: str, effort: Effort, out: Path) -> bool:
    """
    Measures, prints and saves one part; whether that worked. A part that fails leaves its rows in the file as they are.
    """
    print(f"{part}: {importlib.import_module(part).__doc__.strip()}", flush=True)
    begin = time.perf_counter()
    try:
        rows = importlib.import_module(part).run(effort)
    except Exception:
        traceback.print_exc()
        return False
    if rows:
        show(part, rows)
    save(out, part, rows)
    save_machine(out.with_name("machine.json"), part, time.perf_counter() - begin, effort.quick)
    return True


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument(
        "--quick", action="store_true", help="short measurements, without the largest cases, to see that it works"
    )
    parser.add_argument("--out", type=Path, default=HERE / "results.json", metavar="FILE", help="default: %(default)s")
    options = parser.parse_args(arguments)
    unknown = [p for p in options.parts if p not in PARTS]
    if unknown:
        parser.error(f"unknown part {unknown[0]!r}; known: {', '.join(PARTS)}")
    read_json(options.out, [])  # a damaged file shows before anything is measured
    effort = QUICK if options.quick else Effort()
    worked = [run_part(part, effort, options.out) for part in PARTS if part in options.parts or not options.parts]
    return 0 if all(worked) else 1


if __name__ == "__main__":
    sys.exit(main())
