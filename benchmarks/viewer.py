"""
How fast the pages answer while a simulation runs: `python benchmarks/viewer.py`; writes `results/viewer.json`.

Headless Chromium (Debian's chromium and chromedriver, selenium) opens the pages of `phi-sol view` one after the other
while source and reference step as fast as they can, and changes what is shown. `answer`: from a request to its whole
answer, for all requests of a page, by the browser's own clock. `redraw`: from the choice of another quantity to the new
picture. Nothing is counted before the simulation has compiled and stepped.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

SCENE = """
from phi_sol import Experiment, WakeFlow

train, test = dict(reynolds=(200.0,)), dict(reynolds=(300.0,))
experiment = Experiment("wake", WakeFlow, source=dict(y={y}, x={x}), ratio={ratio}, train=train, test=test)
"""
SIZES = [(64, 32, 4), (256, 128, 1)]  # source, cells of the reference per cell of the source and axis
PAGES = ["/live", "/fields", "/side-by-side", "/quad", "/board"]
ANSWERS = """
const all = performance.getEntriesByType('resource');
const entries = all.filter(e => e.name.includes('_dash-update-component') && e.responseEnd > 0);
performance.clearResourceTimings();
return entries.map(e => e.responseEnd - e.startTime);
"""
REDRAW = """
const [quantity, done] = arguments, graph = () => document.querySelector('#live-panels .js-plotly-plot');
const unit = () => graph()?._fullLayout?.coloraxis?.colorbar?.title?.text;
const begin = performance.now(), before = unit();
dash_clientside.set_props('live-quantity', {value: quantity});
const late = () => performance.now() - begin > 30000;
const look = () => unit() != before ? done(performance.now() - begin) : late() ? done(NaN) : setTimeout(look, 5);
look();
"""


def open_browser():
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = (
        shutil.which("chromium") or shutil.which("google-chrome") or sys.exit("Chromium is not installed.")
    )
    for argument in (
        "--headless=new",
        "--disable-dev-shm-usage",
        "--window-size=1280,1100",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ):
        options.add_argument(argument)
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def steps_done(browser) -> int:
    text = browser.execute_script("return document.getElementById('live-status')?.innerText || ''")
    return int(text.partition("step ")[2].partition(",")[0] or 0) if "step " in text else 0


def wait(condition, seconds: float = 300):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("The page did not follow.")
        time.sleep(0.2)


def measure(size: tuple[int, int, int], seconds: float) -> list[dict]:
    """Answers per page at one size."""
    y, x, ratio = size
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "wake.py").write_text(SCENE.format(y=y, x=x, ratio=ratio))
        command = [sys.executable, "-m", "phi_sol", "view", "wake.py"]
        server = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        browser = open_browser()
        try:
            address = next(line for line in server.stdout if line.startswith("http")).split()[0].rstrip("/")
            browser.set_script_timeout(60)
            browser.get(address + "/live")
            wait(lambda: browser.execute_script("return !!document.getElementById('live-play')"))
            browser.execute_script("document.getElementById('live-play').click()")
            wait(lambda: steps_done(browser) > 20)
            begin, first = time.monotonic(), steps_done(browser)
            for page in PAGES:
                if page != "/live":
                    browser.get(address + page)
                browser.execute_script("performance.setResourceTimingBufferSize(5000)")
                time.sleep(2)
                browser.execute_script(ANSWERS)
                time.sleep(seconds)
                answers = browser.execute_script(ANSWERS)
                row = {"size": f"{y}x{x}", "page": page, "requests": len(answers)}
                for name, value in (
                    ("median_ms", np.median),
                    ("p95_ms", lambda a: np.percentile(a, 95)),
                    ("max_ms", np.max),
                ):
                    row[name] = round(float(value(answers)), 1) if answers else None
                if page == "/live":
                    redraws = []
                    for _ in range(int(seconds / 2)):
                        for quantity in ("magnitude", "vorticity"):
                            redraws.append(browser.execute_async_script(REDRAW, quantity))
                            time.sleep(0.5)
                    row |= {
                        "redraw_median_ms": round(float(np.median(redraws)), 1),
                        "redraw_max_ms": round(float(np.max(redraws)), 1),
                    }
                rows.append(row)
            browser.get(address + "/live")
            wait(lambda: steps_done(browser) > first)
            speed = (steps_done(browser) - first) / (time.monotonic() - begin)
            rows = [r | {"steps_per_s": round(speed, 1)} for r in rows]
        finally:
            browser.quit()
            server.terminate()
            server.wait(30)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="time on each page")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "viewer.json")
    options = parser.parse_args()
    rows = [row for size in SIZES for row in measure(size, options.seconds)]
    names = [
        "size",
        "page",
        "requests",
        "median_ms",
        "p95_ms",
        "max_ms",
        "redraw_median_ms",
        "redraw_max_ms",
        "steps_per_s",
    ]
    table = Table(*names)
    for row in rows:
        table.add_row(*(str(row.get(n, "")) for n in names))
    Console(width=140).print(table)
    options.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
