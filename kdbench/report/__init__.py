"""From finished runs to results.csv, tables, figures, claims and the page."""
