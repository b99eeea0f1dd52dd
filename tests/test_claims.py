"""The verdicts on the paper's claims."""

import csv

import numpy as np
import pytest
from scipy import stats

from kdbench.errors import KdbenchError
from kdbench.report.claims import COLUMNS, deciding_tests, verdict_on, write_claims
from kdbench.report.collect import write_results
from kdbench.report.statistics import sample, seeds_needed
from tests.synthetic_study import students, study_config, write_study

WIGGLE = {1: 0.0, 2: 3.0, 3: -2.0, 4: 1.0}  # of a seed, the same for every method


def judged(config, figures_of=None):
    write_study(config, figures_of)
    write_results(config, config.results)
    write_claims(config, config.results)
    with (config.results / "claims.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == COLUMNS
    return {row["id"]: row for row in rows}


def vanilla_above_scratch(*differences):
    """Figures in which vanilla's test accuracy lies above scratch's by these points, at seeds 1, 2, ..."""

    def figures(run, learner):
        base = 60 + WIGGLE[run.seed]
        return {"test_accuracy": base + (differences[run.seed - 1] if run.method == "vanilla" else 0)}

    return figures


def test_a_direction_claim_comes_out_each_way(tmp_path):
    cases = {
        "reproduced": (1.0, 0.999, 1.001),
        "not reproduced": (-1.0, -0.999, -1.001),
        "undecided": (-3.0, 3.0, 1.0),
    }
    for verdict, differences in cases.items():
        config = study_config(tmp_path / verdict.replace(" ", "-"), seeds=[1, 2, 3])
        row = judged(config, vanilla_above_scratch(*differences))["vanilla-above-scratch-alexnet"]
        assert row["verdict"] == verdict


def test_an_effect_of_the_papers_size_that_would_have_been_seen_is_not_reproduced(tmp_path):
    config = study_config(tmp_path / "study", seeds=[1, 2, 3])
    rows = judged(config, vanilla_above_scratch(0.01, -0.01, 0.0))
    row = rows["vanilla-above-scratch-mobilenet"]
    assert (row["verdict"], row["same_size"]) == ("not reproduced", "no")
    assert row["note"] == "not different from 0, and significantly below the paper's number"


def test_the_interval_is_of_the_differences_paired_by_seed(tmp_path):
    config = study_config(tmp_path / "study", seeds=[1, 2, 3])
    differences = (1.0, 0.8, 1.5)
    row = judged(config, vanilla_above_scratch(*differences))["vanilla-above-scratch-lenet"]
    expected = stats.t.interval(0.95, 2, np.mean(differences), stats.sem(differences))
    assert [float(row["low"]), float(row["high"])] == pytest.approx(expected, abs=1e-5)
    assert float(row["ours"]) == pytest.approx(1.1, abs=1e-6)
    assert (row["n"], row["paper"], row["section"]) == ("3", "1.52", "4.5")
    assert row["same_size"] == "yes"


def test_one_seed_decides_nothing(tmp_path):
    rows = judged(study_config(tmp_path / "study", seeds=[1]), vanilla_above_scratch(5.0))
    assert {row["verdict"] for row in rows.values()} == {"undecided"}
    row = rows["vanilla-above-scratch-alexnet"]
    assert (row["ours"], row["low"], row["high"], row["same_size"], row["n"]) == ("5.0", "", "", "", "1")
    assert row["note"] == "one seed decides nothing"


def test_a_claim_of_one_seed_borrows_the_spread_of_the_students_other_differences(tmp_path):
    differences = (1.0, 3.0, -1.0)
    several = [{**student, "seeds": [1, 2, 3]} for student in students("alexnet", "lenet")]
    config = study_config(tmp_path / "study", seeds=[1], students=[*several, *students("mobilenet")])
    rows = judged(config, vanilla_above_scratch(*differences))
    alexnet = rows["peer-above-vanilla-alexnet"]
    needed = seeds_needed(8.28, sample(differences).sd)
    assert (alexnet["n"], alexnet["paper"], alexnet["seeds_needed"]) == ("1", "8.28", str(needed))
    assert alexnet["note"] == (
        f"one seed decides nothing; {needed} seeds would probably show an effect of +8.28, at the spread of the "
        "student's other differences"
    )
    assert rows["peer-above-vanilla-mobilenet"]["note"] == "one seed decides nothing"
    assert rows["peer-training-below-scratch-alexnet"]["note"] == "one seed decides nothing"


def test_what_the_study_has_no_student_for_is_not_tested(tmp_path):
    rows = judged(study_config(tmp_path / "study", seeds=[1, 2], students=students("alexnet", "lenet")))
    row = rows["vanilla-above-scratch-mobilenet"]
    assert (row["verdict"], row["ours"], row["n"]) == ("not tested", "", "0")
    assert row["note"] == "the study has no mobilenet"
    assert rows["vanilla-above-scratch-alexnet"]["verdict"] != "not tested"


def test_what_the_study_has_no_runs_for_is_not_tested(tmp_path):
    rows = judged(study_config(tmp_path / "study", seeds=[1, 2], methods=["scratch", "vanilla"]))
    tested = {id for id, row in rows.items() if row["verdict"] != "not tested"}
    assert tested == {id for id in rows if id.startswith(("vanilla-", "scratch-"))}
    assert rows["peer-above-scratch-alexnet"]["note"] == "the study has no peer runs of alexnet"


def test_a_mean_over_runs_is_not_tested_where_results_csv_lacks_one_of_them(tmp_path):
    config = study_config(tmp_path / "study", seeds=[1, 2])
    judged(config)
    path = config.results / "results.csv"
    kept = [line for line in path.read_text().splitlines(keepends=True) if ",alternate-alexnet+lenet," not in line]
    path.write_text("".join(kept))
    write_claims(config, config.results)
    with (config.results / "claims.csv").open() as stream:
        rows = {row["id"]: row for row in csv.DictReader(stream)}
    assert rows["more-peers-better-alexnet"]["verdict"] == "not tested"
    assert rows["more-peers-better-mobilenet"]["verdict"] != "not tested"


def verdict(kind, number, differences, margin=3.02):
    """The verdict on a claim that is the only one: its p-values are as they are."""
    ours = sample(differences)
    return verdict_on(kind, number, ours, margin, deciding_tests(kind, number, ours, margin))[0]


def test_comparable_means_within_the_margin_on_both_sides():
    assert verdict("comparable", -1.5, [-0.5, -0.4, -0.6]) == "reproduced"
    assert verdict("comparable", -1.5, [-9.0, -8.9, -9.1]) == "not reproduced"
    assert verdict("comparable", -1.5, [9.0, 8.9, 9.1]) == "not reproduced"
    assert verdict("comparable", -1.5, [-2.0, -3.0, -2.5]) == "undecided"
    assert verdict("comparable", -1.5, [-9.0, 9.0, 0.0]) == "undecided"


def test_without_a_number_only_the_side_of_zero_counts():
    for number in (None, -1.42):
        assert verdict("above", number, [0.1, 0.11, 0.12]) == "reproduced"
        assert verdict("above", number, [-0.1, -0.11, -0.12]) == "not reproduced"
        assert verdict("above", number, [-0.2, 0.1, 0.0]) == "undecided"


def test_no_worse_means_not_below_the_margin():
    assert verdict("no worse", None, [-0.5, -0.4, -0.6]) == "reproduced"
    assert verdict("no worse", None, [9.0, 8.9, 9.1]) == "reproduced"
    assert verdict("no worse", None, [-9.0, -8.9, -9.1]) == "not reproduced"
    assert verdict("no worse", None, [-2.0, -4.0, -2.5]) == "undecided"


def test_no_improvement_is_reproduced_where_the_mean_is_below_zero():
    assert verdict("not above", -1.5, [-0.1, -0.11, -0.12]) == "reproduced"
    assert verdict("not above", -1.5, [0.1, 0.11, 0.12]) == "not reproduced"
    assert verdict("not above", -1.5, [-0.2, 0.1, 0.0]) == "undecided"


def test_p_values_are_corrected_for_all_tests_of_the_study(tmp_path):
    """The same three differences decide a claim on its own, and not as one of forty that show nothing."""
    differences = (1.0, 1.4, 0.7)
    assert verdict("above", None, differences) == "reproduced"
    row = judged(study_config(tmp_path / "study", seeds=[1, 2, 3]), vanilla_above_scratch(*differences))[
        "vanilla-above-scratch-alexnet"
    ]
    assert float(row["p"]) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, rel=1e-4)
    assert float(row["p_adjusted"]) > 0.05 > float(row["p"])
    assert row["verdict"] == "undecided"


def test_an_undecided_claim_says_how_many_seeds_would_show_the_papers_effect(tmp_path):
    config = study_config(tmp_path / "study", seeds=[1, 2, 3])
    row = judged(config, vanilla_above_scratch(-3.0, 3.0, 1.0))["vanilla-above-scratch-mobilenet"]
    needed = seeds_needed(2.59, float(np.std([-3.0, 3.0, 1.0], ddof=1)))
    assert (row["verdict"], row["seeds_needed"]) == ("undecided", str(needed))
    assert f"{needed} seeds would probably show an effect of +2.59" in row["note"]


def test_an_undecided_claim_with_seeds_enough_says_so(tmp_path):
    config = study_config(tmp_path / "study", seeds=[1, 2, 3, 4])

    def figures(run, learner):
        lower = (1.2, 0.8, -0.9, 0.5)[run.seed - 1] if run.method == "peer" else 0.0
        return {"test_accuracy": 60.0 - lower}

    row = judged(config, figures)["peer-not-above-vanilla-lenet"]
    assert (row["verdict"], row["seeds_needed"]) == ("undecided", "3")
    assert "these seeds would probably have shown an effect of −3.02" in row["note"]


def test_a_lower_training_accuracy_of_peers_speaks_for_the_claim(tmp_path):
    def figures(run, learner):
        levels = {"scratch": (70, 4), "vanilla": (68, 3), "peer": (60, 2), "alternate-to": (62, 1)}
        level, step = levels.get(run.method, (50, 0))
        return {"train_accuracy": level + step * (run.seed - 2) / 10, "test_accuracy": 64.0}

    rows = judged(study_config(tmp_path / "study", seeds=[1, 2, 3]), figures)
    assert float(rows["peer-training-below-scratch-lenet"]["ours"]) == pytest.approx(10.0)
    assert float(rows["peer-training-below-vanilla-lenet"]["ours"]) == pytest.approx(8.0)
    assert float(rows["alternate-training-above-peer-alexnet"]["ours"]) == pytest.approx(2.0)
    assert float(rows["peer-test-above-training-mobilenet"]["ours"]) == pytest.approx(64 - 60)
    training = [row for id, row in rows.items() if "training" in id]
    assert {row["verdict"] for row in training} == {"reproduced"}
    assert {row["mcnemar_p"] for row in training} == {""}


def test_more_peers_are_held_against_the_mean_of_the_first_phases(tmp_path):
    def figures(run, learner):
        level = {"peer": 70.0, "alternate-alexnet+lenet": 60.0, "alternate-alexnet+mobilenet": 64.0}.get(run.name, 50.0)
        return {"test_accuracy": level + (run.seed if run.name != "peer" else 1.5 + (run.seed - 1.5) / 2)}

    rows = judged(study_config(tmp_path / "study", seeds=[1, 2, 3, 4, 5]), figures)
    row = rows["more-peers-better-alexnet"]
    assert (float(row["ours"]), row["verdict"], row["mcnemar_p"]) == (pytest.approx(7.25), "reproduced", "")
    assert (
        "the paper's own numbers of this student speak against this sentence" in rows["more-peers-better-lenet"]["note"]
    )


def tuned(best):
    """Figures in which lenet is weakest, mobilenet strongest, and ``best`` the best point for both."""

    def figures(run, learner):
        level = {"lenet": 50.0, "alexnet": 60.0, "mobilenet": 80.0}.get(learner, 90.0)
        lead = (5.0 + run.seed / 1000 if run.name == best else 0.0) if run.validation else None
        return {"validation_accuracy": None if lead is None else level + lead}

    return figures


def test_both_criteria_choosing_the_papers_weights_is_reproduced(tmp_path):
    config = study_config(tmp_path / "study", seeds=[1, 2], tune={"seeds": [1, 2]})
    rows = judged(config, tuned("tune-0.1-0.8-0.1"))
    for criterion, student in (("weakest", "lenet"), ("strongest", "mobilenet")):
        row = rows[f"{criterion}-chooses-fixed-weights"]
        assert (row["verdict"], float(row["ours"]), row["n"]) == ("reproduced", pytest.approx(5.0015), "2")
        assert row["note"].endswith(f"the {criterion} student here is {student} and chooses 0.1-0.8-0.1")


def test_criteria_choosing_other_weights_is_not_reproduced(tmp_path):
    config = study_config(tmp_path / "study", seeds=[1, 2], tune={"seeds": [1, 2]})
    row = judged(config, tuned("tune-0.1-0.7-0.2"))["weakest-chooses-fixed-weights"]
    assert (row["verdict"], float(row["ours"])) == ("not reproduced", pytest.approx(-5.0015))
    assert "chooses 0.1-0.7-0.2" in row["note"]


def test_the_papers_margin_of_a_choice_is_not_held_against_another_student(tmp_path):
    networks = students("alexnet", "mobilenet")  # without lenet, alexnet is the weakest
    config = study_config(tmp_path / "study", seeds=[1, 2], tune={"seeds": [1, 2]}, students=networks)
    rows = judged(config, tuned("tune-0.1-0.8-0.1"))
    assert rows["weakest-chooses-fixed-weights"]["same_size"] == ""
    assert rows["strongest-chooses-fixed-weights"]["same_size"] == "no"


def test_a_grid_without_the_papers_weights_leaves_the_choice_untested(tmp_path):
    config = study_config(tmp_path / "study", tune={"grid": [[0.2, 0.7, 0.1], [0.3, 0.6, 0.1]]})
    assert judged(config)["weakest-chooses-fixed-weights"]["verdict"] == "not tested"


def test_mcnemar_counts_the_images_only_one_learner_gets_right_at_the_first_seed(tmp_path):
    config = study_config(tmp_path / "study", seeds=[2, 1])
    p = float(judged(config)["vanilla-above-scratch-alexnet"]["mcnemar_p"])
    first, second = (
        np.load(config.results / f"runs/{run}-alexnet/seed1/predictions-alexnet.npz")["correct"]
        for run in ("vanilla", "scratch")
    )
    gained, lost = int((first & ~second).sum()), int((~first & second).sum())
    assert gained + lost > 25
    assert p == pytest.approx(stats.binomtest(gained, gained + lost).pvalue, rel=1e-5)


def test_missing_predictions_are_named(tmp_path):
    config = study_config(tmp_path / "study", seeds=[1, 2])
    write_study(config)
    write_results(config, config.results)
    (config.results / "runs/scratch-lenet/seed1/predictions-lenet.npz").unlink()
    with pytest.raises(KdbenchError, match="scratch-lenet/seed1/predictions-lenet.npz: no such file"):
        write_claims(config, config.results)


def test_claims_md_starts_with_the_counts_and_states_the_deviations(tmp_path):
    config = study_config(tmp_path / "study", seeds=[1, 2], study={"title": "A study", "deviations": {"data": "half"}})
    rows = judged(config)
    counts = {
        verdict: sum(row["verdict"] == verdict for row in rows.values())
        for verdict in ("reproduced", "not reproduced", "undecided", "not tested")
    }
    lines = (config.results / "claims.md").read_text().splitlines()
    stated = ", ".join(f"{verdict} {count}" for verdict, count in counts.items())
    assert lines[0] == f"**{len(rows)} claims of the paper: {stated}.**"
    assert "A study. Seeds: 1, 2 (of the runs that tune weights: 1). Differs from the paper: data: half." in lines
    assert sum(line.startswith("|") for line in lines) == len(rows) + 2
    assert "nan" not in "\n".join(lines)


def test_four_students_keep_the_papers_claims_and_say_they_are_four(tmp_path):
    networks = students("alexnet", "lenet", "mobilenet", "resnet8")
    config = study_config(tmp_path / "study", seeds=[1, 2], students=networks)
    rows = judged(config)
    assert "not tested" not in {row["verdict"] for row in rows.values()}
    assert "this study has 4" in (config.results / "claims.md").read_text()
