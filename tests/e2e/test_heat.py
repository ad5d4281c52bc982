"""A heat equation, a flow of one's own without a velocity, through every command and the viewer's pages."""

import json

import pytest

from phi_sol.cli import main

pytestmark = pytest.mark.slow

SCENE = '''"""Heat in a box, warm inside of a disc."""

from phi.geom import Sphere
from phi.math import expand
from phi.math.extrapolation import ZERO
from phi.physics import diffuse

from phi_sol import Experiment, Flow, Schedule, State


class Heat(Flow):
    fields, incompressible, parameters = ("temperature",), False, ("conductivity",)
    size = dict(y=2.0, x=1.0)

    @property
    def boundaries(self):
        return dict(temperature=ZERO)

    def initial_state(self, conductivity):
        parameters = self.parameter_tensors(dict(conductivity=conductivity))
        hot = self.field("temperature", Sphere(y=1.0, x=0.5, radius=0.25))
        return State(dict(temperature=expand(hot, parameters["conductivity"].shape)), parameters)

    def physics(self, state, dt):
        return state.with_fields(temperature=diffuse.explicit(state.temperature, state.conductivity, dt))


experiment = Experiment(
    name="heat", flow=Heat, source=dict(y=16, x=8), ratio=2, options=dict(dt=0.02), warmup=0, frames=4,
    train=dict(conductivity=(0.01, 0.02)), test=dict(conductivity=(0.015,)), correct=("temperature",),
    schedule=Schedule(network="small", unroll=2, steps=3, batch=2),
)
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heat")
    (folder / "heat.py").write_text(SCENE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in ("generate", "train", "evaluate"):
            assert main([command, "heat.py"]) == 0
    return folder


def test_results_and_tables_name_what_is_compared(folder):
    (file,) = folder.rglob("results.json")
    results = json.loads(file.read_text())
    assert {"SRC"} < set(results["solvers"]) and "temperature" in (file.parent / "report.md").read_text()
    assert "velocity" not in (file.parent / "report.md").read_text()


def test_pictures_are_of_the_temperature(folder):
    names = {p.name for p in folder.rglob("*.png")} | {p.name for p in folder.rglob("*.gif")}
    assert {"error_curves.png", "fields.png", "field_errors.png", "cost.png", "film.gif"} <= names
    assert not names & {"spectra.png", "energy.png", "marker.png"}


def test_two_evaluations_are_compared(folder, capsys):
    (file,) = folder.rglob("results.json")
    assert main(["compare", str(file.parent), str(file.parent)]) == 0
    assert "temperature MAE over 0.08 units of time" in capsys.readouterr().out


def test_pages_of_the_viewer_show_it(folder, monkeypatch):
    pytest.importorskip("dash", reason="Dash is not installed: pip install phi_sol[view]")
    from phi_sol.viewer.catalogue import Catalogue
    from phi_sol.viewer.server import Site

    monkeypatch.chdir(folder)
    site = Site(Catalogue(["heat.py"]))
    pages = {
        path: json.dumps(make(site.app).to_plotly_json(), ensure_ascii=False, default=lambda c: c.to_plotly_json())
        for path, make in site.app.page_urls.items()
        if path in ("/", "/live", "/compare", "/training")
    }
    assert len(pages) == 4 and not [p for p, text in pages.items() if "can't be shown" in text]
    assert "temperature" in pages["/"] and "temperature" in pages["/live"] and "velocity" not in pages["/live"]
    site.live.step()
    assert site.live.curves and not site.live.can_poke
    site.close()
