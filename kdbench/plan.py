"""From the configuration to the runs of the study: who learns, who teaches, with what seeds.

The permutations live here. Imports no torch: the Snakefile evaluates this in every cluster job.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kdbench.config import Config, format_weights
from kdbench.errors import KdbenchError
from kdbench.planned import PlannedRun
from kdbench.recipes.lesson import FrozenPeers, Lesson
from kdbench.recipes.schema import Recipe, read_method
from kdbench.run import Run
from kdbench.settings import Settings
from kdbench.terms import criterion


@dataclass(frozen=True)
class RunPattern:
    """A lesson's runs as one path pattern: the run's name and its learners' names, with wildcards in braces."""

    lesson: Lesson
    run: str
    learners: tuple[str, ...]


class Plan:
    """All runs of a study; ``settings`` completes each.

    Runs that tune weights are planned where a method takes the weights selected from them.

    Raises KdbenchError where the configuration asks for what cannot be planned: a method that needs more
    students, or selected weights without the runs that select them.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.students = {student.name: student for student in config.students}
        self.recipes: list[Recipe] = [read_method(name) for name in dict.fromkeys(["teacher", *config.methods])]
        lessons = [lesson for recipe in self.recipes for lesson in recipe.lessons]
        selects = any(criterion(lesson, config) for lesson in lessons)
        self.lessons = [lesson for lesson in lessons if selects or not lesson.tuning]
        self.check()
        self.runs: dict[str, PlannedRun] = {}
        self.settings = Settings(config, self.runs)
        for run in (run for lesson in self.lessons for run in self.planned_runs(lesson)):
            if run.name in self.runs:
                raise KdbenchError(
                    f"methods: two runs of {run.method} and {self.runs[run.name].method} are called {run.name}: "
                    "give each lesson of their recipes its own run, with {student} where there is one for each student"
                )
            self.runs[run.name] = run
        for run in self.runs.values():
            for needed in run.needed_runs():
                self.settings.planned_run(needed)

    def check(self) -> None:
        for recipe in self.recipes:
            for lesson in recipe.lessons:
                if len(self.students) < lesson.students_needed:
                    raise KdbenchError(
                        f"students: the method {recipe.name} needs {lesson.students_needed} or more, "
                        f"got {len(self.students)}: add a student or remove {recipe.name} from methods"
                    )
        methods = [lesson.method for lesson in self.lessons]
        if twice := {method for method in methods if methods.count(method) > 1}:
            raise KdbenchError(
                f"methods: several lessons have the method {', '.join(sorted(twice))}: "
                "give each lesson of each recipe a method of its own"
            )
        titles = [lesson.title for lesson in self.lessons]
        if twice := {title for title in titles if titles.count(title) > 1}:
            raise KdbenchError(
                f'methods: several lessons have the title "{sorted(twice)[0]}": give each another, since it is '
                "its row in the tables"
            )
        for lesson in self.lessons:
            asked = criterion(lesson, self.config)
            if asked and "tune" not in methods:
                raise KdbenchError(
                    f"methods: {lesson.method} takes the weights selected for the {asked} student, "
                    "which needs the method peer: add it, or give the weights as [alpha, beta, gamma]"
                )

    def placeholders(self, lesson: Lesson) -> Iterator[dict[str, str]]:
        """The values of a lesson's placeholders, one dictionary a run."""
        names = list(self.students)
        if lesson.for_each == "study":
            yield {}
        elif lesson.for_each == "student":
            yield from ({"student": name} for name in names)
        elif lesson.for_each == "grid point":
            yield from ({"weights": format_weights(point)} for point in self.config.tune.grid)
        else:
            for left_out in reversed(names):
                others = [name for name in names if name != left_out]
                yield {"left_out": left_out, "others": "+".join(others)}

    def learner_names(self, lesson: Lesson, values: dict[str, str]) -> list[str]:
        """Whom a lesson's run trains; ``values`` of its placeholders may be wildcards in braces."""
        first = values.get("student", "")
        return {
            "student": [first, *(f"{first}_{copy}" for copy in range(2, lesson.copies + 1))],
            "teacher": ["teacher"],
            "students": [*self.students],
            "others": values.get("others", "").split("+"),
            "left out": [values.get("left_out", "")],
            "named": [*lesson.named],
            "together": ["together"],
        }[lesson.learners] + (["teacher"] if lesson.teacher == "live" else [])

    def planned_runs(self, lesson: Lesson) -> Iterator[PlannedRun]:
        grid = {format_weights(point): tuple(point) for point in self.config.tune.grid}
        for values in self.placeholders(lesson):
            learners = self.learner_names(lesson, values)
            frozen = lesson.peers.run.format(**values) if isinstance(lesson.peers, FrozenPeers) else None
            taking_part = learners + values.get("others", "").split("+") if frozen else learners
            fused = [member.format(**values, every=name) for member in self.fused(lesson) for name in self.students]
            yield PlannedRun(
                name=lesson.run.format(**values),
                title=lesson.title.format(**{key: value.replace("+", ", ") for key, value in values.items()}),
                lesson=lesson,
                learners=tuple(learners),
                seeds=tuple(self.seeds(lesson, [name for name in taking_part if name in self.students])),
                teacher_runs=tuple(run.format(**values) for run in lesson.teachers),
                frozen_peers_run=frozen,
                starts_from=lesson.starts_from.format(**values) if lesson.starts_from else None,
                images_run=lesson.images.made_by.format(**values) if lesson.images.made_by else None,
                confused_run=lesson.images.confused_by.format(**values) if lesson.images.confused_by else None,
                fused_runs=tuple(dict.fromkeys(fused)),
                weights=grid.get(values.get("weights", "")),  # type: ignore[arg-type]
            )

    @staticmethod
    def fused(lesson: Lesson) -> list[str]:
        return lesson.fuse.members if lesson.fuse else []

    def seeds(self, lesson: Lesson, taking_part: list[str]) -> list[int]:
        """The seeds that all students taking part in a lesson's run have; without students, those its pupils need."""
        if lesson.tuning:
            return self.config.tune_seeds
        if lesson.learners == "teacher" or lesson.synthesise or (not taking_part and not lesson.fuse):
            pupils = [run for other in self.lessons if self.needs(other, lesson) for run in self.planned_runs(other)]
            planned = {self.settings.seed_of(lesson, seed) for run in pupils for seed in run.seeds}
            own = self.config.seeds if lesson.every_seed else self.config.seeds[:1]
            return sorted(planned or own)
        if not taking_part:  # networks that answer together: not twice the same
            members = [other for other in self.lessons if self.needs(lesson, other)]
            seeds = self.config.seeds
            asked = [tuple(self.settings.seed_of(other, seed) for other in members) for seed in seeds]
            return [seed for number, seed in enumerate(seeds) if asked[number] not in asked[:number]]
        first, *others = [self.students[name].seeds or self.config.seeds for name in taking_part]
        return [seed for seed in first if all(seed in other for other in others)]

    def patterns(self, lesson: Lesson) -> RunPattern:
        """The lesson's runs as one Snakemake path pattern; {others} becomes {other1}+{other2}+..."""
        others = "+".join(f"{{other{number}}}" for number in range(1, len(self.students)))
        wildcards = {"student": "{student}", "left_out": "{left_out}", "others": others}
        learners = self.learner_names(lesson, wildcards)
        return RunPattern(lesson, lesson.run.replace("{others}", others), tuple(learners))

    def needs(self, other: Lesson, lesson: Lesson) -> bool:
        """Whether runs of ``other`` read anything of runs of ``lesson``."""
        return any(run.replace("{every}", "{student}") == lesson.run for run in other.needed_runs())

    def mentors_others(self, lesson: Lesson) -> bool:
        """Whether other runs listen to the outputs of this lesson's learners."""
        return any(self.listens(other, lesson) for other in self.lessons)

    def features_of(self, lesson: Lesson) -> bool:
        """Whether other runs compare features with this lesson's learners."""
        return any(
            self.listens(other, lesson) and any(term.layers for term in other.objective or []) for other in self.lessons
        )

    def waiting_for(self, lesson: Lesson) -> int:
        """How many lessons cannot start before the runs of ``lesson`` are done."""
        selecting = [other for other in self.lessons if lesson.tuning and criterion(other, self.config)]
        return sum(self.needs(other, lesson) or other in selecting for other in self.lessons)

    @staticmethod
    def listens(listener: Lesson, lesson: Lesson) -> bool:
        """Whether runs of ``listener`` have learners of ``lesson`` as mentors."""
        return lesson.run in listener.listened_to()

    def wildcard_constraints(self) -> dict[str, str]:
        student = "|".join(re.escape(name) for name in self.students)
        weights = "|".join(re.escape(format_weights(point)) for point in self.config.tune.grid)
        others = {f"other{number}": student for number in range(1, len(self.students))}
        return {"seed": r"\d+", "student": student, "left_out": student, "weights": weights, **others}

    def only_run(self, method: str, learner: str) -> PlannedRun | None:
        """The run of a method that trains a learner; None where there is none, or several."""
        runs = [run for run in self.runs.values() if run.method == method and learner in run.learners]
        return runs[0] if len(runs) == 1 else None

    def run(self, name: str, seed: int) -> Run:
        """The complete settings of the run called ``name`` at ``seed``."""
        return self.settings.complete(name, seed)

    def all_runs(self) -> Iterator[Run]:
        for planned in self.runs.values():
            for seed in planned.seeds:
                yield self.run(planned.name, seed)
