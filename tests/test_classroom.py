"""Training: one loop for every method, repeatable, resumable, and watchful."""

import json
import resource
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from kdbench.classroom import train as training_step
from kdbench.classroom.augment import augment, draw_changes
from kdbench.classroom.epochs import batches, steps_per_epoch, train_epoch
from kdbench.classroom.losses import Losses
from kdbench.classroom.outputs import write_outputs
from kdbench.classroom.train import train
from kdbench.config import Augmentation, check_config
from kdbench.data.store import read_tensors
from kdbench.errors import KdbenchError
from kdbench.files import write_json
from kdbench.objectives.prediction import Prediction
from kdbench.overlay import merge
from kdbench.plan import Plan

SMALL = {
    "teacher": {"network": {"name": "resnet8", "width": 0.25}, "training": {"epochs": 2, "batch_size": 16}},
    "training": {"epochs": 3, "batch_size": 16},
    "students": [
        {"name": "a", "network": {"name": "lenet"}},
        {"name": "b", "network": {"name": "mobilenet", "width": 0.05}},
        {"name": "c", "network": {"name": "alexnet", "width": 0.05}},
    ],
    "peer": {"weights": [0.1, 0.8, 0.1]},
}


@pytest.fixture
def small(values):
    return merge(values, SMALL)


@pytest.fixture
def taught(small_results, small):
    """A results folder with a finished teacher."""
    plan = Plan(check_config(small))
    train([plan.run("teacher", 1)], small_results, 1)
    write_outputs(plan.run("teacher", 1), small_results, 1)
    return small_results


def run(values, name, results, seed=1):
    settings = Plan(check_config(values)).run(name, seed)
    train([settings], results, 1)
    return settings.folder(results)


def records(folder):
    """All that must be the same when a run is repeated."""
    metrics = json.loads((folder / "metrics.json").read_text())
    predictions = {path.name: path.read_bytes() for path in sorted(folder.glob("predictions-*.npz"))}
    weights = {path.name: path.read_bytes() for path in sorted(folder.glob("weights-*.safetensors"))}
    return metrics["learners"], (folder / "history.csv").read_text(), predictions, weights


@pytest.mark.parametrize("name", ["scratch-c", "vanilla-b", "peer", "alternate-a+b"])
def test_a_run_repeated_gives_the_same_bits(taught, small, name):
    first = records(run(small, name, taught))
    shutil.rmtree(taught / "runs" / name)
    assert records(run(small, name, taught)) == first


def test_a_run_leaves_what_the_contract_names_and_nothing_else(taught, small):
    folder = run(small, "peer", taught)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["metrics.json", "history.csv"]
        + [f"predictions-{name}.npz" for name in "abc"]
        + [f"weights-{name}.safetensors" for name in "abc"]
    )


def test_the_figures_of_a_run_are_those_of_its_predictions(taught, small):
    folder = run(small, "vanilla-a", taught)
    predictions = np.load(folder / "predictions-a.npz")
    labels = read_tensors(taught / "data" / "test.safetensors")["labels"].numpy()
    assert ((predictions["predicted"] == labels) == predictions["correct"]).all()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["learners"]["a"]["test_accuracy"] == pytest.approx(100 * predictions["correct"].mean())
    assert metrics["settings"]["training"]["epochs"] == 3


def test_stored_outputs_are_the_finished_networks_logits_on_all_training_images(taught):
    logits = read_tensors(taught / "runs/teacher/seed1/outputs-teacher.safetensors")["logits"]
    assert logits.shape == (96, 4)
    assert logits.dtype == torch.float32


def watched_epochs(monkeypatch, whole_epoch):
    """A list that fills with the numbers of the epochs trained from now on."""
    epochs = []

    def watched(room, epoch):
        epochs.append(epoch)
        whole_epoch(room, epoch)

    monkeypatch.setattr(training_step, "train_epoch", watched)
    return epochs


@pytest.mark.parametrize("stop_after", [1, 2])
def test_a_run_stopped_after_an_epoch_continues_to_the_same_bits(taught, small, monkeypatch, stop_after):
    undisturbed = records(run(small, "peer", taught))
    shutil.rmtree(taught / "runs/peer")
    whole_epoch, done = training_step.train_epoch, []

    def stops(room, epoch):
        if len(done) == stop_after:
            raise KeyboardInterrupt
        done.append(epoch)
        whole_epoch(room, epoch)

    monkeypatch.setattr(training_step, "train_epoch", stops)
    with pytest.raises(KeyboardInterrupt):
        run(small, "peer", taught)
    assert [path.name for path in (taught / "runs/peer/seed1").iterdir()] == ["checkpoint.pt"]
    epochs = watched_epochs(monkeypatch, whole_epoch)
    folder = run(small, "peer", taught)
    assert epochs == list(range(stop_after + 1, 4))
    assert records(folder) == undisturbed
    assert not (folder / "checkpoint.pt").exists()


def test_a_checkpoint_of_another_configuration_is_refused_with_the_reason(taught, small, monkeypatch, capsys):
    whole_epoch = training_step.train_epoch

    def first_epoch_only(room, epoch):
        if epoch == 2:
            raise KeyboardInterrupt
        whole_epoch(room, epoch)

    monkeypatch.setattr(training_step, "train_epoch", first_epoch_only)
    with pytest.raises(KeyboardInterrupt):
        run(small, "scratch-a", taught)
    epochs = watched_epochs(monkeypatch, whole_epoch)
    run(merge(small, {"training": {"learning_rate": 0.01}}), "scratch-a", taught)
    assert epochs == [1, 2, 3]
    assert "checkpoint of another settings, starting over" in capsys.readouterr().err


def test_a_loss_that_is_no_number_names_run_epoch_and_learning_rate(taught, small):
    wild = merge(small, {"training": {"learning_rate": 100.0, "optimizer": "sgd", "epochs": 30}})
    with pytest.raises(
        KdbenchError, match=r"scratch-a seed 1: the loss of a became (nan|inf) in epoch \d+ .*rate 100\)"
    ):
        run(wild, "scratch-a", taught)
    assert not (taught / "runs/scratch-a/seed1/metrics.json").exists()


def test_outputs_made_from_other_images_are_refused(taught, small):
    path = taught / "data" / "train.safetensors"
    tensors = read_tensors(path)
    from kdbench.data.store import write_tensors

    facts = {"classes": '["a", "b", "c", "d"]', "mean": "[0.4]", "std": "[0.3]"}
    write_tensors(path, {**tensors, "images": tensors["images"].flip(3).contiguous()}, facts)
    with pytest.raises(KdbenchError, match="made from other training images"):
        run(small, "vanilla-a", taught)


def test_a_student_starts_from_the_same_weights_under_every_method(taught, small):
    frozen = merge(small, {"training": {"learning_rate": 1e-30, "optimizer": "sgd", "epochs": 1}})
    scratch = read_tensors(run(frozen, "scratch-a", taught) / "weights-a.safetensors")
    peer = read_tensors(run(frozen, "peer", taught) / "weights-a.safetensors")
    # Biases start at exactly zero, so even this learning rate leaves a trace in them.
    assert all(torch.allclose(scratch[name], peer[name], rtol=0, atol=1e-20) for name in scratch)


def test_another_seed_starts_from_other_weights(taught, small):
    frozen = merge(small, {"training": {"learning_rate": 1e-30, "optimizer": "sgd", "epochs": 1}})
    first = read_tensors(run(frozen, "scratch-a", taught, seed=1) / "weights-a.safetensors")
    second = read_tensors(run(frozen, "scratch-a", taught, seed=2) / "weights-a.safetensors")
    assert not torch.equal(first["classifier.0.weight"], second["classifier.0.weight"])


def test_peers_in_one_run_do_not_touch_each_other_when_only_labels_count(taught, small):
    alone = records(run(small, "scratch-a", taught))[3]["weights-a.safetensors"]
    deaf = merge(small, {"peer": {"weights": [1.0, 0.0, 0.0]}})
    joint = read_tensors(run(deaf, "peer", taught) / "weights-a.safetensors")
    stored = read_tensors(taught / "runs/scratch-a/seed1/weights-a.safetensors")
    assert alone
    for name, value in stored.items():
        assert torch.allclose(joint[name], value, atol=1e-5), name


def peer_losses(values, detach=True, combine="sum"):
    values = merge(values, {"peers": {"detach": detach, "combine": combine}})
    run = Plan(check_config(values)).run("peer", 1)
    return Losses(run, [term.weight for term in run.objective])


@pytest.fixture
def logits():
    generator = torch.Generator().manual_seed(3)
    return {name: torch.randn(8, 4, generator=generator).double().requires_grad_() for name in ("a", "b", "c", "t")}


def kl(p_logits, q_logits, temperature=10.0):
    p = torch.softmax(p_logits / temperature, 1)
    return temperature**2 * F.kl_div(torch.log_softmax(q_logits / temperature, 1), p, reduction="batchmean")


@pytest.mark.parametrize("combine", ["sum", "mean"])
def test_the_peer_loss_is_equation_1_of_the_paper(small, logits, combine):
    labels = torch.arange(8) % 4
    predictions = {name: Prediction(logits[name]) for name in "abc"}
    found = peer_losses(small, combine=combine)(predictions, labels, [Prediction(logits["t"])], [])
    peers = kl(logits["b"], logits["a"]) + kl(logits["c"], logits["a"])
    expected = (
        0.1 * F.cross_entropy(logits["a"], labels)
        + 0.8 * kl(logits["t"], logits["a"])
        + 0.1 * peers / (2 if combine == "mean" else 1)
    )
    assert found["a"]["total"].item() == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("detach", [True, False])
def test_gradients_flow_through_peers_only_where_configured(small, logits, detach):
    labels = torch.arange(8) % 4
    predictions = {name: Prediction(logits[name]) for name in "abc"}
    found = peer_losses(small, detach=detach)(predictions, labels, [Prediction(logits["t"].detach())], [])
    found["a"]["total"].backward()
    assert (logits["b"].grad is None) == detach


def test_validation_figures_are_of_the_images_held_out(taught, small):
    folder = run(merge(small, {"peer": {"weights": "weakest"}}), "tune-0.1-0.8-0.1", taught)
    header, *rows = (folder / "history.csv").read_text().splitlines()
    assert "validation_accuracy" in header.split(",")
    assert len(rows) == 3 * 3
    accuracy = json.loads((folder / "metrics.json").read_text())["learners"]["a"]["validation_accuracy"]
    # 24 images are held out, so accuracies are multiples of 1/24.
    assert (accuracy / 100 * 24) == pytest.approx(round(accuracy / 100 * 24))


def test_the_best_validation_epoch_may_be_reported(taught, small):
    chosen = merge(small, {"reported_epoch": "best-validation", "training": {"learning_rate": 0.02, "epochs": 4}})
    folder = run(chosen, "scratch-b", taught)
    lines = (folder / "history.csv").read_text().splitlines()
    column = lines[0].split(",").index("validation_accuracy")
    best = max(float(line.split(",")[column]) for line in lines[1:])
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["learners"]["b"]["validation_accuracy"] == pytest.approx(best)


def test_every_image_is_seen_once_an_epoch_and_no_batch_holds_one_alone():
    cuts = list(batches(65, 16, torch.Generator().manual_seed(1)))
    assert sorted(torch.cat(cuts).tolist()) == list(range(65))
    assert [len(cut) for cut in cuts] == [16, 16, 16, 17]


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 18, 32, 33, 64])
def test_steps_of_an_epoch_are_counted_as_they_are_cut(count):
    assert steps_per_epoch(count, 16) == len(list(batches(count, 16, torch.Generator())))


def test_augmented_images_are_flipped_and_shifted_copies():
    images = torch.randint(1, 255, (50, 3, 8, 8), dtype=torch.uint8)
    draws = torch.Generator().manual_seed(0)
    (changes,) = draw_changes(Augmentation(flip=True, shift=2), [50], draws, torch.device("cpu"))
    changed = augment(images, changes)
    assert changed.shape == images.shape and changed.dtype == torch.uint8
    padded = F.pad(images, (2,) * 4)
    for before, after in zip(padded, changed, strict=True):
        candidates = [
            window
            for image in (before, before.flip(2))
            for window in (image[:, down : down + 8, right : right + 8] for down in range(5) for right in range(5))
        ]
        assert any(torch.equal(after, candidate) for candidate in candidates)


def test_a_disk_that_takes_no_more_gives_one_line_and_leaves_nothing_behind(small_results, small):
    settings = Plan(check_config(small)).run("scratch-a", 1)

    def small_files_only():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        [sys.executable, "-m", "kdbench", "train", settings.model_dump_json(), "--results", str(small_results)],
        preexec_fn=small_files_only,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "checkpoint.pt: larger than the file system or your limit" in done.stderr
    assert list(settings.folder(small_results).iterdir()) == []


def test_a_results_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(KdbenchError, match=r"file/metrics\.json: .* choose another results folder"):
        write_json(tmp_path / "file" / "metrics.json", {})


def test_a_gpu_asked_for_where_there_is_none_is_refused(small_results, small):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(KdbenchError, match="torch sees no GPU"):
        run({**small, "device": "cuda"}, "teacher", small_results)


def test_a_student_that_starts_from_another_run_is_taken_from_a_study_only_with_the_same_start(taught, small, tmp_path):
    values = {**small, "methods": ["scratch", "vanilla", "quantised"]}
    for name in ("vanilla-a", "quantised-8-a"):
        run(values, name, taught)
    others = {"the same": values, "another start": merge(values, {"vanilla": {"alpha_weighs": "teacher"}})}
    for name, changed in others.items():
        results = tmp_path / name
        shutil.copytree(taught, results)
        shutil.rmtree(results / "runs/vanilla-a")
        shutil.rmtree(results / "runs/quantised-8-a")
        plan = Plan(check_config(changed))
        for run_name in ("vanilla-a", "quantised-8-a"):
            train([plan.run(run_name, 1)], results, 1, reuse=taught)
        assert (results / "runs/quantised-8-a/seed1/metrics.json").is_symlink() == (name == "the same")


def test_a_learner_that_predicts_no_numbers_at_the_end_is_told_by_name(taught, small, monkeypatch):
    def ruined(room, epoch):
        train_epoch(room, epoch)
        for value in room.pupils["a"].network.parameters():
            value.data.fill_(float("nan"))

    monkeypatch.setattr(training_step, "train_epoch", ruined)
    with pytest.raises(KdbenchError, match=r"scratch-a seed 1: the loss of a on the test images is nan: lower"):
        run(merge(small, {"training": {"epochs": 1}}), "scratch-a", taught)
