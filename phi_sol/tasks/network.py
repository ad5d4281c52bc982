"""What tasks have in common that train a network, by one of several methods."""

import hashlib
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..correctors.objects import objects_of
from ..errors import InputError, quoted, suggestion
from ..networks import NETWORKS, describe, in_precision, network_name
from ..training.task import Task


class NetworkTask(Task):
    """
    Trains the network of a product (`trained`, from `set_up` on) that is saved, described and checked by itself.

    Attributes:
        method: How to train: has `at(unroll)`, `name`, `unroll` and `to_dict()`.
        network: Name of the network, or the network itself.
        frozen: Whether all layers but the last with weights keep theirs.
        start: What was trained before, whose weights and normalisation the training starts from, or None.
        correct: Fields that its product gives.
        trained: What has the network that is being trained.
    """

    method: Any
    network: Any
    start: Any = None
    frozen: bool = False
    correct: tuple[str, ...]
    trained: Any

    def take(self, network: Any, product: type[Any]):
        """Takes a network, or a whole product that was trained before, as it is given."""
        if not isinstance(network, product):
            if hasattr(network, "description"):
                raise InputError(f"A {self.name} can't start from a {type(network).__name__}.")
            if isinstance(network, str) and network not in NETWORKS:
                hint = suggestion(network, NETWORKS)
                raise InputError(f"Unknown network {quoted(network)}.{hint} Known: {', '.join(NETWORKS)}.")
            self.network = network
            return
        self.start, self.network, known = network, network.network, network.description
        axes, own = len(known["flow"]["resolution"]), len(self.flow.resolution)
        if axes != own:
            raise InputError(f"The training can't start from these weights, for {axes} axes: {self.flow} has {own}.")
        weights = hashlib.sha256(b"".join(np.ascontiguousarray(w).tobytes() for w in self.network.get_weights()))
        seen = [f for part in (known, known.get("from", {})) for f in part.get("data", [])]
        facts = {"weights": weights.hexdigest()[:16], "label": known.get("label")}
        self._from = facts | {"data": list(dict.fromkeys(seen))}

    def begun(self, precision: str) -> Any:
        """What is built: the network as it was given, or that of `start` with its weights, in a precision."""
        known = self.start.description if self.start else {}
        own = known.get("precision") or known.get("plan", {}).get("precision", "float32")
        return in_precision(self.network, precision) if self.start and own != precision else self.network

    @property
    def variables(self) -> list:
        if not self.frozen:
            return self.model.trainable_variables
        return [x for x in self.model._flatten_layers(include_self=False) if x.trainable_variables][
            -1
        ].trainable_variables

    @property
    def model(self) -> keras.Model:
        return self.trained.network

    @property
    def state(self) -> dict[str, Any]:
        return {"model": self.model}

    def save(self, folder: Path, **facts):
        self.trained.save(folder, **facts)

    def result(self, folder: Path) -> Any:
        with keras.saving.custom_object_scope(objects_of(self.model)):  # those of one's own, registered or not
            return self.load(folder)

    def label(self, unroll: int) -> str:
        return str(self.method.at(unroll))

    def describe(self, unroll: int) -> dict:
        method = self.method.at(unroll)
        facts = {"method": method.name, "unroll": method.unroll, "training": method.to_dict()}
        facts |= {"network": network_name(self.network), "correct": list(self.correct)}
        facts |= {"frozen": True} if self.frozen else {}
        return facts | ({"from": self._from} if self.start else {})

    def note(self, facts: dict):
        self.trained.description |= facts

    @property
    def summary(self) -> str:
        about = f"{network_name(self.network)}: {describe(self.model, tuple(self.flow.resolution.values()))}"
        frozen = sum(int(np.prod(w.shape)) for w in self.model.non_trainable_variables)
        about += f", {frozen} of them fixed" if frozen else ""
        about += ", all but the last layer fixed" if self.frozen else ""
        return about + (f", from {self._from['label'] or 'trained weights'}" if self.start else "")
