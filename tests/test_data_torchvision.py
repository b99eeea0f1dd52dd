"""The data sets that torchvision reads, from files of the same format."""

import os
import shutil
import tarfile
from urllib.error import URLError

import numpy as np
import pytest
from torchvision import datasets

from kdbench.data.load import load_raw
from kdbench.data.prepare import prepare
from kdbench.data.store import load_packed
from kdbench.errors import KdbenchError
from tests.data_files import pack, real_data, settings, write_cifar, write_emnist, write_idx, write_mnist, write_svhn


@pytest.fixture(autouse=True)
def no_network(tmp_path, monkeypatch):
    """An empty working directory, no KDBENCH_DATA, and every download failing as without a network."""

    def fail(*_):
        raise URLError("no route\nto host")

    for dataset in (datasets.CIFAR10, datasets.MNIST, datasets.EMNIST, datasets.SVHN):
        monkeypatch.setattr(dataset, "download", fail)
    monkeypatch.delenv("KDBENCH_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("source", "name"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST"), ("kmnist", "KMNIST")]
)
def test_the_mnist_family_is_read_bit_by_bit(tmp_path, source, name):
    images = write_mnist(tmp_path / "data", name)
    raw = load_raw(settings(source))
    assert np.array_equal(raw.train_images, images["train"])
    assert np.array_equal(raw.test_images, images["t10k"])
    assert raw.test_labels.tolist() == list(range(10))
    assert raw.classes == tuple(getattr(datasets, name).classes)


def test_emnist_is_read_in_the_chosen_variant_and_turned_upright(tmp_path):
    stored = write_emnist(tmp_path / "data", "bymerge", np.arange(47))
    raw = load_raw(settings("emnist", variant="bymerge"))
    assert np.array_equal(raw.train_images[5], stored[5].T)
    assert len(raw.classes) == 47


def test_emnist_letters_have_26_classes_counted_from_0(tmp_path):
    write_emnist(tmp_path / "data", "letters", np.arange(1, 27))
    raw = load_raw(settings("emnist", variant="letters"))
    assert raw.classes == tuple("abcdefghijklmnopqrstuvwxyz")
    assert raw.train_labels.tolist() == list(range(26))


def test_an_unknown_emnist_variant_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(KdbenchError, match='data.variant: .*"letter".*did you mean "letters"'):
        load_raw(settings("emnist", variant="letter"))


@pytest.mark.parametrize(("source", "dataset"), [("cifar10", datasets.CIFAR10), ("cifar100", datasets.CIFAR100)])
def test_cifar_is_read_bit_by_bit(tmp_path, monkeypatch, source, dataset):
    images = write_cifar(tmp_path / "data", dataset, monkeypatch)
    raw = load_raw(settings(source))
    assert np.array_equal(raw.train_images, images)
    assert len(raw.test_images) == 10
    assert raw.train_labels[:3].tolist() == [0, 7, 14 % len(raw.classes)]
    assert raw.classes[-1] == f"class{len(raw.classes) - 1}"


def test_svhn_is_read_with_the_label_10_as_0(tmp_path, monkeypatch):
    images = write_svhn(tmp_path / "data", datasets.SVHN, monkeypatch)
    raw = load_raw(settings("svhn"))
    assert np.array_equal(raw.train_images[7], images[..., 7])
    assert raw.train_labels[8:11].tolist() == [9, 0, 1]
    assert raw.classes == tuple("0123456789")


def test_a_cifar_file_with_another_checksum_is_never_unpickled(tmp_path, monkeypatch):
    write_cifar(tmp_path / "data", datasets.CIFAR10, monkeypatch)
    with open(tmp_path / "data/cifar-10-batches-py/data_batch_3", "ab") as file:
        file.write(b"!")
    monkeypatch.setattr("pickle.load", lambda *_, **__: pytest.fail("unpickled"))
    with pytest.raises(KdbenchError, match="^data: cifar-10-batches-py refused .*not as published; replace it"):
        load_raw(settings("cifar10"))


def test_a_cut_off_mnist_file_is_refused_by_name(tmp_path):
    write_mnist(tmp_path / "data", "MNIST")
    path = tmp_path / "data/MNIST/raw/train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(KdbenchError, match="^data: MNIST/raw refused .*replace it by the original"):
        load_raw(settings("mnist"))


def test_labels_that_do_not_fit_the_images_are_refused(tmp_path):
    write_mnist(tmp_path / "data", "MNIST")
    write_idx(tmp_path / "data/MNIST/raw/train-labels-idx1-ubyte", np.arange(19) % 10)
    with pytest.raises(KdbenchError, match="20 images, but labels"):
        load_raw(settings("mnist"))


def test_labels_beyond_the_classes_are_refused(tmp_path):
    write_mnist(tmp_path / "data", "MNIST")
    write_idx(tmp_path / "data/MNIST/raw/train-labels-idx1-ubyte", np.arange(20))
    with pytest.raises(KdbenchError, match="from 0 to 19, not within 0 to 9"):
        load_raw(settings("mnist"))


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz", ".tar.xz"])
def test_fashion_mnist_is_read_from_an_archive_that_stays_packed(tmp_path, suffix):
    images = write_mnist(tmp_path / "files", "FashionMNIST")
    archive = pack(tmp_path / "files", tmp_path / f"clothes{suffix}")
    shutil.rmtree(tmp_path / "files")
    raw = load_raw(settings("fashion-mnist", path=str(archive)))
    assert np.array_equal(raw.train_images, images["train"])
    assert os.listdir(tmp_path) == [archive.name]


def test_an_archive_named_after_the_source_is_found_in_the_data_folder(tmp_path, monkeypatch):
    write_mnist(tmp_path / "files", "FashionMNIST")
    (tmp_path / "shelf").mkdir()
    pack(tmp_path / "files", tmp_path / "shelf/fashion-mnist.tar.xz")
    monkeypatch.setenv("KDBENCH_DATA", "shelf")
    assert load_raw(settings("fashion-mnist")).origin == "torchvision's FashionMNIST, from fashion-mnist.tar.xz"


def test_the_published_cifar_archive_is_found_by_its_own_name(tmp_path, monkeypatch):
    write_cifar(tmp_path / "files", datasets.CIFAR10, monkeypatch)
    (tmp_path / "data").mkdir()
    pack(tmp_path / "files", tmp_path / "data/cifar-10-python.tar.gz")
    assert len(load_raw(settings("cifar10")).train_images) == 50


def test_an_archive_may_hold_one_folder_around_the_files(tmp_path):
    write_mnist(tmp_path / "files", "KMNIST")
    archive = pack(tmp_path / "files", tmp_path / "k.tar", top="download")
    assert len(load_raw(settings("kmnist", path=str(archive))).train_images) == 20


def test_an_archive_of_something_else_is_refused_by_name(tmp_path):
    write_mnist(tmp_path / "files", "KMNIST")
    archive = pack(tmp_path / "files", tmp_path / "k.tar")
    with pytest.raises(KdbenchError, match="k.tar: holds no MNIST/raw"):
        load_raw(settings("mnist", path=str(archive)))


def test_an_archive_that_writes_outside_its_folder_is_refused(tmp_path):
    (tmp_path / "evil").write_text("evil")
    with tarfile.open(tmp_path / "mnist.tar", "w") as tar:
        tar.add(tmp_path / "evil", arcname="../../kdbench-evil")
    with pytest.raises(KdbenchError, match="mnist.tar: refused as unsafe"):
        load_raw(settings("mnist", path="mnist.tar"))


def test_a_cut_off_archive_is_refused_by_name(tmp_path):
    write_mnist(tmp_path / "files", "MNIST")
    archive = pack(tmp_path / "files", tmp_path / "mnist.tar.xz")
    archive.write_bytes(archive.read_bytes()[:5000])
    with pytest.raises(KdbenchError, match="mnist.tar.xz: damaged archive .*: copy or download it again"):
        load_raw(settings("mnist", path="mnist.tar.xz"))


def test_kdbench_data_comes_before_the_folder_data(tmp_path, monkeypatch):
    write_mnist(tmp_path / "data", "MNIST", train=20)
    write_mnist(tmp_path / "shelf", "MNIST", train=30)
    monkeypatch.setenv("KDBENCH_DATA", str(tmp_path / "shelf"))
    assert len(load_raw(settings("mnist")).train_images) == 30


def test_the_folder_data_serves_what_kdbench_data_lacks(tmp_path, monkeypatch):
    write_mnist(tmp_path / "data", "MNIST")
    monkeypatch.setenv("KDBENCH_DATA", str(tmp_path / "shelf"))
    assert len(load_raw(settings("mnist")).train_images) == 20


def test_a_relative_path_also_counts_from_kdbench_data(tmp_path, monkeypatch):
    write_mnist(tmp_path / "shelf/digits", "MNIST")
    monkeypatch.setenv("KDBENCH_DATA", str(tmp_path / "shelf"))
    assert len(load_raw(settings("mnist", path="digits")).train_images) == 20


def test_data_that_are_nowhere_and_cannot_be_downloaded_are_asked_for_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("KDBENCH_DATA", "shelf")
    with pytest.raises(KdbenchError) as caught:
        load_raw(settings("cifar10"))
    message = str(caught.value)
    assert "\n" not in message
    for words in ("data.source cifar10", "cifar-10-batches-py", "shelf, data", "no route to host", "KDBENCH_DATA"):
        assert words in message


def test_a_failed_download_leaves_nothing_behind(tmp_path):
    with pytest.raises(KdbenchError):
        load_raw(settings("svhn"))
    assert list((tmp_path / "data").iterdir()) == []


def test_a_download_goes_to_the_folder_data_and_is_found_there_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.MNIST, "download", lambda self: write_mnist(self.root, "MNIST"))
    first = load_raw(settings("mnist"))
    monkeypatch.setattr(datasets.MNIST, "download", lambda self: pytest.fail("downloaded again"))
    again = load_raw(settings("mnist"))
    assert np.array_equal(first.train_images, again.train_images)
    assert first.origin == again.origin
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["MNIST"]


def test_a_download_goes_to_the_folder_that_path_names(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.setattr(datasets.MNIST, "download", lambda self: write_mnist(self.root, "MNIST"))
    load_raw(settings("mnist", path="mine"))
    assert (tmp_path / "mine/MNIST/raw").is_dir()
    assert not (tmp_path / "data").exists()


def test_an_interrupted_download_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(self):
        write_mnist(self.root, "MNIST")
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets.MNIST, "download", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_raw(settings("mnist"))
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.skipif(not real_data("fashion-mnist.tar.xz"), reason="needs KDBENCH_DATA with fashion-mnist.tar.xz")
def test_the_real_fashion_mnist_is_the_published_one(tmp_path):
    prepare(settings("fashion-mnist", path=real_data("fashion-mnist.tar.xz"), train_limit=1000), tmp_path / "R")
    test = load_packed(tmp_path / "R/test.safetensors")
    assert test.images.shape == (10000, 1, 28, 28)
    assert test.labels[:5].tolist() == [9, 2, 1, 1, 6]
