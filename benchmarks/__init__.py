"""What kdbench costs, measured beside what people use now. ``make bench`` runs all of it; docs/speed.md shows it."""
