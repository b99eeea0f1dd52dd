"""Figures 1 to 6 of a study, and the examples that 4 and 5 show."""
