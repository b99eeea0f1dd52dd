"""The validation images that are held out of the training images."""

import pytest
import torch

from kdbench.data.split import validation_indices, write_split
from kdbench.data.store import read_metadata, read_tensors, write_tensors
from kdbench.errors import KdbenchError

LABELS = torch.arange(500) % 10


def test_every_class_gives_exactly_its_share():
    chosen = validation_indices(LABELS, 0.2, seed=0)
    assert torch.bincount(LABELS[chosen]).tolist() == [10] * 10


def test_unequal_classes_each_give_their_share():
    labels = torch.repeat_interleave(torch.arange(3), torch.tensor([10, 100, 890]))
    chosen = validation_indices(labels, 0.1, seed=3)
    assert torch.bincount(labels[chosen]).tolist() == [1, 10, 89]


def test_indices_are_int64_ascending_and_distinct():
    chosen = validation_indices(LABELS, 0.2, seed=0)
    assert chosen.dtype == torch.int64
    assert (chosen.diff() > 0).all()


def test_the_same_seed_gives_the_same_images_and_another_seed_others():
    assert torch.equal(validation_indices(LABELS, 0.2, seed=1), validation_indices(LABELS, 0.2, seed=1))
    assert not torch.equal(validation_indices(LABELS, 0.2, seed=1), validation_indices(LABELS, 0.2, seed=2))


def test_a_fraction_is_not_rounded_up_from_a_floating_point_error():
    labels = torch.arange(100) % 2
    assert len(validation_indices(labels, 0.07, seed=0)) == 7


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.2, 1.5, float("nan")])
def test_a_fraction_outside_0_to_1_is_refused(fraction):
    with pytest.raises(KdbenchError, match="data.validation_fraction: .* is not between 0 and 1"):
        validation_indices(LABELS, fraction, seed=0)


def test_a_class_with_one_image_is_refused_by_name():
    labels = torch.tensor([0] * 50 + [1])
    with pytest.raises(KdbenchError, match=r"class dog has 1 training image\(s\), too few to hold out 0.2"):
        validation_indices(labels, 0.2, seed=0, classes=["cat", "dog"])


def test_a_class_that_would_give_no_image_is_refused():
    labels = torch.tensor([0] * 500 + [1] * 2)
    with pytest.raises(KdbenchError, match=r"class 1 has 2 training image\(s\), too few"):
        validation_indices(labels, 0.1, seed=0)


def test_a_fraction_that_cannot_show_every_class_is_refused():
    with pytest.raises(KdbenchError, match="too few to hold out 0.01 of them"):
        validation_indices(LABELS, 0.01, seed=0)


@pytest.fixture
def train_path(tmp_path):
    facts = {"classes": '["0","1","2","3","4","5","6","7","8","9"]', "mean": "[0.5]", "std": "[0.2]"}
    images = torch.zeros(500, 1, 2, 2, dtype=torch.uint8)
    write_tensors(tmp_path / "train.safetensors", {"images": images, "labels": LABELS}, facts)
    return tmp_path / "train.safetensors"


def test_the_split_file_holds_every_image_once(train_path, tmp_path):
    write_split(train_path, 0.2, 0, tmp_path / "split.safetensors")
    split = read_tensors(tmp_path / "split.safetensors")
    assert {name: len(indices) for name, indices in split.items()} == {"validation": 100, "training": 400}
    assert torch.cat([split["training"], split["validation"]]).sort().values.tolist() == list(range(500))
    assert all((indices.diff() > 0).all() for indices in split.values())


def test_the_split_file_names_the_images_it_was_made_from(train_path, tmp_path):
    write_split(train_path, 0.2, 7, tmp_path / "split.safetensors")
    metadata = read_metadata(tmp_path / "split.safetensors")
    assert metadata["train"] == read_metadata(train_path)["digest"]
    assert (metadata["fraction"], metadata["seed"]) == ("0.2", "7")


def test_the_split_file_is_the_same_every_time(train_path, tmp_path):
    write_split(train_path, 0.2, 0, tmp_path / "one")
    write_split(train_path, 0.2, 0, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
