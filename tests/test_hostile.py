"""Files that others made and that mean harm: none of them runs code, writes elsewhere, or becomes part of the page.

Hostile archives are in test_data_image_folder.py and test_data_torchvision.py, CIFAR's pickles in the latter, weights
in test_weights.py, titles on the page in test_page.py.
"""

import json
import pickle
import re
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from kdbench.classroom.checkpoint import load_checkpoint, save_checkpoint
from kdbench.errors import KdbenchError
from kdbench.report.claims import write_claims
from kdbench.report.collect import write_results
from kdbench.report.figures.draw import draw_figure
from kdbench.report.figures.examples import write_examples
from kdbench.report.page.page import write_page
from kdbench.report.tables import write_tables
from tests.synthetic_study import CLASSES, TEST_IMAGES, study_config, write_study

CLASS_NAME = '"/><script>alert(1)</script>&{{7*7}}'


class Hostile:
    """Unpickled, it makes a file called pwned."""

    def __reduce__(self):
        return (open, ("pwned", "w"))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not (tmp_path / "pwned").exists()


def zipped(value):
    path = "made-by-torch.pt"
    torch.save(value, path)
    with open(path, "rb") as file:
        return file.read()


def scripts(figure):
    return [element for element in ElementTree.fromstring(figure).iter() if element.tag.endswith("script")]


@pytest.mark.parametrize("pickled", [lambda value: pickle.dumps(value, 2), zipped], ids=["pickle", "torch"])
def test_a_checkpoint_that_would_run_code_is_refused_and_costs_its_epochs_only(here, capsys, pickled):
    (here / "checkpoint.pt").write_bytes(pickled({"identity": {"code": "a"}, "pupils": Hostile()}))
    assert load_checkpoint(here, {"code": "a"}) is None
    assert "unreadable checkpoint, starting over" in capsys.readouterr().err
    save_checkpoint(here, {"code": "a"}, {"pupils": torch.ones(2)})
    assert load_checkpoint(here, {"code": "a"}) is not None


@pytest.fixture
def study(here):
    """One seed of the paper's runs, made up, whose classes bear a hostile name."""
    config = study_config(here / "results", seeds=[1])
    write_study(config)
    test = here / "results/data/test.safetensors"
    test.parent.mkdir(parents=True, exist_ok=True)
    images = np.random.default_rng(0).integers(0, 256, (TEST_IMAGES, 3, 8, 8), dtype=np.uint8)
    tensors = {"images": images, "labels": np.arange(TEST_IMAGES) % CLASSES}
    save_file(tensors, test, metadata={"classes": json.dumps([CLASS_NAME] * CLASSES)})
    return config


def test_a_class_name_is_text_in_the_figures_and_no_part_of_the_page(study):
    results = study.results
    write_examples(study, results)
    write_results(study, results)
    write_tables(study, results)
    write_claims(study, results)
    for number in range(1, 7):
        draw_figure(number, study, results)
        assert not scripts((results / f"figures/figure{number}.svg").read_text())
    assert b"<script>" not in (results / "figures/figure4.svg").read_bytes()
    write_page(study, results)
    page = (results / "report.html").read_text()
    figures = [unquote(figure) for figure in re.findall(r'"data:image/svg\+xml,([^"]*)"', page)]
    assert '>✓ vanilla: "/&gt;&lt;script&gt;alert(1)' in "".join(figures)
    assert not [figure for figure in figures if scripts(figure)]
    assert "alert(1)" not in re.sub(r'"data:image/svg\+xml,[^"]*"', "", page)


@pytest.mark.parametrize("reader", [write_examples, write_claims])
def test_predictions_that_would_run_code_are_refused_by_name(study, reader):
    write_results(study, study.results)
    for path in study.results.glob("runs/*/seed1/predictions-*.npz"):
        np.savez(path, predicted=np.array([Hostile()]), confidence=np.ones(1), correct=np.array([Hostile()]))
    with pytest.raises(KdbenchError, match=r"predictions-\w+.npz: damaged file"):
        reader(study, study.results)
