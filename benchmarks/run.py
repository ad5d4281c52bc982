"""
Measures phi_sol against its peers: `python benchmarks/run.py [PART ...] [--quick]`, all parts by default.

Says what it measures, and each row as it comes, with the time that is left where the part has been measured before;
prints a table per part and writes `results.json` and `machine.json` beside this file. A part replaces its own rows; one
that is interrupted, or fails, those that it has measured.
"""

import argparse
import importlib
import sys
import time
import traceback
from functools import partial
from pathlib import Path

from common import PARTS, read_json, save, save_machine, save_some, show
from course import course, words
from sides import QUICK, Effort

HERE = Path(__file__).parent


def run_part(part: str, effort: Effort, out: Path) -> bool:
    """
    Measures, prints and saves one part; whether that worked. A part that fails leaves those of its rows in the file as
    they are that it has not measured.
    """
    print(f"{part}: {importlib.import_module(part).__doc__.strip()}", flush=True)
    begin = time.perf_counter()
    with course(partial(save_some, out, part), last_time(part, effort, out)) as progress:
        try:
            rows = importlib.import_module(part).run(effort)
        except Exception:
            traceback.print_exc()
            return False
        except KeyboardInterrupt:
            print(f"{part}: interrupted; {len(progress.rows)} rows are kept in {out}", flush=True)
            raise
    if rows:
        show(part, rows)
    save(out, part, rows)
    save_machine(out.with_name("machine.json"), part, time.perf_counter() - begin, effort.quick)
    return True


def last_time(part: str, effort: Effort, out: Path) -> float | None:
    """The seconds that a part took the last time, with the same effort; None if that is not known."""
    machine = out.with_name("machine.json")
    known = read_json(machine if machine.exists() else HERE / "machine.json", {}).get("parts", {}).get(part, {})
    return known.get("seconds") if known.get("quick") == effort.quick else None


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
    parts = [part for part in PARTS if part in options.parts or not options.parts]
    times = [last_time(part, effort, options.out) for part in parts]
    known = f"; about {words(sum(t or 0 for t in times))}, as the last time" if all(times) else ""
    print(f"{len(parts)} part{'s' * (len(parts) > 1)}: {', '.join(parts)}{known}", flush=True)
    try:
        worked = [run_part(part, effort, options.out) for part in parts]
    except KeyboardInterrupt:
        return 130
    return 0 if all(worked) else 1


if __name__ == "__main__":
    sys.exit(main())
