"""What the papers report: every number of their tables, every claim, with its source."""
