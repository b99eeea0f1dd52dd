"""Training: one loop for every method, repeatable, resumable, and watchful."""

import csv
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
from kdbench.classroom.epochs import batches, steps_per_epoch, train_epoch
from kdbench.classroom.learners import load_finished_pupil
from kdbench.classroom.losses import Losses
from kdbench.classroom.outputs import write_outputs
from kdbench.classroom.train import train
from kdbench.config import check_config
from kdbench.data.store import load_packed, read_tensors
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


def before_the_first_epoch(monkeypatch, look):
    """Have ``look`` called with each classroom that opens from now on."""
    open_classroom = training_step.open_classroom

    def opened(*arguments):
        room = open_classroom(*arguments)
        look(room)
        return room

    monkeypatch.setattr(training_step, "open_classroom", opened)


def finished_logits(values, name, learner, results, images):
    """What a learner of a finished run, rebuilt from its weights, says of ``images``, [N, classes]."""
    settings = Plan(check_config(values)).run(name, 1)
    [own] = [each for each in settings.learners if each.name == learner]
    data = load_packed(results / "data" / "train.safetensors")
    with torch.no_grad():
        return load_finished_pupil(settings, own, results, data).eval()(images)


def accuracy(logits, labels):
    return 100 * np.mean(logits.numpy().argmax(1) == labels.numpy())


def cross_entropy64(logits, labels):
    logits = logits.numpy().astype(np.float64)
    return np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels.numpy()])


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


def test_stored_outputs_are_the_finished_networks_logits_on_all_training_images(taught, small):
    logits = read_tensors(taught / "runs/teacher/seed1/outputs-teacher.safetensors")["logits"]
    images = load_packed(taught / "data" / "train.safetensors").images
    assert logits.dtype == torch.float32
    assert logits.numpy() == pytest.approx(
        finished_logits(small, "teacher", "teacher", taught, images).numpy(), abs=1e-5
    )


def test_what_a_run_records_at_its_end_is_what_its_finished_network_says(taught, small):
    learning = merge(small, {"training": {"learning_rate": 0.02}})
    folder = run(learning, "scratch-a", taught)
    found = json.loads((folder / "metrics.json").read_text())["learners"]["a"]
    training, test = (load_packed(taught / "data" / f"{split}.safetensors") for split in ("train", "test"))
    logits = finished_logits(learning, "scratch-a", "a", taught, test.images)
    assert found["test_accuracy"] == pytest.approx(accuracy(logits, test.labels))
    assert found["test_loss"] == pytest.approx(cross_entropy64(logits, test.labels), rel=1e-5)
    probabilities = torch.softmax(logits.double(), 1).numpy()
    predictions = np.load(folder / "predictions-a.npz")
    assert (predictions["predicted"] == probabilities.argmax(1)).all()
    assert predictions["confidence"] == pytest.approx(probabilities.max(1), rel=2e-3)  # float16
    # As many of the 96 as there are test images, at even distances.
    chosen = np.floor(np.arange(32) * 95 / 31).astype(int)
    fitted = finished_logits(learning, "scratch-a", "a", taught, training.images[chosen])
    assert found["fitted_accuracy"] == pytest.approx(accuracy(fitted, training.labels[chosen]))


def test_networks_learn_in_training_mode_and_are_asked_in_evaluation_mode(taught, small, monkeypatch):
    modes = set()

    def watch(room):
        for pupil in room.pupils.values():
            pupil.network.register_forward_pre_hook(
                lambda network, _: modes.add((torch.is_grad_enabled(), network.training))
            )

    before_the_first_epoch(monkeypatch, watch)
    run(merge(small, {"peer": {"weights": "weakest"}}), "tune-0.1-0.8-0.1", taught)
    assert modes == {(True, True), (False, False)}


@pytest.fixture
def learned_from(taught, monkeypatch):
    """Carry out a run; gives its classroom and the places of the training images that it learned from, in turn."""

    def carried_out(settings):
        rooms, shown = [], []

        def keep(pupil, images):
            if torch.is_grad_enabled():
                shown.append(images[0])

        def watch(room):
            rooms.append(room)
            room.pupils["a"].register_forward_pre_hook(keep)

        before_the_first_epoch(monkeypatch, watch)
        train([settings], taught, 1)
        images = load_packed(taught / "data" / "train.safetensors").images
        same = (torch.cat(shown)[:, None] == images).flatten(2).all(2)
        return rooms[0], same.nonzero()[:, 1]

    return carried_out


def test_a_run_that_tunes_learns_from_the_training_part_of_the_split_alone(taught, small, learned_from):
    tuning = merge(small, {"peer": {"weights": "weakest"}, "training": {"epochs": 2}})
    room, places = learned_from(Plan(check_config(tuning)).run("tune-0.1-0.8-0.1", 1))
    split = read_tensors(taught / "data" / "split.safetensors")
    assert places.sort().values.tolist() == split["training"].repeat_interleave(2).tolist()
    assert room.validation.tolist() == split["validation"].tolist()
    assert sorted([*places.unique().tolist(), *room.validation.tolist()]) == list(range(96))


@pytest.mark.parametrize(("repeat", "times"), [(True, 2), (False, 1)])
def test_a_run_of_half_the_images_learns_from_half_of_each_class(small, learned_from, repeat, times):
    settings = Plan(check_config(merge(small, {"training": {"epochs": 1}}))).run("scratch-a", 1)
    choice = settings.images.model_copy(update={"fraction": 0.5, "repeat": repeat})
    _, places = learned_from(settings.model_copy(update={"images": choice}))
    chosen, counts = places.unique(return_counts=True)
    assert torch.bincount(chosen % 4).tolist() == [12] * 4
    assert counts.tolist() == [times] * 48


@pytest.mark.parametrize("criterion", ["weakest", "strongest"])
def test_a_run_takes_the_weights_selected_by_its_own_criterion(small, small_results, criterion):
    chosen = {"weakest": [0.1, 0.7, 0.2], "strongest": [0.3, 0.4, 0.3]}
    write_json(small_results / "runs" / "selected.json", {"chosen": chosen})
    settings = Plan(check_config(merge(small, {"peer": {"weights": criterion}}))).run("peer", 1)
    assert training_step.term_weights(settings, small_results) == chosen[criterion]


def watched_epochs(monkeypatch, whole_epoch):
    """A list that fills with the numbers of the epochs trained from now on."""
    epochs = []

    def watched(room, epoch):
        epochs.append(epoch)
        whole_epoch(room, epoch)

    monkeypatch.setattr(training_step, "train_epoch", watched)
    return epochs


@pytest.mark.parametrize(
    ("stop_after", "changes"),
    [(1, {}), (2, {}), (2, {"training": {"schedule": "one-cycle"}}), (2, {"reported_epoch": "best-validation"})],
)
def test_a_run_stopped_after_an_epoch_continues_to_the_same_bits(taught, small, monkeypatch, stop_after, changes):
    small = merge(small, changes)
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


def test_a_student_left_out_hears_the_learned_students_as_its_peers(small, logits):
    labels = torch.arange(8) % 4
    settings = Plan(check_config(small)).run("alternate-a+b-to-c", 1)
    learned = [Prediction(logits[name]) for name in "ab"]
    losses = Losses(settings, [1.0, 0.0, 0.5])(
        {"c": Prediction(logits["c"])}, labels, [Prediction(logits["t"])], learned
    )
    peers = kl(logits["a"], logits["c"]) + kl(logits["b"], logits["c"])
    assert losses["c"]["peers"].item() == pytest.approx(peers.item(), rel=1e-9)
    expected = F.cross_entropy(logits["c"], labels) + 0.5 * peers
    assert losses["c"]["total"].item() == pytest.approx(expected.item(), rel=1e-9)


def test_several_teachers_may_be_heard_as_the_mean_of_their_probabilities(small, logits):
    settings = Plan(check_config(small)).run("vanilla-a", 1)
    terms = [term.model_copy(update={"combine": "average"}) for term in settings.objective]
    losses = Losses(settings.model_copy(update={"objective": terms}), [0.0, 1.0])
    said = [Prediction(logits[name]) for name in "bt"]
    found = losses({"a": Prediction(logits["a"])}, torch.arange(8) % 4, said, [])
    p = sum(torch.softmax(logits[name] / 10, 1) for name in "bt") / 2
    expected = 100 * F.kl_div(torch.log_softmax(logits["a"] / 10, 1), p, reduction="batchmean")
    assert found["a"]["total"].item() == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("detach", [True, False])
def test_gradients_flow_through_peers_only_where_configured(small, logits, detach):
    labels = torch.arange(8) % 4
    predictions = {name: Prediction(logits[name]) for name in "abc"}
    found = peer_losses(small, detach=detach)(predictions, labels, [Prediction(logits["t"].detach())], [])
    found["a"]["total"].backward()
    assert (logits["b"].grad is None) == detach


def column(folder, name, learner):
    """A column of the history of a learner."""
    with (folder / "history.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row["learner"] == learner]


def held_out(results):
    data = load_packed(results / "data" / "train.safetensors")
    index = read_tensors(results / "data" / "split.safetensors")["validation"]
    return data.images[index], data.labels[index]


def test_validation_figures_are_of_the_images_held_out(taught, small):
    from_labels = {"tune": {"grid": [[1.0, 0.0, 0.0]]}, "peer": {"weights": "weakest"}}
    tuning = merge(small, {**from_labels, "training": {"learning_rate": 0.02}})
    folder = run(tuning, "tune-1-0-0", taught)
    images, labels = held_out(taught)
    for learner in "abc":
        logits = finished_logits(tuning, "tune-1-0-0", learner, taught, images)
        assert column(folder, "validation_accuracy", learner)[-1] == pytest.approx(accuracy(logits, labels))
        assert column(folder, "validation_loss", learner)[-1] == pytest.approx(
            cross_entropy64(logits, labels), rel=1e-4
        )
        figures = json.loads((folder / "metrics.json").read_text())["learners"][learner]
        assert figures["validation_accuracy"] == pytest.approx(accuracy(logits, labels))
    assert len(set(column(folder, "validation_accuracy", "a"))) > 1


def test_the_best_validation_epoch_may_be_reported(taught, small, monkeypatch):
    def spoiled_at_last(room, epoch):
        if epoch == 4:
            for value in room.pupils["a"].network.parameters():
                value.data.zero_()
        train_epoch(room, epoch)

    monkeypatch.setattr(training_step, "train_epoch", spoiled_at_last)
    chosen = merge(small, {"reported_epoch": "best-validation", "training": {"learning_rate": 0.02, "epochs": 4}})
    folder = run(chosen, "scratch-a", taught)
    accuracies = column(folder, "validation_accuracy", "a")
    assert max(accuracies) > accuracies[-1]
    figures = json.loads((folder / "metrics.json").read_text())["learners"]["a"]
    assert figures["validation_accuracy"] == pytest.approx(max(accuracies))
    best = accuracies.index(max(accuracies))
    assert figures["train_loss"] == pytest.approx(column(folder, "train_loss", "a")[best], abs=1e-6)
    images, labels = held_out(taught)
    logits = finished_logits(chosen, "scratch-a", "a", taught, images)
    assert accuracy(logits, labels) == pytest.approx(max(accuracies))


def test_every_image_is_seen_once_an_epoch_and_no_batch_holds_one_alone():
    cuts = list(batches(65, 16, torch.Generator().manual_seed(1)))
    assert sorted(torch.cat(cuts).tolist()) == list(range(65))
    assert [len(cut) for cut in cuts] == [16, 16, 16, 17]


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 18, 32, 33, 64])
def test_steps_of_an_epoch_are_counted_as_they_are_cut(count):
    assert steps_per_epoch(count, 16) == len(list(batches(count, 16, torch.Generator())))


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
