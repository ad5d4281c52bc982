"""What a table is when it is printed."""

from phi_sol.evaluation.table import Table


def test_a_printed_table_has_aligned_columns_a_title_and_its_note():
    table = Table("Errors", ["solver", "MAE"], [["SRC", "0.1"], ["corrected", "0.0064"]], "Of two simulations.")
    assert str(table).splitlines() == [
        "Errors",
        "solver        MAE",
        "SRC           0.1",
        "corrected  0.0064",
        "Of two simulations.",
    ]
    assert str(Table("None", ["solver"], [])) == "None\nsolver"
