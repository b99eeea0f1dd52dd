"""The five figures, drawn from made-up studies."""

import itertools
import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from safetensors.numpy import save_file
from scipy import stats

from kdbench.errors import KdbenchError
from kdbench.recipes.schema import known_methods
from kdbench.report.collect import read_results, write_results
from kdbench.report.figures.architecture import draw_architecture, student_numbers
from kdbench.report.figures.curves import draw_accuracy, draw_loss
from kdbench.report.figures.draw import DRAWINGS, draw_figure
from kdbench.report.figures.examples import write_examples
from kdbench.report.figures.gallery import draw_examples
from kdbench.report.figures.spread import gains, spread_data
from kdbench.report.style import house_style, method_look
from tests.synthetic_study import CLASSES, TEST_IMAGES, students, study_config, write_study

NETWORKS = ["alexnet", "lenet", "mobilenet", "resnet20", "resnet18", "resnet110"]
NUMBERS = [1, 2, 3, 4, 5, 6]


def make_study(results, count=3, figures_of=None, channels=3, classes=None, **overrides):
    """A finished study of ``count`` students with its results.csv and examples.npz."""
    config = study_config(results, **{"students": students(*NETWORKS[:count]), "seeds": [1], **overrides})
    write_study(config, figures_of)
    write_results(config, results)
    images = np.random.default_rng(0).integers(0, 256, (TEST_IMAGES, channels, 8, 8), dtype=np.uint8)
    names = classes or [f"class {number}" for number in range(CLASSES)]
    (results / "data").mkdir()
    save_file(
        {"images": images, "labels": np.arange(TEST_IMAGES) % CLASSES},
        results / "data" / "test.safetensors",
        metadata={"classes": json.dumps(names)},
    )
    write_examples(config, results)
    (results / "data" / "test.safetensors").unlink()  # no figure needs the images themselves
    return config


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    """The paper's study with three seeds."""
    return make_study(tmp_path_factory.mktemp("paper"), seeds=[1, 2, 3])


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("single"))


def draw(number, config):
    with house_style():
        figure = DRAWINGS[number](config, config.results)
        figure.canvas.draw()
    return figure


def words(figure):
    """All its visible texts, one string."""
    return " ".join(text.get_text() for text in shown_texts(figure))


def shown_texts(figure):
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def assert_no_text_overlaps(figure):
    with house_style():
        figure.draw_without_rendering()
        boxes = [(text.get_text(), text.get_window_extent()) for text in shown_texts(figure)]
    for text, box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    for (one, first), (other, second) in itertools.combinations(boxes, 2):
        apart = min(first.x1, second.x1) <= max(first.x0, second.x0) + 0.5
        above = min(first.y1, second.y1) <= max(first.y0, second.y0) + 0.5
        assert apart or above, f"{one!r} and {other!r} overlap"


def draw_all(config):
    """Draw every figure and check that each is an image; returns their bytes."""
    drawn = []
    for number in NUMBERS:
        draw_figure(number, config, config.results)
        svg, png = (config.results / "figures" / f"figure{number}.{kind}" for kind in ("svg", "png"))
        assert ElementTree.parse(svg).getroot().tag.endswith("svg")
        assert png.read_bytes().startswith(b"\x89PNG")
        drawn += [svg.read_bytes(), png.read_bytes()]
    return drawn


@pytest.mark.parametrize(("count", "seeds"), [(2, [1, 2, 3]), (4, [1])])
def test_every_figure_draws_whatever_the_number_of_students_and_seeds(tmp_path, count, seeds):
    config = make_study(tmp_path, count, seeds=seeds)
    draw_all(config)
    assert len(draw(2, config).axes) == len(draw(3, config).axes) == count


def test_every_figure_comes_with_what_it_shows_as_a_table(paper):
    draw_all(paper)
    shown = {number: pd.read_csv(paper.results / f"figures/figure{number}.csv") for number in NUMBERS}
    assert list(shown[1]["source"]) == ["labels", "teacher", "peers"] and list(shown[1]["weight"])[1] > 0
    assert set(shown[2]["seed"]) == {1, 2, 3} and set(shown[2]["student"]) == set(NETWORKS[:3])
    assert len(shown[2]) == len(shown[3]) == 3 * 4 * 3 * 5  # students, methods, seeds, epochs
    history = pd.read_csv(paper.results / "runs/vanilla-lenet/seed2/history.csv")
    own = shown[3].query("student == 'lenet' and method == 'vanilla' and seed == 2")
    assert list(own["train_accuracy"]) == pytest.approx(list(history["train_accuracy"]))
    assert len(shown[4]) == 10 and list(shown[4].columns)[:2] == ["test image", "class"]
    assert len(shown[6]) == len(gains(paper, paper.results)) and {"paper", "ours", "low", "high"} <= set(shown[6])


@pytest.mark.parametrize("overrides", [{"methods": ["scratch"]}, {"seeds": [1]}])
def test_a_study_with_little_to_draw_has_tables_with_headings_at_least(tmp_path, overrides):
    config = make_study(tmp_path, **overrides)
    draw_all(config)
    for number in NUMBERS:
        assert "," in (tmp_path / f"figures/figure{number}.csv").read_text().splitlines()[0]


def test_the_same_results_give_byte_identical_figures(single):
    assert draw_all(single) == draw_all(single)


def test_every_method_has_a_colour_and_a_look_of_its_own():
    methods = known_methods()
    assert {"scratch", "vanilla", "peer", "alternate", "alternate-to"} <= set(methods)
    looks = [method_look(method) for method in methods]
    assert len(set(looks)) == len(methods)
    papers = [method_look(method).color for method in ("scratch", "vanilla", "peer", "alternate", "alternate-to")]
    assert len(set(papers)) == 5
    assert len({(look.dashes, look.marker) for look in looks}) == len(methods)


@pytest.mark.parametrize("number", [2, 3])
def test_a_method_looks_the_same_in_every_panel(paper, number):
    for axes in draw(number, paper).axes:
        drawn = {line.get_gid().split()[0]: line for line in axes.lines if line.get_gid()}
        assert list(drawn) == ["scratch", "vanilla", "peer", "alternate-to"]
        for method, line in drawn.items():
            look = method_look(method)
            assert to_hex(line.get_color()).lower() == look.color.lower()
            assert line.get_marker() == look.marker


@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_no_texts_overlap_in_figure_1(tmp_path, count):
    deviation = "teacher: another network, trained on other images than the paper's teacher was"
    config = study_config(
        tmp_path,
        students=students(*NETWORKS[:count]),
        study={"deviations": dict.fromkeys(("data", "teacher", "students"), deviation)},
    )
    assert_no_text_overlaps(draw(1, config))


@pytest.mark.parametrize("methods", [["scratch"], ["scratch", "vanilla"], ["alternate"]])
def test_no_texts_overlap_in_figure_1_of_a_study_without_the_peer_method(tmp_path, methods):
    assert_no_text_overlaps(draw(1, study_config(tmp_path, methods=methods)))


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_no_texts_overlap_in_the_other_figures(paper, number):
    assert_no_text_overlaps(draw(number, paper))


def test_long_names_do_not_run_into_each_other(tmp_path):
    names = [{"name": f"a_student_with_a_very_long_name_{n}", "network": {"name": "resnet18"}} for n in range(3)]
    classes = ["an endless class name that goes on and on"] * CLASSES
    config = make_study(tmp_path, students=names, classes=classes)
    for number in NUMBERS:
        assert_no_text_overlaps(draw(number, config))


def test_figure_1_shows_the_weights_temperature_and_peers_of_the_configuration(tmp_path):
    config = study_config(
        tmp_path,
        peer={"weights": [0.2, 0.5, 0.3]},
        peers={"combine": "mean", "detach": False},
        distillation={"temperature": 4.0, "scale_by_temperature_squared": False},
    )
    said = words(draw_architecture(config, tmp_path))
    for text in ("= 0.2", "= 0.5", "= 0.3", "T = 4", "mean of losses", "not multiplied by T²", "also flows back"):
        assert text in said
    for name in ("resnet50", "alexnet", "lenet", "mobilenet", "image enlarged 7×", "outputs stored"):
        assert name in said


def test_figure_1_shows_selected_weights_as_soon_as_they_are_known(tmp_path):
    config = study_config(tmp_path)
    assert "to be selected" in words(draw_architecture(config, tmp_path))

    def figures_of(run, learner):
        best = {"lenet": "tune-0.1-0.85-0.05"}.get(learner, "tune-0.1-0.8-0.1")
        level = 40.0 if learner == "lenet" else 50.0
        return {"validation_accuracy": (level + 5 if run.name == best else level) if run.validation else None}

    config = make_study(tmp_path, figures_of=figures_of)
    said = words(draw_architecture(config, tmp_path))
    assert "0.85 (selected)" in said and "weakest over the grid (lenet)" in said


def losses(run, learner):
    return {"train_loss": 1.0 if run.method == "scratch" else 0.01}


def test_losses_of_very_different_size_are_drawn_on_a_logarithmic_axis_that_says_so(single, tmp_path):
    config = make_study(tmp_path, figures_of=losses)
    figure = draw(2, config)
    assert {axes.get_yscale() for axes in figure.axes} == {"log"} and "logarithmic" in words(figure)
    assert {axes.get_yscale() for axes in draw(2, single).axes} == {"linear"}


def test_figure_3_shows_the_mean_test_accuracy_with_its_standard_deviation_over_seeds(paper, single):
    frame = read_results(paper.results)
    tested = frame[(frame["run"] == "peer") & (frame["learner"] == "lenet")]["test_accuracy"]
    lenet = draw_accuracy(paper, paper.results).axes[1]
    [marker] = [line for line in lenet.lines if line.get_gid() == "peer test_accuracy"]
    assert marker.get_ydata()[0] == pytest.approx(tested.mean())
    reach = [container.lines[2][0].get_segments()[0] for container in lenet.containers]
    assert any(np.ptp(segment[:, 1]) == pytest.approx(2 * tested.std()) for segment in reach)
    assert not any(container.has_yerr for container in draw_accuracy(single, single.results).axes[1].containers)


def test_a_study_of_one_epoch_draws(tmp_path):
    config = make_study(tmp_path, 2, training={"epochs": 1})
    for number in (2, 3):
        assert_no_text_overlaps(draw(number, config))


def test_methods_that_the_study_lacks_are_absent(tmp_path):
    config = make_study(tmp_path, 1, methods=["scratch", "vanilla"])
    drawn = [line.get_gid() for line in draw_loss(config, tmp_path).axes[0].lines]
    assert drawn == ["scratch train_loss", "vanilla train_loss"]


def test_a_study_without_students_runs_says_so_in_words(tmp_path):
    config = make_study(tmp_path, methods=["teacher"])
    for number in NUMBERS:
        figure = draw(number, config)
        assert not figure.axes and "stud" in words(figure)


def test_figures_4_and_5_say_so_where_no_image_qualifies(tmp_path):
    config = make_study(tmp_path, figures_of=lambda run, _: {"test_accuracy": 100.0})
    for number in (4, 5):
        figure = draw_examples(number, config, tmp_path)
        assert not figure.axes
        assert "No test image qualifies: none of 1,000" in " ".join(words(figure).split())


def test_grey_images_are_drawn_grey(tmp_path):
    config = make_study(tmp_path, channels=1)
    [image] = draw_examples(4, config, tmp_path).axes[0].images
    assert image.get_array().shape == (8, 8) and image.get_cmap().name == "gray"
    assert image.get_clim() == (0, 255)


def test_title_and_deviations_are_in_every_figure_as_they_are_written(tmp_path):
    study = {"title": "A study at $5 & <b>", "deviations": {"data": "$x^2$ and 100 %", "teacher": "smaller"}}
    config = make_study(tmp_path, study=study)
    for number in NUMBERS:
        said = words(draw(number, config)).replace(r"\$", "$")
        for text in ("A study at $5 & <b>", "data: $x^2$ and 100 %", "teacher: smaller"):
            assert text in said


def test_a_figure_the_paper_lacks_is_an_error(single):
    with pytest.raises(KdbenchError, match='unknown figure "7"'):
        draw_figure(7, single, single.results)


def test_the_papers_gains_stand_beside_ours_and_what_single_runs_differ_by(tmp_path):
    tests = {"scratch": (60.0, 62.0, 64.0), "vanilla": (61.0, 63.5, 65.0)}

    def figures_of(run, learner):
        return {"test_accuracy": tests.get(run.method, (70.0, 70.0, 70.0))[run.seed - 1]}

    config = study_config(tmp_path / "results", seeds=[1, 2, 3])
    write_study(config, figures_of)
    write_results(config, config.results)
    found = {gain.label: gain for gain in gains(config, config.results)}
    gain = found["lenet: vanilla over scratch"]
    assert (gain.number, gain.ours.n) == (1.52, 3)
    assert gain.ours.mean == pytest.approx((1.0 + 1.5 + 1.0) / 3)
    scratch, vanilla = (np.var(tests[method], ddof=1) for method in ("scratch", "vanilla"))
    freedom = (scratch + vanilla) ** 2 / (scratch**2 / 2 + vanilla**2 / 2)
    assert gain.chance == pytest.approx(stats.t.ppf(0.975, freedom) * np.sqrt(scratch + vanilla))
    assert not gain.shows
    # LeNet's TSP is said to be no gain, and of two students the better is no gain of either.
    assert not [label for label in found if label.startswith("lenet: TSP") or "scratch over scratch" in label]
    assert not gain.borrowed
    assert "are larger than a single run of each method may differ" in words(draw(6, config))


def test_a_gain_of_one_seed_stands_beside_the_chance_of_the_students_other_runs(tmp_path):
    several = [{**student, "seeds": [1, 2, 3]} for student in students("alexnet", "lenet")]
    config = study_config(tmp_path / "results", seeds=[1], students=[*several, *students("mobilenet")])
    write_study(config, lambda run, learner: {"test_accuracy": 60.0 + (run.method == "vanilla") * run.seed**2})
    write_results(config, config.results)
    found = {gain.label: gain for gain in gains(config, config.results)}
    # AlexNet's four methods with three seeds: vanilla's 61, 64 and 69; the other three do not vary.
    [vanilla] = [np.var([61.0, 64.0, 69.0], ddof=1)]
    peer = found["alexnet: TSP over scratch"]
    assert (peer.ours.n, peer.borrowed) == (1, True)
    assert peer.chance == pytest.approx(stats.t.ppf(0.975, 2) * np.sqrt(vanilla))
    assert np.isnan(found["mobilenet: TSP over scratch"].chance)
    assert "borrowed" in words(draw(6, config)) and not found["alexnet: vanilla over scratch"].borrowed
    told = spread_data(config, config.results).set_index("gain")["shows"]
    assert told["alexnet: TSP over scratch"] == (peer.chance < 9.26)
    assert told["mobilenet: TSP over scratch"] is None


def test_figure_6_has_room_for_its_whole_legend(tmp_path):
    several = [{**student, "seeds": [1, 2, 3]} for student in students("alexnet", "lenet")]
    config = study_config(tmp_path / "results", seeds=[1], students=[*several, *students("mobilenet")])
    write_study(config, lambda run, learner: {"test_accuracy": 60.0 + run.seed})
    write_results(config, config.results)
    figure = draw(6, config)
    extent = figure.legends[0].get_window_extent()
    assert len(figure.legends[0].get_texts()) == 4
    assert extent.x0 >= 0 and extent.x1 <= figure.bbox.width


def test_figure_1_numbers_students_as_the_tables_do(tmp_path):
    config = study_config(tmp_path, students=students("resnet20", "mobilenet", "lenet"))
    assert student_numbers(config) == {"resnet20": 4, "mobilenet": 3, "lenet": 2}
