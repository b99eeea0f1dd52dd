"""What a network is given of the stored images: scaled, enlarged, through its view; each against float64."""

import numpy as np
import pytest
import torch

from kdbench.classroom.learners import build_pupil
from kdbench.classroom.view import View
from kdbench.config import Network
from kdbench.data.store import PackedImages
from kdbench.run import Learner
from tests.test_views import interpolating, pictures

OWN = ((0.1, 0.2, 0.3), (0.5, 0.6, 0.7))
SCALINGS = {
    "unit": ([0, 0, 0], [1, 1, 1]),
    "symmetric": ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
    "standardised": OWN,
    "imagenet": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
}


@pytest.fixture
def data():
    images = torch.from_numpy(pictures(side=8))
    return PackedImages(images, torch.arange(4), tuple("abcd"), mean=OWN[0], std=OWN[1], digest="")


def scaled(images, name):
    mean, deviation = (np.array(values).reshape(-1, 1, 1) for values in SCALINGS[name])
    return (images.numpy().astype(np.float64) / 255 - mean) / deviation


@pytest.mark.parametrize("name", SCALINGS)
def test_each_input_scaling_subtracts_a_mean_and_divides_by_a_deviation(data, name):
    assert View(name, 1, data)(data.images).numpy() == pytest.approx(scaled(data.images, name), abs=1e-5)


@pytest.mark.parametrize("upscale", [2, 7])
def test_images_are_enlarged_by_interpolation_between_the_centres_of_pixels(data, upscale):
    enlarging = interpolating(8, 8 * upscale)
    expected = enlarging @ scaled(data.images, "symmetric") @ enlarging.T
    assert View("symmetric", upscale, data)(data.images).numpy() == pytest.approx(expected, abs=1e-5)


def test_through_the_grey_view_all_channels_are_the_same(data):
    red, green, blue = View("unit", 1, data, "grey")(data.images).unbind(1)
    assert torch.equal(red, green) and torch.equal(red, blue)
    assert red.numpy() == pytest.approx(scaled(data.images, "unit").mean(1), abs=0.51 / 255)


def test_a_learners_scaling_enlargement_and_view_are_what_its_network_sees(data):
    learner = Learner(
        name="a", network=Network(name="resnet8", width=0.25), input_scaling="symmetric", upscale=2, view="grey"
    )
    pupil = build_pupil(learner, data, seed=1, precision="fp32")
    seen = []
    pupil.network.register_forward_pre_hook(lambda _, images: seen.append(images[0]))
    pupil(data.images)
    grey = data.images.double().mean(1, keepdim=True).round().expand(-1, 3, -1, -1)
    enlarging = interpolating(8, 16)
    assert seen[0].numpy() == pytest.approx(enlarging @ scaled(grey, "symmetric") @ enlarging.T, abs=1e-5)
