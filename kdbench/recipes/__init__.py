"""One YAML a method: its choice at every stage of the survey's model, and the runs it consists of."""
