"""The packed data set: its tensors, its description, and that it is the same every time."""

import errno
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from kdbench.data.prepare import packed, prepare
from kdbench.data.store import load_packed, read_metadata
from kdbench.data.subset import stratified_subset
from kdbench.errors import KdbenchError
from tests.data_files import random_images, settings, write_image_folder, write_mnist


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("KDBENCH_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def packed_digits(tmp_path):
    """Pack the digits with settings; gives the training images and the description."""

    def pack(**changes):
        prepare(settings("digits", **changes), tmp_path / "R")
        return load_packed(tmp_path / "R/train.safetensors"), json.loads((tmp_path / "R/dataset.json").read_text())

    return pack


def test_the_digits_need_no_download_and_split_into_1437_and_360(packed_digits):
    train, description = packed_digits()
    assert train.images.shape == (1437, 1, 8, 8)
    assert sum(description["counts"]["test"].values()) == 360
    assert (train.images.min(), train.images.max()) == (0, 255)


def test_the_digits_refuse_a_path_rather_than_ignore_it(packed_digits):
    with pytest.raises(KdbenchError, match="data.path: .*set data.path to null"):
        packed_digits(path="somewhere")


def test_images_are_uint8_nchw_and_labels_int64(packed_digits):
    train, _ = packed_digits(image_size=32, channels=3)
    assert (train.images.dtype, train.images.shape) == (torch.uint8, (1437, 3, 32, 32))
    assert train.images.is_contiguous()
    assert (train.labels.dtype, train.labels.shape) == (torch.int64, (1437,))


def test_grey_images_become_colour_by_repeating_the_channel(packed_digits):
    train, _ = packed_digits(channels=3)
    assert torch.equal(train.images[:, 0], train.images[:, 2])


def test_resizing_is_pillows_bilinear(tmp_path):
    images = write_mnist(tmp_path / "data", "MNIST")
    prepare(settings("mnist", image_size=20), tmp_path / "R")
    expected = np.asarray(Image.fromarray(images["train"][3]).resize((20, 20), Image.Resampling.BILINEAR))
    assert np.array_equal(load_packed(tmp_path / "R/train.safetensors").images[3, 0].numpy(), expected)


def test_a_folder_and_a_uniform_source_are_resized_alike(tmp_path):
    images = write_mnist(tmp_path / "data", "MNIST")
    for split, values in zip(("train", "test"), images.values(), strict=True):
        for number in range(10):
            (tmp_path / "folder" / split / str(number)).mkdir(parents=True)
            Image.fromarray(values[number]).save(tmp_path / "folder" / split / str(number) / "0.png")
    prepare(settings("mnist", image_size=40, channels=3, train_limit=10), tmp_path / "one")
    prepare(settings("image-folder", path="folder", image_size=40, channels=3), tmp_path / "two")
    one, two = (load_packed(tmp_path / name / "test.safetensors") for name in ("one", "two"))
    assert torch.equal(one.images, two.images)


def test_colour_becomes_grey_where_one_channel_is_asked_for(tmp_path):
    write_image_folder(tmp_path / "images")
    prepare(settings("image-folder", path="images", channels=1), tmp_path / "R")
    assert load_packed(tmp_path / "R/test.safetensors").images.shape == (4, 1, 24, 24)


def test_colour_images_keep_their_channels_in_order(tmp_path):
    write_image_folder(tmp_path / "images")
    prepare(settings("image-folder", path="images"), tmp_path / "R")
    stored = np.asarray(Image.open("images/train/dog/2.png"))
    assert np.array_equal(load_packed(tmp_path / "R/train.safetensors").images[5].numpy(), stored.transpose(2, 0, 1))


def test_images_that_are_not_square_are_refused_without_image_size(tmp_path):
    write_image_folder(tmp_path / "images")
    for path in (tmp_path / "images").rglob("*.png"):
        Image.fromarray(random_images(10, 20, 3)).save(path)
    with pytest.raises(KdbenchError, match="images are 20x10, not square: set data.image_size"):
        prepare(settings("image-folder", path="images"), tmp_path / "R")


def test_mean_and_deviation_are_those_of_the_training_images_in_0_to_1(tmp_path):
    write_image_folder(tmp_path / "images")
    prepare(settings("image-folder", path="images"), tmp_path / "R")
    train, test = (load_packed(tmp_path / f"R/{split}.safetensors") for split in ("train", "test"))
    scaled = train.images.double() / 255
    assert train.mean == pytest.approx(scaled.mean((0, 2, 3)).tolist(), rel=1e-12)
    assert train.std == pytest.approx(scaled.std((0, 2, 3), correction=0).tolist(), rel=1e-12)
    assert (test.mean, test.std) == (train.mean, train.std)


def test_a_constant_channel_has_the_deviation_1(tmp_path):
    write_image_folder(tmp_path / "images")
    for path in (tmp_path / "images").rglob("*.png"):
        Image.new("L", (8, 8), 51).save(path)
    prepare(settings("image-folder", path="images"), tmp_path / "R")
    train = load_packed(tmp_path / "R/train.safetensors")
    assert (train.mean, train.std) == ((0.2,), (1.0,))


def test_the_description_says_what_the_files_hold(packed_digits, tmp_path):
    train, description = packed_digits(image_size=16, train_limit=100)
    assert list(description) == [
        *("source", "origin", "classes", "counts", "image_size", "channels", "mean", "std", "sha256")
    ]
    assert description["source"] == "digits"
    assert description["classes"] == list(train.classes) == list("0123456789")
    assert sum(description["counts"]["train"].values()) == 100
    assert (description["image_size"], description["channels"]) == (16, 1)
    assert description["mean"] == list(train.mean)
    for split in ("train", "test"):
        assert description["sha256"][split] == read_metadata(tmp_path / f"R/{split}.safetensors")["digest"]


def test_packing_twice_gives_the_same_bytes(tmp_path):
    write_image_folder(tmp_path / "images")
    for name in ("one", "two"):
        prepare(settings("image-folder", path="images", image_size=16), tmp_path / name)
    for name in ("train.safetensors", "test.safetensors", "dataset.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_limits_cut_each_split_to_the_same_share_of_every_class(packed_digits):
    train, description = packed_digits(train_limit=200, test_limit=50)
    assert (len(train.labels), sum(description["counts"]["test"].values())) == (200, 50)
    assert set(description["counts"]["train"].values()) <= {19, 20, 21}


def test_images_kept_under_a_limit_keep_their_own_labels():
    labels = np.random.RandomState(0).permutation(np.repeat([0, 1, 2], [20, 80, 100]))
    numbered = np.broadcast_to(np.arange(200, dtype=np.uint8)[:, None, None], (200, 8, 8))
    cut = packed(numbered, labels, settings("digits"), 50, "limit")
    numbers = cut["images"][:, 0, 0, 0].numpy()
    assert cut["labels"].tolist() == labels[numbers].tolist()
    assert cut["labels"].bincount().tolist() == [5, 20, 25]


def test_a_limit_beyond_the_data_keeps_all(packed_digits):
    train, _ = packed_digits(train_limit=100_000)
    assert len(train.labels) == 1437


def test_a_limit_below_the_number_of_classes_is_refused_by_its_key(packed_digits):
    with pytest.raises(KdbenchError, match="data.test_limit: 9 images cannot show 10 classes: set it to 10 or more"):
        packed_digits(test_limit=9)


def test_a_subset_has_exact_proportions_where_they_are_whole():
    labels = np.repeat([0, 1, 2], [10, 990, 1000])
    assert np.bincount(labels[stratified_subset(labels, 200, "limit")]).tolist() == [1, 99, 100]


def test_a_subset_leaves_no_class_out():
    labels = np.repeat([0, 1, 2], [1, 1, 998])
    assert np.bincount(labels[stratified_subset(labels, 10, "limit")]).tolist() == [1, 1, 8]


def test_a_subset_keeps_the_original_order_and_holds_no_image_twice():
    labels = np.random.RandomState(0).randint(0, 5, 1000)
    chosen = stratified_subset(labels, 333, "limit")
    assert len(chosen) == 333
    assert (np.diff(chosen) > 0).all()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_is_one_line_and_leaves_no_file(tmp_path, monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("kdbench.files.os.replace", fail)
    with pytest.raises(KdbenchError, match=r"R/train.safetensors: "):
        prepare(settings("digits"), tmp_path / "R")
    assert os.listdir(tmp_path / "R") == []


def test_the_catalogue_names_exactly_the_sources_that_can_be_loaded():
    from kdbench.data.catalogue import SOURCES
    from kdbench.data.torchvision_source import READERS

    assert set(SOURCES) == {*READERS, "digits", "image-folder"}


def test_an_unknown_source_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(KdbenchError, match='data.source: .*"cifar".*did you mean "cifar1'):
        prepare(settings("cifar"), tmp_path / "R")


def test_the_catalogue_imports_nothing_heavy():
    code = (
        "import sys, kdbench.data.catalogue, kdbench.data.places; "
        "print({'torch', 'torchvision', 'sklearn', 'PIL', 'numpy'} & set(sys.modules))"
    )
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.stdout.strip() == "set()"
