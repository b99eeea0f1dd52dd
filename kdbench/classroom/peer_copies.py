"""Copies of the learners for their peers to hear: as they were some steps ago, or averaged over the steps so far."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from kdbench.classroom.learners import Pupil
from kdbench.objectives.prediction import Prediction
from kdbench.recipes.lesson import AveragedPeers, StalePeers


class PeerCopies(nn.Module):
    """A copy of each learner, in evaluation mode; ``follow`` takes up what the learners have learned since.

    An average counts all steps alike until they are so many that it keeps of itself what its rule says: Tarvainen and
    Valpola 2017.
    """

    def __init__(self, rule: StalePeers | AveragedPeers, pupils: dict[str, Pupil]) -> None:
        super().__init__()
        self.rule = rule
        self.copies = nn.ModuleDict({name: deepcopy(pupil) for name, pupil in pupils.items()})
        self.steps = 0
        self.requires_grad_(False)

    def heard(self, epoch: int) -> bool:
        """Whether learners hear them in ``epoch``, counted from 1."""
        return not (isinstance(self.rule, StalePeers) and epoch <= self.rule.burn_in)

    @torch.no_grad()
    def predictions(self, images: Tensor, index: Tensor) -> dict[str, Prediction]:
        """What the copies say of a batch: logits only."""
        return {name: Prediction(copy.eval()(images), index=index) for name, copy in self.copies.items()}

    @torch.no_grad()
    def follow(self, pupils: dict[str, Pupil]) -> None:
        """To be called after every step."""
        self.steps += 1
        if isinstance(self.rule, AveragedPeers):
            share = max(1 - self.rule.averaged, 1 / self.steps)
        elif self.steps % self.rule.stale == 0:
            share = 1.0
        else:
            return
        for name, pupil in pupils.items():
            for kept, latest in zip(self.copies[name].state_dict().values(), pupil.state_dict().values(), strict=True):
                if kept.is_floating_point() and share < 1:
                    kept.lerp_(latest, share)
                else:
                    kept.copy_(latest)

    def get_extra_state(self) -> dict[str, Any]:
        """What a checkpoint keeps beside the weights; no tensor, so that no step waits for the device to read it."""
        return {"steps": self.steps}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]
