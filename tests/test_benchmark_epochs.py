"""One epoch by kdbench and by its rivals: equal work, and the two measurements end to end, on small noise."""

import pandas as pd
import pytest
import torch

from benchmarks import contenders, overhead, workbench
from benchmarks.contenders import Epoch, check_equal_work, measured
from benchmarks.contenders.floor import Floor
from benchmarks.contenders.kdbench_epoch import KdbenchEpoch
from benchmarks.contenders.plain_loop import LiveTeacherLoop, StoredLogitsLoop
from kdbench.data.store import read_tensors
from kdbench.errors import KdbenchError

TEACHER = "lenet"  # of no interest here, so a quick one
COMMON = ["images", "seconds", "loss", "threads", "torch", "data"]


@pytest.fixture(autouse=True)
def noise_images(tmp_path, monkeypatch):
    (tmp_path / "no-data").mkdir()
    monkeypatch.setenv("KDBENCH_DATA", str(tmp_path / "no-data"))
    monkeypatch.setattr(workbench, "FOLDER", tmp_path / "work")
    monkeypatch.setattr(overhead, "TEACHER", TEACHER)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def kdbench(epoch):
    return KdbenchEpoch(epoch, workbench.stored_logits(TEACHER, epoch.data), 1)


def stored(epoch, workers=0):
    path = epoch.run.mentors[0].outputs_path(workbench.stored_logits(TEACHER, epoch.data))
    return StoredLogitsLoop(epoch, read_tensors(path)["logits"], workers)


def live(epoch):
    return LiveTeacherLoop(epoch, workbench.teacher(TEACHER, epoch.data).network)


def an_epoch(student="lenet", images=200, parts=2):
    return Epoch(workbench.planned(f"vanilla-{student}"), workbench.packed_images(images), parts)


def part_losses(contender, epoch):
    return [contender.train_part(part) for part in epoch.images]


def images_seen(network, contender, epoch):
    """What reaches the student's network, batch by batch."""
    seen = []
    network.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach().clone()))
    part_losses(contender, epoch)
    return seen


@pytest.mark.parametrize("make", [stored, live])
def test_the_plain_loops_have_kdbenchs_loss_in_every_part(make):
    epoch = an_epoch()
    losses = part_losses(make(epoch), epoch)
    assert losses == pytest.approx(part_losses(kdbench(epoch), epoch), abs=1e-4)
    assert abs(losses[0] - losses[1]) > 0.01


def test_the_plain_loop_drops_what_kdbench_drops():
    epoch = an_epoch("alexnet", images=64)
    assert part_losses(stored(epoch), epoch) == pytest.approx(part_losses(kdbench(epoch), epoch), abs=1e-3)


def test_torchdistill_has_kdbenchs_loss_in_every_part():
    pytest.importorskip("torchdistill")
    from benchmarks.contenders.torchdistill_box import TorchdistillBox

    epoch = an_epoch()
    box = TorchdistillBox(epoch, workbench.teacher(TEACHER, epoch.data).network)
    assert part_losses(box, epoch) == pytest.approx(part_losses(kdbench(epoch), epoch), abs=1e-4)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_plain_loops_batches_are_kdbenchs(workers):
    epoch = an_epoch()
    ours, plain = kdbench(epoch), stored(epoch, workers)
    expected = images_seen(ours.room.pupils["lenet"].network, ours, epoch)
    seen = images_seen(plain.student, plain, epoch)
    assert [len(batch) for batch in seen] == [64, 36, 64, 36]
    for batch, other in zip(seen, expected, strict=True):
        torch.testing.assert_close(batch, other, rtol=0, atol=1e-6)
    assert len(torch.cat(seen).flatten(1).unique(dim=0)) == 200


def test_the_floor_takes_as_many_steps_on_as_many_images_as_the_epoch_has():
    epoch = an_epoch()
    floor = Floor(epoch)
    sizes = [len(batch) for batch in images_seen(floor.network, floor, epoch)]
    assert sizes == [64, 36, 64, 36]


def test_unequal_work_stops_the_measurement_before_it_begins_and_writes_nothing(tmp_path, monkeypatch):
    looked_up = StoredLogitsLoop.teacher_logits
    monkeypatch.setattr(StoredLogitsLoop, "teacher_logits", lambda *given: 1.01 * looked_up(*given))
    options = ["--images", "64", "--students", "lenet", "--threads", "1", "--out", str(tmp_path / "overhead.csv")]
    with pytest.raises(KdbenchError, match="lenet: unequal work: mean loss .* of plain loop, stored logits, but"):
        overhead.main(options)
    assert not (tmp_path / "overhead.csv").exists()


def test_a_loss_that_is_not_a_number_stops_the_measurement(monkeypatch):
    epoch = an_epoch(images=64)
    loop = stored(epoch)
    loop.logits = loop.logits * float("nan")
    with pytest.raises(KdbenchError, match="loss became nan"):
        measured(loop, epoch, 1)


def rows(student, ours, theirs):
    return pd.DataFrame(
        [
            {"student": student, "contender": name, "images": count, "loss": loss}
            for name, losses in (("kdbench", ours), ("rival", theirs), ("floor", [None, None]))
            for count, loss in zip([30, 10], losses, strict=True)
        ]
    )


def test_losses_are_compared_as_means_over_an_epochs_images():
    check_equal_work(rows("lenet", [2.0, 1.0], [2.01, 0.97]), ["student"])
    with pytest.raises(KdbenchError, match="rival"):
        check_equal_work(rows("lenet", [2.0, 1.0], [2.01, 0.99]), ["student"])


def test_deep_students_may_drift_as_far_as_rounding_takes_them():
    for student, drift in contenders.DRIFT.items():
        check_equal_work(rows(student, [2.0, 2.0], [2.0 + 0.9 * drift] * 2), ["student"])
        with pytest.raises(KdbenchError, match=student):
            check_equal_work(rows(student, [2.0, 2.0], [2.0 + 1.1 * drift] * 2), ["student"])


def test_overhead_writes_a_row_a_contender_student_and_round(tmp_path):
    path = tmp_path / "overhead.csv"
    overhead.main(["--images", "64", "--repeats", "2", "--students", "lenet", "--threads", "1", "--out", str(path)])
    table = pd.read_csv(path)
    assert list(table.columns) == ["student", "contender", "repeat", *COMMON]
    names = ["floor", "kdbench", "plain loop, stored logits"]
    assert list(table["contender"]) == [*names, *names[1:], names[0]]  # another one first in every round
    assert list(table["repeat"]) == [1] * 3 + [2] * 3
    assert set(table["images"]) == {64} and (table["seconds"] > 0).all()
    assert list(table["loss"].notna()) == list(table["contender"] != "floor")
    assert set(table["threads"]) == {1} and set(table["data"]) == {"noise"}


def test_the_joint_run_stands_beside_the_floors_alone(tmp_path):
    path = tmp_path / "joint.csv"
    overhead.main(["--joint", "--images", "64", "--repeats", "1", "--threads", "1", "--out", str(path)])
    table = pd.read_csv(path)
    assert list(table["contender"]) == ["floor", "floor", "floor", "kdbench, joint"]
    assert (table["seconds"] > 0).all()


def test_a_joint_run_without_weights_is_refused(monkeypatch):
    monkeypatch.setattr(workbench, "WEIGHTS", (0.0, 0.0, 0.0))
    epoch = Epoch(workbench.planned("peer"), workbench.packed_images(64))
    with pytest.raises(AssertionError, match="learns nothing"):
        kdbench(epoch).train_part(1)


def test_live_writes_a_row_a_contender_and_part_and_the_teachers_pass(tmp_path):
    pytest.importorskip("torchdistill")
    from benchmarks import live

    path = tmp_path / "live.csv"
    options = ["--student", "lenet", "--teacher", TEACHER, "--images", "250", "--parts", "2", "--threads", "1"]
    live.main([*options, "--out", str(path)])
    table = pd.read_csv(path)
    assert list(table.columns) == ["student", "teacher", "contender", "part", *COMMON]
    names = ["torchdistill", "plain loop, live teacher", "kdbench"]
    assert list(table["contender"]) == [*names, "teacher pass", *names[1:], names[0], "teacher pass"]
    assert list(table["part"]) == [1] * 4 + [2] * 4
    assert set(table["images"]) == {125} and (table["seconds"] > 0).all()
    assert list(table["loss"].notna()) == list(table["contender"] != "teacher pass")
