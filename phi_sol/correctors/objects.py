"""Classes and functions of the user's that a saved network is made of."""

import sys
from collections.abc import Iterator
from inspect import isfunction
from typing import Any

import keras

from ..errors import SCENE_MODULE

PARTS = (
    keras.layers.Layer,
    keras.initializers.Initializer,
    keras.regularizers.Regularizer,
    keras.constraints.Constraint,
)
BUILT_IN = (keras.activations, keras.initializers, keras.regularizers, keras.constraints)


def needed(config: Any) -> Iterator[tuple[str, str]]:
    """Kind (`class` or `function`) and name of everything in a network's configuration that is not Keras's."""
    if isinstance(config, dict):
        name = config.get("registered_name")
        if config.get("class_name") == "function":
            yield "function", str(config["config"])
        elif name and not str(config.get("module") or "").startswith("keras"):
            yield "class", name
    for part in config.values() if isinstance(config, dict) else config if isinstance(config, list) else ():
        yield from needed(part)


def find(name: str, given: dict[str, Any]) -> Any:
    """
    The class or function that a file names, or None: what was given by its name; what Keras knows or has registered,
    also in another package than when it was saved; what a scene file that was loaded, or a file that it imports, holds.
    """
    bare = name.rpartition(">")[2]
    for known in (given.get(name), given.get(bare), keras.saving.get_registered_object(name)):
        if known is not None:
            return known
    if built_in := next((f for m in BUILT_IN if isfunction(f := getattr(m, name, None))), None):
        return built_in
    registered = {id(v): v for n, v in keras.saving.get_custom_objects().items() if n.rpartition(">")[2] == bare}
    scenes = [vars(m).get(bare) for n, m in list(sys.modules.items()) if n.startswith(SCENE_MODULE)]
    for found in (registered, {id(v): v for v in scenes if isfunction(v) or _is_part(v)}):
        if len(found) == 1:  # of several it can't be told which was meant
            return next(iter(found.values()))
    return None


def objects_of(network: keras.Model) -> dict[str, Any]:
    """What a network in memory is made of that is not Keras's, by the names that files have for it."""
    layers = list(network._flatten_layers())
    # what hides an attribute of the class is Keras's wrapper of a method, such as `build`
    parts = [*layers, *(v for x in layers for n, v in vars(x).items() if not hasattr(type(x), n))]
    own = [p if isfunction(p) else type(p) for p in parts if isfunction(p) or isinstance(p, PARTS)]
    return {keras.saving.get_registered_name(o): o for o in own if not o.__module__.startswith("keras.")}


def _is_part(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, PARTS)
