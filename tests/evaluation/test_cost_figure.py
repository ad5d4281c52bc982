"""The picture of cost and accuracy: labels that can be read."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from phi_sol.evaluation.figures.labels import place_labels
from phi_sol.evaluation.figures.style import new_figure
from phi_sol.evaluation.report import flow_report, markdown, page


def boxes(axis, texts) -> dict:
    renderer = FigureCanvasAgg(axis.figure).get_renderer()
    for text in axis.texts:
        text.update_positions(renderer)
    # of the text alone: the extent of an annotation has the line to its point in it
    return {t.get_text(): Text.get_window_extent(t, renderer) for t in axis.texts if t.get_text() in texts}


@pytest.mark.parametrize("spread", [1.0, 0.2, 0.02])
def test_labels_cover_neither_each_other_nor_points_nor_lines(spread):
    rng = np.random.default_rng(0)
    points = {f"SRC-2x-MC-dt{i}": tuple(10 ** rng.uniform(-spread, spread, 2)) for i in range(14)}
    axis = new_figure(7.6, 5.2)[1][0, 0]
    axis.set(xscale="log", yscale="log", xlim=(0.05, 20), ylim=(0.05, 20))
    lines = [[(0.1, 5.0), (1.0, 5.0), (1.0, 0.2)]]
    placed = place_labels(axis, points, first=["SRC-2x-MC-dt3"], lines=lines)
    assert placed[0] == "SRC-2x-MC-dt3" and len(placed) >= 9
    found = boxes(axis, points)
    assert set(found) == set(placed)
    for name, box in found.items():
        assert not any(box.overlaps(other) for n, other in found.items() if n != name)
        assert not any(box.contains(*axis.transData.transform(p)) for p in points.values())
        assert axis.get_window_extent().contains(box.x0, box.y0)
        line = axis.transData.transform([(1.0, y) for y in np.geomspace(0.2, 5, 200)])
        assert not any(box.contains(*p) for p in line)


def test_it_comes_first_in_the_report(tiny_evaluation):
    """After the lines that say what was won, before all tables."""
    pictures = [f for f in tiny_evaluation.files if f.suffix in (".png", ".gif")]
    assert pictures[0].name == "cost.png"
    report = flow_report(tiny_evaluation.results, pictures)
    text = markdown(report)
    assert text.index("- sol: velocity MAE") < text.index("(cost.png)") < text.index("## tiny")
    html = page(report)
    assert html.index("<li>sol: velocity MAE") < html.index("<figure>") < html.index("<table>")
    assert html.count("<figure>") == len(pictures) and "evaluation over 10 units of time" in html
