"""What each method gains over training from scratch, and what it costs: a table and three figures."""
