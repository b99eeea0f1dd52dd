"""Numbers quoted in documents: each is what its study's file says."""

import re

import pytest

from kdbench.errors import KdbenchError
from kdbench.report.quote import MARK, up_to_date
from tests.conftest import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.fixture
def studies(tmp_path):
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits/claims.csv").write_text("id,ours,p,verdict\na,-0.126,0.0312,undecided\nb,2,1e-9,undecided\n")
    (tmp_path / "digits/table.md").write_text("**Table.** Said.\n\n| a |\n| - |\n| 1 |\n\nAfter.\n")
    return tmp_path


@pytest.mark.parametrize(
    ("query", "quoted"),
    [
        ("digits/claims.csv id=a ours:signed", "−0.13"),
        ("digits/claims.csv id=b ours:signed", "+2.00"),
        ("digits/claims.csv id=a ours:1", "-0.1"),
        ("digits/claims.csv id=b p:p", "1e-09"),
        ("digits/claims.csv id=a verdict", "undecided"),
        ("digits/claims.csv verdict=undecided rows", "2"),
        ('digits/claims.csv verdict="not reproduced" rows', "0"),
        ("digits/claims.csv verdict=undecided id!=a rows", "1"),
        ("digits/claims.csv table id ours:1", "\n| id  | ours |\n| --- | ---: |\n| a   | -0.1 |\n| b   |  2.0 |\n"),
        ("digits/claims.csv table id=a ours:signed", "\n|  ours |\n| ----: |\n| −0.13 |\n"),
        ("digits/table.md table", "\n| a |\n| - |\n| 1 |\n"),
        ("digits/table.md paragraph", "\n**Table.** Said.\n"),
    ],
)
def test_what_stands_between_the_marks_is_replaced_by_what_the_study_says(studies, query, quoted):
    document = f"before <!-- quote {query} -->stale<!-- end --> after <!-- end -->"
    made = up_to_date(document, studies)
    assert made == f"before <!-- quote {query} -->{quoted}<!-- end --> after <!-- end -->"
    assert up_to_date(made, studies) == made


@pytest.mark.parametrize(
    "query",
    [
        "digits/none.csv id=a ours",
        "digits/claims.csv id=c ours",
        "digits/claims.csv verdict=undecided ours",
        "digits/claims.csv id=a theirs",
        "digits/claims.csv id=a",
        "digits/claims.csv table theirs",
        "digits/claims.csv id=a ours:roman",
        "digits/table.md chapter",
    ],
)
def test_a_quotation_of_what_is_not_there_is_refused_by_name(studies, query):
    with pytest.raises(KdbenchError, match=re.escape(query)):
        up_to_date(f"<!-- quote {query} -->1<!-- end -->", studies)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_number_quoted_is_that_of_the_published_study(document):
    text = document.read_text()
    assert text == up_to_date(text, ROOT / "results/reference")


RESULTS = [
    "README.md",
    *(f"docs/{page}.md" for page in ("index", "reproduction", "gains", "unsaid", "next-steps", "networks")),
]


@pytest.mark.parametrize("document", RESULTS)
def test_no_result_is_typed_by_hand(document):
    """Whoever writes a figure with a decimal point or a percent sign quotes it."""
    typed = MARK.sub("", (ROOT / document).read_text())
    typed = re.sub(r"<!-- kdbench networks --markdown -->\n(\|.*\n)*", "", typed)
    typed = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", "", typed, flags=re.DOTALL)
    assert re.findall(r"(?<!Python )\d+\.\d+|(?!95)\b\d+ ?%", typed) == []


def test_the_docs_show_the_published_figures():
    shown = {
        "digits-sensitivity": "digits-sensitivity/sensitivity/sensitivity.png",
        "cifar10-jpeg-lenet-sensitivity": "cifar10-jpeg-lenet/sensitivity/sensitivity.png",
        "cifar10-jpeg-alexnet-sensitivity": "cifar10-jpeg-alexnet/sensitivity/sensitivity.png",
        "digits-next-steps": "digits-next-steps/further/further.png",
        "cifar10-jpeg-next-steps": "cifar10-jpeg-next-steps/further/further.png",
        "digits-ten-seeds-gains": "digits-ten-seeds-survey/gains/over_scratch.png",
    }
    for name, published in shown.items():
        assert (ROOT / f"docs/{name}.png").read_bytes() == (ROOT / "results/reference" / published).read_bytes()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_number_quoted_in_a_sentence_begins_a_line(document):
    """A comment that begins a line ends the paragraph before it, in Markdown."""
    begun = re.findall(r"^ *<!-- quote [^>]*-->(?!\n).*", document.read_text(), re.M)
    assert begun == []
