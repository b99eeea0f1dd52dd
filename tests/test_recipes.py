"""Recipes: how lessons are spelled out, what is refused, and where recipes and losses are found."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kdbench.config import check_config
from kdbench.errors import KdbenchError
from kdbench.overlay import merge
from kdbench.plan import Plan
from kdbench.recipes.lesson import Lesson
from kdbench.recipes.schema import Recipe, read_recipe
from kdbench.section import check_section
from tests.synthetic_study import study_config

ROOT = Path(__file__).parent.parent
LABELS = {"loss": "cross_entropy", "source": "labels", "weight": 1}
TEACHER = {"loss": "soft_labels", "source": "teacher", "weight": 1}
HEAD = {"name": "tried", "title": "Tried", "source": "nobody"}
LESSON = {
    "method": "tried",
    "title": "Tried",
    "short": "tried",
    "run": "tried-{student}",
    "for_each": "student",
    "learners": "student",
    "teacher": False,
    "objective": [LABELS],
}


def recipe(*lessons, **head):
    return check_section(Recipe, {**HEAD, "lessons": list(lessons), **head}, "tried.yaml")


@pytest.fixture
def planned(values, monkeypatch):
    """The plan of a study with lessons of one's own beside training from scratch and vanilla distillation."""

    def plan(*lessons, **changes):
        known = {name: read_recipe(name) for name in ("teacher", "scratch", "vanilla")} | {"tried": recipe(*lessons)}
        monkeypatch.setattr("kdbench.plan.read_method", lambda name: known[name])
        methods = {"methods": ["scratch", "vanilla", "tried"]}
        return Plan(check_config(merge({**values, **methods}, changes)))

    return plan


def test_what_nearly_is_a_recipe_is_told_what_it_is(tmp_path, monkeypatch):
    with pytest.raises(KdbenchError, match='"soft-labels-only" is run by the recipe conditional: list that'):
        read_recipe("soft-labels-only")
    monkeypatch.chdir(tmp_path)
    Path("recipes").mkdir()
    Path("recipes/cosine.yml").touch()
    with pytest.raises(KdbenchError, match=r"recipes/cosine.yml is not read: call it cosine.yaml"):
        read_recipe("cosine")


def test_over_makes_a_lesson_of_each_combination_of_its_values():
    lessons = recipe(
        {
            **LESSON,
            "over": {"bits": [2, 8], "share": [0.1, 0.5]},
            "method": "tried-{bits}",
            "title": "{bits} bits, {share}",
            "construction": {"weight_bits": "{bits}"},
            "images": {"fraction": "{share}"},
        }
    ).lessons
    assert [(lesson.method, lesson.title) for lesson in lessons] == [
        ("tried-2", "2 bits, 0.1"),
        ("tried-2", "2 bits, 0.5"),
        ("tried-8", "8 bits, 0.1"),
        ("tried-8", "8 bits, 0.5"),
    ]
    # A text of nothing but the name takes the value's own type; the run's own placeholders stay.
    assert [lesson.construction.weight_bits for lesson in lessons] == [2, 2, 8, 8]
    assert [lesson.images.fraction for lesson in lessons] == [0.1, 0.5, 0.1, 0.5]
    assert {lesson.run for lesson in lessons} == {"tried-{student}"}
    with pytest.raises(KdbenchError, match=r'letters, digits and "-", got \'tried-0.1\': .* write a lesson for each'):
        recipe({**LESSON, "over": {"share": [0.1, 0.5]}, "method": "tried-{share}"})


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"view": "gray"}, 'unknown view "gray"; did you mean "grey"'),
        ({"teacher": ["scratch-{studnet}"], "objective": [LABELS, TEACHER]}, "unknown placeholder"),
        ({"copies": 2, "learners": "students", "for_each": "study", "run": "tried"}, "copies are of a student"),
        ({"learners": "named"}, "named lists the networks"),
        ({"learners": "together"}, "together is what finished networks are called"),
        ({"fuse": {"by": "avrage", "members": ["scratch-{student}"]}, "objective": None}, 'did you mean "average"'),
        ({"fuse": {"by": "average", "members": ["scratch-{student}"]}}, "either weights or an objective"),
        (
            {"fuse": {"by": "svm", "members": ["teacher"], "options": {"most": 5}}, "objective": None},
            'unknown option of svm "most"',
        ),
        ({"images": {"fraction": 1.5}}, "fraction"),
        ({"construction": {"weight_bits": 1}}, "weight_bits"),
    ],
)
def test_a_lesson_that_does_not_fit_together_is_refused(changes, complaint):
    with pytest.raises(KdbenchError, match=complaint):
        recipe({**LESSON, **changes})


def test_a_study_of_a_method_whose_task_is_not_covered_is_refused(tmp_path):
    with pytest.raises(KdbenchError, match=r"methods: sequence-level is not covered yet \(translating .*\): remove it"):
        Plan(study_config(tmp_path, methods=["scratch", "sequence-level"]))


def test_a_recipe_has_lessons_or_says_which_task_is_not_covered():
    with pytest.raises(KdbenchError, match="must have lessons or"):
        recipe()
    assert recipe(not_covered="translation").lessons == []


def test_learners_of_another_run_teach_at_the_same_seed(planned):
    plan = planned({**LESSON, "teacher": ["scratch-{student}"], "objective": [LABELS, TEACHER]}, seeds=[1, 2])
    [mentor] = plan.run("tried-lenet", 2).mentors
    assert (mentor.role, mentor.run, mentor.seed, mentor.learner) == ("teacher", "scratch-lenet", 2, "lenet")
    assert plan.runs["tried-lenet"].seeds == (1, 2)


def test_a_run_that_no_method_of_the_study_trains_is_named(planned):
    with pytest.raises(KdbenchError, match='unknown run "peer".*add the method that trains it'):
        planned({**LESSON, "starts_from": "peer"})


def test_a_student_may_start_from_the_trained_weights_of_another_run(planned):
    run = planned({**LESSON, "starts_from": "vanilla-{student}"}).run("tried-alexnet", 1)
    assert run.learners[0].starts_from.run == "vanilla-alexnet"
    assert [path.name for path in run.inputs(Path("R"))] == ["weights-alexnet.safetensors"]


def test_copies_of_a_student_have_names_of_their_own(planned):
    peers = {"loss": "soft_labels", "source": "peers", "weight": 1}
    plan = planned({**LESSON, "copies": 3, "peers": {"stale": 5}, "objective": [LABELS, peers]})
    run = plan.run("tried-lenet", 1)
    assert [learner.name for learner in run.learners] == ["lenet", "lenet_2", "lenet_3"]
    assert run.live_peers
    assert run.peer_copies.stale == 5


def test_a_teacher_may_learn_beside_its_student(planned):
    run = planned({**LESSON, "teacher": "live", "objective": [LABELS, TEACHER]}).run("tried-lenet", 1)
    assert [learner.name for learner in run.learners] == ["lenet", "teacher"]
    assert run.live_teacher
    assert run.mentors == []


@pytest.mark.parametrize(
    ("student", "layers", "pairs"),
    [
        ("lenet", "embedding", [["embedding", "embedding"]]),
        ("lenet", "last stage", [["stage2", "stage3"]]),
        ("lenet", "middle stage", [["stage1", "stage2"]]),
        ("lenet", "every stage", [["stage1", "stage2"], ["stage2", "stage3"]]),
        ("mobilenet", "every stage", [["stage3", "stage1"], ["stage4", "stage2"], ["stage5", "stage3"]]),
    ],
)
def test_layers_are_paired_from_the_last_to_the_first(planned, student, layers, pairs):
    hint = {"loss": "hint", "source": "teacher", "weight": 1, "layers": layers}
    run = planned({**LESSON, "teacher": True, "objective": [LABELS, hint]}).run(f"tried-{student}", 1)
    assert run.objective[1].layers == pairs
    assert run.mentors[0].layers == [theirs for _, theirs in pairs]
    features = [path.name for path in run.inputs(Path("R")) if path.name.startswith("features")]
    assert features == [f"features-teacher-{theirs}.safetensors" for _, theirs in pairs]


def test_layers_of_learners_with_different_stages_are_refused(planned):
    hint = {"loss": "hint", "source": "teacher", "weight": 1, "layers": "last stage"}
    lesson = {**LESSON, "for_each": "study", "learners": "students", "run": "tried", "teacher": True}
    plan = planned({**lesson, "objective": [LABELS, hint]})
    with pytest.raises(KdbenchError, match="different numbers of stages"):
        plan.run("tried", 1)


def test_networks_together_are_those_of_every_student(planned):
    lesson = {**LESSON, "for_each": "study", "learners": "together", "run": "tried", "objective": None}
    run = planned({**lesson, "fuse": {"by": "vote", "members": ["scratch-{every}"]}}).run("tried", 1)
    assert [member.run for member in run.fusion.members] == ["scratch-alexnet", "scratch-lenet", "scratch-mobilenet"]
    assert run.objective == []


def test_teachers_that_answer_together_do_so_at_no_more_seeds_than_there_are_teachers(planned):
    together = {**LESSON, "for_each": "study", "learners": "together", "run": "tried", "objective": None}
    teachers = {**together, "fuse": {"by": "average", "members": ["teacher"]}}
    assert planned(teachers, seeds=[2, 3, 4]).runs["tried"].seeds == (2,)
    assert planned(teachers, seeds=[2, 3], teacher={"one_per_seed": True}).runs["tried"].seeds == (2, 3)
    students = {**together, "fuse": {"by": "average", "members": ["teacher", "scratch-{every}"]}}
    assert planned(students, seeds=[2, 3, 4]).runs["tried"].seeds == (2, 3, 4)


def test_a_teacher_of_its_own_is_trained_at_the_seeds_that_its_pupils_need(planned):
    member = {
        **LESSON,
        "method": "member",
        "title": "Member",
        "run": "member",
        "for_each": "study",
        "learners": "teacher",
    }
    pupil = {**LESSON, "teacher": ["teacher", "member"], "objective": [LABELS, {**TEACHER, "combine": "average"}]}
    shared = planned({**member, "variant": "1"}, pupil, seeds=[3, 4])
    assert shared.runs["member"].seeds == (3,)
    assert [mentor.seed for mentor in shared.run("tried-lenet", 4).mentors] == [3, 3]
    own = planned(member, pupil, seeds=[3, 4], teacher={"one_per_seed": True})
    assert own.runs["member"].seeds == (3, 4)


def test_networks_of_the_teachers_kind_that_are_compared_run_at_every_seed(planned):
    member = {**LESSON, "method": "member", "title": "Member", "run": "member", "for_each": "study"}
    member = {**member, "learners": "teacher", "starts_from": "teacher", "every_seed": True}
    together = {**LESSON, "for_each": "study", "learners": "together", "run": "tried", "objective": None}
    plan = planned(member, {**together, "fuse": {"by": "average", "members": ["teacher", "member"]}}, seeds=[3, 4])
    assert [plan.runs[name].seeds for name in ("teacher", "member", "tried")] == [(3,), (3, 4), (3, 4)]
    assert plan.run("member", 4).learners[0].starts_from.seed == 3
    assert [member.seed for member in plan.run("tried", 4).fusion.members] == [3, 4]


def test_every_seed_is_asked_for_the_teachers_network_alone(planned):
    with pytest.raises(KdbenchError, match="every_seed is of the teacher's network"):
        planned({**LESSON, "objective": [LABELS, TEACHER], "every_seed": True})


LOSS = '''"""The mean squared logit: a loss of one's own."""


def loss(prediction, labels, knowledge, *, strength: float):
    return strength * prediction.logits.square().mean()
'''


def test_a_method_beside_the_study_needs_nothing_in_the_package(tmp_path):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "objectives").mkdir()
    (tmp_path / "objectives" / "small_logits.py").write_text(LOSS)
    small = {"loss": "small_logits", "source": "labels", "weight": 1, "options": {"strength": 0.5}}
    own = {**HEAD, "name": "quiet", "lessons": [{**LESSON, "objective": [LABELS, small]}]}
    (tmp_path / "recipes" / "quiet.yaml").write_text(yaml.safe_dump(own))
    overlay = tmp_path / "mine.yaml"
    overlay.write_text(
        "pathvars: {results: results}\nmethods: [scratch, quiet]\ntraining: {epochs: 1}\n"
        "students: [{name: lenet, network: {name: lenet, width: 0.5}}]\n"
    )
    presets = [str(ROOT / name) for name in ("config.yaml", "presets/digits.yaml")]
    options = ["--config", *presets, "--config", str(overlay), "--results", str(tmp_path / "results")]

    def kdbench(*arguments):
        command = [sys.executable, "-m", "kdbench", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "quiet" in kdbench("methods")
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text())
    kdbench("prepare", *options)
    assert "% of the test images" in kdbench("train", "tried-lenet", *options)
    history = (tmp_path / "results/runs/tried-lenet/seed1/history.csv").read_text().splitlines()
    assert history[0].endswith("loss_labels_cross_entropy,loss_labels_small_logits")


def test_made_images_hold_none_out_to_choose_an_epoch(tmp_path):
    methods = ["scratch", "vanilla", "zero-shot"]
    plan = Plan(study_config(tmp_path, methods=methods, reported_epoch="best-validation"))
    chosen = [plan.run(name, 1) for name in ("vanilla-lenet", "zero-shot-lenet")]
    assert [(run.validation, run.reported_epoch) for run in chosen] == [(True, "best-validation"), (False, "last")]


def test_layers_cannot_be_compared_with_an_average():
    term = {"loss": "feature_distance", "source": "teacher", "weight": 1, "layers": "last stage", "combine": "average"}
    with pytest.raises(KdbenchError, match="layers cannot be compared with an average"):
        check_section(Lesson, {**LESSON, "teacher": True, "objective": [term]}, "here")
    peers = {"loss": "feature_distance", "source": "peers", "weight": 1, "layers": "last stage"}
    with pytest.raises(KdbenchError, match="layers of peers cannot be compared as they were"):
        check_section(Lesson, {**LESSON, "peers": {"stale": 5}, "objective": [peers]}, "here")


@pytest.mark.parametrize(("folder", "name"), [("recipes", "vid.yaml"), ("objectives", "soft_labels.py")])
def test_a_file_of_ones_own_cannot_silently_stand_for_one_of_the_package(tmp_path, folder, name):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / name).write_text("")
    command = [sys.executable, "-m", "kdbench", "methods"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    assert f"{folder}/{name}: kdbench has a {name} of its own: give this file another name" in done.stderr
