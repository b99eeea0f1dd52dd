"""Which test images figures 4 and 5 show."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from kdbench.errors import KdbenchError
from kdbench.report.figures.examples import SHOWN, pick_examples, read_examples, write_examples
from tests.synthetic_study import CLASSES, TEST_IMAGES, students, study_config, write_study

CLASS_NAMES = [f"class {number}" for number in range(CLASSES)]
LABELS = np.arange(TEST_IMAGES) % CLASSES


def random_images(channels=3, side=8):
    """Random images, no two alike."""
    return np.random.default_rng(0).integers(0, 256, (TEST_IMAGES, channels, side, side), dtype=np.uint8)


def write_test_images(results, images):
    path = results / "data" / "test.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"images": images, "labels": LABELS}, path, metadata={"classes": json.dumps(CLASS_NAMES)})


def answers(results, run, learner):
    with np.load(results / "runs" / run / "seed1" / f"predictions-{learner}.npz") as stored:
        return stored["predicted"].astype(int), stored["confidence"].astype(float)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    config = study_config(tmp_path_factory.mktemp("examples"), seeds=[1, 2])
    results = write_study(config)
    write_test_images(results, random_images())
    return config, results


@pytest.fixture(scope="module")
def picked(study):
    return pick_examples(*study, random_images(), LABELS, CLASS_NAMES)


def by_confidence(index, confidence):
    return sorted(index, key=lambda image: (-confidence[image], image))[:SHOWN]


def test_figure_4_shows_what_scratch_gets_wrong_and_teacher_and_vanilla_right(study, picked):
    _, results = study
    scratch, _ = answers(results, "scratch-alexnet", "alexnet")
    teacher, _ = answers(results, "teacher", "teacher")
    vanilla, confidence = answers(results, "vanilla-alexnet", "alexnet")
    qualified = [
        image
        for image, label in enumerate(LABELS)
        if scratch[image] != label and teacher[image] == label and vanilla[image] == label
    ]
    assert picked[4].qualified == len(qualified) > SHOWN
    assert picked[4].index.tolist() == by_confidence(qualified, confidence)
    assert picked[4].predicted.tolist() == [[scratch[i], teacher[i], vanilla[i]] for i in picked[4].index]


def test_figure_5_shows_what_scratch_and_teacher_get_wrong_and_the_peers_of_one_run_right(study, picked):
    _, results = study
    scratch, _ = answers(results, "scratch-alexnet", "alexnet")
    teacher, _ = answers(results, "teacher", "teacher")
    peer, _ = answers(results, "peer", "lenet")
    learned, confidence = answers(results, "peer", "alexnet")
    qualified = [
        image
        for image, label in enumerate(LABELS)
        if scratch[image] != label and teacher[image] != label and peer[image] == label and learned[image] == label
    ]
    assert picked[5].qualified == len(qualified) > 0
    assert picked[5].index.tolist() == by_confidence(qualified, confidence)
    assert picked[5].networks == ("scratch", "teacher", "peer lenet", "with peers")


def test_images_and_true_classes_are_those_of_the_index(picked):
    for examples in picked.values():
        assert np.array_equal(examples.images, random_images()[examples.index])
        assert np.array_equal(examples.truth, LABELS[examples.index])


def test_of_equally_confident_answers_the_earlier_image_comes_first(tmp_path):
    config = study_config(tmp_path, seeds=[1])
    results = write_study(config)
    for run, right in (("scratch-alexnet", False), ("teacher", True), ("vanilla-alexnet", True)):
        learner = "teacher" if run == "teacher" else "alexnet"
        predicted = LABELS if right else (LABELS + 1) % CLASSES
        path = results / "runs" / run / "seed1" / f"predictions-{learner}.npz"
        np.savez(path, predicted=predicted, confidence=np.full(TEST_IMAGES, 0.5), correct=predicted == LABELS)
    picked = pick_examples(config, results, random_images(), LABELS, CLASS_NAMES)
    assert picked[4].index.tolist() == list(range(SHOWN))


def test_the_file_holds_what_was_picked_and_is_the_same_when_written_again(study, picked):
    config, results = study
    write_examples(config, results)
    path = results / "runs" / "examples.npz"
    first = path.read_bytes()
    write_examples(config, results)
    assert path.read_bytes() == first and len(first) < 100_000
    for figure, examples in picked.items():
        kept = read_examples(results, figure)
        for name in ("images", "index", "truth", "predicted"):
            assert np.array_equal(getattr(kept, name), getattr(examples, name))
        assert (kept.networks, kept.classes, kept.qualified) == (
            examples.networks,
            tuple(CLASS_NAMES),
            examples.qualified,
        )


def test_a_study_without_a_second_student_says_what_it_lacks(tmp_path):
    config = study_config(tmp_path, seeds=[1], students=students("lenet"), methods=["scratch", "vanilla"])
    picked = pick_examples(config, write_study(config), random_images(), LABELS, CLASS_NAMES)
    assert picked[4].qualified > 0
    assert picked[5].missing == ("a second student", "a peer run of lenet")
    assert len(picked[5].index) == 0


def test_missing_predictions_are_an_error_that_names_the_file(tmp_path):
    config = study_config(tmp_path, seeds=[1])
    (write_study(config) / "runs" / "teacher" / "seed1" / "predictions-teacher.npz").unlink()
    with pytest.raises(KdbenchError, match=r"teacher/seed1/predictions-teacher\.npz: no such file"):
        pick_examples(config, tmp_path, random_images(), LABELS, CLASS_NAMES)


def test_predictions_of_other_images_are_an_error_that_gives_both_numbers(study):
    with pytest.raises(KdbenchError, match="predictions of 1000 images, the test set has 900"):
        pick_examples(*study, random_images()[:900], LABELS[:900], CLASS_NAMES)
