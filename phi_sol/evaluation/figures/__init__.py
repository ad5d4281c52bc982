"""The pictures of an evaluation."""

from .cost import cost_figure
from .curves import (
    drawn_totals,
    energy_figure,
    error_figure,
    force_figure,
    profile_figure,
    spectrum_figure,
)
from .pictures import Pictures, error_pictures, fields_figure, film_figure

__all__ = [
    "Pictures",
    "cost_figure",
    "drawn_totals",
    "energy_figure",
    "error_figure",
    "error_pictures",
    "fields_figure",
    "film_figure",
    "force_figure",
    "profile_figure",
    "spectrum_figure",
]
