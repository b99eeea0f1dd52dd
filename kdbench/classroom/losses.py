"""The losses of all learners on one batch, from the run's objective and its sources of knowledge."""

import importlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from kdbench.errors import KdbenchError
from kdbench.objectives.prediction import AveragePrediction, Prediction
from kdbench.run import Run, Term

Objective = Callable[..., Tensor]
Sources = Sequence[Prediction | None]
TEACHER = "teacher"


class Losses:
    """Evaluates a run's objective; every forward pass and softened prediction is computed once and shared.

    ``adapters`` are the trained parts of losses that have some, called as ``adapter_name`` says.
    """

    def __init__(self, run: Run, weights: list[float], adapters: nn.ModuleDict | None = None) -> None:
        self.names = [learner.name for learner in run.learners]
        objectives = [find_objective(term.loss) for term in run.objective]
        self.terms = list(zip(run.objective, term_names(run), weights, objectives, strict=True))
        self.live_peers, self.live_teacher, self.detach = run.live_peers, run.live_teacher, run.detach_peers
        self.adapters = adapters if adapters is not None else nn.ModuleDict()
        self.adapter_of = dict(self.adapters.items())

    def __call__(
        self,
        predictions: dict[str, Prediction],
        labels: Tensor,
        teachers: list[Prediction],
        frozen: list[Prediction],
        copies: dict[str, Prediction] | None = None,
        live_peers_heard: bool = True,
    ) -> dict[str, dict[str, Tensor]]:
        """Per learner, each term's unweighted loss by name, and their weighted sum as ``total``; all scalars.

        ``copies`` are what learners hear of their live peers, where it is not what those say now; a term of peers
        that are not heard yet is zero.
        """
        known = copies or {name: p.detached() if self.detach else p for name, p in predictions.items()}
        if self.live_teacher:
            teachers = [*teachers, predictions[TEACHER].detached()]
        losses = {}
        for name in self.names:
            live = [known[other] for other in self.peers_of(name)] if live_peers_heard else []
            sources: dict[str, Sources] = {"labels": [None], "teacher": teachers, "peers": live + frozen}
            own: dict[str, Tensor] = {}
            total = labels.new_zeros((), dtype=torch.float32)
            for place, (term, term_name, weight, objective) in enumerate(self.terms):
                if self.learns_from_labels_alone(name) and term.source != "labels":
                    continue
                names = [adapter_name(name, place, number) for number in range(len(sources[term.source]))]
                trained = [self.adapter_of.get(each) for each in names]
                own[term_name] = combined(objective, term, predictions[name], labels, sources[term.source], trained)
                total = total + weight * own[term_name]
            losses[name] = {"total": total, **own}
        return losses

    def peers_of(self, name: str) -> list[str]:
        """The learners of the run that the one called ``name`` hears as peers."""
        return [other for other in self.names if other != name and not self.learns_from_labels_alone(other)] * (
            self.live_peers and not self.learns_from_labels_alone(name)
        )

    def learns_from_labels_alone(self, name: str) -> bool:
        """Whether the learner is a teacher beside its students."""
        return self.live_teacher and name == TEACHER


def combined(
    objective: Objective,
    term: Term,
    prediction: Prediction,
    labels: Tensor,
    knowledge: Sources,
    adapters: Sequence[nn.Module | None],
) -> Tensor:
    """A term's loss over its sources, each with its adapter; zero where there is none (a student without peers)."""
    if not knowledge:
        return labels.new_zeros((), dtype=torch.float32)
    if term.combine == "average" and len(knowledge) > 1:
        knowledge, adapters = [AveragePrediction([source for source in knowledge if source])], adapters[:1]
    if term.layers:
        prediction = prediction.with_features([own for own, _ in term.layers])
        knowledge = [source and source.with_features([theirs for _, theirs in term.layers]) for source in knowledge]
    options = term.options_of("loss")
    found = [
        objective(prediction, labels, source, **options, **({"adapter": adapter} if adapter else {}))
        for source, adapter in zip(knowledge, adapters, strict=True)
    ]
    if found[0].ndim:
        shape = tuple(found[0].shape)
        raise KdbenchError(
            f"objectives/{term.loss}.py: loss returns a tensor of shape {shape}, not one number: take the batch's mean"
        )
    loss = torch.stack(found).sum()
    return loss / len(knowledge) if term.combine == "mean" else loss


def adapter_name(learner: str, place: int, number: int) -> str:
    """Of a learner, for the objective's term at ``place`` and the ``number``-th it listens to there."""
    return f"{learner}-{place}-{number}"


def term_names(run: Run) -> list[str]:
    """What the history calls each term's loss: its source, and the loss too where several terms share a source."""
    sources = [term.source for term in run.objective]
    return [term.source if sources.count(term.source) == 1 else f"{term.source}_{term.loss}" for term in run.objective]


def find_objective(name: str) -> Objective:
    return importlib.import_module(f"kdbench.objectives.{name}").loss
