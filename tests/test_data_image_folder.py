"""Images in class folders: the layouts and formats that are read, and what is refused with which words."""

import io
import os
import shutil
import string
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kdbench.data import tree
from kdbench.data.image_folder import image_places
from kdbench.data.load import load_raw
from kdbench.errors import KdbenchError
from tests.data_files import pack, random_images, real_data, settings, write_image_folder

ARCHIVES = ["images.tar", "images.tar.gz", "images.tgz", "images.tar.xz"]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("KDBENCH_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def images(tmp_path):
    """Two classes, cat and dog, with three training and two test images each: colour, 24x24."""
    return write_image_folder(tmp_path / "images")


def load(path, **changes):
    return load_raw(settings("image-folder", path=str(path), **changes))


def complaint(path, **changes):
    """The one line that loading ``path`` is refused with."""
    with pytest.raises(KdbenchError) as caught:
        load(path, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def saved(image, kind="PNG", **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def first_pixel(images, data, **changes):
    """What the file with the bytes ``data``, as the first training image, gives in its upper left corner."""
    (images / "train/cat/0.png").write_bytes(data)
    return load(images, **changes).train_images[0, 0, 0].tolist()


def archive_with(images, name, *extra):
    """The images as a tar archive that holds the ``extra`` members too."""
    path = pack(images, images.parent / name)
    with tarfile.open(path, "a") as tar:
        for member, data in extra:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def link(name, target, kind):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_images_come_sorted_by_class_and_name(images):
    raw = load(images)
    assert raw.classes == ("cat", "dog")
    assert raw.train_labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert raw.test_labels.tolist() == [0, 0, 1, 1]
    assert np.array_equal(raw.train_images[4], np.asarray(Image.open(images / "train/dog/1.png")))


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_gives_the_same_as_its_folder_whatever_its_order(images, name):
    folder, archive = load(images), load(pack(images, images.parent / name))
    assert np.array_equal(folder.train_images, archive.train_images)
    assert np.array_equal(folder.test_images, archive.test_images)
    assert np.array_equal(folder.train_labels, archive.train_labels)


def test_nothing_of_an_archive_is_written_to_disk(images, tmp_path):
    archive = pack(images, tmp_path / "images.tar.gz")
    shutil.rmtree(images)
    load(archive)
    assert os.listdir(tmp_path) == ["images.tar.gz"]


def test_one_folder_around_train_and_test_is_accepted(images, tmp_path):
    assert len(load(tmp_path).train_images) == 6
    assert len(load(pack(images, tmp_path / "a.tar", top="pets")).train_images) == 6


def test_a_class_may_be_named_test(tmp_path):
    raw = load(write_image_folder(tmp_path / "images", ("test", "train")))
    assert raw.classes == ("test", "train")


def test_names_with_a_leading_dot_and_slash_are_accepted(images, tmp_path):
    archive = pack(images, tmp_path / "a.tar", top="./.")
    assert len(load(archive).train_images) == 6


def test_what_operating_systems_leave_behind_is_ignored(images):
    for name in (".DS_Store", "._0.png", "Thumbs.db"):
        (images / "train/cat" / name).write_bytes(b"no image")
    (images / "train/.cache").mkdir()
    (images / "train/.cache/0.png").write_bytes(b"no image")
    assert len(load(images).train_images) == 6
    assert len(load(pack(images, images.parent / "a.tar")).train_images) == 6


def test_files_beside_the_class_folders_are_ignored(images):
    (images / "LICENSE").write_text("free")
    (images / "train/labels.csv").write_text("0,cat")
    assert len(load(images).train_images) == 6


def test_26_grey_classes_are_read_as_grey(tmp_path):
    classes = tuple(string.ascii_lowercase)
    raw = load(write_image_folder(tmp_path / "letters", classes, train=1, test=1, kind="grey"))
    assert raw.classes == classes
    assert raw.train_images.shape == (26, 24, 24)


def test_one_colour_image_makes_all_colour(tmp_path):
    folder = write_image_folder(tmp_path / "images", kind="grey")
    grey = np.asarray(Image.open(folder / "test/dog/0.png"))
    Image.fromarray(random_images(24, 24, 3)).save(folder / "train/cat/1.png")
    raw = load(folder)
    assert raw.train_images.shape == (6, 24, 24, 3)
    assert np.array_equal(raw.test_images[2], np.stack([grey] * 3, axis=2))


def test_images_of_different_sizes_are_resized_while_they_are_read(images):
    Image.fromarray(random_images(50, 30, 3)).save(images / "train/cat/1.png")
    assert load(images, image_size=16).train_images.shape == (6, 16, 16, 3)


def test_colour_becomes_grey_by_its_luma(images):
    assert first_pixel(images, saved(Image.new("RGB", (24, 24), (255, 0, 0))), channels=1) == 76


def test_transparent_parts_become_white(images):
    assert first_pixel(images, saved(Image.new("RGBA", (24, 24), (0, 0, 0, 0)))) == [255, 255, 255]


def test_a_palette_gives_its_colours(images):
    image = Image.new("P", (24, 24), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    assert first_pixel(images, saved(image)) == [10, 20, 30]


def test_a_grey_palette_stays_grey(tmp_path):
    folder = write_image_folder(tmp_path / "images", kind="grey")
    image = Image.new("P", (24, 24), 1)
    image.putpalette([0, 0, 0, 77, 77, 77])
    assert first_pixel(folder, saved(image)) == 77


def test_16_bit_grey_is_scaled_not_clipped(tmp_path):
    folder = write_image_folder(tmp_path / "images", kind="grey")
    assert first_pixel(folder, saved(Image.fromarray(np.full((24, 24), 257 * 100, np.uint16)))) == 100


def test_black_and_white_becomes_0_and_255(tmp_path):
    folder = write_image_folder(tmp_path / "images", kind="grey")
    assert first_pixel(folder, saved(Image.new("1", (24, 24), 1))) == 255


def test_grey_with_transparency_stays_grey(tmp_path):
    folder = write_image_folder(tmp_path / "images", kind="grey")
    assert first_pixel(folder, saved(Image.new("LA", (24, 24), (40, 255)))) == 40


def test_cmyk_becomes_colour(images):
    assert first_pixel(images, saved(Image.new("CMYK", (24, 24)), "TIFF")) == [255, 255, 255]


def test_a_missing_path_is_named_with_the_places_searched(tmp_path, monkeypatch):
    monkeypatch.setenv("KDBENCH_DATA", "shelf")
    assert complaint("nowhere").startswith(
        "data.path: nowhere not found: looked for nowhere and shelf/nowhere and data/nowhere: "
    )


def test_a_path_below_kdbench_data_is_found(images, tmp_path, monkeypatch):
    pack(images, tmp_path / "pets.tar.xz")
    monkeypatch.setenv("KDBENCH_DATA", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load("pets.tar.xz").origin == "image folder pets.tar.xz"


def test_no_path_is_asked_for():
    with pytest.raises(KdbenchError, match="data.path: source image-folder needs it"):
        load_raw(settings("image-folder"))


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "images.zip").write_bytes(b"PK")
    assert "images.zip is no folder and no archive (.tar, .tar.gz, .tgz, .tar.xz)" in complaint("images.zip")


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "images").mkdir()
    assert complaint("images").startswith("images: empty: put images there")


def test_an_empty_archive_is_refused(tmp_path):
    tarfile.open(tmp_path / "images.tar", "w").close()
    assert complaint("images.tar").startswith("images.tar: empty: put images there")


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_missing_split_is_named(images, split):
    shutil.rmtree(images / split)
    assert complaint(images).startswith(f"{images}: no images in {split}/<class>/: put them there")


def test_two_data_sets_in_one_folder_are_refused(tmp_path):
    write_image_folder(tmp_path / "both/cats")
    write_image_folder(tmp_path / "both/dogs")
    assert "several data sets, in cats, dogs: keep one" in complaint("both")


def test_classes_that_differ_between_the_splits_are_named(images):
    (images / "test/dog").rename(images / "test/wolf")
    assert f"{images}: train/ lacks wolf and test/ lacks dog: " in complaint(images)


def test_a_single_class_is_refused(tmp_path):
    write_image_folder(tmp_path / "images", ("cat",))
    assert "images: only one class, cat: " in complaint("images")


def test_every_unreadable_image_is_named_in_one_error(images):
    (images / "train/cat/1.png").write_bytes(b"")
    (images / "train/dog/2.png").write_bytes(b"no image at all")
    path = images / "test/dog/0.png"
    path.write_bytes(path.read_bytes()[:400])
    message = complaint(images)
    assert message.startswith(f"{images}: 3 unreadable image(s): test/dog/0.png (")
    assert "train/cat/1.png (empty file), train/dog/2.png (no image, or cut off): replace or remove them" in message


def test_a_broken_link_is_named_as_unreadable(images):
    (images / "train/cat/9.png").symlink_to("nowhere.png")
    assert "1 unreadable image(s): train/cat/9.png (" in complaint(images)


def test_a_decompression_bomb_is_named_as_unreadable(images, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    Image.new("L", (40, 40)).save(images / "train/cat/1.png")
    message = complaint(images)
    assert "1 unreadable image(s): train/cat/1.png (" in message
    assert "decompression bomb" in message


def test_a_file_larger_than_any_image_is_named_as_unreadable(images, monkeypatch):
    monkeypatch.setattr(tree, "LARGEST_FILE", 5000)
    monkeypatch.setattr("kdbench.data.pixels.LARGEST_FILE", 5000)
    (images / "train/cat/1.png").write_bytes(bytes(6000))
    assert "1 unreadable image(s): train/cat/1.png (larger than" in complaint(images)


def test_floating_point_images_are_named_as_unreadable(images):
    (images / "train/cat/1.tif").write_bytes(saved(Image.new("F", (24, 24), 0.5), "TIFF"))
    assert "train/cat/1.tif (floating-point values have no fixed range)" in complaint(images)


def test_different_sizes_without_image_size_are_refused_with_the_remedy(images):
    Image.fromarray(random_images(50, 30, 3)).save(images / "train/cat/1.png")
    assert complaint(images) == (
        f"{images}: images differ in size (9 of 24x24, 1 of 30x50): set data.image_size to resize them"
    )


def test_an_archive_member_outside_the_archive_is_refused(images, tmp_path):
    archive = archive_with(images, "evil.tar", (tarfile.TarInfo("train/cat/../../../evil.png"), b"evil"))
    assert "evil.tar: refused, as its member train/cat/../../../evil.png lies outside it" in complaint(archive)
    assert not (tmp_path.parent / "evil.png").exists()


def test_an_archive_member_with_an_absolute_path_is_refused(images):
    archive = archive_with(images, "evil.tar", (tarfile.TarInfo("/train/cat/evil.png"), b"evil"))
    assert "its member /train/cat/evil.png lies outside it" in complaint(archive)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_an_archive_with_a_link_or_device_is_refused(images, kind):
    archive = archive_with(images, "links.tar", (link("train/cat/9.png", "/etc/passwd", kind), b""))
    assert "its member train/cat/9.png is a link or device: pack the folder anew" in complaint(archive)


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_cut_off_archive_is_refused_wherever_it_is_cut(images, name, part):
    archive = pack(images, images.parent / name)
    data = archive.read_bytes().rstrip(b"\0")
    archive.write_bytes(data[: int(len(data) * part)])
    assert f"{name}: damaged archive" in complaint(archive)


def test_an_archive_cut_off_between_two_members_is_refused(images):
    archive = pack(images, images.parent / "images.tar")
    with tarfile.open(archive) as tar:
        end = tar.getmembers()[6].offset
    archive.write_bytes(archive.read_bytes()[:end])
    assert "images.tar: damaged archive (unexpected end of data)" in complaint(archive)


def test_of_a_member_that_stands_twice_the_last_one_counts(images):
    data = saved(Image.new("RGB", (24, 24), (1, 2, 3)))
    archive = archive_with(images, "twice.tar", (tarfile.TarInfo("train/cat/0.png"), data))
    raw = load(archive)
    assert len(raw.train_images) == 6
    assert raw.train_images[0, 0, 0].tolist() == [1, 2, 3]


@pytest.mark.skipif(not real_data("cifar10-jpeg.tar.xz"), reason="needs KDBENCH_DATA with cifar10-jpeg.tar.xz")
def test_the_jpeg_cifar_archive_holds_5000_and_1000_images_of_each_class():
    places = image_places(Path(real_data("cifar10-jpeg.tar.xz")))
    counts = Counter((place.split, place.label) for place in places.values())
    assert len(counts) == 20
    assert all(count == {"train": 5000, "test": 1000}[split] for (split, _), count in counts.items())
