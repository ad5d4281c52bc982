"""What the JSON files of phi_sol hold: a typed schema for each kind, shared by all who read them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from annotated_types import Gt
from pydantic import (
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeInt,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    with_config,
)
from typing_extensions import NotRequired, TypedDict  # `typing` has them from Python 3.11 on, for pydantic from 3.12 on

Positive = Annotated[FiniteFloat, Gt(0)]
ONLY = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Schema:
    """
    Attributes:
        type: A type of Python; entries that it does not name may be there, too.
        advice: What to do about a file that does not have it, as the end of a sentence.
        maker: What writes such files.
        marks: Entries without which it was not written by that.
    """

    type: Any
    advice: str
    maker: str = "phi_sol"
    marks: frozenset[str] = frozenset()

    @cached_property
    def _adapter(self) -> TypeAdapter:
        return TypeAdapter(self.type)

    def violation(self, content: dict) -> str:
        """Where the content of a file is not what the schema says, in words; nothing where it is."""
        for first in self._errors(content):
            place = ".".join(str(part) for part in first["loc"])
            return f"{place[:60]}: {first['msg'][:1].lower()}{first['msg'][1:]}"
        return ""

    def wrong(self, content: dict) -> list[str]:
        """The entries that are not what the schema says."""
        return list(dict.fromkeys(str(e["loc"][0]) for e in self._errors(content)))

    def _errors(self, content: dict) -> list:
        try:
            self._adapter.validate_python(content, strict=True)
        except ValidationError as err:
            return err.errors()
        return []


class Description(TypedDict):
    """Of a simulation: its configuration, the checksum of every frame, and whether all of them are there."""

    scene: str
    split: str
    pair: dict[str, Any]
    parameters: dict[str, FiniteFloat]
    warmup: NonNegativeInt
    frames: PositiveInt
    keep_reference_every: PositiveInt
    start: NotRequired[str]
    imported: NotRequired[dict[str, str]]
    versions: NotRequired[dict[str, str]]
    fingerprint: str
    checksums: NotRequired[dict[str, Annotated[str, Field(pattern="^[0-9a-f ]*$")]]]
    complete: bool


class Facts(TypedDict, total=False):
    """What the viewer shows of a run, a model or a simulation, where there is any of it."""

    pair: dict[str, Any]
    parameters: dict[str, Any]
    scene: str
    complete: bool
    frames: int


class Moments(TypedDict):
    """Of an array in all frames of a simulation."""

    mean: FiniteFloat
    std: FiniteFloat
    largest: FiniteFloat


class Stored(TypedDict):
    """An array in a file of its own."""

    shape: list[NonNegativeInt]
    checksum: str


class Manifest(TypedDict):
    """Of arrays that were unpacked or computed once and are mapped into memory from then on."""

    key: str
    arrays: dict[str, Stored]
    moments: NotRequired[dict[str, list[Moments]]]


class Point(TypedDict):
    """Of a checkpoint: the run that it belongs to, and the checksums of its files."""

    run: str
    files: dict[str, str]


class Run(TypedDict):
    """Of a training: what is trained, how, on which data, and what has come to it since."""

    id: NotRequired[str]
    scene: str
    pair: dict[str, Any]
    data: list[str]
    parameters: dict[str, list[FiniteFloat]]
    seed: int
    plan: dict[str, Any]
    validation: dict[str, Any]
    longer: NotRequired[list[dict[str, FiniteFloat]]]
    recoveries: NotRequired[list[dict[str, Any]]]
    complete: bool


@with_config(ONLY)
class Adapter(TypedDict):
    """Which channels of a network are which arrays."""

    resolution: list[PositiveInt]
    inputs: list[str]
    outputs: list[str]
    parameters: list[str]


@with_config(ONLY)
class Statistics(TypedDict):
    """What a network is normalised with."""

    mean: dict[str, FiniteFloat]
    std: dict[str, Positive]
    correction: dict[str, Positive]
    log_mean: dict[str, FiniteFloat]
    log_std: dict[str, Positive]


class Corrector(TypedDict):
    """Of a trained corrector."""

    flow: dict[str, Any]
    adapter: Adapter
    statistics: Statistics
    placement: NotRequired[str]
    project: NotRequired[bool]
    form: NotRequired[str]
    integrator: NotRequired[str]
    weights: NotRequired[str]
    before: NotRequired[dict[str, Any]]


class Solution(TypedDict):
    """Of a neural solution of some simulations."""

    flow: dict[str, Any]
    speed: Positive
    horizon: Positive


class Grid(TypedDict):
    """Of the flow of a Poisson problem."""

    resolution: dict[str, PositiveInt]
    size: dict[str, Positive]


class Guess(TypedDict):
    """Of a learned initial guess."""

    flow: Grid
    scale: Positive
    weights: NotRequired[str]
    before: NotRequired[dict[str, Any]]


TRAIN = "copy it once more, or train again"
DESCRIPTION = Schema(
    Description,
    "remove its folder and run 'phi-sol generate' again",
    "'phi-sol generate'",
    frozenset({"pair", "fingerprint"}),
)
FACTS = Schema(Facts, "copy it once more")
MANIFEST = Schema(Manifest, "remove it: it is made anew")
POINT = Schema(Point, "an earlier one is taken")
RUN = Schema(Run, "copy it once more, or name another folder")
CORRECTOR = Schema(Corrector, TRAIN)
GUESS = Schema(Guess, TRAIN)
SOLUTION = Schema(Solution, TRAIN)
