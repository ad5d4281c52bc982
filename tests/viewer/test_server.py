"""The server: where it listens, what it refuses, what its pages hold."""

import socket
import threading
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("dash", reason="Dash is not installed: pip install phi_sol[view]")

from phi_sol.errors import InputError
from phi_sol.pictures.panels import PLAIN, Row, Scale
from phi_sol.texts import for_markdown, for_plotly
from phi_sol.viewer.catalogue import Catalogue
from phi_sol.viewer.figures import curves, panels
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
    assert 'class="no-control"' in site.app.dash.index_string
    assert "whoever has this address can see this and use its page Live" in said[-2] and "?token=" in said[-1]
    server.server_close()
    server = Server(site.app, "127.0.0.1", port, said.append)
    assert "token" not in said[-1] and "no-control" not in site.app.dash.index_string.split("<style>")[0]
    server.server_close()
    with pytest.raises(InputError, match="no address of this machine"):
        listen("203.0.113.7", 18080)
    with pytest.raises(InputError, match="from 1 to 65535"):
        listen("127.0.0.1", 0)


def answer(site, path="/", method="GET", **headers) -> int:
    """Status of an answer, also to a callback that changes nothing."""
    from werkzeug.test import EnvironBuilder, run_wsgi_app

    body = dict(output="kill-button.style", state=[], changedPropIds=[])
    body |= dict(inputs=[dict(id="kill-button", property="n_clicks", value=None)])
    options = {"json": body} if method == "POST" else {}
    given = {n.replace("_", "-"): v for n, v in headers.items()}
    environ = EnvironBuilder(path, method=method, headers=given, **options).get_environ()  # a client would parse hosts
    return int(run_wsgi_app(site.app.dash.server, environ)[1].partition(" ")[0])


CALLBACKS = "/_dash-update-component"


def test_only_own_pages_change_anything(site):
    site.app.door.open("127.0.0.1", 8051)
    assert answer(site, CALLBACKS, "POST") == 200, "programs send no origin"
    for host in ("localhost:8051", "127.0.0.1", "[::1]:9", "LOCALHOST:1", "127.0.0.2"):
        assert answer(site, CALLBACKS, "POST", Host=host, Origin=f"http://{host}") == 200, host
    for origin in (
        "http://example.org",
        "null",
        "http://localhost:8052",
        "http://localhost",
        "https://localhost:1",
        "",
    ):
        assert answer(site, CALLBACKS, "POST", Host="localhost:8051", Origin=origin) == 403, origin
    for where, status in {"cross-site": 403, "same-site": 403, "same-origin": 200, "none": 200}.items():
        assert answer(site, CALLBACKS, "POST", Sec_Fetch_Site=where) == status
    for host in (
        "example.org",
        "localhost.example.org",
        "127.0.0.1.example.org",
        "192.168.0.1",
        "",
        "[::1",
        "a@localhost:x",
    ):
        assert answer(site, Host=host) == 403, host
    assert site.app.dash.server.test_client().post(CALLBACKS, data="{}", content_type="text/plain").status_code == 400


def test_a_token_is_needed_elsewhere(site):
    site.app.door.open("0.0.0.0", 8051)
    token = site.app.door.token
    try:
        for path, method in (("/", "GET"), ("/_dash-layout", "GET"), (CALLBACKS, "POST"), ("/_favicon.ico", "GET")):
            for given in ("", "?token=", "?token=x", f"?token={token[:-1]}", f"?token={token}x", "?token=%ff"):
                assert answer(site, path + given, method, Host="machine:8051") == 403, (path, given)
            assert answer(site, f"{path}?token={token}", method, Host="machine:8051") in (200, 204), path
        client = site.app.dash.server.test_client()
        first = client.get(f"/?token={token}", headers={"Host": "localhost"})
        assert "HttpOnly; SameSite=Strict" in first.headers["Set-Cookie"]
        assert client.get("/live").status_code == 200, "the cookie is enough"
        assert answer(site, "/", Cookie="phi_sol_8051=x") == answer(site, "/", Cookie=f"phi_sol_8052={token}") == 403
        assert answer(site, f"{CALLBACKS}?token={token}", "POST", Origin="http://example.org") == 403
        site.app.door.open("0.0.0.0", 8051)
        assert site.app.door.token != token and answer(site, f"/?token={token}") == 403, "each start has its own"
    finally:
        site.app.door.open("127.0.0.1", 8051)


def press(site, output: str, token: str = "") -> int:
    """What is answered to a button of PhiFlow's pages."""
    id = output.rpartition(".")[0]
    callback = site.app.dash.callback_map[output]
    inputs = [{**known, "value": 2.4 if id == "reynolds" else 1} for known in callback["inputs"]]
    states = [{**known, "value": ""} for known in callback["state"]]
    body = dict(
        output=output, inputs=inputs, state=states, changedPropIds=[f"{id}.{callback['inputs'][0]['property']}"]
    )
    return site.app.dash.server.test_client().post(f"{CALLBACKS}?token={token}", json=body).status_code


def test_controls_are_off_elsewhere_unless_they_are_allowed(site, monkeypatch):
    pressed = []
    for name in ("run_action", "set_control_value", "progress"):
        monkeypatch.setattr(site.model, name, lambda *given, name=name: pressed.append(name))
    monkeypatch.setattr(site.app, "play", lambda **given: pressed.append("play"))
    monkeypatch.setattr(site.app, "pause", lambda **given: pressed.append("pause"))
    monkeypatch.setattr("phi.vis._dash.board.os", SimpleNamespace(_exit=lambda code: pressed.append("kill")))
    outputs = [f"{name}-button.style" for name in ("play", "pause", "step", "kill", "exit")]
    outputs += [f"action_{a.name}.disabled" for a in site.model.actions] + ["gain.disabled", "reynolds.disabled"]
    save = dict(output="live-did.data", state=[], changedPropIds=["live-save.n_clicks"])
    known = site.app.dash.callback_map["live-did.data"]["inputs"]
    save["inputs"] = [{**k, "value": int("save" in k["id"])} for k in known]
    client = site.app.dash.server.test_client()
    try:
        site.app.door.open("0.0.0.0", 8051)
        token = site.app.door.token
        for output in outputs:
            assert press(site, output, token) == 403, output
        assert client.post(f"{CALLBACKS}?token={token}", json=save).status_code == 403
        refused = answer(site, f"{CALLBACKS}?token={token}", "POST")
        assert refused == 204 and pressed == [], "what pages ask when they are loaded does nothing"
        site.app.door.open("0.0.0.0", 8051, allow_control=True)
        assert [press(site, o, site.app.door.token) for o in outputs[:4]] == [200, 204, 204, 200]
        assert client.post(f"{CALLBACKS}?token={site.app.door.token}", json=save).status_code == 200
        assert pressed == ["play", "pause", "progress", "kill", "run_action"]
    finally:
        site.app.door.open("127.0.0.1", 8051)


def test_texts_are_escaped():
    bad = '<b onclick="x">$\\frac{ [a](javascript:x) \x1b[31m\ud800'
    assert "<" not in for_plotly(bad) and "\x1b" not in for_plotly(bad) and for_plotly(bad).encode()
    assert "\\[a\\](javascript" in for_markdown(bad) and "\\<b" in for_markdown(bad)
    figure = panels([Row({bad: "no <i>picture</i>"}, Scale((0, 1), PLAIN, bad))])
    figure.add_traces(curves({bad: ([0, 1], [1, 2])}, "x", "y").data)
    shown = figure.to_json()
    assert "<b" not in shown.replace("\\u003c", "<") and "&lt;i&gt;" in shown.replace("\\u0026", "&")


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
