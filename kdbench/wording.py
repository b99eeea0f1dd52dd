"""Numbers in sentences."""


def counted(number: int | str, thing: str) -> str:
    """How many of a thing: 1 run, 2 runs, "1 to 3" runs."""
    return f"{number} {thing}{'' if str(number) == '1' else 's'}"
