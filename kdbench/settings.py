"""From a planned run and a seed to the run's complete settings: all that decides what it computes."""

from typing import Any

from kdbench.config import Config, Training
from kdbench.errors import KdbenchError, unknown
from kdbench.networks.catalogue import NETWORKS, paired_layers
from kdbench.overlay import merge
from kdbench.planned import PlannedRun
from kdbench.recipes.lesson import FrozenPeers, Lesson, LossTerm
from kdbench.run import Fusion, ImageChoice, Learner, Mentor, Run, Source, Term
from kdbench.section import check_section
from kdbench.terms import criterion, objective


class Settings:
    """The settings of a study's planned runs, ``runs`` by their names."""

    def __init__(self, config: Config, runs: dict[str, PlannedRun]) -> None:
        self.config = config
        self.runs = runs

    def complete(self, name: str, seed: int) -> Run:
        """The complete settings of the run called ``name`` at ``seed``."""
        if name not in self.runs:
            raise KdbenchError(unknown("run", name, self.runs))
        planned, config = self.runs[name], self.config
        lesson = planned.lesson
        terms = objective(planned, config, lambda given: self.layers(given, planned))
        learners = [self.learner(learner, planned) for learner in planned.learners]
        made_by = self.of(planned.images_run, seed)[0] if planned.images_run else None
        copies: Any = None if isinstance(lesson.peers, str | FrozenPeers) else lesson.peers
        return Run(
            name=planned.name,
            method=planned.method,
            seed=seed,
            learners=[self.started(learner, planned, seed) for learner in learners],
            mentors=self.mentors(planned, seed, terms),
            live_teacher=lesson.teacher == "live",
            live_peers=lesson.live_peers,
            peer_copies=copies,
            detach_peers=config.peers.detach,
            objective=terms,
            selected_by=criterion(lesson, config),
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
            reported_epoch=config.reported_epoch if self.chooses_epoch(lesson) else "last",
            device=config.device,
            fusion=self.fusion(planned, seed),
            synthesis=lesson.synthesise,
        )

    def planned_run(self, name: str) -> PlannedRun:
        if name not in self.runs:
            raise KdbenchError(
                f"methods: {unknown('run', name, self.runs)}: add the method that trains it before those that need it"
            )
        return self.runs[name]

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
            students = {student.name: student.network for student in self.config.students}
            network = students.get(name) or students[name.rpartition("_")[0]]  # of copies, the copied student's
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

    def of(self, run: str, seed: int) -> list[Source]:
        """The learners of the run called ``run``, as a run of ``seed`` needs them."""
        planned = self.planned_run(run)
        own_seed = self.seed_of(planned.lesson, seed)
        return [Source(run=run, seed=own_seed, learner=name) for name in planned.learners]

    def seed_of(self, lesson: Lesson, seed: int) -> int:
        """The seed of a run of ``lesson`` that another's run of ``seed`` needs: the teacher may have fewer."""
        return self.teacher_seed(seed) if lesson.learners == "teacher" and not lesson.every_seed else seed

    def teacher_seed(self, seed: int) -> int:
        """The seed of the teacher whose outputs the runs of ``seed`` listen to."""
        return seed if self.config.teacher.one_per_seed else self.config.seeds[0]

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

    def training(self, lesson: Lesson) -> Training:
        """How the learners of a lesson are optimised."""
        given = self.config.teacher.training if lesson.learners == "teacher" else self.config.training
        if not lesson.training:
            return given
        return check_section(Training, merge(given.model_dump(), lesson.training), f"{lesson.method}: training")

    def holds_out(self, lesson: Lesson) -> bool:
        """Whether the lesson's runs hold the validation images out: to tune weights, or to choose a student's epoch."""
        return lesson.tuning or (self.config.reported_epoch == "best-validation" and self.chooses_epoch(lesson))

    @staticmethod
    def chooses_epoch(lesson: Lesson) -> bool:
        """Whether its learners' epoch may be chosen: they are students, and learn from images that can be held out."""
        return lesson.trains and lesson.learners != "teacher" and not lesson.images.made_by

    def fusion(self, planned: PlannedRun, seed: int) -> Fusion | None:
        fuse = planned.lesson.fuse
        if fuse is None:
            return None
        members = [source for run in planned.fused_runs for source in self.of(run, seed)]
        return Fusion(by=fuse.by, members=members, options=fuse.options)
