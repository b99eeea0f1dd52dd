"""Tensor files: written whole, the same for the same content, refused when damaged."""

import errno
import os

import pytest
import torch
from safetensors.torch import load_file, save_file

from kdbench.data.store import content_digest, load_packed, read_metadata, read_tensors, write_tensors
from kdbench.errors import KdbenchError

TENSORS = {
    "images": torch.arange(2 * 3 * 5 * 5, dtype=torch.uint8).view(2, 3, 5, 5),
    "labels": torch.tensor([1, 0]),
    "logits": torch.randn(3, 7, generator=torch.Generator().manual_seed(0)).half(),
    "brief": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    "mask": torch.tensor([True, False, True]),
    "scalar": torch.tensor(3.25, dtype=torch.float64),
    "none": torch.zeros(0, 4),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tensors.safetensors"


def test_what_is_written_is_read_back(path):
    write_tensors(path, TENSORS, {"about": "a test"})
    tensors = read_tensors(path)
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


def test_the_file_is_one_that_safetensors_reads(path):
    write_tensors(path, TENSORS)
    assert torch.equal(load_file(path)["logits"], TENSORS["logits"])


def test_a_tensor_that_is_not_contiguous_is_written_by_its_values(path):
    write_tensors(path, {"turned": TENSORS["images"].permute(0, 2, 3, 1)})
    assert torch.equal(read_tensors(path)["turned"], TENSORS["images"].permute(0, 2, 3, 1))


def test_metadata_carry_the_digest_beside_what_was_given(path):
    digest = write_tensors(path, TENSORS, {"about": "a test", "other": "ä\n"})
    assert read_metadata(path) == {"about": "a test", "other": "ä\n", "digest": digest}


def test_the_order_in_which_things_are_given_does_not_change_the_bytes(path, tmp_path):
    write_tensors(path, TENSORS, {"a": "1", "b": "2"})
    write_tensors(tmp_path / "other", dict(reversed(TENSORS.items())), {"b": "2", "a": "1"})
    assert path.read_bytes() == (tmp_path / "other").read_bytes()


@pytest.mark.parametrize(
    "other",
    [
        {"x": torch.tensor([1, 3])},
        {"y": torch.tensor([1, 2])},
        {"x": torch.tensor([[1, 2]])},
        {"x": torch.tensor([1, 2], dtype=torch.int32)},
        {"x": torch.tensor([1, 2]), "y": torch.zeros(0)},
    ],
)
def test_the_digest_depends_on_values_names_shapes_and_types(other):
    assert content_digest(other) != content_digest({"x": torch.tensor([1, 2])})


@pytest.mark.parametrize("length", [0, 5, 100, -1])
def test_a_cut_off_file_is_refused_with_the_remedy(path, length):
    write_tensors(path, TENSORS)
    path.write_bytes(path.read_bytes()[:length])
    for read in (read_tensors, read_metadata):
        with pytest.raises(KdbenchError, match=r"tensors.safetensors: damaged file .*: delete it and run again"):
            read(path)


def test_a_changed_byte_is_noticed(path):
    write_tensors(path, {"images": TENSORS["images"]})
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(KdbenchError, match="damaged file .*digest.*: delete it and run again"):
        read_tensors(path)
    assert read_tensors(path, verify=False).keys() == {"images"}


def test_a_file_without_digest_is_read_all_the_same(path):
    save_file({"x": torch.ones(2)}, path)
    assert read_tensors(path)["x"].tolist() == [1, 1]


def test_a_missing_file_is_named_with_the_remedy(path):
    with pytest.raises(KdbenchError, match="tensors.safetensors: no such file: run again the step that writes it"):
        read_tensors(path)


def test_tensors_that_are_no_packed_images_are_refused(path):
    write_tensors(path, {"images": TENSORS["images"]})
    with pytest.raises(KdbenchError, match="no packed images: it lacks 'labels'"):
        load_packed(path)


def test_changing_a_tensor_that_was_read_leaves_the_file_as_it_is(path):
    write_tensors(path, TENSORS)
    before = path.read_bytes()
    read_tensors(path)["images"].zero_()
    assert path.read_bytes() == before


def test_a_disk_that_fills_while_writing_is_one_line_and_leaves_no_file(path, monkeypatch):
    class FullFile:
        def __init__(self, name, mode):
            self.file = open(name, mode)  # noqa: SIM115

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            self.file.write(data[:1])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("kdbench.data.store.open", FullFile, raising=False)
    with pytest.raises(KdbenchError, match="tensors.safetensors: no space left on the disk: free some"):
        write_tensors(path, TENSORS)
    assert os.listdir(path.parent) == []
