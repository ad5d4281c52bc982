"""What a network is, in words."""

from collections.abc import Callable

import keras

from .facts import describe


def network_name(network: str | keras.Model | Callable) -> str:
    """The name under which runs know a network: its own, of a builder that of the function."""
    return network if isinstance(network, str) else getattr(network, "name", None) or network.__name__


def network_summary(model: keras.Model, name: str, resolution: tuple[int, ...]) -> str:
    """Name, parameters and receptive field."""
    facts = describe(model, resolution)
    seen = "the whole domain" if facts.receptive_field is None else f"{facts.receptive_field} cells"
    return f"{name}: {facts.parameters} parameters, receptive field {seen}"
