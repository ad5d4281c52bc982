"""Networks of newer versions of Keras, whose configurations have options that the installed one does not know."""

import json
import shutil
from zipfile import ZipFile

import numpy as np
import pytest

from phi_sol import Corrector
from phi_sol.correctors.other_keras import without_unknown
from phi_sol.errors import InputError


def changed(run, folder, change):
    """A copy of a run in whose network `change` has been applied to all parts of the configuration of Keras's kind."""
    shutil.copytree(run, folder)
    with ZipFile(run / "corrector.keras") as file:
        contents = {name: file.read(name) for name in file.namelist()}

    def walk(part):
        for value in part.values() if isinstance(part, dict) else part:
            if isinstance(value, dict | list):
                walk(value)
        if isinstance(part, dict) and str(part.get("module")).startswith("keras.") and "config" in part:
            change(part)

    config = json.loads(contents["config.json"])
    walk(config)
    with ZipFile(folder / "corrector.keras", "w") as file:
        for name, content in (contents | {"config.json": json.dumps(config).encode()}).items():
            file.writestr(name, content)
    return folder


@pytest.mark.parametrize("module", ["keras.initializers", "keras.layers", "keras."])
def test_options_without_a_value_are_left_out(module, tiny_run, tmp_path):
    """As Keras 3.13 writes `input_axes: null` of initializers, which 3.12, the last one for Python 3.10, refuses."""

    def add(part):
        if part["module"].startswith(module) and part["class_name"] != "Functional":
            part["config"]["option_of_the_future"] = None

    loaded = Corrector.load(changed(tiny_run, tmp_path / "run", add))
    weights = Corrector.load(tiny_run).network.get_weights()
    for found, expected in zip(loaded.network.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert loaded.fingerprint == Corrector.load(tiny_run).fingerprint


def test_options_with_a_value_are_refused(tiny_run, tmp_path):
    """What they would do is not known: leaving them out could compute something else."""

    def add(part):
        if part["module"] == "keras.initializers":
            part["config"]["option_of_the_future"] = 2

    with pytest.raises(InputError, match=r"is whole, but can't be loaded \(saved with Keras .*option_of_the_future"):
        Corrector.load(changed(tiny_run, tmp_path / "run", add))


def test_what_is_known_or_of_other_classes_stays():
    conv = {
        "module": "keras.layers",
        "class_name": "Conv2D",
        "config": {"name": None, "bias_constraint": None, "new": None},
    }
    own = {"module": "mine", "class_name": "Own", "registered_name": "mine>Own", "config": {"new": None}}
    gone = {"module": "keras.layers", "class_name": "NotThere", "config": {"new": None}}
    kept = conv | {"config": {"name": None, "bias_constraint": None}}
    assert without_unknown([conv, own, gone, "text", 3, None]) == [kept, own, gone, "text", 3, None]
