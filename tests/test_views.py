"""What a network may see of an image, each view against a computation of its own in float64."""

import numpy as np
import pytest
import torch

from kdbench.data import catalogue
from kdbench.data.views import VIEWS, view_images


def pictures(channels=3, side=32, count=4):
    return np.random.default_rng(side).integers(0, 256, (count, channels, side, side), dtype=np.uint8)


def seen(images, view):
    return view_images(torch.from_numpy(images), view).numpy()


def assert_rounded(found, expected):
    """Bytes next to what they should be, at a half to either side."""
    assert np.abs(found - np.clip(expected, 0, 255)).max() <= 0.5 + 1e-4


def averaging(size, smaller):
    """The matrix [smaller, size] that averages neighbours, weighed by a triangle as wide as the scale."""
    scale = size / smaller
    centres = (np.arange(smaller) + 0.5) * scale
    distances = np.abs(np.arange(size) + 0.5 - centres[:, None]) / scale
    weights = np.maximum(0, 1 - distances)
    return weights / weights.sum(1, keepdims=True)


def interpolating(size, larger):
    """The matrix [larger, size] of linear interpolation between pixels' centres, constant beyond the outermost."""
    places = np.clip((np.arange(larger) + 0.5) * size / larger - 0.5, 0, size - 1)
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(size)))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("channels", "side"), [(3, 32), (1, 28)])
def test_a_view_has_the_images_shape_and_type_and_leaves_them_alone(view, channels, side):
    images = pictures(channels, side)
    before = images.copy()
    found = seen(images, view)
    assert found.shape == images.shape
    assert found.dtype == np.uint8
    assert (images == before).all()


def test_the_catalogue_describes_every_view_and_no_other():
    assert list(catalogue.VIEWS) == list(VIEWS)


def test_the_image_itself_is_a_view():
    images = pictures()
    assert (seen(images, "image") == images).all()


@pytest.mark.parametrize("side", [8, 16])
@pytest.mark.parametrize("size", [32, 28])
def test_a_lower_resolution_is_scaled_down_by_averaging_and_back_up_by_interpolation(side, size):
    images = pictures(side=size)
    whole = interpolating(side, size) @ averaging(size, side)
    assert_rounded(seen(images, f"resolution-{side}"), whole @ images.astype(np.float64) @ whole.T)


@pytest.mark.parametrize("size", [8, 16])
def test_an_image_of_no_higher_resolution_stays_as_it_is(size):
    images = pictures(side=size)
    assert (seen(images, "resolution-16") == images).all()


def test_grey_is_the_mean_of_the_channels_in_each_of_them():
    images = pictures()
    found = seen(images, "grey")
    assert (found == found[:, :1]).all()
    assert_rounded(found[:, 0], images.astype(np.float64).mean(1))


def surroundings(images):
    """The mean of the 5x5 square around each pixel, of what lies inside the image."""
    found = np.empty(images.shape)
    for row in range(images.shape[2]):
        for column in range(images.shape[3]):
            square = images[:, :, max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
            found[:, :, row, column] = square.astype(np.float64).mean((2, 3))
    return found


def test_coarse_is_the_mean_of_the_square_around_each_pixel():
    images = pictures(side=16)
    assert_rounded(seen(images, "coarse"), surroundings(images))


def test_fine_is_what_coarse_takes_away():
    images = pictures(side=16)
    coarse, fine = seen(images, "coarse").astype(int), seen(images, "fine").astype(int)
    assert (fine == np.clip(images.astype(int) - coarse + 128, 0, 255)).all()


@pytest.mark.parametrize(("view", "axis"), [("horizontal-edges", 2), ("vertical-edges", 3)])
def test_edges_are_the_difference_of_the_neighbours_around_mid_grey_and_none_at_the_margin(view, axis):
    images = pictures(side=16)
    expected = 2 * np.gradient(images.astype(np.float64), axis=axis) + 128
    margins = [slice(None)] * 4
    for place in (0, -1):
        margins[axis] = place
        expected[tuple(margins)] = 128
    assert_rounded(seen(images, view), expected)


def test_horizontal_edges_show_a_horizontal_line_and_vertical_edges_a_vertical_one():
    image = np.zeros((1, 1, 16, 16), dtype=np.uint8)
    image[0, 0, 8] = 100
    assert np.ptp(seen(image, "horizontal-edges")) == 200
    assert np.ptp(seen(image, "vertical-edges")) == 0
    assert np.ptp(seen(image.swapaxes(2, 3).copy(), "vertical-edges")) == 200
