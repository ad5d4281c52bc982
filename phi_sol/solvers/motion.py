"""Bodies that move along given paths."""

from typing import Any

import tensorflow as tf
from phi import math

from ..arguments import checked
from ..errors import InputError, check_name, check_takes, quoted, suggestion
from ..flows.bodies import SPEEDS
from ..grids.layout import tensor_of
from ..kernels.compiled import Arrays
from ..stepping.system import System
from .controls import Control, When
from .timetable import TimeTable
from .values import check_parameter, described, name_of, parameter_values


class Motion(Control):
    """
    A body that moves along a path: its place c(t) and angle φ(t), with the speeds that belong to them,

        v = dc/dt,   spin = dφ/dt

    so that the fluid at its surface moves as it does. A step from t to t + dt has the place and speed at its end, where
    the body acts on the velocity. Derivatives are exact ones of functions, and slopes between the knots of tables. All
    of it has gradients, also of a table's variable.

    Attributes:
        body: Its name.
        path: By key of the body's numbers (`y`, `x`, `z`, `angle`) a function of time, or a `TimeTable` with times.

    Examples:
        >>> ps.Motion("paddle", y=lambda t: 60 + 10 * math.sin(0.05 * t))
        Motion(paddle, y=<lambda>)
    """

    @checked
    def __init__(self, body: str, **path: Any):
        """
        Args:
            body: Name of a body of the flow, of which `free` names the keys here and their speeds: `y` and `vy`,
                `angle` and `spin`.
            path: By key of its numbers a function of the time (a PhiML tensor) that gives a number, such as
                `y=lambda t: 50 + 10 * math.sin(0.1 * t)`, or a `TimeTable` with times.

        Raises:
            InputError: for other keys, and what is neither a function nor a table with times.
        """
        self.body, self.path = check_name("The name of a body", body), dict(path)
        if not path:
            raise InputError(f"The motion of {body!r} says nothing: give a path, such as y=lambda t: 50 + 0.5 * t.")
        for key, given in path.items():
            if key not in SPEEDS:
                known = f"{suggestion(key, SPEEDS)} Known: {', '.join(SPEEDS)}."
                raise InputError(f"A body moves along its axes and turns, but has no path of {quoted(key)}.{known}")
            if isinstance(given, TimeTable):
                if given.times is None:
                    raise InputError(f"The path {key} of {body!r} is a TimeTable without times: give times=.")
            elif not callable(given) or hasattr(given, "assign"):
                raise InputError(
                    f"The path {key} of {body!r} is a function of time or a TimeTable, not {quoted(given)}."
                )
            else:
                check_takes(f"The path {key} of {body!r}", given, "time")
        self.weights = tuple(w for g in path.values() if isinstance(g, TimeTable) for w in g.weights)

    def on(self, flow: System, name: str):
        known = [b.name for b in getattr(flow, "bodies", ())]
        if self.body not in known:
            has = f"{suggestion(self.body, known)} Its bodies: {', '.join(known) or 'none'}."
            raise InputError(f"{self} moves {quoted(self.body)}, but {flow} has no such body.{has}")
        body = next(b for b in flow.bodies if b.name == self.body)  # type: ignore[attr-defined]
        for key in self.path:
            for needed in (key, SPEEDS[key]):
                if needed not in body.numbers:
                    raise InputError(f"{self} sets {needed!r}, but {body} has no such number.")
                if needed not in body.free:
                    raise InputError(f"{self} sets {needed!r}: name it in free=(...) of {body}.")
                check_parameter(repr(self), flow, f"{self.body}_{needed}")

    def values(self, flow: System, when: When, arrays: Arrays, parameters: Arrays) -> dict:
        end, result = when.time + when.dt, {}
        for key, given in self.path.items():
            place = f"{self.body}_{key}"
            with tf.GradientTape() as tape:
                tape.watch(end)
                if isinstance(given, TimeTable):
                    value: Any = given.values(flow, When(when.step, end, when.dt, place), arrays, parameters)
                else:
                    with math.precision(end.dtype.size * 8):
                        value = given(tensor_of(end, math.batch(batch=int(end.shape[0]))))
                    value = parameter_values(repr(self), flow, place, value, int(end.shape[0]), end.dtype)
            result[place] = value
            result[f"{self.body}_{SPEEDS[key]}"] = tape.gradient(value, end, unconnected_gradients="zero")
        return result

    def config(self) -> dict:
        path = {k: g.config() if isinstance(g, TimeTable) else described(g, ()) for k, g in self.path.items()}
        return {"type": type(self).__name__, "body": self.body, "path": path}

    def __repr__(self):
        parts = [f"{k}={g if isinstance(g, TimeTable) else name_of(g)}" for k, g in self.path.items()]
        return f"Motion({self.body}, {', '.join(parts)})"
