"""A longer scene, a folder in which everything has been made of it, one with odd places, and a viewer."""

import stat
from pathlib import Path

import pytest
from folders import chdir
from processes import TRAINING

from phi_sol.cli import main


@pytest.fixture(scope="session")
def long_scene(tiny_scene) -> str:
    """The text of a scene file."""
    return tiny_scene.read_text().replace("frames=12", "frames=400").replace('"tiny"', '"long"')


@pytest.fixture(scope="session")
def long_work(long_scene, tmp_path_factory) -> Path:
    """A folder with data, two runs and an evaluation that nothing has interrupted. Not to be written to."""
    folder = tmp_path_factory.mktemp("long")
    (folder / "long.py").write_text(long_scene)
    with chdir(folder):
        assert main(["generate", "long.py"]) == 0
        for name in ("sol", "other"):
            assert main(f"{TRAINING} --steps 150 --out runs/long/{name}".split()) == 0
        assert main(["evaluate", "long.py", "--frames", "20", "--no-numerics"]) == 0
    return folder


@pytest.fixture(scope="module")
def site(tiny_run, tiny_data):
    """A viewer of a run and its test data."""
    from phi_sol.viewer.catalogue import Catalogue
    from phi_sol.viewer.server import Site

    site = Site(Catalogue([str(tiny_run)], data=tiny_data / "test"))
    site.app.dash._setup_server()
    yield site
    site.close()


@pytest.fixture
def odd_places(tmp_path) -> Path:
    """A folder with a file, a loop of links, a link to nothing, and a folder that can't be written to."""
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("other")
    (tmp_path / "other").symlink_to("loop")
    (tmp_path / "nowhere").symlink_to("nothing")
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(stat.S_IRUSR | stat.S_IXUSR)
    return tmp_path
