"""Kinetic energy and how it is spread over wave numbers."""

import numpy as np

from ..flows import Flow
from .grid import Arrays, axis_of, faces
from .metric import Metric, decimal, has_velocity, number, percent


def kinetic_energy(flow: Flow, arrays: Arrays) -> np.ndarray:
    """
    E = ½ <|u|²>, the mean over the domain of the kinetic energy per mass; every face stands for its control volume
    (half a cell at the boundary). Second order.

    Returns:
        Shape (simulations,), in (length / time)².
    """
    result = 0.0
    for dim, u in faces(flow, arrays).items():
        squares = np.moveaxis(u, axis_of(flow, dim), -1) ** 2
        weights = np.r_[0.5, np.ones(squares.shape[-1] - 2), 0.5]
        result = result + 0.5 * (squares @ weights / weights.sum()).reshape(len(u), -1).mean(1)
    return np.asarray(result)


def energy_spectrum(flow: Flow, arrays: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """
    Kinetic energy by wave number, in shells around k = 0 (radially averaged):

        E_j = ½ Σ_c Σ_{k in shell j} |û_c(k)|²,   shell j: |k| in [(j - ½) Δk, (j + ½) Δk),   Δk = 2π / shortest side

    so that Σ_j E_j is the energy of what was transformed (Parseval). Along axes that are not periodic a Hann window w
    with mean square 1 is laid over the fluctuation, since a field that does not close would show a false k⁻² tail: Σ_j
    E_j = ½ Σ_c (<u_c>² + <w² (u_c - <u_c>)²>); the mean flow is in shell 0. In a periodic box Σ_j E_j = ½ <|u|²>.
    Components are transformed as they are stored, without interpolation, which would damp short waves.

    Returns:
        k: Wave numbers j Δk, in radians / length. Shells beyond π / (cell size) hold corners of the spectrum only.
        E: Shape (simulations, shells), in (length / time)².
    """
    dims = list(flow.resolution)
    width = 2 * np.pi / min(flow.size.values())
    count = 2 + int(np.sqrt(sum((np.pi / h) ** 2 for h in flow.spacing.values())) / width)
    energy = np.zeros((1, 1))
    for component in dims:
        u = np.asarray(arrays[f"velocity.{component}"], np.float64)
        axes = tuple(range(1, u.ndim))
        mean = u.mean(axes, keepdims=True)
        fluctuation = u - mean
        for axis, dim in enumerate(dims, 1):
            if not flow.layouts["velocity"].is_periodic(dim):
                n = u.shape[axis]
                window = np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2
                window /= np.sqrt(np.mean(window**2))
                fluctuation = fluctuation * np.expand_dims(window, [a for a in range(u.ndim) if a != axis])
        power = 0.5 * np.abs(np.fft.fftn(fluctuation, axes=axes) / np.prod(u.shape[1:])) ** 2
        k = [2 * np.pi * np.fft.fftfreq(u.shape[a], flow.spacing[d]) for a, d in enumerate(dims, 1)]
        length = np.sqrt(sum(np.square(w) for w in np.ix_(*k)))
        shell = np.floor(length / width + 0.5).astype(int).ravel()
        energy = energy + np.stack([np.bincount(shell, p.ravel(), count) for p in power])
        energy[:, 0] += 0.5 * mean.reshape(-1) ** 2
    return width * np.arange(count), energy


def resolved(flow: Flow, wave_numbers: np.ndarray) -> np.ndarray:
    """Which shells of a spectrum are whole: those above 0 and up to π / (largest cell size)."""
    return (wave_numbers > 0) & (wave_numbers <= np.pi / max(flow.spacing.values()) * (1 + 1e-9))


def spectral_error(energy: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """
    Mean over shells of |log10(E_j / R_j)|: by how many decades a spectrum is off, whether it has too much or too little
    energy.

    Args:
        energy: E_j, shape (..., shells): those of `energy_spectrum` that are `resolved`, averaged over time first.
        reference: R_j, likewise.

    Returns:
        Shape (...), without unit; shells in which the reference has no energy are left out. Infinite if `energy` has
        none where it should.
    """
    there = np.asarray(reference) > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = [np.log10(np.where(there, e, 1.0)) for e in (energy, reference)]
        return np.abs(logarithms[0] - logarithms[1]).sum(-1) / there.sum(-1)


def _spectral_summary(flow: Flow, series: dict, reference: dict) -> dict:
    spectra = [s["spectrum"].mean(0) for s in (series, reference)]
    whole = resolved(flow, 2 * np.pi / min(flow.size.values()) * np.arange(spectra[0].shape[-1]))
    return {"spectral_error": number(spectral_error(*[s[:, whole] for s in spectra]).mean())}


KINETIC_ENERGY = Metric(
    "kinetic_energy",
    lambda flow, arrays, parameters: kinetic_energy(flow, arrays),
    unit="length² / time²",
    column={"energy": percent},
    applies=has_velocity,
)
SPECTRUM = Metric(
    "spectrum",
    lambda flow, arrays, parameters: energy_spectrum(flow, arrays)[1],
    unit="length² / time²",
    column={"spectrum": lambda error: decimal(error, 3, "")},
    applies=has_velocity,
    summary=_spectral_summary,
    entry="spectral_error",
    note="Spectrum: decades off.",
)
