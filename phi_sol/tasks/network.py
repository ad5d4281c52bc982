"""What tasks have in common that train a network, by one of several methods."""

from pathlib import Path
from typing import Any

import keras

from ..networks import describe, network_name
from ..training.task import Task


class NetworkTask(Task):
    """
    Trains the network of a product (`trained`, from `set_up` on) that is saved, described and checked by itself.

    Attributes:
        method: How to train: has `at(unroll)`, `name`, `unroll` and `to_dict()`.
        network: Name of the network, or the network itself.
        correct: Fields that its product gives.
        trained: What has the network that is being trained.
    """

    method: Any
    network: Any
    correct: tuple[str, ...]
    trained: Any

    @property
    def variables(self) -> list:
        return self.model.trainable_variables

    @property
    def model(self) -> keras.Model:
        return self.trained.network

    @property
    def state(self) -> dict[str, Any]:
        return {"model": self.model}

    def save(self, folder: Path, **facts):
        self.trained.save(folder, **facts)

    def label(self, unroll: int) -> str:
        return str(self.method.at(unroll))

    def describe(self, unroll: int) -> dict:
        method = self.method.at(unroll)
        facts = {"method": method.name, "unroll": method.unroll, "training": method.to_dict()}
        return facts | {"network": network_name(self.network), "correct": list(self.correct)}

    def note(self, facts: dict):
        self.trained.description |= facts

    @property
    def summary(self) -> str:
        return f"{network_name(self.network)}: {describe(self.model, tuple(self.flow.resolution.values()))}"
