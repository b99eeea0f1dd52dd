"""A study that is killed again and again ends as if nothing had happened; `make torture` does more of it."""

from tests.conftest import DIGITS
from tests.torture import BASELINES, kept, torture


def test_a_study_killed_five_times_ends_with_the_same_bits(demo, clone):
    folder = clone("torture")
    whole = kept(demo / "results/digits")
    expected = {name: content for name, content in whole.items() if name.startswith(BASELINES)}
    assert len(expected) == 7 * 4 + 1  # figures, history, predictions, weights of each run; the teacher's outputs
    study = ("baselines", *DIGITS)
    record = torture(folder, study, folder / "results/digits", expected, kills=5, seed=0, pause=6)
    assert record.kills.total() >= 5
    assert record.studies >= 1
