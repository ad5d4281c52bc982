"""Commands that are refused, and one headless browser and one viewer for all tests that look at pages."""

import logging
import os
import shutil
import threading
import time

import pytest

from phi_sol.cli import main

PATIENCE = 120  # seconds
RIGHT = "\ue014"  # `Keys.ARROW_RIGHT` of selenium, which may not be installed
# decoded by Plotly: values per panel, colour range of its axis
READ = """
const graph = document.querySelector('#%s .js-plotly-plot');
if (!graph || !graph._fullData) return null;
return graph._fullData.filter(t => t.type == 'heatmap' && t.name != 'obstacle').map(t => {
    const axis = graph._fullLayout[t.coloraxis];
    return {name: t.name, z: Array.from(t.z, r => Array.from(r)), axis: t.coloraxis, range: [axis.cmin, axis.cmax]};
});
"""


@pytest.fixture
def refused_here(tmp_path, monkeypatch, capsys):
    """
    The one line on stderr of a command that ends with exit code 2, in this process (TensorFlow takes long to start), in
    the folder `tmp_path`.
    """
    monkeypatch.chdir(tmp_path)

    def refused_here(*arguments) -> str:
        capsys.readouterr()
        assert main([str(a) for a in arguments]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        return line

    return refused_here


@pytest.fixture(scope="session")
def chromium():
    """
    Chromium, driven by selenium; tests that need it are skipped where it, its driver or selenium is not installed.
    """
    pytest.importorskip("selenium", reason="selenium is not installed: pip install phi_sol[dev]")
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (binary and driver):
        pytest.skip("Chromium or chromedriver is not installed: apt-get install chromium chromium-driver")
    options = Options()
    options.binary_location = binary
    for argument in (
        "--headless=new",
        "--disable-dev-shm-usage",
        "--enable-unsafe-swiftshader",
        "--window-size=1280,1100",
    ):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    yield browser
    browser.quit()


class Page:
    """A browser on one server, with waits instead of sleeps."""

    def __init__(self, browser, port):
        self.browser, self.port = browser, port

    def open(self, path):
        self.browser.get(f"http://127.0.0.1:{self.port}{path}")
        self.wait(lambda: self.find("#page-content > div"), f"{path} is empty")

    def find(self, selector):
        found = self.browser.find_elements("css selector", selector)
        return found[0] if found else None

    def wait(self, condition, message="the page did not follow"):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                result = condition()
            except Exception as err:
                if "stale element" not in str(err) and "intercepted" not in str(err):
                    raise
                result = None
            if result:
                return result
            time.sleep(0.1)
        raise AssertionError(f"{message}: {self.find('body').text[:600]}")

    def click(self, id):
        self.wait(lambda: self.find(f"#{id}") and (self.find(f"#{id}").click() or True))

    def choose(self, id, text):
        """Picks an option of a dropdown, of Dash 2 and 3 or of Dash 4."""

        def pick():
            options = self.browser.find_elements("css selector", ".dash-dropdown-option, .VirtualizedSelectOption")
            for option in options:
                if option.text.strip() == text:
                    option.click()
                    return True
            target = self.find(f"#{id} .Select-control") or self.find(f"#{id}")
            target.click()
            return False

        self.wait(pick, f"{id} has no option {text}")
        self.wait(lambda: text in self.find(f"#{id}").text)

    def slide(self, selector, key=RIGHT, times=1):
        """Moves the handle of a slider with the keyboard, to the right unless another key is given."""
        handle = self.wait(lambda: self.find(f"{selector} [role=slider]"), f"no slider {selector}")
        for _ in range(times):
            handle.send_keys(key)
        return handle

    def panels(self, id):
        return self.browser.execute_script(READ % id)

    def drawn(self, id, count):
        """Panels as soon as there are so many."""
        return self.wait(
            lambda: len(self.panels(id) or []) == count and self.panels(id), f"{id} has not {count} panels"
        )

    def text(self, id):
        return self.find(f"#{id}").text


@pytest.fixture(scope="module")
def errors():
    """Tracebacks of the server."""
    caught = []

    class Collect(logging.Handler):
        def emit(self, record):
            caught.append(record.getMessage())

    handler = Collect(logging.ERROR)
    logging.getLogger().addHandler(handler)
    yield caught
    logging.getLogger().removeHandler(handler)


@pytest.fixture(scope="module")
def place(tiny_run, tiny_data, tmp_path_factory):
    root = tmp_path_factory.mktemp("browser")
    shutil.copytree(tiny_run, root / "run")
    shutil.copytree(tiny_data / "test", root / "data")
    return root


@pytest.fixture(scope="module")
def site(place):
    """One for all tests of a file: what is compiled once serves all, and what one file does no other sees."""
    from phi_sol.viewer.catalogue import Catalogue
    from phi_sol.viewer.server import Site

    site = Site(Catalogue([str(place / "run")], data=place / "data"))
    yield site
    site.close()


@pytest.fixture(scope="module")
def page(site, chromium, errors):
    """The browser on a server, one for every file: nothing is asked for while other tests run."""
    from phi_sol.viewer.server import Server

    server = Server(site.app, "127.0.0.1", 18051, lambda text: None)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Page(chromium, server.port)
    chromium.get("about:blank")  # or the page asks a server that is gone
    site.app.pause()
    server.shutdown()


@pytest.fixture
def no_errors(page, errors):
    """Every test leaves a clean console and no traceback on the server."""
    yield
    severe = [
        e["message"]
        for e in page.browser.get_log("browser")
        if e["level"] == "SEVERE" and "favicon" not in e["message"]
    ]
    assert not severe and not errors
