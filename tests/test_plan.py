"""The runs of a study: permutations, mentors, seeds, weights."""

import importlib
import inspect
import subprocess
import sys
from itertools import combinations

import pytest

from kdbench.config import check_config
from kdbench.digest import code_digest
from kdbench.errors import KdbenchError
from kdbench.overlay import merge
from kdbench.plan import Plan
from kdbench.recipes.losses import losses
from kdbench.recipes.schema import Recipe, read_recipe
from kdbench.run import DECLARATIONS, Run
from kdbench.section import check_section


def students(count):
    return [{"name": f"s{number}", "network": {"name": "lenet"}} for number in range(1, count + 1)]


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
def test_every_student_is_left_out_once_in_each_phase_of_alternate_learning(values, count):
    plan = Plan(check_config({**values, "students": students(count)}))
    names = [f"s{number}" for number in range(1, count + 1)]
    phase1 = [set(run.learners) for run in plan.runs.values() if run.method == "alternate"]
    assert sorted(map(sorted, phase1)) == sorted(map(sorted, combinations(names, count - 1)))
    phase2 = {run.learners: plan.run(run.name, 1) for run in plan.runs.values() if run.method == "alternate-to"}
    assert sorted(phase2) == sorted((name,) for name in names)
    for (left_out,), run in phase2.items():
        peers = [mentor.learner for mentor in run.mentors if mentor.role == "peer"]
        assert peers == [name for name in names if name != left_out]
        assert {mentor.run for mentor in run.mentors if mentor.role == "peer"} == {"alternate-" + "+".join(peers)}


def test_the_papers_three_students_give_its_runs(config):
    assert list(Plan(config).runs) == [
        "teacher",
        "scratch-alexnet",
        "scratch-lenet",
        "scratch-mobilenet",
        "vanilla-alexnet",
        "vanilla-lenet",
        "vanilla-mobilenet",
        "tune-0.1-0.6-0.3",
        "tune-0.1-0.7-0.2",
        "tune-0.1-0.8-0.1",
        "tune-0.1-0.85-0.05",
        "peer",
        "alternate-alexnet+lenet",
        "alternate-alexnet+mobilenet",
        "alternate-lenet+mobilenet",
        "alternate-alexnet+lenet-to-mobilenet",
        "alternate-alexnet+mobilenet-to-lenet",
        "alternate-lenet+mobilenet-to-alexnet",
    ]


def weights(run):
    return {term.source: term.weight for term in run.objective}


def test_alpha_weighs_the_labels_of_vanilla_distillation_by_default(config):
    assert weights(Plan(config).run("vanilla-lenet", 1)) == {"labels": 0.1, "teacher": 0.9}


def test_alpha_may_weigh_the_teacher_instead(values):
    plan = Plan(check_config(merge(values, {"vanilla": {"alpha_weighs": "teacher"}})))
    assert weights(plan.run("vanilla-lenet", 1)) == {"labels": 0.9, "teacher": 0.1}


def test_alternate_learning_takes_its_own_weights_in_each_phase(config):
    plan = Plan(config)
    assert weights(plan.run("alternate-alexnet+lenet", 1)) == {"labels": 0.1, "teacher": 0.8, "peers": 0.1}
    assert weights(plan.run("alternate-alexnet+lenet-to-mobilenet", 1)) == {"labels": 0.1, "teacher": 0.6, "peers": 0.3}


def test_the_peer_run_waits_for_the_selected_weights(config):
    run = Plan(config).run("peer", 1)
    assert run.selected_by == "weakest"
    assert weights(run) == {"labels": None, "teacher": None, "peers": None}


def test_given_weights_need_no_selection(values):
    run = Plan(check_config(merge(values, {"peer": {"weights": [0.1, 0.8, 0.1]}}))).run("peer", 1)
    assert run.selected_by is None
    assert weights(run) == {"labels": 0.1, "teacher": 0.8, "peers": 0.1}


def test_weights_that_nobody_selects_are_not_tuned(values):
    given = Plan(check_config(merge(values, {"peer": {"weights": [0.1, 0.8, 0.1]}})))
    assert {run.method for run in Plan(check_config(values)).runs.values()} - {
        run.method for run in given.runs.values()
    } == {"tune"}
    phase1 = merge(values, {"peer": {"weights": [0.1, 0.8, 0.1]}, "alternate": {"phase1": "strongest"}})
    assert "tune" in {run.method for run in Plan(check_config(phase1)).runs.values()}


def test_all_seeds_share_the_first_seeds_teacher_by_default(values):
    plan = Plan(check_config({**values, "seeds": [4, 5]}))
    assert plan.runs["teacher"].seeds == (4,)
    assert plan.run("vanilla-lenet", 5).mentors[0].seed == 4


def test_each_seed_may_have_its_own_teacher(values):
    teacher = {**values["teacher"], "one_per_seed": True}
    plan = Plan(check_config({**values, "seeds": [4, 5], "teacher": teacher}))
    assert plan.runs["teacher"].seeds == (4, 5)
    assert plan.run("vanilla-lenet", 5).mentors[0].seed == 5


def test_the_grid_runs_on_the_first_seed_alone_by_default(values):
    plan = Plan(check_config({**values, "seeds": [3, 1, 2]}))
    assert plan.runs["tune-0.1-0.8-0.1"].seeds == (3,)
    assert plan.runs["peer"].seeds == (3, 1, 2)


@pytest.fixture
def uneven(values):
    """The paper's students, each with seeds of its own beside the study's 1 and 2."""
    seeds = {"alexnet": [1, 2, 3], "lenet": [1, 2, 3, 4], "mobilenet": [1, 2, 9]}
    with_seeds = [{**student, "seeds": seeds[student["name"]]} for student in values["students"]]
    return {**values, "seeds": [1, 2], "students": with_seeds}


@pytest.mark.parametrize(
    ("run", "seeds"),
    [
        ("scratch-alexnet", (1, 2, 3)),
        ("vanilla-lenet", (1, 2, 3, 4)),
        ("vanilla-mobilenet", (1, 2, 9)),
        ("tune-0.1-0.8-0.1", (1,)),
        ("peer", (1, 2)),
        ("alternate-alexnet+lenet", (1, 2, 3)),
        ("alternate-alexnet+mobilenet", (1, 2)),
        ("alternate-alexnet+mobilenet-to-lenet", (1, 2)),  # lenet has more, its peers have not
        ("alternate-alexnet+lenet-to-mobilenet", (1, 2)),  # its peers have 3 too, mobilenet has not
    ],
)
def test_a_run_is_done_at_the_seeds_that_all_who_take_part_in_it_have(uneven, run, seeds):
    assert Plan(check_config(uneven)).runs[run].seeds == seeds


@pytest.mark.parametrize(("one_per_seed", "seeds"), [(False, (1,)), (True, (1, 2, 3, 4, 9))])
def test_the_teacher_has_the_seeds_of_all_its_pupils_or_the_first_alone(uneven, one_per_seed, seeds):
    plan = Plan(check_config(merge(uneven, {"teacher": {"one_per_seed": one_per_seed}})))
    assert plan.runs["teacher"].seeds == seeds
    assert plan.run("vanilla-mobilenet", 9).mentors[0].seed == (9 if one_per_seed else 1)


@pytest.mark.parametrize(("one_per_seed", "seeds"), [(False, (1,)), (True, (1, 2, 7))])
def test_the_grids_own_seeds_ask_for_teachers_too(values, one_per_seed, seeds):
    changes = {"seeds": [1, 2], "tune": {"seeds": [7]}, "teacher": {"one_per_seed": one_per_seed}}
    plan = Plan(check_config(merge(values, changes)))
    assert plan.runs["tune-0.1-0.8-0.1"].seeds == (7,)
    assert plan.runs["teacher"].seeds == seeds


def test_seeds_without_pupils_need_no_teacher_of_their_own(uneven):
    changes = {"methods": ["scratch"], "teacher": {"one_per_seed": True}}
    assert Plan(check_config(merge(uneven, changes))).runs["teacher"].seeds == (1,)


@pytest.mark.parametrize("one_per_seed", [False, True])
def test_every_mentor_of_a_run_is_in_the_plan_at_its_seed(uneven, one_per_seed):
    plan = Plan(check_config(merge(uneven, {"teacher": {"one_per_seed": one_per_seed}})))
    runs = list(plan.all_runs())
    done = {(run.name, run.seed, learner.name) for run in runs for learner in run.learners}
    assert {(mentor.run, mentor.seed, mentor.learner) for run in runs for mentor in run.mentors} <= done


def test_only_tuning_runs_hold_images_out(config):
    held_out = {run.method for run in Plan(config).all_runs() if run.validation}
    assert held_out == {"tune"}


def test_reporting_the_best_validation_epoch_holds_images_out_of_every_students_run(values):
    plan = Plan(check_config({**values, "reported_epoch": "best-validation"}))
    assert {run.method for run in plan.all_runs() if not run.validation} == {"teacher"}


def test_one_student_cannot_have_peers(values):
    with pytest.raises(KdbenchError, match="the method peer needs 2 or more, got 1"):
        Plan(check_config({**values, "students": students(1)}))


def test_alternate_learning_needs_two_students(values):
    with pytest.raises(KdbenchError, match="the method alternate needs 2 or more, got 1"):
        Plan(check_config({**values, "students": students(1), "methods": ["scratch", "alternate"]}))


def test_one_student_suffices_for_the_baselines(values):
    plan = Plan(check_config({**values, "students": students(1), "methods": ["scratch", "vanilla"]}))
    assert list(plan.runs) == ["teacher", "scratch-s1", "vanilla-s1"]


def test_an_unknown_method_is_named_with_its_nearest_match(values):
    with pytest.raises(KdbenchError, match='unknown method "vanila"; did you mean "vanilla"'):
        Plan(check_config({**values, "methods": ["vanila"]}))


def test_selected_weights_without_the_runs_that_select_them_are_refused(values):
    alternate = {**values["alternate"], "phase1": "weakest"}
    with pytest.raises(KdbenchError, match="needs the method peer"):
        Plan(check_config({**values, "methods": ["alternate"], "alternate": alternate}))


def test_runs_that_others_wait_for_come_first(config):
    plan = Plan(config)
    waiting = {lesson.method: plan.waiting_for(lesson) for lesson in plan.lessons}
    assert waiting["teacher"] == 5
    assert waiting["tune"] == waiting["alternate"] == 1
    assert waiting["scratch"] == waiting["vanilla"] == waiting["peer"] == waiting["alternate-to"] == 0


def test_settings_survive_the_way_through_json(config):
    for run in Plan(config).all_runs():
        assert Run.model_validate_json(run.model_dump_json()) == run


def test_planning_imports_no_torch():
    code = "import sys, kdbench.plan, kdbench.cli; print([m for m in ('torch', 'numpy', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_a_new_objective_changes_no_other_runs_code_digest(config):
    plan = Plan(config)
    assert plan.run("scratch-lenet", 1).code_digest() != plan.run("vanilla-lenet", 1).code_digest()
    assert plan.run("scratch-lenet", 1).code_digest() != plan.run("scratch-alexnet", 1).code_digest()


@pytest.mark.parametrize("name", ["half", "train", "keys", "type"])
def test_a_student_may_be_called_anything_a_path_can_hold(values, name):
    assert (
        f"scratch-{name}"
        in Plan(
            check_config(
                {
                    **values,
                    "students": [
                        {"name": name, "network": {"name": "lenet"}},
                        {"name": "other", "network": {"name": "lenet"}},
                    ],
                }
            )
        ).runs
    )


def test_settings_name_a_networks_form_even_where_the_configuration_leaves_it_open(config):
    assert Plan(config).run("scratch-lenet", 1).learners[0].network.form == "relu-average"


def test_what_a_setting_means_is_in_the_settings_not_in_the_digest_of_code(config):
    run = Plan(config).run("scratch-lenet", 1)
    classroom = ("kdbench.classroom.train", "kdbench.classroom.outputs")
    modules = (*classroom, "kdbench.networks.lenet", "kdbench.objectives.cross_entropy")
    assert run.code_digest() == code_digest(*modules, without=DECLARATIONS) != code_digest(*modules)


RECIPE = {"name": "mutual", "title": "Mutual learning", "source": "Zhang et al. 2018"}
LESSON = {"method": "mutual", "title": "Mutual", "short": "mutual", "run": "mutual", "learners": "students"}
LABELS = {"loss": "cross_entropy", "source": "labels", "weight": 1}
PEERS = {"loss": "soft_labels", "source": "peers", "weight": 0.5}


def recipe(**changes):
    lesson = {**LESSON, "teacher": False, "peers": "live", "objective": [LABELS, PEERS], **changes}
    return check_section(Recipe, {**RECIPE, "lessons": [lesson]}, "mutual.yaml")


@pytest.fixture
def mutual(values, monkeypatch):
    """The plan of a study with this recipe for each of its methods but the teacher's."""

    def plan(**changes):
        known = {"mutual": recipe(**changes), "teacher": read_recipe("teacher")}
        monkeypatch.setattr("kdbench.plan.read_method", lambda name: known[name])
        return Plan(check_config({**values, "methods": ["mutual"]}))

    return plan


def test_a_recipe_may_state_its_own_objective(mutual):
    terms = mutual(objective=[LABELS, {**PEERS, "options": {"temperature": 2.0}}]).run("mutual", 1).objective
    assert [(term.loss, term.source, term.weight) for term in terms] == [
        ("cross_entropy", "labels", 1),
        ("soft_labels", "peers", 0.5),
    ]
    # What the recipe leaves open is as the configuration says.
    assert terms[1].options == {"temperature": 2.0, "scale_by_temperature_squared": True}


@pytest.mark.parametrize(("stated", "taken"), [({}, "sum"), ({"combine": "mean"}, "mean")])
def test_peers_are_combined_as_the_recipe_says_or_else_the_configuration(mutual, stated, taken):
    terms = mutual(objective=[LABELS, {**PEERS, **stated}]).run("mutual", 1).objective
    assert [term.combine for term in terms] == ["sum", taken]


def test_the_losses_a_recipe_may_name_are_the_objectives_with_their_options():
    assert {"cross_entropy", "soft_labels"} <= set(losses())
    for name, options in losses().items():
        module = importlib.import_module(f"kdbench.objectives.{name}")
        parameters = list(inspect.signature(module.loss).parameters.values())
        if adapter := getattr(module, "Adapter", None):
            parameters += inspect.signature(adapter).parameters.values()
        named = {item.name: item.default is item.empty for item in parameters if item.kind is item.KEYWORD_ONLY}
        given_by_the_classroom = {"adapter", "student", "knowledge", "images", "classes"}
        assert options == {key: needed for key, needed in named.items() if key not in given_by_the_classroom}, name


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {"objective": [{**LABELS, "loss": "cross_entropi"}, PEERS]},
            r'objective\[0\]: .*did you mean "cross_entropy"',
        ),
        ({"objective": [LABELS, {**PEERS, "options": {"temprature": 2.0}}]}, 'did you mean "temperature"'),
        ({"objective": [LABELS, PEERS, PEERS]}, "two terms are soft_labels of peers: add their weights up in one"),
        (
            {"objective": [LABELS, {**PEERS, "options": {"temperature": "hot"}}]},
            "temperature must be a number",
        ),
        (
            {"objective": [LABELS, {**PEERS, "options": {"temperature": 0}}]},
            "temperature: .* greater than 0",
        ),
        ({"teacher": True}, "has terms of labels, peers, but the lesson listens to labels, peers, teacher"),
        ({"peers": "none"}, "has terms of labels, peers, but the lesson listens to labels"),
        ({"weights": "vanilla"}, "either weights or an objective"),
        ({"objective": None}, "either weights or an objective"),
        ({"run": "mutual-{student}"}, 'unknown placeholder of for_each: study "student"'),
    ],
)
def test_a_recipe_that_does_not_fit_together_is_refused(changes, complaint):
    with pytest.raises(KdbenchError, match=complaint):
        recipe(**changes)


def test_runs_of_the_same_name_are_refused(mutual):
    with pytest.raises(KdbenchError, match="two runs of mutual and mutual are called mutual"):
        mutual(for_each="student", learners="student", peers="none", objective=[LABELS])


def test_lessons_of_the_same_title_are_refused(mutual):
    with pytest.raises(KdbenchError, match='several lessons have the title "Teacher"'):
        mutual(title="Teacher")


def test_lessons_of_the_same_method_are_refused(mutual):
    with pytest.raises(KdbenchError, match="several lessons have the method teacher"):
        mutual(method="teacher")
