"""``kdbench doctor``: examine.py has its lines in their order, each other file makes those of one kind."""
