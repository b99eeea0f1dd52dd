"""The recipes of the survey's works and of what came after: that each plans, and what is particular to it."""

import pytest

from kdbench.config import check_config
from kdbench.errors import KdbenchError
from kdbench.plan import Plan
from kdbench.recipes.schema import read_recipe, recipe_names

RUNNING = [
    "apprentice",
    "codistillation",
    "deep-features",
    "deep-mutual",
    "ensemble",
    "four-modalities",
    "four-views",
    "low-resolution",
    "peer-collaborative",
    "pruned",
    "quantised",
    "teacher-assistant",
    "three-percent",
    "zero-shot",
]
NOT_COVERED = ["fine-grained-imitation", "progressive-action", "sequence-level", "structured-segmentation"]


@pytest.fixture
def planned(values):
    """The plan of a study with one of the recipes, on the demonstration's three students."""

    def plan(*names, **changes):
        return Plan(check_config({**values, "methods": ["scratch", "vanilla", *names], **changes}))

    return plan


def runs_of(plan, name):
    """The settings of the runs of a recipe, by the run's name."""
    methods = {lesson.method for lesson in read_recipe(name).lessons}
    return {run.name: run for run in plan.all_runs() if run.method in methods}


@pytest.mark.parametrize("name", RUNNING)
def test_a_recipe_plans_says_its_place_in_the_survey_and_in_what_it_departs_from_its_source(planned, name):
    recipe = read_recipe(name)
    assert recipe.survey is not None
    assert recipe.differs
    runs = runs_of(planned(name), name)
    assert {run.method for run in runs.values()} == {lesson.method for lesson in recipe.lessons}
    taught = {run.method for run in runs.values() if run.mentors or run.live_teacher or run.live_peers or run.fusion}
    assert taught, "nobody learns from anybody"


BASELINES = ["less-data", "longer", "full-precision", "scratch", "teacher", "vanilla"]


def test_every_recipe_but_the_baselines_says_in_what_it_departs_from_its_source():
    recipes = map(read_recipe, recipe_names())
    silent = [recipe.name for recipe in recipes if recipe.lessons and not recipe.differs]
    assert set(silent) <= set(BASELINES)


PLACED = [name for name in recipe_names() if read_recipe(name).survey and read_recipe(name).lessons]


@pytest.mark.parametrize("name", PLACED)
def test_a_recipes_choices_are_what_its_lessons_do(name):
    recipe = read_recipe(name)
    chosen, lessons = recipe.survey, recipe.lessons
    terms = [term for lesson in lessons for term in lesson.objective or [] if term.source != "labels"]
    fused = {lesson.fuse.by for lesson in lessons if lesson.fuse}
    outside = fused - {"svm"} or any(lesson.weights not in (None, "labels only") for lesson in lessons)
    places = {"intermediate" if term.layers else "output" for term in terms}
    places |= {"intermediate"} if "svm" in fused else set()
    places |= {"output"} if outside else set()
    assert set(chosen.knowledge_location) == places
    views = any(lesson.view != "image" for lesson in lessons)
    augmented = any("augmentation" in lesson.training for lesson in lessons)
    assert ("augmentation" in chosen.data_modification) == augmented
    assert bool({*chosen.data_modification} - {"augmentation"}) == views
    part = any(lesson.images.fraction < 1 or lesson.images.confused_by for lesson in lessons)
    assert (chosen.data_partition != "none") == (views or part)
    most = max(len(lesson.teachers) + hasattr(lesson.peers, "run") for lesson in lessons)
    assert {"none": most == 0, "single": most == 1, "several": most > 1 or bool(fused)}[chosen.teacher_setup]


def test_all_of_them_are_one_study(planned):
    plan = planned(*RUNNING)
    assert sum(map(len, (runs_of(plan, name) for name in RUNNING))) + 7 == len(list(plan.all_runs()))


@pytest.mark.parametrize("name", NOT_COVERED)
def test_a_work_on_another_task_has_its_place_but_cannot_be_run(planned, name):
    recipe = read_recipe(name)
    assert recipe.not_covered
    assert recipe.survey is not None
    with pytest.raises(KdbenchError, match=f"methods: {name} is not covered yet"):
        planned(name)


def test_every_work_of_the_survey_has_a_recipe():
    sources = " ".join(read_recipe(name).source for name in recipe_names())
    assert [number for number in range(1, 19) if f"[{number}]" not in sources] == []


@pytest.mark.parametrize(("name", "needed"), [("pruned", "vanilla"), ("low-resolution", "scratch")])
def test_a_recipe_without_the_method_it_builds_on_names_what_lacks(values, name, needed):
    with pytest.raises(KdbenchError, match=f"{needed}-.*add the method that trains it"):
        Plan(check_config({**values, "methods": [name]}))


def test_the_ensembles_members_are_the_teacher_drawn_anew_and_teach_by_their_average(planned):
    runs = runs_of(planned("ensemble"), "ensemble")
    assert [mentor.run for mentor in runs["ensemble-lenet"].mentors] == [
        "teacher",
        "ensemble-member-2",
        "ensemble-member-3",
    ]
    assert len({runs[f"ensemble-member-{member}"].variant for member in (2, 3)} | {""}) == 3
    assert [term.combine for term in runs["ensemble-lenet"].objective if term.source == "teacher"] == ["average"]
    assert [member.run for member in runs["ensemble-together"].fusion.members] == [
        mentor.run for mentor in runs["ensemble-lenet"].mentors
    ]


def test_quantised_students_have_two_four_and_eight_bits_in_every_layer(planned):
    runs = runs_of(planned("quantised"), "quantised")
    found = {name: runs[name].learners[0].construction for name in runs if name.endswith("-lenet")}
    assert [construction.weight_bits for construction in found.values()] == [2, 4, 8]
    assert all(construction.first_and_last for construction in found.values())


def test_the_apprentices_schemes_differ_in_teacher_start_and_learning_rate(planned):
    plan = planned("apprentice")
    runs = runs_of(plan, "apprentice")
    for bits in ("ternary", 4):
        a, b, c = (runs[f"apprentice-{scheme}-{bits}-lenet"] for scheme in "abc")
        assert [learner.name for learner in a.learners] == ["lenet", "teacher"]
        assert (a.live_teacher, a.mentors, a.learners[1].construction) == (True, [], None)
        for run in (b, c):
            assert [mentor.run for mentor in run.mentors] == ["teacher"]
            assert not run.live_teacher
        assert b.learners[0].starts_from is None
        assert c.learners[0].starts_from.run == "vanilla-lenet"
        assert c.training.learning_rate < b.training.learning_rate == plan.config.training.learning_rate
        for run in (a, b, c):
            built = run.learners[0].construction
            assert (built.weight_bits, built.activation_bits, built.first_and_last) == (bits, 8, False)


def test_a_student_of_low_resolution_learns_the_features_of_its_own_network_on_whole_images(planned):
    runs = runs_of(planned("low-resolution"), "low-resolution")
    for side in (8, 16):
        run = runs[f"low-resolution-{side}-lenet"]
        assert run.learners[0].view == f"resolution-{side}"
        assert [(mentor.run, mentor.layers) for mentor in run.mentors] == [("scratch-lenet", ["embedding"])]
        assert run.objective[1].layers == [["embedding", "embedding"]]
        assert runs[f"low-resolution-{side}-scratch-lenet"].learners[0].view == f"resolution-{side}"


def test_a_student_of_each_view_hears_the_teachers_of_all(planned):
    plan = planned("four-views")
    runs = runs_of(plan, "four-views")
    views = ["image", "fine", "horizontal-edges", "vertical-edges"]
    for view in views:
        run = runs[f"four-views-{view}-lenet"]
        assert run.learners[0].view == view
        assert [plan.run(mentor.run, 1).learners[0].view for mentor in run.mentors] == views
    members = runs["four-views-lenet"].fusion.members
    assert [plan.run(member.run, 1).learners[0].view for member in members] == views


def test_four_modalities_are_voted_on_by_networks_of_labels_alone(planned):
    plan = planned("four-modalities")
    fusion = plan.run("four-modalities-lenet", 1).fusion
    members = [plan.run(member.run, 1) for member in fusion.members]
    assert fusion.by == "vote"
    assert len({member.learners[0].view for member in members}) == 4
    assert not any(member.mentors for member in members)


def test_three_percent_of_the_images_are_the_same_for_soft_and_hard_labels(planned):
    runs = runs_of(planned("three-percent"), "three-percent")
    hard, soft = runs["three-percent-hard-lenet"], runs["three-percent-soft-lenet"]
    assert hard.images == soft.images
    assert (hard.images.fraction, hard.seed, hard.variant) == (0.03, soft.seed, soft.variant)
    assert [term.source for run in (hard, soft) for term in run.objective] == ["labels", "teacher"]


def test_zero_shot_hears_no_label_and_sees_no_image_of_the_study(planned):
    run = runs_of(planned("zero-shot"), "zero-shot")["zero-shot-lenet"]
    assert run.images.made_by.run == "impressions"
    assert [(mentor.run, mentor.role) for mentor in run.mentors] == [("impressions", "teacher")]
    assert [term.source for term in run.objective] == ["teacher"]


def test_a_pruned_student_goes_on_from_its_distilled_weights(planned):
    [learner] = runs_of(planned("pruned"), "pruned")["pruned-lenet"].learners
    assert (learner.starts_from.run, learner.construction.pruned) == ("vanilla-lenet", 0.8)


def test_the_assistant_stands_between_teacher_and_student(planned):
    runs = runs_of(planned("teacher-assistant"), "teacher-assistant")
    assert [mentor.run for mentor in runs["assistant"].mentors] == ["teacher"]
    assert [(mentor.run, mentor.learner) for mentor in runs["teacher-assistant-lenet"].mentors] == [
        ("assistant", "assistant")
    ]


def test_peers_hear_each_other_as_their_works_have_it(planned):
    plan = planned("codistillation", "deep-mutual", "peer-collaborative")
    stale, live, averaged = (
        plan.run(name, 1) for name in ("codistillation-lenet", "deep-mutual", "peer-collaborative-lenet")
    )
    assert ([learner.name for learner in stale.learners], stale.peer_copies.stale) == (["lenet", "lenet_2"], 50)
    assert (len(live.learners), live.peer_copies, live.objective[1].combine) == (3, None, "mean")
    assert (len(averaged.learners), averaged.peer_copies.averaged) == (3, 0.999)
    assert averaged.objective[1].combine == "average"
    for run in (stale, live, averaged):
        assert run.live_peers
        assert run.mentors == []


@pytest.mark.parametrize("name", ["codistillation", "peer-collaborative", "quantised", "apprentice"])
def test_a_recipe_of_one_student_needs_no_other(planned, name, values):
    assert runs_of(planned(name, students=values["students"][:1]), name)
