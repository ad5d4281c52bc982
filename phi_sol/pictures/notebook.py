"""Figures that notebooks show."""

from io import BytesIO

from matplotlib.figure import Figure


class NotebookFigure(Figure):
    """Shown by Jupyter as a picture, also where `matplotlib.pyplot`, which would teach it to, has drawn nothing yet."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()
