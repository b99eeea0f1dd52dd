"""A random share of the images: each class's, drawn by the seed."""

import numpy as np
import pytest

from kdbench.data.subset import random_subset
from kdbench.errors import KdbenchError

LABELS = np.random.default_rng(5).permutation(np.repeat([0, 1, 2], [600, 300, 100]))


@pytest.mark.parametrize("fraction", [0.03, 0.25, 0.5])
def test_each_class_has_its_share(fraction):
    chosen = random_subset(LABELS, fraction, seed=1)
    assert np.bincount(LABELS[chosen]).tolist() == [round(600 * fraction), round(300 * fraction), round(100 * fraction)]


def test_images_are_given_in_ascending_order_and_once():
    chosen = random_subset(LABELS, 0.3, seed=1)
    assert (np.diff(chosen) > 0).all()


def test_the_seed_alone_decides_which_images_are_drawn():
    first = random_subset(LABELS, 0.1, seed=1)
    assert (random_subset(LABELS, 0.1, seed=1) == first).all()
    # Of two random tenths, a tenth is in common.
    common = np.intersect1d(random_subset(LABELS, 0.1, seed=2), first)
    assert len(common) < 30


def test_every_image_may_be_drawn():
    drawn = np.unique(np.concatenate([random_subset(LABELS, 0.1, seed) for seed in range(100)]))
    assert len(drawn) > 990


def test_the_whole_is_the_whole():
    assert (random_subset(LABELS, 1.0, seed=3) == np.arange(len(LABELS))).all()


def test_no_class_goes_without_an_image():
    labels = np.repeat([0, 1], [990, 10])
    assert np.bincount(labels[random_subset(labels, 0.01, seed=1)]).tolist() == [9, 1]


def test_a_fraction_that_cannot_show_every_class_is_refused_by_its_name():
    with pytest.raises(KdbenchError, match=r"images\.fraction: 2 images cannot show 3 classes"):
        random_subset(LABELS, 0.002, seed=1)
