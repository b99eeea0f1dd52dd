"""One change at a time: the studies it makes, what they take from the study itself, and what is said of them."""

from math import sqrt

import pandas as pd
import pytest

from kdbench.config import check_config
from kdbench.errors import KdbenchError
from kdbench.overlay import merge
from kdbench.paper.reported import read_paper
from kdbench.plan import Plan
from kdbench.report.claims import write_claims
from kdbench.report.collect import write_results
from kdbench.report.further import differences, draw, gains, taught, trends, write_further
from kdbench.report.sensitivity import distances, effects, findings, write_sensitivity
from kdbench.variations import variations
from tests.synthetic_study import students, study_config, write_study

CHANGES = {
    "mean-of-peers": {"peers": {"combine": "mean"}},
    "lenet-tanh": {"students": {"lenet": {"network": {"form": "tanh-average"}}}},
}


def test_each_change_is_the_configuration_with_that_change_alone(config):
    values = config.model_dump(mode="json")
    study = check_config(values | {"sensitivity": {**CHANGES, "left-out": None}})
    made = variations(study, "sensitivity")
    assert list(made) == [*CHANGES]
    mean = made["mean-of-peers"]
    assert (str(mean.results), mean.reuse) == ("results/digits/sensitivity/mean-of-peers", "results/digits")
    expected = {"peers": {"combine": "mean"}, "pathvars": {"results": str(mean.results)}}
    assert mean == check_config(merge(values | {"sensitivity": {}, "reuse": "results/digits"}, expected))
    forms = [student.network.form for student in made["lenet-tanh"].students]
    assert forms == [None, "tanh-average", None]


def test_each_group_has_its_own_changes_and_folder(config):
    longer = {"longer": {"training": {"epochs": 20}}}
    study = check_config(config.model_dump(mode="json") | {"sensitivity": CHANGES, "further": longer})
    assert list(variations(study, "sensitivity")) == [*CHANGES]
    [made] = variations(study, "further").values()
    assert (str(made.results), made.reuse) == ("results/digits/further/longer", "results/digits")
    assert made.training.epochs == 20
    assert made.sensitivity == made.further == {}


def test_a_list_of_names_takes_these_students_alone_as_they_are(config):
    change = {"students": ["mobilenet", "alexnet"], "methods": ["scratch", "vanilla", "peer"]}
    study = check_config(config.model_dump(mode="json") | {"further": {"two": change}})
    alexnet, _, mobilenet = study.students
    two = variations(study, "further")["two"]
    assert two.students == [mobilenet, alexnet]
    assert set(Plan(two).runs["peer"].learners) == {"alexnet", "mobilenet"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"distillation": {"temperature": 4}}, "further.it: distillation: only students' names, epochs"),
        ({"training": {"epochs": 20, "batch_size": 32}}, "further.it: training.batch_size: only"),
        ({"students": {"lenet": {"network": {"form": "tanh-max"}}}}, "further.it: students: only"),
    ],
)
def test_the_next_steps_vary_who_takes_part_and_how_long_and_nothing_else(config, change, complaint):
    study = check_config(config.model_dump(mode="json") | {"further": {"it": change}})
    with pytest.raises(KdbenchError, match=complaint):
        variations(study, "further")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"peers": {"combine": "median"}}, "peers.combine: input should be 'sum' or 'mean'"),
        ({"epochs": 20}, 'unknown key "epochs"'),
        ({"students": {"lenett": {}}}, 'unknown student "lenett"; did you mean "lenet"'),
        ({"students": ["alexnet", "lenett"]}, 'unknown student "lenett"; did you mean "lenet"'),
        ({"students": "lenet"}, "students: must list students' names or map names to the keys to change"),
        ({"students": 2}, "students: must list students' names or map names to the keys to change"),
        ({"students": None}, "students: must list students' names or map names to the keys to change"),
        ({"students": {"lenet": None}}, "students.lenet: must be keys to change, got None"),
        ({"students": {"lenet": "tanh"}}, "students.lenet: must be keys to change, got 'tanh'"),
        ({"students": [{"name": "lenet"}]}, "students: must list the names of students alone, got {'name': 'lenet'}"),
        ({"students": ["lenet", "lenet"]}, "students: duplicate student lenet"),
        ({"students": []}, "students: list should have at least 1 item"),
        ({"students": {"lenet": {"seeds": [2]}}}, "the seeds of the student lenet lack 1"),
        ({"data": {"train_limit": 100}}, "data: a change keeps the study's"),
        ({"pathvars": {"results": "elsewhere"}}, "pathvars: a change keeps the study's"),
        ({"reuse": "elsewhere"}, "reuse: a change keeps the study's"),
        ({"further": {}}, "further: a change keeps the study's"),
    ],
)
@pytest.mark.parametrize("group", ["sensitivity", "further"])
def test_a_change_that_does_not_fit_is_refused_by_name(config, group, change, complaint):
    study = check_config(config.model_dump(mode="json") | {group: {"it": change}})
    with pytest.raises(KdbenchError) as refused:
        variations(study, group)
    assert str(refused.value).startswith(f"{group}.it: {complaint}")


@pytest.fixture
def study(tmp_path):
    """The paper's runs at three seeds; with a mean of peers, those who have peers gain five points, give or take."""

    def as_configured(run, learner):
        return {"test_accuracy": 60.0 + run.seed}

    def with_a_mean(run, learner):
        gain = 5.0 + 0.001 * run.seed if "peer" in run.method or "alternate" in run.method else 0.0
        return {"test_accuracy": 60.0 + run.seed + gain}

    config = study_config(tmp_path / "results", seeds=[1, 2, 3])
    config = config.model_copy(update={"sensitivity": {"mean-of-peers": CHANGES["mean-of-peers"]}})
    for place, figures in ((config, as_configured), (variations(config, "sensitivity")["mean-of-peers"], with_a_mean)):
        write_study(place, figures)
        write_results(place, place.results)
        write_claims(place, place.results)
    return config


def test_effects_are_paired_by_seed_and_only_of_cells_that_could_move(study):
    found = effects(study, study.results, read_paper())
    assert set(found["change"]) == {"mean-of-peers"}
    assert not any(run.startswith(("scratch", "vanilla")) for run in found["run"])
    assert len(found) == 3 + 3 * 2 + 3
    assert found["effect"].round(2).eq(5.0).all()
    assert (found["p_adjusted"] < 0.05).all()


PAPERS = {  # Table 2
    "scratch-alexnet": {"alexnet": 60.54},
    "scratch-lenet": {"lenet": 56.5},
    "scratch-mobilenet": {"mobilenet": 78.16},
    "vanilla-alexnet": {"alexnet": 61.52},
    "vanilla-lenet": {"lenet": 58.02},
    "vanilla-mobilenet": {"mobilenet": 80.75},
    "peer": {"alexnet": 69.8, "lenet": 55.0, "mobilenet": 82.88},
    "alternate-alexnet+lenet": {"alexnet": 63.83, "lenet": 57.94},
    "alternate-alexnet+lenet-to-mobilenet": {"mobilenet": 79.17},
    "alternate-alexnet+mobilenet": {"alexnet": 67.33, "mobilenet": 82.83},
    "alternate-alexnet+mobilenet-to-lenet": {"lenet": 55.14},
    "alternate-lenet+mobilenet": {"lenet": 54.90, "mobilenet": 82.24},
    "alternate-lenet+mobilenet-to-alexnet": {"alexnet": 64.46},
}


def finished(config, group, accuracy):
    """Write results of the study and of each change: ``accuracy(change, run, learner)``, or made up where None."""
    for change, place in {"as configured": config, **variations(config, group)}.items():

        def figures(run, learner, change=change):
            found = accuracy(change, run, learner)
            return {} if found is None else {"test_accuracy": found}

        write_study(place, figures)
        write_results(place, place.results)
    return config


def only(sensitivity):
    """These changes instead of those in config.yaml, which an overlay can but leave out."""
    return {"sensitivity": dict.fromkeys(study_config("results").sensitivity) | sensitivity}


def test_distances_are_root_mean_squares_over_the_cells_of_table_2(tmp_path):
    def accuracy(change, run, learner):
        papers = PAPERS.get(run.name, {}).get(learner)
        easier = 7 if change == "mean-of-peers" else 8 if run.name == "peer" else 5
        return None if papers is None else papers + easier

    changes = only({"mean-of-peers": CHANGES["mean-of-peers"]})
    config = finished(study_config(tmp_path / "results", seeds=[1], **changes), "sensitivity", accuracy)
    near = distances(config, config.results, read_paper())
    # As configured, 3 of 18 cells are 8 off and 15 are 5; of the 15 gains over scratch 3 are 3 off.
    assert near.to_dict("records") == [
        {"change": "mean-of-peers", "gains": 0.0, "all": 7.0},
        {
            "change": "as configured",
            "gains": round(sqrt(3 * 3**2 / 15), 2),
            "all": round(sqrt((3 * 8**2 + 15 * 5**2) / 18), 2),
        },
    ]
    said = findings([], pd.DataFrame(columns=["verdict_base", "verdict"]), near, ["mean-of-peers"])
    assert "to its accuracies as configured (5.61 points off, root mean square; as configured 5.61)" in said
    assert "to its gains over scratch mean-of-peers (0.00 points off, root mean square; as configured 1.34)" in said


def test_one_seed_gives_effects_without_interval_and_p(tmp_path):
    changes = only({"mean-of-peers": CHANGES["mean-of-peers"]})
    config = study_config(tmp_path / "results", seeds=[1], methods=["scratch", "peer"], **changes)
    finished(config, "sensitivity", lambda change, run, learner: 62.0 if change == "mean-of-peers" else 60.0)
    found = effects(config, config.results, read_paper())
    assert found["effect"].tolist() == [2.0] * 6
    assert found[["low", "high", "p", "p_adjusted"]].isna().all(axis=None)


def test_a_cell_that_a_change_leaves_out_has_no_effect(tmp_path):
    changes = only({"two-students": {"students": ["alexnet", "lenet"], "methods": ["scratch", "vanilla"]}})
    config = study_config(tmp_path / "results", seeds=[1, 2], methods=["scratch", "vanilla", "peer"], **changes)
    finished(config, "sensitivity", lambda change, run, learner: 60.0 + len(change))
    found = effects(config, config.results, read_paper())
    assert set(found["run"]) == {"scratch-alexnet", "scratch-lenet", "vanilla-alexnet", "vanilla-lenet"}
    assert found["effect"].notna().all()


def test_students_that_are_not_the_papers_have_no_distance_from_it(tmp_path):
    changes = only({"mean-of-peers": CHANGES["mean-of-peers"]})
    others = students("resnet8", "resnet20")
    config = study_config(tmp_path / "results", seeds=[1], methods=["scratch", "peer"], students=others, **changes)
    for place in (config, *variations(config, "sensitivity").values()):
        write_study(place)
        write_results(place, place.results)
        write_claims(place, place.results)
    write_sensitivity(config, config.results)
    text = (config.results / "sensitivity/sensitivity.md").read_text()
    assert "nan" not in text and "nearest" not in text
    assert "| mean-of-peers |                  – |          – |" in text


def test_the_text_says_what_moves_and_which_verdicts_change(study):
    write_sensitivity(study, study.results)
    text = (study.results / "sensitivity/sensitivity.md").read_text()
    assert "move significantly, under the changes mean-of-peers; the largest move is +5.00 points" in text
    assert any(line.split()[1:3] == ["mean-of-peers", "|"] and "| alexnet" in line for line in text.splitlines())
    assert "Verdicts that a change changes" in text
    assert (study.results / "sensitivity/sensitivity.png").stat().st_size > 1000


def test_gains_are_counted_where_one_run_gives_a_student_its_figure(config):
    found = {(run.name, student, peers) for run, student, peers in taught(Plan(config))}
    names = ("alexnet", "lenet", "mobilenet")
    assert found == {
        *((f"vanilla-{name}", name, 0) for name in names),
        *(("peer", name, 2) for name in names),
        ("alternate-alexnet+lenet-to-mobilenet", "mobilenet", 2),
        ("alternate-alexnet+mobilenet-to-lenet", "lenet", 2),
        ("alternate-lenet+mobilenet-to-alexnet", "alexnet", 2),
    }


def next_steps(results, accuracy, *networks, **overrides):
    """A finished study of the baselines and peers, with the ``further`` changes given."""
    values = {"seeds": [1, 2, 3], "methods": ["scratch", "vanilla", "peer"], "tune": {"grid": [[0.1, 0.8, 0.1]]}}
    config = study_config(results, students=students(*networks), **(values | overrides))
    return finished(config, "further", accuracy)


THREE = ("alexnet", "lenet", "mobilenet")
TWO_STUDENTS = {"two-students": {"students": ["alexnet", "lenet"]}}
WIGGLE = {1: 0.1, 2: 0.0, 3: -0.1}  # by seed: a mean of 0, a standard deviation of 0.1


def accuracy_of_next_steps(change, run, learner):
    """Gains of 2 and 4 from one and two peers; at 20 epochs of 1 from peers, and of 4 from the teacher instead of 1."""
    epochs, peers = run.training.epochs, len(run.learners) - 1
    scratch = 50 + run.seed + (10 if epochs == 20 else 0)
    if run.method == "vanilla":
        return scratch + (4 + WIGGLE[run.seed] if epochs == 20 else 1)
    if run.method == "peer":
        return scratch + (1 if epochs == 20 else 2 * peers + (WIGGLE[run.seed] if peers == 2 else 0))
    return scratch


@pytest.fixture
def further_study(tmp_path):
    further = TWO_STUDENTS | {"epochs-20": {"training": {"epochs": 20}}}
    return next_steps(tmp_path / "results", accuracy_of_next_steps, *THREE, further=further)


REACH = 4.302653 * 0.1 / sqrt(3)  # of a 95 % t-interval of three seeds


def test_a_gain_is_over_scratch_of_as_many_epochs_at_the_same_seed(further_study):
    table = gains(differences(further_study, further_study.results)).set_index(["change", "method", "student"])
    assert len(table) == 2 * (3 + 2 + 3)
    own = table.loc[("as configured", "peer", "lenet")]
    assert (own["peers"], own["epochs"], own["n"]) == (2, 5, 3)
    assert (own["gain"], own["low"], own["high"]) == pytest.approx((4, 4 - REACH, 4 + REACH), abs=1e-5)
    two = table.loc[("two-students", "peer", "lenet")]
    assert (two["peers"], two["epochs"], two["gain"]) == (1, 5, pytest.approx(2))
    longer = table.loc[("epochs-20", "vanilla", "mobilenet")]
    assert (longer["peers"], longer["epochs"], longer["gain"]) == (0, 20, pytest.approx(4))


def p_of_three_seeds(difference):
    """Two-sided, of Student's t with two degrees of freedom, whose distribution has a closed form."""
    t = difference / (0.1 / sqrt(3))
    return 1 - t / sqrt(t * t + 2)


def test_trends_compare_the_most_peers_and_epochs_with_the_fewest(further_study):
    each = differences(further_study, further_study.results)
    found = trends(further_study, each).set_index(["along", "method", "student"])
    expected = {("peers", "peer", name): (1, 2, 2.0) for name in ("alexnet", "lenet")}
    expected |= {("epochs", "vanilla", name): (5, 20, 3.0) for name in THREE}
    expected |= {("epochs", "peer", name): (5, 20, -3.0) for name in THREE}
    assert set(found.index) == set(expected)
    for place, (few, many, difference) in expected.items():
        row = found.loc[place]
        assert (row["few"], row["many"], row["n"]) == (few, many, 3)
        assert row["difference"] == pytest.approx(difference)
        assert (row["low"], row["high"]) == pytest.approx((difference - REACH, difference + REACH), abs=1e-5)
        assert row["p"] == pytest.approx(p_of_three_seeds(abs(difference)), rel=1e-4)
        # Benjamini and Hochberg: of eight, the six of 3 points have the smallest p.
        assert row["p_adjusted"] == pytest.approx(row["p"] * (8 / 6 if abs(difference) == 3 else 1), rel=1e-4)


def test_the_figure_shows_gains_along_peers_and_epochs_a_panel_a_student(further_study):
    figure = draw(further_study, gains(differences(further_study, further_study.results)))
    panels = figure.axes
    assert [axes.get_title() for axes in panels] == [*THREE, "", "", ""]
    assert [axes.get_xlabel() for axes in panels] == ["peers"] * 3 + ["epochs"] * 3

    def series(axes):
        return {tuple((x, round(y, 6)) for x, y in drawn.lines[0].get_xydata()) for drawn in axes.containers}

    assert series(panels[0]) == {((0, 1), (0, 1)), ((1, 2), (2, 4))}
    assert series(panels[2]) == {((0, 1),), ((2, 4),)}  # MobileNet is not among the two
    assert series(panels[3]) == {((5, 1), (20, 4)), ((5, 4), (20, 1))}


def test_the_text_says_how_many_gains_grow_and_shrink(further_study):
    write_further(further_study, further_study.results)
    text = (further_study.results / "further/further.md").read_text()
    peers, epochs = (sentence.strip() for sentence in text.splitlines()[0].split("comparisons.")[:2])
    assert peers == (
        "From each student's fewest peers to its most (1 to 2 over all), the gain over scratch grows "
        "significantly in 2 and shrinks significantly in 0 of 2"
    )
    assert epochs == (
        "From each student's fewest epochs to its most (5 to 20 over all), the gain over scratch grows "
        "significantly in 3 and shrinks significantly in 3 of 6"
    )
    assert {path.name for path in (further_study.results / "further").iterdir() if path.is_file()} == {
        *("gains.csv", "trends.csv", "further.md", "further.svg", "further.png")
    }


def test_one_seed_gives_trends_without_interval_and_p(tmp_path):
    config = next_steps(tmp_path / "results", accuracy_of_next_steps, *THREE, further=TWO_STUDENTS, seeds=[2])
    found = trends(config, differences(config, config.results))
    assert found["difference"].tolist() == pytest.approx([2.0, 2.0])
    assert found["n"].tolist() == [1, 1]
    assert found[["low", "high", "p", "p_adjusted"]].isna().all(axis=None)
    write_further(config, config.results)
    text = (config.results / "further/further.md").read_text()
    assert "grows significantly in 0 and shrinks significantly in 0 of 2 comparisons" in text
    assert "nan" not in text


def test_epochs_are_compared_among_the_same_students(tmp_path):
    further = {
        "three-students": {"students": [*THREE]},
        "epochs-20": {"students": [*THREE], "training": {"epochs": 20}},
    }
    config = next_steps(tmp_path / "results", accuracy_of_next_steps, *THREE, "resnet8", further=further)
    found = trends(config, differences(config, config.results)).set_index(["along", "method", "student"])
    assert found.loc[("epochs", "peer", "alexnet"), "difference"] == pytest.approx(1 - 4)
    assert found.loc[("peers", "peer", "alexnet"), "difference"] == pytest.approx(6 - 4)
    assert "resnet8" not in found.index.get_level_values("student")


def test_ensembles_of_as_many_students_count_as_their_mean(tmp_path):
    def accuracy(change, run, learner):
        gain = {"as configured": 4, "with-lenet": 1, "with-mobilenet": 3}[change] if run.method == "peer" else 0
        return 50 + gain

    further = {f"with-{other}": {"students": ["alexnet", other]} for other in ("lenet", "mobilenet")}
    config = next_steps(tmp_path / "results", accuracy, *THREE, further=further)
    found = trends(config, differences(config, config.results)).set_index("student")["difference"]
    assert found.to_dict() == pytest.approx({"alexnet": 4 - 2, "lenet": 4 - 1, "mobilenet": 4 - 3})


def test_a_method_that_only_a_change_has_is_drawn_under_its_name(tmp_path):
    further = {"with-peers": {"methods": ["scratch", "vanilla", "peer"]}}
    methods = ["scratch", "vanilla"]
    config = next_steps(tmp_path / "results", accuracy_of_next_steps, *THREE, further=further, methods=methods)
    [legend] = draw(config, gains(differences(config, config.results))).legends
    assert [text.get_text() for text in legend.get_texts()] == ["Vanilla Teacher-Student", "Teacher-Student-Peer"]


def test_where_nothing_is_varied_the_figure_says_so_in_words(tmp_path):
    methods = ["scratch", "vanilla"]
    config = next_steps(tmp_path / "results", accuracy_of_next_steps, *THREE, methods=methods, further={})
    words = " ".join(text.get_text() for text in draw(config, gains(differences(config, config.results))).texts)
    assert "Neither the number of peers nor that of epochs was varied." in " ".join(words.split())
    write_further(config, config.results)
    folder = config.results / "further"
    assert (folder / "further.md").read_text().startswith("Neither the number of peers nor that of epochs was varied.")
    assert pd.read_csv(folder / "trends.csv").empty
    assert len(pd.read_csv(folder / "gains.csv")) == 3
