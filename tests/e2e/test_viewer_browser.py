"""The viewer's pages of recorded simulations and trainings in headless Chromium, and the arrays that are drawn."""

import numpy as np
import pytest

pytest.importorskip("dash", reason="Dash is not installed: pip install phi_sol[view]")
pytest.importorskip("selenium", reason="selenium is not installed: pip install phi_sol[dev]")

from phi_sol.pictures.values import picture
from phi_sol.viewer.recording import Recording

pytestmark = pytest.mark.usefixtures("no_errors")
PAGES = ["/", "/compare", "/live", "/training", "/fields", "/side-by-side", "/quad", "/info", "/log", "/board"]


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
