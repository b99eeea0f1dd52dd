"""The terms of a run's loss: as its recipe states them, with the configuration's values where it leaves them open."""

from collections.abc import Callable

from kdbench.config import Config, Criterion
from kdbench.planned import PlannedRun
from kdbench.recipes.lesson import Lesson, LossTerm
from kdbench.recipes.losses import losses
from kdbench.run import Term

# Of the labels', the teacher's and the peers' term; None where the selection decides them.
TermWeights = tuple[float | None, float | None, float | None]
Layers = list[list[str]]


def objective(planned: PlannedRun, config: Config, layers: Callable[[LossTerm], Layers]) -> list[Term]:
    """The terms of each learner's loss; ``layers`` gives the pairs of layers that a term compares."""
    lesson = planned.lesson
    if not lesson.trains:
        return []
    if lesson.objective is not None:
        return [term(given, config, layers(given) if given.layers else []) for given in lesson.objective]
    labels, teacher, peers = term_weights(planned, config)
    soft_labels: dict[str, float | bool] = {
        "temperature": config.distillation.temperature,
        "scale_by_temperature_squared": config.distillation.scale_by_temperature_squared,
    }
    terms = [Term(loss="cross_entropy", source="labels", weight=labels)]
    if lesson.teacher:
        terms.append(Term(loss="soft_labels", source="teacher", weight=teacher, options=soft_labels))
    if lesson.peers != "none":
        combine = config.peers.combine
        terms.append(Term(loss="soft_labels", source="peers", weight=peers, combine=combine, options=soft_labels))
    return terms


def term(given: LossTerm, config: Config, layers: Layers) -> Term:
    """A term of a recipe."""
    distillation = config.distillation.model_dump()
    options = {name: distillation[name] for name in losses()[given.loss] if name in distillation}
    by_default = config.peers.combine if given.source == "peers" else "sum"
    return Term(
        loss=given.loss,
        source=given.source,
        weight=given.weight,
        combine=given.combine or by_default,
        options=options | given.options,
        layers=layers,
    )


def term_weights(planned: PlannedRun, config: Config) -> TermWeights:
    vanilla = config.vanilla
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
            given = given_weights(key, config)
            return (None, None, None) if isinstance(given, str) else (given[0], given[1], given[2])


def given_weights(key: str, config: Config) -> list[float] | Criterion:
    return {
        "peer": config.peer.weights,
        "alternate phase 1": config.alternate.phase1,
        "alternate phase 2": config.alternate.phase2,
    }[key]


def criterion(lesson: Lesson, config: Config) -> Criterion | None:
    """The criterion of the selection that gives a lesson's weights, or None where they are given."""
    if lesson.weights in (None, "labels only", "vanilla", "grid point"):
        return None
    given = given_weights(lesson.weights, config)
    return given if isinstance(given, str) else None
