import json
import re

import numpy as np
import pytest

from kdbench.errors import KdbenchError
from kdbench.finished import read_metrics, read_predictions

RIGHT = {"predicted": np.array([1, 2]), "confidence": np.array([0.5, 0.75]), "correct": np.array([True, False])}


def test_what_a_run_left_is_read(tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps({"epochs": 5}))
    np.savez_compressed(tmp_path / "predictions-lenet.npz", **RIGHT)
    assert read_metrics(tmp_path) == {"epochs": 5}
    found = read_predictions(tmp_path, "lenet")
    assert [array.tolist() for array in found] == [[1, 2], [0.5, 0.75], [True, False]]


@pytest.mark.parametrize(
    ("text", "complaint"), [(None, "no such file"), ("{", "not valid JSON"), ("[]", "no JSON object")]
)
def test_metrics_that_cannot_be_read_are_named(tmp_path, text, complaint):
    if text is not None:
        (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(KdbenchError, match=f"{re.escape(str(tmp_path))}/metrics.json: .*{complaint}"):
        read_metrics(tmp_path)


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped", "empty", "without an array"])
def test_damaged_predictions_are_named(tmp_path, damage):
    path = tmp_path / "predictions-lenet.npz"
    np.savez(path, **(RIGHT if damage != "without an array" else {"predicted": RIGHT["predicted"]}))
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "flipped":
        at = whole.index(b"\x93NUMPY") + 100
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
    elif damage == "empty":
        path.write_bytes(b"")
    with pytest.raises(KdbenchError, match=f"{re.escape(str(path))}: .*run snakemake"):
        read_predictions(tmp_path, "lenet")
