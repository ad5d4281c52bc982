"""Plotly figures."""

import pytest

from phi_sol.viewer.figures import curves


@pytest.mark.parametrize(
    "values, ticks", [([15.0, 30.0, 80.0], "D1"), ([1e-5, 1e-2, 1.0], 1), ([0.0, float("nan")], "D1")]
)
def test_logarithmic_curves_have_labels(values, ticks):
    """Powers of ten alone would be one label at most over less than a decade and a half."""
    figure = curves({"loss": (list(range(len(values))), values)}, "iteration", "loss", logarithmic=True)
    assert figure.layout.yaxis.dtick == ticks
