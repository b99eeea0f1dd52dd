"""Augmentation: what becomes of the training images, and that networks learn from what became of them."""

import pytest
import torch

from kdbench.classroom.augment import augment, draw_changes
from kdbench.classroom.train import train
from kdbench.config import Augmentation, check_config
from kdbench.overlay import merge
from kdbench.plan import Plan
from tests.test_classroom import before_the_first_epoch

FLIP_AND_SHIFT = Augmentation(flip=True, shift=2)


@pytest.fixture
def augmented():
    """200 images, what they become in two batches, and what was drawn for them."""
    images = torch.randint(1, 255, (200, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    draws = torch.Generator().manual_seed(0)
    changes = list(draw_changes(FLIP_AND_SHIFT, [120, 80], draws, torch.device("cpu")))
    changed = torch.cat(
        [augment(batch, change) for batch, change in zip(images.split([120, 80]), changes, strict=True)]
    )
    flipped = torch.cat([change.flipped for change in changes])
    return images, changed, flipped, torch.cat([change.shifts for change in changes], dim=1)


def test_each_image_is_flipped_and_shifted_as_was_drawn_for_it(augmented):
    images, changed, flipped, shifts = augmented
    assert changed.dtype == torch.uint8
    for image, found, mirrored, (down, right) in zip(images, changed, flipped, shifts.T.tolist(), strict=True):
        black = torch.zeros(3, 12, 12, dtype=torch.uint8)
        black[:, 2 + down : 10 + down, 2 + right : 10 + right] = image.flip(2) if mirrored else image
        assert torch.equal(found, black[:, 2:10, 2:10])


def test_half_of_the_images_are_flipped_and_every_shift_occurs(augmented):
    *_, flipped, shifts = augmented
    assert 70 < flipped.sum() < 130
    assert {tuple(pair) for pair in shifts.T.tolist()} == {
        (down, right) for down in range(-2, 3) for right in range(-2, 3)
    }


def test_networks_learn_from_the_changed_images_and_changes_are_drawn_anew_each_epoch(
    small_results, values, monkeypatch
):
    drawn, seen = [], {True: [], False: []}

    def blacken(images, changes):
        drawn.append(changes)
        return torch.zeros_like(images)

    def watch(room):
        [pupil] = room.pupils.values()
        pupil.register_forward_pre_hook(lambda _, images: seen[torch.is_grad_enabled()].append(images[0]))

    monkeypatch.setattr("kdbench.classroom.epochs.augment", blacken)
    before_the_first_epoch(monkeypatch, watch)
    training = {"epochs": 2, "batch_size": 32, "augmentation": FLIP_AND_SHIFT.model_dump()}
    train([Plan(check_config(merge(values, {"training": training}))).run("scratch-lenet", 1)], small_results, 1)
    assert len(seen[True]) == len(drawn) == 2 * 3
    assert not torch.cat(seen[True]).any()
    assert all(images.any() for images in seen[False])
    for first, second in zip(drawn[:3], drawn[3:], strict=True):
        assert not torch.equal(first.flipped, second.flipped)
        assert not torch.equal(first.shifts, second.shifts)
