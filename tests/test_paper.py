"""The paper's numbers, against its tables as DESIGN.md quotes them."""

import pytest

from kdbench.paper.reported import Paper, read_paper
from tests.synthetic_study import students, study_config

TABLE1 = {
    (0.1, 0.6, 0.3): (55.59, 47.94, 74.96),
    (0.1, 0.7, 0.2): (49.64, 44.08, 73.88),
    (0.1, 0.8, 0.1): (69.8, 55.0, 82.8),
    (0.1, 0.85, 0.05): (57.41, 51.20, 70.25),
}
TABLE2 = [
    ("scratch", 60.54, 56.5, 78.16),
    ("vanilla", 61.52, 58.02, 80.75),
    ("peer", 69.8, 55.0, 82.88),
    ("alternate", 63.83, 57.94, None),
    ("alternate-to", None, None, 79.17),
    ("alternate", 67.33, None, 82.83),
    ("alternate-to", None, 55.14, None),
    ("alternate", None, 54.90, 82.24),
    ("alternate-to", 64.46, None, None),
]
ROLES = ("S1", "S2", "S3")


@pytest.fixture
def paper() -> Paper:
    return read_paper()


def mean_test_accuracy(method: str, role: str) -> float:
    values = [row[1 + ROLES.index(role)] for row in TABLE2 if row[0] == method]
    values = [value for value in values if value is not None]
    return sum(values) / len(values)


def test_table_1_is_the_papers(paper):
    assert {
        tuple(row.weights): tuple(row.validation_accuracy[role] for role in ROLES) for row in paper.table1.rows
    } == (TABLE1)


def test_table_2_is_the_papers_in_its_order(paper):
    assert [(row.method, *(row.test_accuracy.get(role) for role in ROLES)) for row in paper.table2.rows] == TABLE2


def test_the_teachers_accuracy_is_the_papers(paper):
    assert paper.protocol.teacher.test_accuracy == 94.75


def test_figures_2_and_3_have_four_lines(paper):
    assert list(paper.figure_lines) == ["scratch", "vanilla", "peer", "alternate-to"]


def test_every_number_of_a_claim_is_a_difference_of_table_2(paper):
    numbered = [claim for claim in paper.claims() if claim.number is not None]
    assert len(numbered) > 15
    for claim in numbered:
        assert claim.first.figure == claim.second.figure == "test_accuracy"
        first = mean_test_accuracy(claim.first.method, claim.first.student or claim.role)
        second = mean_test_accuracy(claim.second.method, claim.second.student or claim.role)
        assert claim.number == pytest.approx(first - second), claim.id


def test_numbers_of_the_selection_claims_are_differences_of_table_1(paper):
    for claim in paper.selection_claims:
        column = ROLES.index(claim.student)
        values = {weights: row[column] for weights, row in TABLE1.items()}
        chosen = values.pop(tuple(claim.weights))
        assert claim.number == pytest.approx(chosen - max(values.values()))


def test_the_margin_is_the_largest_difference_the_paper_calls_comparable(paper):
    called = [abs(claim.number) for claim in paper.claims() if claim.id.startswith("peer-comparable")]
    assert paper.comparable_margin == max(called) == pytest.approx(58.02 - 55.0)


def test_the_numbers_the_paper_puts_in_words_are_in_the_claims(paper):
    quoted = {claim.number for claim in paper.claims() if claim.number and str(claim.number) in claim.text}
    assert quoted == {0.98, 1.52, 2.59, 9.26, 4.72, 8.28, 2.13, 1.01, 3.92, 2.94}


def test_no_two_claims_share_an_id(paper):
    ids = [claim.id for claim in [*paper.claims(), *paper.selection_claims]]
    assert len(set(ids)) == len(ids)


def test_every_claim_is_about_methods_that_figure_in_table_2(paper):
    methods = {row.method for row in paper.table2.rows}
    assert {side.method for claim in paper.claims() for side in (claim.first, claim.second)} <= methods


def test_a_student_plays_the_role_of_its_network_whatever_its_name_and_place(paper, tmp_path):
    config = study_config(
        tmp_path,
        students=[
            {"name": "small", "network": {"name": "lenet", "width": 0.5}},
            {"name": "deep", "network": {"name": "resnet8"}},
            {"name": "first", "network": {"name": "alexnet"}},
            {"name": "second", "network": {"name": "alexnet"}},
        ],
    )
    assert paper.roles(config.students) == {"small": "S2", "deep": None, "first": "S1", "second": None}


def test_an_alternate_row_is_the_papers_only_with_the_same_students(paper):
    assert paper.table2.row("alternate", ["S1", "S3"], ["S1", "S3"]).test_accuracy == {"S1": 67.33, "S3": 82.83}
    assert paper.table2.row("alternate-to", ["S2"], ["S3", "S1"]).test_accuracy == {"S2": 55.14}
    assert paper.table2.row("alternate", ["S1", "S3", None], ["S1", "S3", None]) is None
    assert paper.table2.row("alternate-to", [None], ["S1", "S3"]) is None


def test_the_default_config_has_the_papers_students_and_grid(paper, tmp_path):
    config = study_config(tmp_path, students=students("alexnet", "lenet", "mobilenet"))
    assert study_config(tmp_path) == config
    assert paper.roles(config.students) == {"alexnet": "S1", "lenet": "S2", "mobilenet": "S3"}
    assert [tuple(point) for point in config.tune.grid] == list(TABLE1)
