"""The figures of an epoch."""

import pytest
import torch

from kdbench.classroom.epochs import Sums


def test_an_epochs_figures_are_means_over_its_images_not_its_batches():
    sums = Sums(torch.device("cpu"))
    right = torch.arange(4)
    sums.add({"total": torch.tensor(1.0), "labels": torch.tensor(0.5)}, torch.eye(4), right)
    two_right = torch.tensor([0, 1, 3, 2, 1, 0, 3, 2])
    sums.add({"total": torch.tensor(3.0), "labels": torch.tensor(2.0)}, torch.eye(4).repeat(2, 1), two_right)
    assert sums.means() == pytest.approx(
        {
            "train_loss": (4 * 1 + 8 * 3) / 12,
            "train_accuracy": 100 * (4 + 2) / 12,
            "loss_labels": (4 * 0.5 + 8 * 2) / 12,
        }
    )
