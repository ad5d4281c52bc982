"""What an evaluation of guesses leaves behind: a table and figures."""

from pathlib import Path

import numpy as np
from phi.math import NUMPY
from scipy.fft import dctn

from ...evaluation.figures.style import new_figure, save, trained_style
from ...evaluation.report import Report
from ...pictures.panels import SIGNED
from ...texts import for_figure
from .problems import Problems
from .tables import tables, verdicts

CAPTIONS = {
    "residual_history.png": "Residual over iterations.",
    "guesses.png": "Guess, error and residual of one test problem, one row per run.",
    "error_spectrum.png": "Spectra of the errors of the guesses.",
}


def report(results: dict, pictures: list[Path]) -> Report:
    """The report of an evaluation of guesses."""
    title = f"{results['scene']}: initial guesses, {results['samples']} test problems"
    facts = [
        ("Command", results["command"]),
        ("Test simulations", "; ".join(", ".join(f"{n} {v:g}" for n, v in p.items()) for p in results["parameters"])),
        ("Data", results["data"]["folder"]),
        ("Residual", results["residual_norm"]),
        ("Training seeds", ", ".join(f"{n} {g['seed']}" for n, g in results["guesses"].items() if g["passes"] == 1)),
        ("Versions", ", ".join(f"{n} {v}" for n, v in results["versions"].items())),
    ]
    return Report(title, verdicts(results), tables(results), [(p, CAPTIONS[p.name]) for p in pictures], facts)


def error_spectrum(guess: np.ndarray, solution: np.ndarray) -> dict:
    """
    The spectrum of the error of a guess in the modes of a closed box, cosines: `wave_numbers` k (half waves along an
    axis), `amplitude` (root mean square over samples of the error's amplitude in the modes of radius k, relative to the
    root mean square of the solution), and the `facts`: `relative`, the error relative to the solution in the root mean
    square over cells and samples, and `checkerboard`, the amplitude of the error in modes of which all wave numbers are
    in the upper half, relative to that of the solution in the same modes.
    """
    error, right = (dctn(v, axes=range(1, guess.ndim), norm="ortho") for v in (guess - solution, solution))
    numbers = np.meshgrid(*[np.arange(n) for n in guess.shape[1:]], indexing="ij")
    radius = np.sqrt(sum(k.astype(float) ** 2 for k in numbers)).round().astype(int)
    energy, total = np.square(error).mean(0), np.square(right).mean(0)
    high = np.all([k >= n // 2 for k, n in zip(numbers, guess.shape[1:], strict=True)], axis=0)
    facts = {
        "relative": float(np.sqrt(energy.sum() / total.sum())),
        "checkerboard": float(np.sqrt(energy[high].sum() / total[high].sum())),
    }
    amplitude = np.sqrt(np.bincount(radius.ravel(), energy.ravel()) / total.sum())
    return {"wave_numbers": np.arange(len(amplitude)), "amplitude": amplitude, "facts": facts}


def figures(
    out: Path, flow, histories: dict[str, np.ndarray], guesses: dict[str, np.ndarray], problems: Problems
) -> list[Path]:
    """Writes `residual_history.png`, and where there are guesses `guesses.png` and `error_spectrum.png`."""
    styles = {name: trained_style(i) for i, name in enumerate(guesses)}
    drawings = {"residual_history.png": _history(histories, styles)}
    if guesses:
        drawings["guesses.png"] = _fields(flow, guesses, problems)
        drawings["error_spectrum.png"] = _spectra(guesses, problems, styles)
    for name, figure in drawings.items():
        save(figure, out / name)
    return [out / name for name in drawings]


def _history(histories: dict[str, np.ndarray], styles: dict[str, dict]):
    """Geometric mean of the residual over samples after every iteration, with the middle 80 % as a band."""
    fig, ((ax,),) = new_figure(9, 5)
    others = iter([{"color": "k"}, {"color": "0.35", "linestyle": "--"}, {"color": "0.6", "linestyle": "-."}])
    for name, history in histories.items():
        # a sample that has reached the smallest tolerance stays there
        filled = np.where(np.isfinite(history), history, np.nanmin(history, axis=1, keepdims=True))
        style = styles[name] if name in styles else next(others)
        (line,) = ax.semilogy(np.exp(np.log(filled).mean(0)), **style, label=for_figure(name))
        band = np.percentile(filled, (10, 90), axis=0)
        ax.fill_between(np.arange(filled.shape[1]), *band, color=line.get_color(), alpha=0.12, linewidth=0)
    ax.axhline(1e-3, color="0.6", linewidth=0.8, zorder=0)
    ax.set(xlabel="iterations of conjugate gradients", ylabel="residual: max |∇·u| over cells (per time)")
    ax.set_xlim(0, None)
    ax.set_title("Geometric mean and middle 80 % of the test problems")
    ax.legend(ncols=2)
    return fig


def _fields(flow, guesses: dict[str, np.ndarray], problems: Problems):
    """One test problem, sliced in 3D: one row per run, one colour scale per column."""
    sample = len(problems.divergence) // 2
    operator = flow.projection.solver.operator
    fig, axes = new_figure(9.5, 0.9 + 3.0 * len(guesses), len(guesses), 3)
    rows = []
    for guess in (g[sample].astype(np.float64) for g in guesses.values()):
        residual = -problems.divergence[sample] - operator(NUMPY, guess[None])[0]
        rows.append([_plane(v) for v in (guess, guess - problems.pressure[sample], residual)])
    labels = ("guess of the pressure (length² / time)", "its error (length² / time)", "residual (1 / time)")
    for column, (label, fields) in enumerate(zip(labels, zip(*rows, strict=True), strict=True)):
        limit = max(np.percentile(np.abs(f), 99.5) for f in fields) or 1.0  # a few cells don't make all else pale
        for ax, values, name in zip(axes[:, column], fields, guesses, strict=True):
            image = ax.imshow(values, origin="lower", vmin=-limit, vmax=limit, cmap=SIGNED, interpolation="nearest")
            ax.set(title=name, xticks=[], yticks=[])
        shape = {"location": "bottom", "extend": "both", "shrink": 0.9, "aspect": 30, "pad": 0.02}
        fig.colorbar(image, ax=axes[:, column], label=label, **shape)
    simulation, frame = problems.places[sample]
    fig.suptitle(f"Test simulation {simulation}, step {frame}; y upwards")
    return fig


def _plane(values: np.ndarray) -> np.ndarray:
    while values.ndim > 2:
        values = values[..., values.shape[-1] // 2]
    return values


def _spectra(guesses: dict[str, np.ndarray], problems: Problems, styles: dict[str, dict]):
    fig, ((ax,),) = new_figure(8, 4.5)
    nothing = error_spectrum(np.zeros_like(problems.pressure), problems.pressure)
    ax.loglog(nothing["wave_numbers"][1:], nothing["amplitude"][1:], color="k", label="zero guess: the solution itself")
    for name, guess in guesses.items():
        spectrum = error_spectrum(guess, problems.pressure)
        ax.loglog(spectrum["wave_numbers"][1:], spectrum["amplitude"][1:], **styles[name], label=for_figure(name))
    ax.axvline(max(problems.pressure.shape[1:]) / 2, color="0.6", linewidth=0.8, zorder=0)
    ax.set(xlabel="wave number (half waves across the box)", ylabel="amplitude relative to the solution")
    ax.set_title("Error of the guesses (right of the line: waves shorter than four cells)")
    ax.legend()
    return fig
