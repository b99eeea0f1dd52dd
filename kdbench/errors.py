"""The one exception a user's mistake raises, and the wording that helps to mend it."""

import difflib
from collections.abc import Iterable


class KdbenchError(Exception):
    """A mistake in the user's configuration, data or surroundings.

    The message is one line that names the file or key, what is wrong and the remedy. The command line prints
    it to stderr and exits with status 2; any other exception is a bug.
    """


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """Say that ``name`` is no known ``kind``, with the nearest match and all that is available."""
    known = sorted(known)
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    return f'unknown {kind} "{name}"{hint} (available: {", ".join(known) or "none"})'
