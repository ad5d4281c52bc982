"""A corrector on another flow than the one that it was trained for: whether it can be used, and how strange that is."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..flows import Flow
from ..flows.common_ground import check_scale_free
from ..flows.comparison import differences, first_difference
from ..stepping.arrays import array_names
from .described import CALIBRATION

if TYPE_CHECKING:
    from .corrector import Corrector

SHOWN, LONG = 3, 90  # differences that are named, and characters of each
ADVICE = "It may do harm here: phi-sol calibrate --without-data says how much of it is right."


def check_fits(corrector: "Corrector", flow: Flow):
    """Raises InputError where cells, time step, fields, parameters or the network's grid rule a flow out."""
    trained = corrector.description["flow"]
    size, cells = trained["size"], trained["resolution"]
    spacing = {d: size[d] / n for d, n in cells.items()}
    reason = ""
    if corrector.scale_free:
        check_scale_free(flow, ("velocity",))
        missing = [d for d in spacing if d not in flow.resolution] or [d for d in flow.resolution if d not in spacing]
        reason = f"it is for {len(spacing)} axes" if missing else ""
        reason = reason or _fixed_grid(corrector, flow)
    elif list(spacing) != list(flow.resolution) or not np.allclose([*spacing.values()], [*flow.spacing.values()], 1e-6):
        reason = f"its cells have the size {_sizes(spacing)}, not {_sizes(flow.spacing)}"
    elif not np.isclose(trained["dt"], flow.dt, 1e-6):
        reason = f"its time step is {trained['dt']:g}, not {flow.dt:g}"
    elif missing := [n for n in (*corrector.adapter.inputs, *corrector.outputs) if n not in array_names(flow)]:
        reason = f"it needs the field {missing[0].partition('.')[0]!r}, which {type(flow).__name__} does not have"
    elif missing := [n for n in corrector.adapter.parameters if n not in flow.parameters]:
        reason = f"it needs the parameter {missing[0]!r}, which {type(flow).__name__} does not have"
    else:
        reason = _fixed_grid(corrector, flow)
    if reason:
        raise InputError(f"The corrector can't be used for {flow}: {reason}.")


def check_continues(corrector: "Corrector", trained: "Corrector"):
    """Raises InputError if a corrector can't go on with what another one has learned."""
    theirs, ours = (
        asdict(c.adapter) | {"placement": c.placement, "form": c.form, "resolution": 0} for c in (trained, corrector)
    )
    if corrector.scale_free:  # whatever arrays its channels are made of
        theirs["inputs"] = ours["inputs"]
    if difference := first_difference(theirs, ours):
        raise InputError(f"The training can't start from these weights, whose {difference} here.")
    if trained.is_local != corrector.is_local:
        units = "an earlier version of phi_sol, whose corrections have other units (local=False)"
        raise InputError(f"The training can't start from these weights, of {units}.")


def _fixed_grid(corrector: "Corrector", flow: Flow) -> str:
    """What a network that is made for one grid says about another one."""
    grid, takes = tuple(flow.resolution.values()), corrector.network.input_shape[1:-1]
    if all(n in (None, m) for n, m in zip(takes, grid, strict=True)):
        return ""
    return f"its network is for {'x'.join(map(str, takes))} cells only, not for {'x'.join(map(str, grid))}"


def differing(trained: dict, flow: dict) -> str:
    """How a flow differs from the one that something was trained for (both by configuration), in words, or nothing."""
    found = list(dict.fromkeys(differences(trained, flow)))  # an option may be an attribute, too
    shown = "; ".join(d if len(d) <= LONG else f"{d[: LONG - 4].rstrip()} ..." for d in found[:SHOWN])
    return f"{shown}; and {len(found) - SHOWN} more" if len(found) > SHOWN else shown


def distances(corrector: "Corrector", arrays: Mapping, parameters: Mapping) -> dict[str, float]:
    """
    How far inputs are from those of the training: by array name the root mean square of (value - mean) / std with the
    training's statistics, about 1 there; by parameter the same of its logarithm. The largest of all simulations.

    Args:
        arrays: By array name, shape (batch, *spatial), or with frames behind the batch.
        parameters: By parameter name, shape (batch,).
    """
    s, adapter = corrector.statistics, corrector.adapter
    far = {n: (np.asarray(arrays[n], np.float64) - s.mean[n]) / s.std[n] for n in adapter.inputs}
    far |= {n: (np.log(parameters[n]) - s.log_mean[n]) / s.log_std[n] for n in adapter.parameters}
    return {n: float(np.sqrt(np.mean(z.reshape(len(z), -1) ** 2, 1)).max()) for n, z in far.items()}


def remark(corrector: "Corrector", flow: Flow, arrays: Mapping, parameters: Mapping) -> str:
    """
    One line where the corrector has a gain, or was trained for another flow, or for other states of it: what differs,
    and how far the inputs are from those of the training, see `Validity`; of correctors that don't know them the
    `distances`.
    """
    gain = f"All its corrections are multiplied by {corrector.gain:.2f} (phi-sol calibrate)."
    away = strangeness(corrector, flow, arrays, parameters)
    return " ".join(filter(None, (gain if corrector.gain != 1 else "", away)))


def strangeness(corrector: "Corrector", flow: Flow, arrays: Mapping, parameters: Mapping) -> str:
    """What `remark` says of another flow and of other states; nothing of those of the training."""
    different = differing(corrector.at_home(flow)["flow"], flow.config())
    known = corrector.validity
    if known is not None:
        seen = corrector.look_at(flow, arrays, parameters)
        if different:
            advice = f" {ADVICE}" if known.strange(seen) and CALIBRATION not in corrector.description else ""
            return f"The corrector was trained for another flow ({different}). {known.words(seen)}.{advice}"
        return f"{known.words(seen)}." if known.strange(seen) else ""
    if not different:
        return ""
    if corrector.scale_free:
        return f"The corrector was trained for another flow ({different}), and does not know on what."
    far = ", ".join(f"{n} {z:.2g}" for n, z in distances(corrector, arrays, parameters).items())
    ranges = corrector.description.get("parameters", {})
    outside = [
        f"; {n} was {min(ranges[n]):.4g} to {max(ranges[n]):.4g} there, {np.min(v):.4g} to {np.max(v):.4g} here"
        for n, v in ((n, np.asarray(parameters[n])) for n in corrector.adapter.parameters if ranges.get(n))
        if np.min(v) < min(ranges[n]) * (1 - 1e-6) or np.max(v) > max(ranges[n]) * (1 + 1e-6)
    ]
    text = f"The corrector was trained for another flow ({different}). How far its inputs are from those of the "
    return f"{text}training, in deviations (there 1): {far}{''.join(outside)}."


def _sizes(spacing: Mapping[str, float]) -> str:
    return " x ".join(f"{h:.4g}" for h in spacing.values()) + f" ({', '.join(spacing)})"
