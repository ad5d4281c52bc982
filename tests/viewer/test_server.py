"""The server: where it listens, what it refuses, what its pages hold."""

import socket
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("dash", reason="Dash is not installed: pip install phi-sol[view]")

from phi_sol.errors import InputError
from phi_sol.viewer.catalogue import Catalogue
from phi_sol.viewer.server import Server, Site, listen


@pytest.fixture(scope="module")
def site(tiny_run, tiny_data):
    return Site(Catalogue([str(tiny_run)], data=tiny_data / "test"))


@pytest.fixture(scope="module")
def served(site, tmp_path_factory):
    """Port of a running server whose working directory holds folders that Dash and Flask would serve."""
    said = []
    server = Server(site.app, "127.0.0.1", 18071, said.append)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.port, said
    server.shutdown()


def get(port, path="/", host=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as err:
        return err.code


def test_answers_local_requests_only_under_local_names(served):
    port, said = served
    assert get(port) == 200 and get(port, "/compare") == 200
    assert get(port, host=f"localhost:{port}") == 200 and get(port, host=f"[::1]:{port}") == 200
    assert get(port, host="example.org") == 403 and get(port, host=f"example.org:{port}") == 403
    assert not any("authentication" in s for s in said)


def test_files_of_the_working_directory_are_not_served(served):
    for path in ("/assets/style.css", "/static/anything", "/assets/../setup.cfg", "/assets/%2e%2e/setup.cfg"):
        assert get(served[0], path) == 404


def test_port_in_use_and_other_hosts(site):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = listen("127.0.0.1", port)
        assert other.getsockname()[1] > port
        other.close()
        said = []
        server = Server(site.app, "127.0.0.1", port, said.append)
        assert said[0] == f"Port {port} is in use; taking {server.port}." and f"localhost:{server.port}" in said[1]
        server.server_close()
    said.clear()
    server = Server(site.app, "0.0.0.0", port, said.append)
    assert any("no authentication" in s for s in said)
    server.server_close()
    with pytest.raises(InputError, match="no address of this machine"):
        listen("203.0.113.7", 18080)
    with pytest.raises(InputError, match="from 1 to 65535"):
        listen("127.0.0.1", 0)


def text_of(component) -> str:
    if component is None or isinstance(component, str | int | float):
        return str(component or "")
    if isinstance(component, list | tuple):
        return " ".join(map(text_of, component))
    return text_of(getattr(component, "children", None))


def test_landing_page_lists_what_was_found(site):
    text = text_of(site.app.page_urls["/"](site.app))
    assert "sol" in text and "finished" in text and "SOL-2" in text and "reynolds 300" in text and "13 frames" in text


def test_live_simulation_of_the_run(site):
    assert site.live.parameters == {"reynolds": 300.0} and list(site.live.correctors) == [
        next(iter(site.catalogue.runs))
    ]
    assert site.live.start in site.live.recorded, "starts from the stored reference"
    lower, upper = site.ranges["reynolds"]
    assert lower < 150 and upper > 600


def test_models_for_phiflows_pages(site):
    model = site.model
    assert model.field_names[:3] == ("source velocity", "corrected velocity", "reference velocity")
    with pytest.raises(InputError, match="Not started"):
        model.get_field("source velocity", {}).figure(None)
    assert [c.name for c in model.controls] == ["reynolds", "gain"] and [a.name for a in model.actions] == [
        "reset",
        "poke",
        "save_scene",
    ]
    gain = model.controls[1]
    model.set_control_value("gain", 0.25)
    assert gain.initial == 0.25 == site.live.gain, "a page that is loaded again shows the current value"
    model.set_control_value("gain", 7.0)
    assert site.live.gain == 0.25 and "failed" in model.message and "between 0 and 1" in model.message
    model.progress()
    assert model.steps == 1 and model.message is None
    figure = model.get_field("source velocity", {}).figure("x")
    others = model.get_field("reference velocity", {}).figure("x")
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (
        others.layout.coloraxis.cmin,
        others.layout.coloraxis.cmax,
    )
    assert len(model.get_field("source velocity", {}).figure(None).data) == 2, "colours and arrows"
    with pytest.raises(InputError, match="no component z"):
        model.get_field("source velocity", {}).figure("z")


def test_crash_of_the_simulation_is_reported(site, monkeypatch):
    stopped = []
    monkeypatch.setattr(site.model, "stop", lambda: stopped.append(True))
    monkeypatch.setattr(site.live, "step", lambda: 1 / 0)
    site.model.progress()
    assert site.model.message.endswith("failed: division by zero") and stopped
    assert "division by zero" in Path(site.model.log_file).read_text()


def test_site_without_flow_or_simulations(tmp_path):
    (tmp_path / "results.json").write_text("{}")
    site = Site(Catalogue([str(tmp_path)]))
    assert site.live is None and "no flow of phi_sol" in site.no_live
    assert "can't be shown" in text_of(site.app.page_urls["/"](site.app))
    for path in ("/compare", "/live", "/training"):
        assert "no" in text_of(site.app.page_urls[path](site.app)).lower()
    site.model.progress()
    assert site.model.message == "There is nothing to step."
