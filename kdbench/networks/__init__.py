"""The zoo: one file a family, built by name through the catalogue."""
