"""The losses of all learners on one batch, from the run's objective and its sources of knowledge."""

import importlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from kdbench.objectives.prediction import Prediction
from kdbench.plan import Run, Term

Objective = Callable[..., Tensor]
Sources = Sequence[Prediction | None]


class Losses:
    """Evaluates a run's objective; every forward pass and softened prediction is computed once and shared."""

    def __init__(self, run: Run, weights: list[float]) -> None:
        self.names = [learner.name for learner in run.learners]
        objectives = [find_objective(term.loss) for term in run.objective]
        self.terms = list(zip(run.objective, weights, objectives, strict=True))
        self.live_peers, self.detach = run.live_peers, run.detach_peers

    def __call__(
        self, predictions: dict[str, Prediction], labels: Tensor, teachers: list[Prediction], frozen: list[Prediction]
    ) -> dict[str, dict[str, Tensor]]:
        """Per learner, each term's unweighted loss by source, and their weighted sum as ``total``; all scalars."""
        known = {name: p.detached() if self.detach else p for name, p in predictions.items()}
        losses = {}
        for name in self.names:
            live = [known[other] for other in self.names if other != name] if self.live_peers else []
            sources: dict[str, Sources] = {"labels": [None], "teacher": teachers, "peers": live + frozen}
            own: dict[str, Tensor] = {}
            total = labels.new_zeros((), dtype=torch.float32)
            for term, weight, objective in self.terms:
                own[term.source] = combined(objective, term, predictions[name], labels, sources[term.source])
                total = total + weight * own[term.source]
            losses[name] = {"total": total, **own}
        return losses


def combined(objective: Objective, term: Term, prediction: Prediction, labels: Tensor, knowledge: Sources) -> Tensor:
    """The sum or mean of a term's losses over its sources; zero where there is none (a student without peers)."""
    if not knowledge:
        return labels.new_zeros((), dtype=torch.float32)
    loss = torch.stack([objective(prediction, labels, source, **term.options) for source in knowledge]).sum()
    return loss / len(knowledge) if term.combine == "mean" else loss


def find_objective(name: str) -> Objective:
    return importlib.import_module(f"kdbench.objectives.{name}").loss
