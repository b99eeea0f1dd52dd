"""A run before its seed, as a lesson of a recipe asks for it in a study of these students."""

from dataclasses import dataclass

from kdbench.recipes.lesson import Lesson


@dataclass(frozen=True)
class PlannedRun:
    """A lesson with its placeholders filled in."""

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
