"""The version of phi_sol. Nothing else states it: setup.cfg, the commands and what is stored take it from here."""

__version__ = "0.2.0"
