"""The paper's figures: Um et al., NeurIPS 2020 (arXiv:2007.00016), table 1; mean and deviation of the velocity MAE."""

from dataclasses import dataclass

NOTE = (
    "Um et al. 2020, table 1. The figures of the wakes were cross-checked, the others are quoted from memory: treat "
    "them as approximate. Grids, networks, parameters and lengths of training differ, so compare the improvement over "
    "SRC."
)


@dataclass(frozen=True)
class PaperRow:
    """What the paper reports for one system."""

    figures: dict[str, tuple[float, float]]  # mean, standard deviation by the name of the solver in the paper
    most: int  # unrolled steps of its longest training
    checked: bool  # whether the figures were cross-checked

    def match(self, method: str, unroll: int) -> str | None:
        """The solver of the paper that a method corresponds to: a SOL with as many steps, or with fewer."""
        if method != "sol":
            return method.upper() if method.upper() in self.figures else None
        names = [n for n in self.figures if n.startswith("SOL")]
        return next((n for n in names if (n == f"SOL-{self.most}") == (unroll >= self.most)), None)


TABLE = {
    "karman_2d": PaperRow(
        {
            "SRC": (0.146, 0.004),
            "PRE": (0.031, 0.010),
            "NON": (0.049, 0.012),
            "SOL, few steps": (0.041, 0.009),
            "SOL-32": (0.013, 0.003),
        },
        32,
        True,
    ),
    "plume_2d": PaperRow(
        {"SRC": (1.590, 1.032), "NON": (1.080, 0.658), "SOL, few steps": (0.944, 0.614), "SOL-128": (0.620, 0.389)},
        128,
        False,
    ),
    "forced_advection_2d": PaperRow(
        {"SRC": (0.248, 0.019), "PRE": (0.218, 0.017), "NON": (0.159, 0.015), "SOL-32": (0.148, 0.016)}, 32, False
    ),
    "karman_3d": PaperRow({"SRC": (0.167, 0.061), "NON": (0.144, 0.074), "SOL-16": (0.130, 0.058)}, 16, True),
}


def improvement(mae: float | None, source: float | None) -> float | None:
    """1 - MAE / MAE of SRC: 0 for no improvement, 1 for no error."""
    return None if mae is None or not source else 1 - mae / source


def comparison(scene: str, source: float | None, groups: dict[str, dict]) -> dict | None:
    """
    Our results beside the paper's: the MAE of SRC and of groups of runs as in `results.json`.

    Returns:
        `note`, whether the figures were `checked`, and `rows`: each with `solver`, `mae`, `std`, `improvement`, the
            `paper_solver`, `paper_mae`, `paper_std` and `paper_improvement`. Rows of the paper without a counterpart
            have no `solver`. None for a scene without a row in the table.
    """
    row = TABLE.get(scene)
    if row is None:
        return None

    def entry(solver, mae, std, name):
        mean, deviation = row.figures.get(name, (None, None))
        return {
            "solver": solver,
            "mae": mae,
            "std": std,
            "improvement": None if solver == "SRC" else improvement(mae, source),
            "paper_solver": name,
            "paper_mae": mean,
            "paper_std": deviation,
            "paper_improvement": None if name == "SRC" else improvement(mean, row.figures["SRC"][0]),
        }

    rows = [entry("SRC", source, None, "SRC")]
    rows += [entry(label, g["mean"], g["std"], row.match(g["method"], g["unroll"])) for label, g in groups.items()]
    matched = {r["paper_solver"] for r in rows}
    rows += [entry(None, None, None, name) for name in row.figures if name not in matched]
    return {"note": NOTE, "checked": row.checked, "rows": rows}
