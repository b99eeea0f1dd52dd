"""Which epoch of a run is reported, its weights and its figures together."""

from types import SimpleNamespace

import pytest
from torch import nn

from kdbench.classroom.reported_epoch import ReportedEpochs

VALIDATION = {"a": [50.0, 70.0, 60.0], "b": [30.0, 20.0, 40.0]}  # accuracies, an epoch each


@pytest.mark.parametrize(("rule", "expected"), [("best-validation", {"a": 2, "b": 3}), ("last", {"a": 3, "b": 3})])
def test_a_learner_ends_with_the_weights_and_the_figures_of_its_reported_epoch(rule, expected):
    room = SimpleNamespace(
        run=SimpleNamespace(reported_epoch=rule, training=SimpleNamespace(epochs=3)),
        pupils={name: nn.Linear(1, 1, bias=False) for name in VALIDATION},
        history=[],
    )
    reported = ReportedEpochs(room)
    for epoch in (1, 2, 3):
        for name, pupil in room.pupils.items():
            nn.init.constant_(pupil.weight, epoch)
            figures = {"train_accuracy": 10.0 * epoch, "validation_accuracy": VALIDATION[name][epoch - 1]}
            room.history.append({"learner": name, "epoch": epoch, **figures})
        reported.keep(epoch)
    reported.restore()
    assert {name: pupil.weight.item() for name, pupil in room.pupils.items()} == expected
    for name, epoch in expected.items():
        assert reported.reported(name)["epoch"] == epoch
        assert reported.reported(name)["validation_accuracy"] == VALIDATION[name][epoch - 1]
