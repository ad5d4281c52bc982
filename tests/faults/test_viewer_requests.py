"""Requests that no page of the viewer makes: refused, never a 500, and the next request is answered as before."""

import json
import random
import time
from collections import Counter
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("dash", reason="Dash is not installed: pip install phi_sol[view]")

from phi import math
from phi.field import CenteredGrid

from phi_sol.viewer.door import CALLBACKS
from phi_sol.viewer.inputs import kind_of

PATIENCE = 120  # seconds
DEEP = "[" * 100_000 + "]" * 100_000
VALUES = [
    *(None, True, False, 0, 1, -1, 7, 2**31, 2**53 + 1, 10**400, -(10**19), 0.5, -0.0, 1e308, -1e308, 3.0),
    *("", " ", "x", "1", "-1", "1e9", "*3", "nan", "9" * 4000, "a" * 5000, "\x00", "\ud800", "é\u202e", "\x1b[31m"),
    *("../../../etc/passwd", "/etc/passwd", "<script>alert(1)</script>", "$\\frac{", "{{7*7}}", "%s%n", "__proto__"),
    *(
        "velocity",
        "vorticity",
        "marker",
        "sol",
        "none",
        "None",
        "volume",
        "y",
        "fixed",
        "both",
        "full",
        "initial state",
    ),
    *([], [None], [[]], [1, "x"], ["subplots"], ["full"], ["a"] * 5000, {}, {"n": -1}, {"n": "x"}, {"n": 1, "at": 0}),
    *({"id": "x"}, {"a": {"b": {"c": {}}}}, [[[[[[[[[[]]]]]]]]]], {"value": None, "property": "value"}),
]
POOL = [1, "a", None, 0, 0.5, "", "fixed", "both", "None", [], 2.5]  # one of them is right for any input


@pytest.fixture
def alive(site, monkeypatch, tmp_path):
    """Kill kills nothing, scenes are saved elsewhere; afterwards the pages are those of before."""
    from phi.vis._dash import board

    monkeypatch.setattr(board, "os", SimpleNamespace(_exit=lambda code: None))
    monkeypatch.setattr(site.catalogue, "save_folder", lambda: tmp_path / "saved")
    monkeypatch.setattr(site.model, "run_action", lambda name: next(a for a in site.model.actions if a.name == name))
    yield
    site.app.pause()
    client = site.app.dash.server.test_client()
    for path in ("/", "/compare", "/live", "/training", "/fields", "/board", "/info", "/log"):
        body = body_of(site, "page-content.children")
        body["inputs"][0]["value"] = path
        answer = client.post(CALLBACKS, json=body)
        assert answer.status_code == 200 and "404" not in answer.text[:200], path


def callbacks(site) -> dict:
    return {o: c for o, c in site.app.dash.callback_map.items() if "callback" in c}


def body_of(site, output: str) -> dict:
    """A request that a page may make."""

    def value(known):
        id, kind = known["id"], None
        if id.startswith("{"):
            return [{"id": {"type": "live-parameter", "name": n}, "property": "value"} for n in site.live.parameters]
        kind = kind_of(site.model, id, known["property"])
        assert kind is not None, f"nothing says what {id}.{known['property']} may be"
        chosen = {f"{page}-field": "velocity" for page in ("cmp", "live")}
        if site.live is not None:
            chosen |= {"cmp-sim": next(iter(site.catalogue.recordings)), "cmp-run": next(iter(site.catalogue.runs))}
        for candidate in (*(chosen[k] for k in chosen if k == id), *POOL):
            try:
                return {"id": id, "property": known["property"], "value": kind(candidate)}
            except ValueError:
                continue
        raise AssertionError(f"no value for {id}")

    callback = callbacks(site)[output]
    inputs, state = ([value(k) for k in callback[key]] for key in ("inputs", "state"))
    return {"output": output, "inputs": inputs, "state": state, "changedPropIds": []}


def leaves(body: dict) -> list[dict]:
    """Where values are, in a body."""
    return [i for item in body["inputs"] + body["state"] for i in (item if isinstance(item, list) else [item])]


def changed(body: dict) -> list[str]:
    names = []
    for item in leaves(body)[: len(body["inputs"])]:
        id = (
            item["id"] if isinstance(item["id"], str) else json.dumps(item["id"], sort_keys=True, separators=(",", ":"))
        )
        names.append(f"{id}.{item['property']}")
    return names


def sent(client, body, said: Counter, **options) -> int:
    """Sends a body, raw where it is a text; the answer is no 500, and comes soon."""
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    begin = time.monotonic()
    answer = client.post(CALLBACKS, data=data, content_type="application/json", **options)
    assert answer.status_code in (200, 204, 400, 413), f"{answer.status_code}: {str(data)[:500]}: {answer.text[:500]}"
    # PhiFlow's Step and Benchmark wait for the first step, which is compiled
    assert time.monotonic() - begin < PATIENCE, f"{time.monotonic() - begin} s: {str(data)[:500]}"
    said[answer.status_code] += 1
    return answer.status_code


def test_what_pages_send_is_answered(site, alive):
    client, said = site.app.dash.server.test_client(), Counter()
    for output in callbacks(site):
        assert sent(client, body_of(site, output), said) in (200, 204), output


@pytest.mark.parametrize("share", [60, pytest.param(1, marks=pytest.mark.slow)])
def test_hostile_values_of_all_callbacks(site, alive, share):
    """Every value of every input and state of every callback, in the quick version one of 60."""
    client, said = site.app.dash.server.test_client(), Counter()
    cases = [
        (o, i, v) for o in callbacks(site) for i in range(len(leaves(body_of(site, o)))) for v in range(len(VALUES))
    ]
    random.Random(0).shuffle(cases)
    for output, index, value in cases[::share]:
        body = body_of(site, output)
        leaves(body)[index]["value"] = VALUES[value]
        body["changedPropIds"] = changed(body)[index : index + 1]
        sent(client, body, said)
    print(f"\n{sum(said.values())} hostile values of {len(callbacks(site))} callbacks: {dict(said)}")
    assert said[400] > said[200]


@pytest.mark.parametrize("share", [60, pytest.param(1, marks=pytest.mark.slow)])
def test_hostile_values_of_the_viewer_of_a_script(share):
    """With controls of all kinds, and a slice."""
    import phi_sol

    said, done = Counter(), []
    with math.NUMPY:
        smoke = CenteredGrid(0, 0, x=4, y=3, z=2)
    controls = {"number": (0.5, 0.0, 1.0), "count": 3, "wanted": True, "words": "a", "word": ("a", ("a", "b"))}
    with phi_sol.view(
        {"smoke": lambda: smoke, "array": lambda: np.zeros(3)},
        controls=controls,
        actions={"act": lambda: done.append(1)},
        select="z",
        play=False,
        keep_alive=False,
        port=18180,
    ) as viewer:
        viewer.app.dash._setup_server()
        client = viewer.app.dash.server.test_client()
        served = SimpleNamespace(app=viewer.app, model=viewer, live=None)
        known = callbacks(served)
        cases = [(o, i, v) for o, c in known.items() for i in range(len(c["inputs"] + c["state"])) for v in VALUES]
        random.Random(2).shuffle(cases)
        for output, index, value in cases[::share]:
            if output in ("kill-button.style", "exit-button.style", "step-button.style", "run-statistics.children"):
                continue  # a step waits for the script
            body = body_of(served, output)
            body["changedPropIds"] = changed(body)[index : index + 1]
            leaves(body)[index]["value"] = value
            sent(client, body, said)
        assert {n: type(v) for n, v in viewer._settings.items()} == {
            "number": float,
            "count": int,
            "wanted": bool,
            "words": str,
            "word": str,
        }
        assert 0 <= viewer.number <= 1 and viewer.word in ("a", "b") and len(viewer.words) <= 4096
    print(f"\n{sum(said.values())} hostile values of {len(known)} callbacks of a script: {dict(said)}")


def mutated(text: str, chance: random.Random) -> bytes:
    """A body with some bytes changed, left out or doubled."""
    data = bytearray(text.encode())
    for _ in range(chance.randint(1, 6)):
        place, kind = chance.randrange(len(data)), chance.randrange(3)
        data[place : place + (kind != 1)] = b"" if kind == 0 else bytes([chance.randrange(256)])
    return bytes(data)


@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_bodies(site, alive, count):
    client, said, chance = site.app.dash.server.test_client(), Counter(), random.Random(1)
    texts = [json.dumps(body_of(site, o)) for o in callbacks(site)]
    for _ in range(count):
        sent(client, mutated(chance.choice(texts), chance), said)
    wrong = (None, [], {}, "x", [None], [[{}]], [{"id": None}], [{"id": {"type": []}}], 5)
    kinds = [*product(callbacks(site), ("output", "inputs", "state", "changedPropIds"), wrong)]
    for output, key, value in kinds[:: 1 if count > 1000 else 13]:
        sent(client, body_of(site, output) | {key: value}, said)
    for text in (
        "",
        "null",
        "[]",
        "5",
        "NaN",
        "{",
        DEEP,
        '{"output":' + DEEP + "}",
        "\x00",
        b"\xff\xfe",
        '{"output":"x"}',
    ):
        assert sent(client, text, said) == 400
    body = body_of(site, "live-set.data")
    for ids in ([{}], [[]], [{"id": {"type": "live-parameter", "name": []}}], [{"id": {}}], body["inputs"][-1] * 2):
        sent(client, body | {"inputs": [*body["inputs"][:-1], ids]}, said)
    print(f"\n{sum(said.values())} damaged bodies: {dict(said)}")


def test_what_is_not_there_is_no_500(site):
    client = site.app.dash.server.test_client()
    for path in (
        "/_dash-component-suites/a/b.js",
        "/_dash-component-suites/dash/x.js",
        "/%ff",
        "/..%2f..",
        "/x?a=%ff&=&&",
    ):
        assert client.get(path).status_code < 500, path
    for method, path in product(("PUT", "DELETE", "PATCH", "TRACE", "POST", "WEIRD"), ("/", "/live", "/_dash-layout")):
        assert 400 <= client.open(path, method=method).status_code < 500, (method, path)
    for header in ("Cookie", "Origin", "Content-Type", "Accept-Encoding", "If-None-Match", "Range", "X-Forwarded-Host"):
        for value in ("\x7f", "a" * 8000, "=;=;=", "\xff", "bytes=-1-"):
            assert client.get("/", headers={header: value}).status_code < 500, (header, value)
