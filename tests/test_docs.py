"""Pages of the docs that are printed by commands are what those commands print."""

import re

from torchvision import datasets

from kdbench.data.load import load_raw
from kdbench.report.config_reference import config_reference
from kdbench.report.network_table import markdown_table, network_rows
from tests.conftest import ROOT
from tests.data_files import settings, write_cifar


def test_the_configuration_reference_is_that_of_the_typed_configuration():
    assert (ROOT / "docs/configuration.md").read_text() == config_reference()


def test_the_table_of_networks_is_that_of_the_zoo():
    assert markdown_table(list(network_rows(32, 3, 10))) in (ROOT / "docs/networks.md").read_text()


def test_the_jpeg_files_are_made_as_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KDBENCH_DATA", raising=False)
    original = write_cifar(tmp_path / "data", datasets.CIFAR10, monkeypatch)
    [script] = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/cifar10-jpeg.md").read_text(), re.M | re.S)
    exec(script, {})  # noqa: S102
    read = load_raw(settings("image-folder", path="cifar10-jpeg"))
    assert len(read.train_images) == len(original) and len(read.test_images) > 0
    assert read.train_images[0].shape == (32, 32, 3) and len(read.classes) == 10
