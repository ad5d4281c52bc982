"""The page Live and PhiFlow's own pages in headless Chromium: buttons, sliders, dropdowns, and what is drawn."""

import numpy as np
import pytest

pytest.importorskip("dash", reason="Dash is not installed: pip install phi_sol[view]")
pytest.importorskip("selenium", reason="selenium is not installed: pip install phi_sol[dev]")

from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.usefixtures("no_errors")


@pytest.mark.slow
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
    page.wait(lambda: site.live.steps == 0 and site.live.start == "initial state")
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
