"""Which networks figures 4 and 5 ask, and which of them must be right for a test image to be shown.

Figure 4: the first student is wrong from scratch, its teacher right, and the student right by vanilla distillation.
Figure 5: the first student is wrong from scratch, its teacher wrong too, the second student right as its peer, and the
first student right by Teacher-Student-Peer learning.
"""

from dataclasses import dataclass

from kdbench.config import Config


@dataclass(frozen=True)
class Asked:
    """One network that a figure asks, and whether it must be right.

    ``student`` is its place among the study's students (None: the teacher), trained by ``method``.
    """

    name: str
    method: str
    student: int | None
    right: bool

    def learner(self, config: Config) -> str | None:
        """Its name in the study, or None where the study has no such student."""
        if self.student is None:
            return "teacher"
        return config.students[self.student].name if self.student < len(config.students) else None

    def caption(self, config: Config) -> str:
        return f"peer {self.learner(config)}" if self.name == "peer" else self.name

    def lack(self, config: Config) -> str:
        """What a study without its run lacks."""
        learner = self.learner(config)
        return f"a {self.method} run of {learner}" if learner else "a second student"


# Figure: the networks it asks, the one that learned last.
RULES = {
    4: (
        Asked("scratch", "scratch", student=0, right=False),
        Asked("teacher", "teacher", student=None, right=True),
        Asked("vanilla", "vanilla", student=0, right=True),
    ),
    5: (
        Asked("scratch", "scratch", student=0, right=False),
        Asked("teacher", "teacher", student=None, right=False),
        Asked("peer", "peer", student=1, right=True),
        Asked("with peers", "peer", student=0, right=True),
    ),
}

# Methods whose runs the workflow keeps the weights of for them.
EXAMPLE_METHODS = sorted({asked.method for networks in RULES.values() for asked in networks})
