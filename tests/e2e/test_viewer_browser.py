"""The viewer in headless Chromium: every page, button, slider and dropdown, and the arrays that are drawn."""

import logging
import shutil
import threading
import time

import numpy as np
import pytest

pytest.importorskip("dash", reason="Dash is not installed: pip install phi-sol[view]")
pytest.importorskip("selenium", reason="selenium is not installed: pip install phi-sol[dev]")

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from phi_sol.pictures.values import picture
from phi_sol.viewer.catalogue import Catalogue
from phi_sol.viewer.recording import Recording
from phi_sol.viewer.server import Server, Site

PATIENCE = 120  # seconds
PAGES = ["/", "/compare", "/live", "/training", "/fields", "/side-by-side", "/quad", "/info", "/log", "/board"]
# decoded by Plotly: values per panel, colour range of its axis
READ = """
const graph = document.querySelector('#%s .js-plotly-plot');
if (!graph || !graph._fullData) return null;
return graph._fullData.filter(t => t.type == 'heatmap' && t.name != 'obstacle').map(t => {
    const axis = graph._fullLayout[t.coloraxis];
    return {name: t.name, z: Array.from(t.z, r => Array.from(r)), axis: t.coloraxis, range: [axis.cmin, axis.cmax]};
});
"""


class Page:
    """A browser on one server, with waits instead of sleeps."""

    def __init__(self, browser, port):
        self.browser, self.port = browser, port

    def open(self, path):
        self.browser.get(f"http://127.0.0.1:{self.port}{path}")
        self.wait(lambda: self.find("#page-content > div"), f"{path} is empty")

    def find(self, selector):
        found = self.browser.find_elements(By.CSS_SELECTOR, selector)
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
            options = self.browser.find_elements(By.CSS_SELECTOR, ".dash-dropdown-option, .VirtualizedSelectOption")
            for option in options:
                if option.text.strip() == text:
                    option.click()
                    return True
            target = self.find(f"#{id} .Select-control") or self.find(f"#{id}")
            target.click()
            return False

        self.wait(pick, f"{id} has no option {text}")
        self.wait(lambda: text in self.find(f"#{id}").text)

    def slide(self, selector, key=Keys.ARROW_RIGHT, times=1):
        """Moves the handle of a slider with the keyboard."""
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
def site(place, errors):
    return Site(Catalogue([str(place / "run")], data=place / "data"))


@pytest.fixture(scope="module")
def page(site, chromium):
    server = Server(site.app, "127.0.0.1", 18051, lambda text: None)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Page(chromium, server.port)
    chromium.get("about:blank")  # or the page asks a server that is gone
    site.app.pause()
    server.shutdown()


@pytest.fixture(autouse=True)
def no_errors(page, errors):
    """Every test leaves a clean console and no traceback on the server."""
    yield
    severe = [
        e["message"]
        for e in page.browser.get_log("browser")
        if e["level"] == "SEVERE" and "favicon" not in e["message"]
    ]
    assert not severe and not errors


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens(page, path):
    page.open("/")
    page.wait(lambda: page.find(f".header a[href='{path}']")).click()
    page.wait(lambda: page.browser.execute_script("return location.pathname") == path)
    page.wait(lambda: len(page.text("page-content")) > 20 or page.find("#page-content .js-plotly-plot"))


def test_landing_page_leads_to_the_comparison(page):
    page.open("/")
    assert "finished" in page.text("runs") and "reynolds 300" in page.text("simulations")
    page.wait(lambda: page.find("a[href*='/compare?'][href*='run=']")).click()
    page.wait(lambda: page.find("#cmp-run") and "run" in page.text("cmp-run"))


def test_comparison(page, place):
    """The slider shows the stored frame; three panels, one colour scale; play, step, and all choices."""
    recording = Recording(place / "data" / "sim_000000")
    page.open("/compare")
    first = page.drawn("cmp-panels", 5)
    assert [p["name"] for p in first] == [
        "source",
        "corrected",
        "reference",
        "source − reference",
        "corrected − reference",
    ]
    assert (
        len({(p["axis"], *p["range"]) for p in first[:3]}) == 1
        and len({(p["axis"], *p["range"]) for p in first[3:]}) == 1
    )
    assert first[0]["axis"] != first[3]["axis"]

    def shows(frame, quantity="vorticity"):
        expected = picture(recording.read("velocity", frame), quantity, ("y", "x")).values.T
        shown = page.drawn("cmp-panels", 5)[2]["z"]
        return np.shape(shown) == expected.shape and np.allclose(shown, expected, atol=1e-6)

    page.wait(lambda: shows(0))
    page.slide("#cmp-frame", times=3)
    page.wait(lambda: shows(3), "the slider does not show frame 3")
    assert "frame 3 of 12" in page.wait(lambda: "frame 3" in page.text("cmp-label") and page.text("cmp-label"))
    page.click("cmp-next")
    page.wait(lambda: shows(4))
    page.click("cmp-back")
    page.wait(lambda: shows(3))
    page.choose("cmp-quantity", "magnitude")
    page.wait(lambda: shows(3, "magnitude"))
    fixed = page.drawn("cmp-panels", 5)[0]["range"]
    page.choose("cmp-scale", "of this frame")
    page.wait(lambda: page.drawn("cmp-panels", 5)[0]["range"] != fixed)
    page.choose("cmp-show", "differences")
    assert [p["name"] for p in page.drawn("cmp-panels", 2)] == ["source − reference", "corrected − reference"]
    page.choose("cmp-show", "fields")
    page.drawn("cmp-panels", 3)
    page.choose("cmp-run", "no corrector")
    page.drawn("cmp-panels", 2)
    page.choose("cmp-field", "marker")
    page.wait(
        lambda: np.allclose(page.drawn("cmp-panels", 2)[1]["z"], recording.read("marker", 3).parts[""].T, atol=1e-6)
    )
    page.choose("cmp-speed", "10")
    page.click("cmp-play")
    page.wait(lambda: "frame 3 " not in page.text("cmp-label"), "it does not play")
    page.click("cmp-play")
    curves = (
        "return (document.querySelector('#cmp-errors .js-plotly-plot')?._fullData || []).map(t => [t.name, t.y.length])"
    )
    page.wait(
        lambda: sorted(map(tuple, page.browser.execute_script(curves))) == [("run", 13), ("source", 13)],
        "no error curves",
    )


def test_live(page, site):
    """Steps, gain 0 equals the source, parameters, actions; all panels in one colour scale."""
    page.open("/live")
    assert "Not started" in page.wait(lambda: "Not started" in page.text("live-panels") and page.text("live-panels"))
    page.slide("#live-gain", Keys.HOME)
    page.wait(lambda: site.live.gain == 0)
    page.click("live-step")
    page.wait(lambda: site.live.steps == 1, "no step")
    panels = page.drawn("live-panels", 5)
    page.wait(lambda: "step 1," in page.text("live-status") and "reference:" in page.text("live-status"))
    panels = page.drawn("live-panels", 5)
    np.testing.assert_array_equal(panels[0]["z"], panels[1]["z"])
    assert len({(p["axis"], *p["range"]) for p in panels[:3]}) == 1 and not np.array_equal(
        panels[0]["z"], panels[2]["z"]
    )
    page.slide("#live-gain", Keys.END)
    page.wait(lambda: site.live.gain == 1)
    page.click("live-play")
    page.wait(lambda: site.live.steps >= 4)
    page.click("live-pause")
    page.wait(lambda: "Paused" in page.text("live-status") and not site.app.play_status)
    page.wait(lambda: not np.array_equal(page.drawn("live-panels", 5)[0]["z"], page.drawn("live-panels", 5)[1]["z"]))
    page.slide("#live-parameters", times=5)
    page.wait(lambda: site.live.parameters["reynolds"] > 310, "the Reynolds number does not follow")
    version = site.live.version
    page.click("live-poke")
    page.wait(lambda: site.live.version > version)
    page.click("live-save")
    saved = page.wait(
        lambda: list((site.catalogue.save_folder()).glob("sim_000000/source_velocity_*.npz")), "not saved"
    )
    assert len(saved) == 1
    for control, text in (
        ("quantity", "x"),
        ("show", "differences"),
        ("scale", "kept"),
        ("field", "marker"),
        ("corrector", "none"),
    ):
        page.choose(f"live-{control}", text)
    page.wait(lambda: site.live.corrector == "")
    page.drawn("live-panels", 2)
    page.choose("live-start", "initial state")
    page.wait(lambda: site.live.steps == 0 and site.live.start == "")
    page.click("live-reset")
    page.wait(lambda: "Reset." in page.text("live-status"))


def test_crash_is_shown_with_its_reason(page, site, monkeypatch):
    monkeypatch.setattr(site.live, "step", lambda: 1 / 0)
    page.open("/live")
    page.wait(lambda: page.find("#live-clock") is not None or page.find("#live-status"))
    page.click("live-play")
    page.wait(lambda: "failed: division by zero" in page.text("live-error"), "no reason")
    page.wait(lambda: "Paused" in page.text("live-status"))
    page.open("/side-by-side")
    page.wait(lambda: "division by zero" in page.text("status-bar"))


def test_training_curves_grow(page, place):
    log = place / "run" / "log.csv"
    before = log.read_text()
    read = "return (document.querySelector('#train-%s .js-plotly-plot')?._fullData || []).map(t => t.y.length)"
    try:
        lines = ["step,loss,val_error", "50,0.5,", "100,0.25,0.2", "150,0.125,"]
        log.write_text("\n".join(lines) + "\n")
        page.open("/training")
        page.wait(lambda: page.browser.execute_script(read % "loss") == [3], "no loss")
        assert page.browser.execute_script(read % "validation") == [1]
        with open(log, "a") as stream:
            stream.write("200,0.1,0.15\n")
        page.wait(lambda: page.browser.execute_script(read % "loss") == [4], "the curve does not grow")
        page.wait(lambda: page.browser.execute_script(read % "validation") == [2])
    finally:
        log.write_text(before)


def test_phiflows_pages(page, site):
    """Play, step, components and controls of PhiFlow's own pages."""
    site.live.reset()
    page.open("/side-by-side")
    page.wait(lambda: page.find("#step-button"))
    shown = "return document.querySelectorAll('.js-plotly-plot .heatmaplayer image').length"
    page.click("step-button")
    page.wait(lambda: site.live.steps >= 1)
    page.wait(lambda: page.browser.execute_script(shown) == 2, "no fields")
    page.slide("#sbs_component-slider")
    page.wait(lambda: page.browser.execute_script(shown) == 2)
    page.slide("#gain", Keys.HOME)
    page.wait(lambda: site.live.gain == 0, "the control of the page does not act")
    page.open("/quad")
    page.wait(
        lambda: (
            page.find("#gain [role=slider]") and page.find("#gain [role=slider]").get_attribute("aria-valuenow") == "0"
        ),
        "the control forgot its value",
    )
    page.open("/board")
    curves = "return (document.querySelector('#board-graph .js-plotly-plot')?._fullData || []).length"
    page.wait(lambda: page.browser.execute_script(curves) == 2, "no curves")
    page.slide("#smooth-slider", times=3)
    page.open("/log")
    page.wait(lambda: "viewer started" in page.text("page-content"))
