"""From the configuration to the runs of the study: who learns, who teaches, with what weights and seeds.

The permutations live here. Imports no torch: the Snakefile evaluates this in every cluster job.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from kdbench.config import Config, Criterion, InputScaling, Network, Section, Student, Training, format_weights
from kdbench.digest import code_digest
from kdbench.errors import KdbenchError, unknown
from kdbench.networks.catalogue import NETWORKS
from kdbench.recipes.losses import losses
from kdbench.recipes.schema import FrozenPeers, Lesson, LossTerm, Recipe, read_recipe

# Modules that have no effect on a run, or whose effect is in its settings: changing them reruns nothing by itself.
DECLARATIONS = (
    "kdbench.config",
    "kdbench.plan",
    "kdbench.recipes.schema",
    "kdbench.networks.catalogue",
    "kdbench.data.catalogue",
    "kdbench.classroom.reuse",
)


class Learner(Section):
    """A network a run trains, and how images are presented to it."""

    name: str
    network: Network
    input_scaling: InputScaling
    upscale: int = 1
    weights: str = "none"
    sha256: str | None = None


class Mentor(Section):
    """A finished learner of another run, listened to through its stored outputs."""

    role: Literal["teacher", "peer"]
    run: str
    seed: int
    learner: str

    def outputs_path(self, results: Path) -> Path:
        return results / "runs" / self.run / f"seed{self.seed}" / f"outputs-{self.learner}.safetensors"


class Term(Section):
    """One term of a learner's loss: ``weight`` times ``loss`` against a source of knowledge.

    A source of several (peers) gives the sum or the mean of its members' losses. ``weight`` is null where
    the selection decides it.
    """

    loss: str
    source: Literal["labels", "teacher", "peers"]
    weight: float | None
    combine: Literal["sum", "mean"] = "sum"
    options: dict[str, float | bool] = {}


class Run(Section):
    """Everything one training run depends on besides its data, mentors' outputs and selected weights.

    This is what the workflow passes to ``kdbench train`` and what metrics.json records as ``settings``.
    """

    name: str
    method: str
    seed: int
    learners: list[Learner]
    mentors: list[Mentor] = []
    live_peers: bool = False
    detach_peers: bool = True
    objective: list[Term]
    selected_by: Criterion | None = Field(None, description="which criterion of the selection gives the weights")
    training: Training
    validation: bool = False
    reported_epoch: Literal["last", "best-validation"] = "last"
    device: Literal["auto", "cpu", "cuda"] = "auto"

    def folder(self, results: Path) -> Path:
        return results / "runs" / self.name / f"seed{self.seed}"

    def code_digest(self) -> str:
        """Digest of the code this run executes: the classroom, its networks and its objectives."""
        networks = {f"kdbench.networks.{NETWORKS[learner.network.name].module}" for learner in self.learners}
        objectives = {f"kdbench.objectives.{term.loss}" for term in self.objective}
        return code_digest(
            "kdbench.classroom.train", "kdbench.classroom.outputs", *sorted(networks | objectives), without=DECLARATIONS
        )


@dataclass(frozen=True)
class PlannedRun:
    """A run before its seed: a lesson with its placeholders filled in."""

    name: str
    title: str
    lesson: Lesson
    learners: tuple[str, ...]
    seeds: tuple[int, ...]
    frozen_peers_run: str | None = None
    weights: tuple[float, float, float] | None = None

    @property
    def method(self) -> str:
        return self.lesson.method


@dataclass(frozen=True)
class RunPattern:
    """A lesson's runs as one path pattern: the run's name and its learners' names, with wildcards in braces."""

    lesson: Lesson
    run: str
    learners: tuple[str, ...]


TermWeights = tuple[float | None, float | None, float | None]


class Plan:
    """All runs of a study.

    Raises KdbenchError where the configuration asks for what cannot be planned: a method that needs more
    students, or selected weights without the runs that select them.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.students = {student.name: student for student in config.students}
        self.recipes: list[Recipe] = [read_recipe(name) for name in dict.fromkeys(["teacher", *config.methods])]
        self.lessons = [lesson for recipe in self.recipes for lesson in recipe.lessons]
        self.check()
        self.runs: dict[str, PlannedRun] = {}
        for run in (run for lesson in self.lessons for run in self.planned_runs(lesson)):
            if run.name in self.runs:
                raise KdbenchError(
                    f"methods: two runs of {run.method} and {self.runs[run.name].method} are called {run.name}: "
                    "give each lesson of their recipes its own run, with {student} where there is one for each student"
                )
            self.runs[run.name] = run

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
        for lesson in self.lessons:
            if self.criterion(lesson) and "tune" not in methods:
                raise KdbenchError(
                    f"methods: {lesson.method} takes the weights selected for the {self.criterion(lesson)} student, "
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

    def planned_runs(self, lesson: Lesson) -> Iterator[PlannedRun]:
        grid = {format_weights(point): tuple(point) for point in self.config.tune.grid}
        for values in self.placeholders(lesson):
            learners = {
                "teacher": ["teacher"],
                "students": list(self.students),
                "student": [values.get("student", "")],
                "others": values.get("others", "").split("+"),
                "left out": [values.get("left_out", "")],
            }[lesson.learners]
            frozen = lesson.peers.run.format(**values) if isinstance(lesson.peers, FrozenPeers) else None
            yield PlannedRun(
                name=lesson.run.format(**values),
                title=lesson.title.format(**{key: value.replace("+", ", ") for key, value in values.items()}),
                lesson=lesson,
                learners=tuple(learners),
                seeds=tuple(self.seeds(lesson, learners + values.get("others", "").split("+") if frozen else learners)),
                frozen_peers_run=frozen,
                weights=grid.get(values.get("weights", "")),  # type: ignore[arg-type]
            )

    def seeds(self, lesson: Lesson, taking_part: list[str]) -> list[int]:
        """The seeds that all students taking part in a lesson's run have; of the teacher, those its pupils need."""
        if lesson.learners == "teacher":
            pupils = [run for other in self.lessons if other.teacher for run in self.planned_runs(other)]
            planned = {self.teacher_seed(seed) for run in pupils for seed in run.seeds}
            return sorted(planned or {self.config.seeds[0]})
        if lesson.tuning:
            return self.config.tune_seeds
        first, *others = [self.students[name].seeds or self.config.seeds for name in taking_part]
        return [seed for seed in first if all(seed in other for other in others)]

    def teacher_seed(self, seed: int) -> int:
        """The seed of the teacher whose outputs the runs of ``seed`` listen to."""
        return seed if self.config.teacher.one_per_seed else self.config.seeds[0]

    def patterns(self, lesson: Lesson) -> RunPattern:
        """The lesson's runs as one Snakemake path pattern; {others} becomes {other1}+{other2}+..."""
        others = [f"{{other{number}}}" for number in range(1, len(self.students))]
        learners = {
            "teacher": ["teacher"],
            "students": list(self.students),
            "student": ["{student}"],
            "others": others,
            "left out": ["{left_out}"],
        }[lesson.learners]
        return RunPattern(lesson, lesson.run.replace("{others}", "+".join(others)), tuple(learners))

    def mentors_others(self, lesson: Lesson) -> bool:
        """Whether other runs listen to the outputs of this lesson's learners."""
        return any(self.listens(other, lesson) for other in self.lessons)

    def waiting_for(self, lesson: Lesson) -> int:
        """How many lessons cannot start before the runs of ``lesson`` are done."""
        return sum(
            self.listens(other, lesson) or (lesson.tuning and self.criterion(other) is not None)
            for other in self.lessons
        )

    @staticmethod
    def listens(listener: Lesson, lesson: Lesson) -> bool:
        """Whether runs of ``listener`` have learners of ``lesson`` as mentors."""
        if lesson.learners == "teacher":
            return listener.teacher
        return isinstance(listener.peers, FrozenPeers) and listener.peers.run == lesson.run

    def wildcard_constraints(self) -> dict[str, str]:
        student = "|".join(re.escape(name) for name in self.students)
        weights = "|".join(re.escape(format_weights(point)) for point in self.config.tune.grid)
        others = {f"other{number}": student for number in range(1, len(self.students))}
        return {"seed": r"\d+", "student": student, "left_out": student, "weights": weights, **others}

    def objective(self, planned: PlannedRun) -> list[Term]:
        """The terms of each learner's loss."""
        config = self.config
        if planned.lesson.objective is not None:
            return [self.term(given) for given in planned.lesson.objective]
        labels, teacher, peers = self.term_weights(planned)
        soft_labels: dict[str, float | bool] = {
            "temperature": config.distillation.temperature,
            "scale_by_temperature_squared": config.distillation.scale_by_temperature_squared,
        }
        terms = [Term(loss="cross_entropy", source="labels", weight=labels)]
        if planned.lesson.teacher:
            terms.append(Term(loss="soft_labels", source="teacher", weight=teacher, options=soft_labels))
        if planned.lesson.peers != "none":
            combine = config.peers.combine
            terms.append(Term(loss="soft_labels", source="peers", weight=peers, combine=combine, options=soft_labels))
        return terms

    def term(self, given: LossTerm) -> Term:
        """A term as the recipe states it, with the configuration's values where it leaves them open."""
        distillation = self.config.distillation.model_dump()
        options = {name: distillation[name] for name in losses()[given.loss] if name in distillation}
        combine = (given.combine or self.config.peers.combine) if given.source == "peers" else "sum"
        return Term(
            loss=given.loss,
            source=given.source,
            weight=given.weight,
            combine=combine,
            options=options | given.options,
        )

    def term_weights(self, planned: PlannedRun) -> TermWeights:
        """Weights of the labels', the teacher's and the peers' term; None where the selection decides them."""
        vanilla = self.config.vanilla
        rest = round(1 - vanilla.alpha, 12)
        match planned.lesson.weights:
            case "labels only":
                return 1.0, None, None
            case "vanilla":
                return (vanilla.alpha, rest, None) if vanilla.alpha_weighs == "labels" else (rest, vanilla.alpha, None)
            case "grid point":
                assert planned.weights is not None
                return planned.weights
            case key:
                assert key is not None
                given = self.given_weights(key)
                return (None, None, None) if isinstance(given, str) else (given[0], given[1], given[2])

    def given_weights(self, key: str) -> list[float] | Criterion:
        return {
            "peer": self.config.peer.weights,
            "alternate phase 1": self.config.alternate.phase1,
            "alternate phase 2": self.config.alternate.phase2,
        }[key]

    def criterion(self, lesson: Lesson) -> Criterion | None:
        """The criterion of the selection that gives this lesson's weights, or None where they are given."""
        if lesson.weights in (None, "labels only", "vanilla", "grid point"):
            return None
        given = self.given_weights(lesson.weights)
        return given if isinstance(given, str) else None

    def holds_out(self, lesson: Lesson) -> bool:
        """Whether the lesson's runs hold the validation images out: to tune weights, or to choose a student's epoch."""
        chooses_epoch = self.config.reported_epoch == "best-validation" and lesson.learners != "teacher"
        return lesson.tuning or chooses_epoch

    def mentors(self, planned: PlannedRun, seed: int) -> list[Mentor]:
        mentors = []
        if planned.lesson.teacher:
            mentors.append(Mentor(role="teacher", run="teacher", seed=self.teacher_seed(seed), learner="teacher"))
        if planned.frozen_peers_run:
            peers = self.runs[planned.frozen_peers_run].learners
            mentors += [Mentor(role="peer", run=planned.frozen_peers_run, seed=seed, learner=peer) for peer in peers]
        return mentors

    def learner(self, name: str) -> Learner:
        if name == "teacher":
            teacher = self.config.teacher
            return Learner(
                name="teacher",
                network=teacher.network.with_form(),
                input_scaling=teacher.input_scaling,
                upscale=teacher.upscale,
                weights=teacher.weights,
                sha256=teacher.sha256,
            )
        student: Student = self.students[name]
        return Learner(name=name, network=student.network.with_form(), input_scaling=self.config.input_scaling)

    def run(self, name: str, seed: int) -> Run:
        """The complete settings of the run called ``name`` at ``seed``."""
        if name not in self.runs:
            raise KdbenchError(unknown("run", name, self.runs))
        planned, config = self.runs[name], self.config
        is_teacher = planned.lesson.learners == "teacher"
        return Run(
            name=planned.name,
            method=planned.method,
            seed=seed,
            learners=[self.learner(learner) for learner in planned.learners],
            mentors=self.mentors(planned, seed),
            live_peers=planned.lesson.peers == "live",
            detach_peers=config.peers.detach,
            objective=self.objective(planned),
            selected_by=self.criterion(planned.lesson),
            training=config.teacher.training if is_teacher else config.training,
            validation=self.holds_out(planned.lesson),
            reported_epoch="last" if is_teacher else config.reported_epoch,
            device=config.device,
        )

    def all_runs(self) -> Iterator[Run]:
        for planned in self.runs.values():
            for seed in planned.seeds:
                yield self.run(planned.name, seed)
