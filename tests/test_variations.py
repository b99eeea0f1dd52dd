"""One change at a time: the studies it makes, what they take from the study itself, and what is said of them."""

import pytest

from kdbench.config import check_config, merge
from kdbench.errors import KdbenchError
from kdbench.paper.reported import read_paper
from kdbench.report.claims import write_claims
from kdbench.report.collect import write_results
from kdbench.report.sensitivity import distances, effects, write_sensitivity
from kdbench.variations import variations
from tests.synthetic_study import study_config, write_study

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


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"peers": {"combine": "median"}}, "sensitivity.it: peers.combine"),
        ({"students": {"lenett": {}}}, 'sensitivity.it: unknown student "lenett"'),
    ],
)
def test_a_change_that_does_not_fit_is_refused_by_name(config, change, complaint):
    study = check_config(config.model_dump(mode="json") | {"sensitivity": {"it": change}})
    with pytest.raises(KdbenchError, match=complaint):
        variations(study, "sensitivity")


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


def test_the_reading_nearest_to_the_papers_gains_comes_first(study):
    near = distances(study, study.results, read_paper())
    assert set(near["change"]) == {"as configured", "mean-of-peers"}
    assert list(near["gains"]) == sorted(near["gains"])


def test_the_text_says_what_moves_and_which_verdicts_change(study):
    write_sensitivity(study, study.results)
    text = (study.results / "sensitivity/sensitivity.md").read_text()
    assert "move significantly, by mean-of-peers; the largest by +5.00" in text
    assert any(line.split()[1:3] == ["mean-of-peers", "|"] and "| alexnet" in line for line in text.splitlines())
    assert "Verdicts that a change changes" in text
    assert (study.results / "sensitivity/sensitivity.png").stat().st_size > 1000
