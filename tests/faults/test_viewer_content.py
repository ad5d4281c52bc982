"""Damaged, foreign and hostile runs, simulations and evaluations: named, and everything else is shown."""

import json
import os
import re
import shutil

import numpy as np
import pytest

pytest.importorskip("dash", reason="Dash is not installed: pip install phi_sol[view]")

from phi_sol.errors import InputError
from phi_sol.storage.files import SEAL
from phi_sol.viewer.catalogue import Catalogue
from phi_sol.viewer.door import CALLBACKS
from phi_sol.viewer.reading import LARGEST_TEXT
from phi_sol.viewer.server import Site

DEEP = "[" * 100_000 + "]" * 100_000
TEXTS = {  # contents of a file that should be JSON
    "empty": b"",
    "half": b'{"pair": {"source": {"ty',
    "zeros": bytes(4096),
    "latin": '{"scene": "grün"}'.encode("latin-1"),
    "list": b"[1, 2]",
    "deep": ('{"pair": ' + DEEP + "}").encode(),
    "text": b"no JSON at all",
    "types": b'{"pair": [1], "parameters": 5, "scene": {"a": 1}, "complete": "yes", "frames": "many"}',
    "numbers": b'{"pair": {}, "parameters": {"reynolds": ["x", null, -1, NaN]}}',
    "infinite": b'{"pair": {}, "parameters": {"reynolds": 1e999}}',
    "long": b'{"pair": {}, "parameters": {"reynolds": 1' + b"0" * 400 + b"}}",
    "digits": b'{"pair": {}, "parameters": {"reynolds": 1' + b"0" * 5000 + b"}}",
    "surrogate": b'{"scene": "\\ud800", "method": {"a": [1]}, "network": 5}',
    "markup": b'{"scene": "<img src=x onerror=alert(1)>", "method": "$\\\\frac{", "label": "[x](javascript:alert(1))"}',
    "huge": b" " * (LARGEST_TEXT + 1),
}
NAMED = (
    "empty",
    "half",
    "zeros",
    "latin",
    "list",
    "deep",
    "text",
    "types",
    "numbers",
    "infinite",
    "long",
    "digits",
    "huge",
)


def array_file(path, **changes):
    """Changes arrays of a stored frame."""
    with np.load(path, allow_pickle=True) as stored:
        content = {n: stored[n] for n in stored.files} | changes
    np.savez_compressed(path, **content)


def bomb(path):
    """A frame of which the archive says that it unpacks to 2 GB."""
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\x01\x02") + 24
    data[place : place + 4] = (2 << 30).to_bytes(4, "little")
    path.write_bytes(data)


FRAMES = {  # what is done to a frame
    "empty": lambda p: p.write_bytes(b""),
    "half": lambda p: p.write_bytes(p.read_bytes()[: p.stat().st_size // 2]),
    "zeros": lambda p: p.write_bytes(bytes(p.stat().st_size)),
    "flipped": lambda p: p.write_bytes(bytes(b ^ 8 if i % 97 == 0 else b for i, b in enumerate(p.read_bytes()))),
    "text": lambda p: p.write_text("no archive"),
    "shape": lambda p: array_file(p, data=np.zeros((3, 2, 1), np.float32)),
    "axes": lambda p: array_file(p, dim_names=np.array(["b", "a", "vector"])),
    "same axes": lambda p: array_file(p, dim_names=np.array(["y", "y", "vector"])),
    "texts": lambda p: array_file(p, data=np.full((3, 3, 2), "x")),
    "objects": lambda p: array_file(p, data=np.array([{}, None], dtype=object)),
    "complex": lambda p: array_file(p, data=np.zeros((3, 3, 2), complex)),
    "nothing": lambda p: array_file(p, data=np.zeros((0, 0, 2), np.float32)),
    "bounds": lambda p: array_file(p, lower=np.array([np.nan, 0]), upper=np.array([1.0, np.inf])),
    "bound text": lambda p: array_file(p, lower=np.array("low")),
    "kind": lambda p: array_file(p, field_type=np.array("PointCloud")),
    "nan": lambda p: array_file(p, data=np.full_like(np.load(p)["data"], np.nan)),
    "infinite": lambda p: array_file(p, data=np.full_like(np.load(p)["data"], np.inf)),
    "bomb": bomb,
    "folder": lambda p: (p.unlink(), p.mkdir()),
}


@pytest.fixture(scope="module", params=[9, pytest.param(1, marks=pytest.mark.slow)])
def place(tiny_run, tiny_data, tmp_path_factory, request):
    """A good run, a good simulation, and beside them everything bad; in the quick version every ninth kind."""
    root = tmp_path_factory.mktemp("place")
    whole = shutil.ignore_patterns("checkpoints", ".packed")
    copy_run = lambda name: shutil.copytree(tiny_run, root / "runs" / name, ignore=whole)  # noqa: E731
    copy_sim = lambda name: shutil.copytree(tiny_data / "test" / "sim_000000", root / "data" / name)  # noqa: E731
    copy_run("good"), copy_sim("good")
    for name, text in [*TEXTS.items()][:: request.param]:
        (copy_run(f"run {name}") / "run.json").write_bytes(text)
        (copy_sim(f"description {name}") / "description.json").write_bytes(text)
        (root / "results" / name).mkdir(parents=True)
        (root / "results" / name / "results.json").write_bytes(text)
    for name, log in {
        "log empty": b"",
        "log types": b"step,loss\nx,y\n,\n\xff,\x00\n1,2,3,4\n1\n",
        "log nul": b"step,loss\n1,\x00\n2,0.5\n",
        "log one field": b'step,loss\n1,"' + b"5" * 200_000 + b'"\n',
        "log twice": b"step,step,loss,loss\n1,2,3,4\n",
    }.items():
        (copy_run(name) / "log.csv").write_bytes(log)
    for name, change in [*FRAMES.items()][:: request.param]:
        for frame in (0, 3):
            change(copy_sim(f"frame {name} {frame}") / f"velocity_{frame:06d}.npz")
    (copy_sim("frame far") / "velocity_000000.npz").rename(root / "data" / "frame far" / "velocity_999999999999.npz")
    (copy_sim("frames none") / "velocity_000000.npz").unlink()
    for name, change in {
        "size": {"resolution": {"y": 10**9, "x": 10**9}},
        "type": {"type": 5},
        "dt": {"dt": "x"},
    }.items():
        file = copy_run(f"0 pair {name}") / "run.json"
        config = json.loads(file.read_text())
        config["pair"]["source"] |= change
        file.write_text(json.dumps({n: v for n, v in config.items() if n != SEAL}))
    file = copy_run("0 pair ratio") / "run.json"
    file.write_text(re.sub(r'"ratio": \d+', '"ratio": 1000000', file.read_text()))
    os.mkfifo(copy_run("pipe") / "pipe.json")
    os.mkfifo(copy_sim("pipe") / "velocity_000099.npz")
    (copy_run("network half") / "corrector.keras").write_bytes(b"PK")
    (copy_run("log folder") / "log.csv").unlink()
    (root / "runs" / "log folder" / "log.csv").mkdir()
    os.rename(copy_run("rename"), os.fsencode(root / "runs") + b"/not utf-8 \xff")
    os.rename(copy_sim("rename"), os.fsencode(root / "data") + b"/not utf-8 \xff\x1b[31m")
    return root


@pytest.fixture(scope="module")
def site(place):
    site = Site(Catalogue([str(place)]))
    site.app.dash._setup_server()
    yield site
    site.close()


def post(site, output: str, inputs: list, state: list = ()):
    """Answers of a callback to values of its inputs and states."""
    known = site.app.dash.callback_map[output]
    made = [
        [{"id": k["id"], "property": k["property"], "value": v} for k, v in zip(known[key], given, strict=True)]
        for key, given in (("inputs", inputs), ("state", state))
    ]
    body = {"output": output, "inputs": made[0], "state": made[1], "changedPropIds": []}
    return site.app.dash.server.test_client().post(CALLBACKS, json=body)


def page(site, path: str) -> str:
    answer = post(site, "page-content.children", [path])
    assert answer.status_code == 200
    return json.dumps(answer.json, ensure_ascii=False)


def test_what_is_bad_is_named_and_the_rest_is_shown(site):
    text = page(site, "/")
    name = site.catalogue.roots[0].name
    assert f"{name}/runs/good" in site.catalogue.runs and f"{name}/data/good" in site.catalogue.recordings
    assert site.live is not None and f"{name}/runs/good" in site.live.correctors
    for key in (f"{kind} {n}" for n in NAMED for kind in ("runs/run", "data/description")):
        if (site.catalogue.roots[0] / key).exists():
            assert f"{name}/{key}" in site.catalogue.problems and f"{name}/{key}" in text, key
    for key in (f"{name}/runs/0 pair {kind}" for kind in ("size", "type", "dt")):
        assert site.catalogue.problems[key].startswith("Its solver pair can't be made: ") and key in text
    assert "good" not in " ".join(site.catalogue.problems)
    assert "can't be shown" not in text.split("Evaluation")[0], "the page itself is shown"
    assert text.count("results.json can't be shown") >= len(site.catalogue.evaluations) - 1
    for path in ("/compare", "/live", "/training", "/fields", "/info", "/board", "/log"):
        assert "can't be shown" not in page(site, path), path
    print(
        f"\n{len(site.catalogue.runs)} runs, {len(site.catalogue.recordings)} simulations, "
        f"{len(site.catalogue.evaluations)} evaluations: {len(site.catalogue.problems)} problems named, pages whole"
    )


def test_every_simulation_is_drawn_or_says_why(site):
    """All of them, in the frames that are damaged and in whole ones."""
    output = next(o for o in site.app.dash.callback_map if o.startswith("..cmp-tock.data"))
    chosen = next(o for o in site.app.dash.callback_map if o.startswith("..cmp-run.options"))
    said = {}
    for key in site.catalogue.recordings:
        assert post(site, chosen, [key, None], [None] * 4).status_code in (200, 204), key
        for frame in (0, 3):
            given = [None, key, "none", frame, "velocity", None, "both", None, None, "fixed"]
            answer = post(site, output, given, [None])
            assert answer.status_code == 200, (key, answer.text[:500])
            said[key, frame] = answer.text
    name = site.catalogue.roots[0].name
    for kind in [k for k in FRAMES if k not in ("nan", "infinite", "flipped")]:
        for frame in (f for f in (0, 3) if (f"{name}/data/frame {kind} {f}", f) in said):
            assert "velocity_00000" in said[f"{name}/data/frame {kind} {frame}", frame], kind
            assert "heatmap" in said[f"{name}/data/frame {kind} {frame}", 3 - frame], kind


def test_curves_of_every_run(site):
    output = next(o for o in site.app.dash.callback_map if o.startswith("..train-tock.data"))
    for keys in ([k for k in site.catalogue.runs if "log" in k], list(site.catalogue.runs)):
        answer = post(site, output, [None, keys])
        assert answer.status_code == 200, answer.text[:500]
        assert all(json.dumps(key)[1:-1] in json.dumps(answer.json) for key in keys)


def test_only_bad_things_are_named_in_one_line(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").symlink_to("/etc/hostname")
    with pytest.raises(
        InputError, match=r"nothing to show in .*run.json is a link that leads out of the given folders"
    ):
        Catalogue([str(tmp_path / "run")])


@pytest.mark.parametrize("file", ["run.json", "log.csv", "corrector.keras", "corrector.json", "anything"])
def test_linked_files_of_runs(place, tmp_path, file):
    shutil.copytree(place / "runs" / "good", tmp_path / "mine" / "run")
    shutil.copytree(place / "runs" / "good", tmp_path / "mine" / "other")
    outside = tmp_path / "outside"
    outside.write_bytes((place / "runs" / "good" / "log.csv").read_bytes())
    link = tmp_path / "mine" / "run" / file
    link.unlink(missing_ok=True)
    link.symlink_to(outside)
    catalogue = Catalogue([str(tmp_path / "mine")], data=tmp_path / "mine")
    assert (
        list(catalogue.runs) == ["mine/other"] and f"{file} is a link that leads out" in catalogue.problems["mine/run"]
    )
    link.unlink()
    link.symlink_to(tmp_path / "mine" / "other" / "log.csv")
    catalogue.scan()
    assert "mine/run" in catalogue.runs and not any("leads" in p for p in catalogue.problems.values()), "inside"


@pytest.mark.parametrize("file", ["description.json", "velocity_000003.npz", "velocity_000099.npz", "x_000000.npz"])
def test_linked_files_of_simulations(place, tmp_path, file):
    shutil.copytree(place / "data" / "good", tmp_path / "mine" / "sim")
    shutil.copytree(place / "data" / "good", tmp_path / "mine" / "other")
    catalogue = Catalogue([str(tmp_path / "mine")])
    recording = catalogue.recordings["mine/sim"]
    link = tmp_path / "mine" / "sim" / file
    link.unlink(missing_ok=True)
    link.symlink_to(place / "data" / "good" / "velocity_000000.npz")
    with pytest.raises(InputError, match="leads out"):
        recording.refresh()
    catalogue.scan()
    assert "mine/sim" not in catalogue.recordings and "mine/other" in catalogue.recordings
    assert "leads out of the given folders" in catalogue.problems["mine/sim"]


def test_links_in_circles_and_to_nowhere(place, tmp_path):
    shutil.copytree(place / "data" / "good", tmp_path / "mine" / "sim")
    for name, target in {"loop": "loop", "up": "..", "self": ".", "gone": "nowhere"}.items():
        (tmp_path / "mine" / name).symlink_to(target)
    assert "mine/sim" in Catalogue([str(tmp_path / "mine")]).recordings


def test_what_may_not_be_read_is_not_called_damaged(place, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    shutil.copytree(place / "runs" / "good", tmp_path / "mine" / "run")
    shutil.copytree(place / "runs" / "good", tmp_path / "mine" / "other")
    (tmp_path / "mine" / "run").chmod(0)
    try:
        catalogue = Catalogue([str(tmp_path / "mine")])
    finally:
        (tmp_path / "mine" / "run").chmod(0o700)
    assert list(catalogue.runs) == ["mine/other"] and "may not be read" in catalogue.problems["mine/run"]


def test_saved_is_never_followed_as_a_link(place, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(place / "runs" / "good", run)
    catalogue = Catalogue([str(run)])
    (tmp_path / "outside").mkdir()
    (run / "saved").symlink_to(tmp_path / "outside")
    with pytest.raises(InputError, match="saved is a link, which is not followed"):
        catalogue.save_folder()
    (run / "saved").unlink()
    assert catalogue.save_folder() == run.resolve() / "saved"


def test_two_folders_of_the_same_name_are_both_there(place, tmp_path):
    for above in ("a/x", "b/x"):
        shutil.copytree(place / "runs" / "good", tmp_path / above / "run")
    assert len(Catalogue([str(tmp_path / "a" / "x" / "run"), str(tmp_path / "b" / "x" / "run")]).runs) == 2
