"""From the configuration to the runs of the study: who learns, who teaches, with what weights and seeds.

The permutations live here. Imports no torch: the Snakefile evaluates this in every cluster job.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kdbench.config import Config, Criterion, Student, Training, check_section, format_weights, merge
from kdbench.errors import KdbenchError, unknown
from kdbench.networks.catalogue import NETWORKS, paired_layers
from kdbench.recipes.lesson import FrozenPeers, Lesson, LossTerm
from kdbench.recipes.losses import losses
from kdbench.recipes.schema import Recipe, read_recipe
from kdbench.run import Fusion, ImageChoice, Learner, Mentor, Run, Source, Term


@dataclass(frozen=True)
class PlannedRun:
    """A run before its seed: a lesson with its placeholders filled in."""

    name: str
    title: str
    lesson: Lesson
    learners: tuple[str, ...]
    seeds: tuple[int, ...]
    teacher_runs: tuple[str, ...] = ()
    frozen_peers_run: str | None = None
    starts_from: str | None = None
    images_run: str | None = None
    confused_run: str | None = None
    fused_runs: tuple[str, ...] = ()
    weights: tuple[float, float, float] | None = None

    @property
    def method(self) -> str:
        return self.lesson.method

    def needed_runs(self) -> list[str]:
        """Names of the runs that come before it."""
        others = [self.frozen_peers_run, self.starts_from, self.images_run, self.confused_run]
        return [*self.teacher_runs, *self.fused_runs, *(run for run in others if run)]


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
        for run in self.runs.values():
            for needed in run.needed_runs():
                self.planned_run(needed)

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
            planned = {self.seed_of(lesson, seed) for run in pupils for seed in run.seeds}
            return sorted(planned or {self.config.seeds[0]})
        if not taking_part:  # networks that answer together: of teachers alone there are no more than teachers
            members = [other for other in self.lessons if self.needs(lesson, other)]
            of_teachers = all(other.learners == "teacher" for other in members)
            seeds = self.config.seeds
            return list(dict.fromkeys(self.teacher_seed(seed) for seed in seeds)) if of_teachers else seeds
        first, *others = [self.students[name].seeds or self.config.seeds for name in taking_part]
        return [seed for seed in first if all(seed in other for other in others)]

    def seed_of(self, lesson: Lesson, seed: int) -> int:
        """The seed of a run of ``lesson`` that another's run of ``seed`` needs: the teacher may have fewer."""
        return self.teacher_seed(seed) if lesson.learners == "teacher" else seed

    def teacher_seed(self, seed: int) -> int:
        """The seed of the teacher whose outputs the runs of ``seed`` listen to."""
        return seed if self.config.teacher.one_per_seed else self.config.seeds[0]

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
        return sum(
            self.needs(other, lesson) or (lesson.tuning and self.criterion(other) is not None) for other in self.lessons
        )

    @staticmethod
    def listens(listener: Lesson, lesson: Lesson) -> bool:
        """Whether runs of ``listener`` have learners of ``lesson`` as mentors."""
        return lesson.run in listener.listened_to()

    def training(self, lesson: Lesson) -> Training:
        """How the learners of a lesson are optimised."""
        given = self.config.teacher.training if lesson.learners == "teacher" else self.config.training
        if not lesson.training:
            return given
        return check_section(Training, merge(given.model_dump(), lesson.training), f"{lesson.method}: training")

    def learner_pattern(self) -> str:
        """A regular expression of all learners' names."""
        named = {name for lesson in self.lessons for name in lesson.named}
        most = max((lesson.copies for lesson in self.lessons), default=1)
        copies = "(_[2-9])?" if most > 1 else ""
        students = "|".join(re.escape(name) for name in self.students)
        return "|".join(["teacher", "together", *sorted(map(re.escape, named)), f"({students}){copies}"])

    def wildcard_constraints(self) -> dict[str, str]:
        student = "|".join(re.escape(name) for name in self.students)
        weights = "|".join(re.escape(format_weights(point)) for point in self.config.tune.grid)
        others = {f"other{number}": student for number in range(1, len(self.students))}
        return {"seed": r"\d+", "student": student, "left_out": student, "weights": weights, **others}

    def objective(self, planned: PlannedRun) -> list[Term]:
        """The terms of each learner's loss."""
        config = self.config
        if not planned.lesson.trains:
            return []
        if planned.lesson.objective is not None:
            return [self.term(given, planned) for given in planned.lesson.objective]
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

    def term(self, given: LossTerm, planned: PlannedRun) -> Term:
        """A term as the recipe states it, with the configuration's values where it leaves them open."""
        distillation = self.config.distillation.model_dump()
        options = {name: distillation[name] for name in losses()[given.loss] if name in distillation}
        by_default = self.config.peers.combine if given.source == "peers" else "sum"
        return Term(
            loss=given.loss,
            source=given.source,
            weight=given.weight,
            combine=given.combine or by_default,
            options=options | given.options,
            layers=self.layers(given, planned) if given.layers else [],
        )

    def layers(self, given: LossTerm, planned: PlannedRun) -> list[list[str]]:
        """The pairs of layers that a term compares: the learners' and their teachers' or peers'."""
        assert given.layers is not None
        own = {self.learner(name, planned).network.name for name in planned.learners}
        if given.source == "peers" and planned.lesson.live_peers:
            theirs = own
        else:
            runs = planned.teacher_runs if given.source == "teacher" else (planned.frozen_peers_run,)
            heard = [self.planned_run(run) for run in runs if run]
            theirs = {self.learner(name, run).network.name for run in heard for name in run.learners}
        shapes = {len(NETWORKS[name].stages) for name in own}, {len(NETWORKS[name].stages) for name in theirs}
        if any(len(counts) != 1 for counts in shapes):
            raise KdbenchError(
                f"{planned.name}: {given.loss} compares layers of networks with different numbers of stages "
                f"({', '.join(sorted(own | theirs))}): give each a run of its own"
            )
        return paired_layers(given.layers, sorted(own)[0], sorted(theirs)[0])

    def planned_run(self, name: str) -> PlannedRun:
        if name not in self.runs:
            raise KdbenchError(
                f"methods: {unknown('run', name, self.runs)}: add the method that trains it before those that need it"
            )
        return self.runs[name]

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
        return lesson.tuning or (chooses_epoch and lesson.trains)

    def mentors(self, planned: PlannedRun, seed: int, objective: list[Term]) -> list[Mentor]:
        def layers(source: str) -> list[str]:
            pairs = [pair for term in objective if term.source == source for pair in term.layers]
            return list(dict.fromkeys(theirs for _, theirs in pairs))

        found = []
        for run in planned.teacher_runs:
            found += [Mentor(role="teacher", layers=layers("teacher"), **it.model_dump()) for it in self.of(run, seed)]
        if planned.frozen_peers_run:
            peers = self.of(planned.frozen_peers_run, seed)
            found += [Mentor(role="peer", layers=layers("peers"), **it.model_dump()) for it in peers]
        return found

    def of(self, run: str, seed: int) -> list[Source]:
        """The learners of the run called ``run``, as a run of ``seed`` needs them."""
        planned = self.planned_run(run)
        own_seed = self.seed_of(planned.lesson, seed)
        return [Source(run=run, seed=own_seed, learner=name) for name in planned.learners]

    def learner(self, name: str, planned: PlannedRun) -> Learner:
        lesson = planned.lesson
        if name == "teacher":
            teacher = self.config.teacher
            return Learner(
                name="teacher",
                network=teacher.network.with_form(),
                input_scaling=teacher.input_scaling,
                upscale=teacher.upscale,
                view=lesson.view,
                weights=teacher.weights,
                sha256=teacher.sha256,
            )
        if name in lesson.named:
            network = lesson.named[name]
        elif name == "together":  # of several networks, the first stands for all
            first = self.planned_run(planned.fused_runs[0])
            return self.learner(first.learners[0], first).model_copy(update={"name": name})
        else:
            copied = name if name in self.students else name.rpartition("_")[0]
            student: Student = self.students[copied]
            network = student.network
        return Learner(
            name=name,
            network=network.with_form(),
            input_scaling=self.config.input_scaling,
            view=lesson.view,
            construction=lesson.construction,
        )

    def started(self, learner: Learner, planned: PlannedRun, seed: int) -> Learner:
        """The learner with where its first weights come from: the learner of the same name, or the only one."""
        if not planned.starts_from or (learner.name == "teacher" and planned.lesson.teacher == "live"):
            return learner
        sources = {source.learner: source for source in self.of(planned.starts_from, seed)}
        source = sources.get(learner.name) or next(iter(sources.values()))
        return learner.model_copy(update={"starts_from": source})

    def run(self, name: str, seed: int) -> Run:
        """The complete settings of the run called ``name`` at ``seed``."""
        if name not in self.runs:
            raise KdbenchError(unknown("run", name, self.runs))
        planned, config = self.runs[name], self.config
        lesson = planned.lesson
        objective = self.objective(planned)
        learners = [self.learner(learner, planned) for learner in planned.learners]
        made_by = self.of(planned.images_run, seed)[0] if planned.images_run else None
        copies: Any = None if isinstance(lesson.peers, str | FrozenPeers) else lesson.peers
        return Run(
            name=planned.name,
            method=planned.method,
            seed=seed,
            learners=[self.started(learner, planned, seed) for learner in learners],
            mentors=self.mentors(planned, seed, objective),
            live_teacher=lesson.teacher == "live",
            live_peers=lesson.live_peers,
            peer_copies=copies,
            detach_peers=config.peers.detach,
            objective=objective,
            selected_by=self.criterion(lesson),
            training=self.training(lesson),
            images=ImageChoice(
                confused_by=self.of(planned.confused_run, seed)[0] if planned.confused_run else None,
                specialist=lesson.images.specialist,
                of=lesson.images.of,
                fraction=lesson.images.fraction,
                repeat=lesson.images.repeat,
                made_by=made_by,
            ),
            variant=lesson.variant,
            validation=self.holds_out(lesson),
            reported_epoch="last" if lesson.learners == "teacher" or not lesson.trains else config.reported_epoch,
            device=config.device,
            fusion=self.fusion(planned, seed),
            synthesis=lesson.synthesise,
        )

    def fusion(self, planned: PlannedRun, seed: int) -> Fusion | None:
        fuse = planned.lesson.fuse
        if fuse is None:
            return None
        members = [source for run in planned.fused_runs for source in self.of(run, seed)]
        return Fusion(by=fuse.by, members=members, options=fuse.options)

    def all_runs(self) -> Iterator[Run]:
        for planned in self.runs.values():
            for seed in planned.seeds:
                yield self.run(planned.name, seed)
