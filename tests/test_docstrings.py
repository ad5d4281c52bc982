"""
The examples in docstrings run, and every public class, function and module has one, as has every class of a module. The
names that they share are those of the examples in the docstring of the package. (The standard library's doctest does;
documents are in test_docs.py.)
"""

import doctest
import re
import shutil
from operator import attrgetter
from types import ModuleType

import pytest

import phi_sol

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = [n for n in phi_sol.__all__ if isinstance(getattr(phi_sol, n), ModuleType)]
IN_MODULES = [f"{m}.{n}" for m in MODULES for n in getattr(phi_sol, m).__all__]
PUBLIC = [n for n in phi_sol.__all__ if callable(getattr(phi_sol, n))]
PUBLIC += MODULES + [n for n in IN_MODULES if isinstance(attrgetter(n)(phi_sol), type)]
RUN = PUBLIC + [n for n in IN_MODULES if n not in PUBLIC and ">>>" in (attrgetter(n)(phi_sol).__doc__ or "")]
NOT_RUN = {"evaluate", "view"}  # one takes half a minute, the other one goes on until it is stopped


@pytest.fixture(scope="module")
def place(tiny_scene, tiny_data, tiny_run, tmp_path_factory):
    """A folder with a scene, its data and a run, as a user has them."""
    folder = tmp_path_factory.mktemp("examples")
    shutil.copy(tiny_scene, folder / "tiny.py")
    shutil.copytree(tiny_data, folder / "data" / "tiny")
    shutil.copytree(tiny_run, folder / "runs" / "tiny" / "sol")
    return folder


@pytest.fixture(scope="module")
def names(place):
    """What the docstring of the package defines."""
    found: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for example in doctest.DocTestParser().get_examples(phi_sol.__doc__):
            exec(compile(example.source, "phi_sol", "single"), found)
    return found


def examples(name: str) -> doctest.DocTest:
    """Those of one docstring."""
    found = doctest.DocTestFinder(recurse=False).find(attrgetter(name)(phi_sol), name, module=False)
    return found[0]


@pytest.mark.parametrize("name", RUN)
def test_examples_run(name, names, place, monkeypatch):
    monkeypatch.chdir(place)
    test, said = examples(name), []
    test.globs = dict(names)
    done = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False).run(test, out=said.append)
    assert done.failed == 0, "".join(said)


@pytest.mark.parametrize("name", PUBLIC)
def test_there_are_examples_that_are_short_and_run(name):
    test = examples(name)
    lines = [line for e in test.examples for line in e.source.splitlines()]
    assert 1 <= len(lines) <= 6 and re.search(r"^\s*Examples:$", test.docstring, re.M)  # what the site shows as code
    run = [e for e in test.examples if not e.options.get(doctest.SKIP)]
    assert bool(run) != (name in NOT_RUN)


def test_a_wrong_example_is_found(names):
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", dict(names), "wrong", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(test, out=lambda text: None).failed == 1
