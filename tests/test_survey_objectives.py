"""The losses of the survey's techniques and of their like, each against an independent formula in float64."""

import importlib
import math
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from scipy.special import huber, softmax
from scipy.stats import entropy, norm
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.preprocessing import normalize
from torch.nn import functional as F

from kdbench.config import check_config
from kdbench.objectives import (
    attention,
    conditional,
    contrastive,
    cross_entropy,
    decoupled,
    hint,
    output_errors,
    permuted_predictions,
    relational_angle,
    relational_distance,
    similarity,
    soft_labels,
    teacher_confidence,
    variational_information,
)
from kdbench.objectives.comparable import same_size, unit
from kdbench.objectives.prediction import Prediction
from kdbench.plan import Plan

ANY = torch.zeros(6, dtype=torch.int64)  # labels, of losses that do not read them
RAW = {"temperature": 1.0, "scale_by_temperature_squared": False}


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def batch(rng):
    """Logits [12, 5] of student and teacher and the labels; the teacher is right on about half of the images."""
    labels = rng.integers(0, 5, 12)
    teacher = rng.normal(0, 2, (12, 5)) + 3 * np.eye(5)[labels] * (np.arange(12) % 2)[:, None]
    return rng.normal(0, 2, (12, 5)), teacher, labels


def predicted(logits=None, *features, index=None):
    logits = torch.zeros(6, 2) if logits is None else torch.tensor(logits, requires_grad=True)
    layers = {str(place): torch.tensor(feature, requires_grad=True) for place, feature in enumerate(features)}
    return Prediction(logits, layers, index).with_features(list(layers))


def of_features(objective, own, theirs, **arguments):
    """The loss of the lists of features ``own`` and ``theirs``."""
    return objective.loss(predicted(None, *own), ANY, predicted(None, *theirs), **arguments).item()


def adapter_of(objective, own, theirs, images=6):
    shapes = [[feature.shape[1:] for feature in features] for features in (own, theirs)]
    return objective.Adapter(student=shapes[0], knowledge=shapes[1], images=images, classes=5).double()


def halved(maps):
    """Maps averaged over squares of four."""
    batch, channels, height, width = maps.shape
    return maps.reshape(batch, channels, height // 2, 2, width // 2, 2).mean((3, 5))


@pytest.mark.parametrize(
    ("own", "theirs"), [((8, 8), (4, 4)), ((5, 5), (14, 14)), ((7, 7), (7, 7)), ((16, 16), (5, 5))]
)
def test_the_larger_of_two_maps_is_averaged_down_to_the_smaller(rng, own, theirs):
    maps = [torch.tensor(rng.normal(size=(2, 3, *side))) for side in (own, theirs)]
    smaller = min(own, theirs)
    for found, given in zip(same_size(*maps), maps, strict=True):
        assert found.numpy() == pytest.approx(F.adaptive_avg_pool2d(given, smaller).numpy(), abs=1e-12)


def test_a_vector_of_length_zero_stays_and_has_a_finite_gradient():
    vectors = torch.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    (unit(vectors) * torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert unit(vectors).tolist() == [pytest.approx([0.6, 0.8]), [0, 0]]
    assert vectors.grad.abs().max() < 10


# Conditional


def test_conditional_learning_hears_the_teacher_where_it_is_right_and_the_label_where_it_is_wrong(batch):
    student, teacher, labels = batch
    own, theirs = softmax(student, axis=1), softmax(teacher, axis=1)
    right = [theirs[i].argmax() == labels[i] for i in range(12)]
    assert 0 < sum(right) < 12
    expected = [
        sum(-theirs[i, c] * math.log(own[i, c]) for c in range(5)) if right[i] else -math.log(own[i, labels[i]])
        for i in range(12)
    ]
    found = conditional.loss(predicted(student), torch.tensor(labels), predicted(teacher))
    assert found.item() == pytest.approx(np.mean(expected), rel=1e-12)


def test_conditional_learning_from_a_teacher_that_is_always_wrong_is_cross_entropy(batch):
    student, teacher, _ = batch
    labels = torch.tensor(teacher.argmin(1))
    found = conditional.loss(predicted(student), labels, predicted(teacher))
    assert found.item() == pytest.approx(cross_entropy.loss(predicted(student), labels).item(), rel=1e-12)


def test_conditional_learning_from_a_teacher_that_is_always_right_has_the_gradient_of_its_soft_labels(batch):
    student, teacher, _ = batch
    labels = torch.tensor(teacher.argmax(1))
    one, other = predicted(student), predicted(student)
    conditional.loss(one, labels, predicted(teacher)).backward()
    soft_labels.loss(other, labels, predicted(teacher), **RAW).backward()
    assert one.logits.grad.numpy() == pytest.approx(other.logits.grad.numpy(), abs=1e-12)


# Weighted by output errors


@pytest.mark.parametrize(("decay", "squared"), [(1.0, True), (2.5, False)])
def test_soft_labels_lose_weight_exponentially_with_the_teachers_error(batch, decay, squared):
    student, teacher, labels = batch
    expected = []
    for own, theirs, label in zip(student, teacher, labels, strict=True):
        weight = math.exp(-decay * (1 - softmax(theirs)[label]))
        expected.append(weight * entropy(softmax(theirs / 4), softmax(own / 4)))
    found = output_errors.loss(
        predicted(student),
        torch.tensor(labels),
        predicted(teacher),
        temperature=4.0,
        scale_by_temperature_squared=squared,
        decay=decay,
    )
    assert found.item() == pytest.approx(np.mean(expected) * (16 if squared else 1), rel=1e-10)


def test_a_teacher_without_errors_is_listened_to_as_in_vanilla_distillation(batch):
    student, _, labels = batch
    options = {"temperature": 10.0, "scale_by_temperature_squared": True}
    sure = 60 * np.eye(5)[labels]
    found = output_errors.loss(predicted(student), torch.tensor(labels), predicted(sure), **options)
    plain = soft_labels.loss(predicted(student), torch.tensor(labels), predicted(sure), **options)
    assert found.item() == pytest.approx(plain.item(), rel=1e-12)


# Born again


def test_cross_entropy_is_weighted_by_the_teachers_largest_probability(batch):
    student, teacher, labels = batch
    confidence = softmax(teacher, axis=1).max(axis=1)
    losses = [-math.log(softmax(row)[label]) for row, label in zip(student, labels, strict=True)]
    found = teacher_confidence.loss(predicted(student), torch.tensor(labels), predicted(teacher))
    assert found.item() == pytest.approx(np.average(losses, weights=confidence), rel=1e-12)


def test_an_evenly_confident_teacher_leaves_cross_entropy_whatever_it_says(batch):
    student, _, labels = batch
    wrong = 3 * np.eye(5)[(labels + 1) % 5]
    found = teacher_confidence.loss(predicted(student), torch.tensor(labels), predicted(wrong))
    plain = cross_entropy.loss(predicted(student), torch.tensor(labels))
    assert found.item() == pytest.approx(plain.item(), rel=1e-12)


def test_permuted_predictions_are_all_orders_of_the_smaller_probabilities(batch):
    student, teacher, labels = batch[0][:1, :4], np.array([[1.0, 0.5, 3.0, -1.0]]), torch.tensor([0])
    p, q = softmax(teacher[0]), softmax(student[0])
    orders = [(a, b, 2, c) for a, b, c in permutations([0, 1, 3])]
    expected = sorted(entropy(p[list(order)], q) for order in orders)
    draws = {
        round(permuted_predictions.loss(predicted(student), labels, predicted(teacher)).item(), 9) for _ in range(200)
    }
    assert sorted(draws) == pytest.approx(expected, abs=1e-8)


def test_permuted_predictions_keep_each_images_largest_in_place_and_differ_between_images(rng):
    values = torch.tensor(np.tile(rng.normal(size=(1, 10)), (50, 1)))
    found = permuted_predictions.permuted(values)
    assert (found.argmax(1) == values.argmax(1)).all()
    assert torch.equal(found.sort(1).values, values.sort(1).values)
    assert len({tuple(row.tolist()) for row in found}) > 40


def test_with_two_classes_permuted_predictions_are_soft_labels(batch):
    student, teacher, labels = batch[0][:, :2], batch[1][:, :2], torch.tensor(batch[2] % 2)
    found = permuted_predictions.loss(predicted(student), labels, predicted(teacher))
    assert found.item() == pytest.approx(
        soft_labels.loss(predicted(student), labels, predicted(teacher), **RAW).item(), rel=1e-10
    )


# Relational


def test_distances_between_images_are_compared_relative_to_their_mean(rng):
    own, theirs = rng.normal(size=(6, 3)), rng.normal(size=(6, 40))
    relative = [pdist(places) / pdist(places).mean() for places in (own, theirs)]
    found = of_features(relational_distance, [own], [theirs])
    assert found == pytest.approx(huber(1, relative[0] - relative[1]).mean(), rel=1e-10)


def test_the_angles_of_all_triples_of_images_are_compared(rng):
    own, theirs = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    own[0] *= 50  # some cosines more than 1 apart, where the loss is linear

    def cosine(places, vertex, one, other):
        if vertex in (one, other):
            return 0.0
        return cosine_similarity([places[one] - places[vertex]], [places[other] - places[vertex]])[0, 0]

    triples = [(vertex, one, other) for vertex in range(6) for one in range(6) for other in range(6)]
    apart = [cosine(own, *triple) - cosine(theirs, *triple) for triple in triples]
    assert max(map(abs, apart)) > 1
    assert of_features(relational_angle, [own], [theirs]) == pytest.approx(huber(1, np.array(apart)).mean(), rel=1e-9)


@pytest.mark.parametrize("objective", [relational_distance, relational_angle])
def test_relations_do_not_change_where_embeddings_are_turned_moved_and_enlarged(rng, objective):
    own = rng.normal(size=(6, 4))
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    assert of_features(objective, [own], [7 * own @ turn + 3]) == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("objective", [relational_distance, relational_angle, attention, similarity])
def test_features_that_are_all_alike_give_a_finite_loss_and_gradient(rng, objective):
    own = predicted(None, np.zeros((6, 3, 4, 4)))
    found = objective.loss(own, ANY, predicted(None, rng.normal(size=(6, 5, 4, 4))))
    found.backward()
    assert found.isfinite()
    assert own.features[0].grad.abs().max() < 1e3


# Between layers


def test_a_hint_is_half_the_mean_squared_difference_after_the_regressor(rng):
    own, theirs = rng.normal(size=(6, 2, 8, 8)), rng.normal(size=(6, 3, 4, 4))
    adapter = adapter_of(hint, [own], [theirs])
    kernel = adapter.regressors[0].weight.detach().numpy()[:, :, 0, 0]
    bias = adapter.regressors[0].bias.detach().numpy()
    regressed = np.einsum("oc,bchw->bohw", kernel, halved(own)) + bias[:, None, None]
    expected = np.mean((regressed - theirs) ** 2) / 2
    assert of_features(hint, [own], [theirs], adapter=adapter) == pytest.approx(expected, rel=1e-10)


def test_hints_of_several_layers_count_alike(rng):
    layers = [(rng.normal(size=(6, 2, 4, 4)), rng.normal(size=(6, 3, 4, 4))) for _ in range(2)]
    own, theirs = zip(*layers, strict=True)
    both = adapter_of(hint, own, theirs)
    alone = []
    for place in range(2):
        one = adapter_of(hint, own[:1], theirs[:1])
        one.regressors[0].load_state_dict(both.regressors[place].state_dict())
        alone.append(of_features(hint, [own[place]], [theirs[place]], adapter=one))
    assert of_features(hint, own, theirs, adapter=both) == pytest.approx(np.mean(alone), rel=1e-12)


def test_variational_information_is_the_density_of_the_teachers_features_given_the_students(rng):
    own = [rng.normal(size=(6, 2, 4, 4)), rng.normal(size=(6, 3, 4, 4))]
    theirs = [rng.normal(size=(6, 4, 8, 8)), rng.normal(size=(6, 5, 4, 4))]
    adapter = adapter_of(variational_information, own, theirs)
    for scale in adapter.scales:
        scale.data = torch.tensor(rng.normal(size=scale.shape))
    expected = 0.0
    for s, t, mean, scale in zip(own, [halved(theirs[0]), theirs[1]], adapter.means, adapter.scales, strict=True):
        first, second, third = (layer.weight.detach().numpy()[:, :, 0, 0] for layer in mean[::2])
        told = np.maximum(np.einsum("oc,bchw->bohw", first, s), 0)
        told = np.einsum("oc,bchw->bohw", third, np.maximum(np.einsum("oc,bchw->bohw", second, told), 0))
        deviation = np.sqrt(np.log(1 + np.exp(scale.detach().numpy())) + 1e-5)
        expected -= norm.logpdf(t, told, deviation).mean() + math.log(2 * math.pi) / 2
    assert of_features(variational_information, own, theirs, adapter=adapter) == pytest.approx(expected, rel=1e-10)


def test_the_variance_that_costs_least_is_the_mean_squared_error(rng):
    own, theirs = rng.normal(size=(6, 2, 4, 4)), rng.normal(size=(6, 3, 4, 4))
    adapter = adapter_of(variational_information, [own], [theirs])
    errors = (torch.tensor(theirs) - adapter.means[0](torch.tensor(own))).square().mean((0, 2, 3))
    adapter.scales[0].data = torch.log(torch.expm1(errors - variational_information.SMALLEST)).detach()[:, None, None]
    variational_information.loss(predicted(None, own), ANY, predicted(None, theirs), adapter=adapter).backward()
    assert adapter.scales[0].grad.abs().max() < 1e-12


def test_variances_begin_at_five():
    shapes = {"student": [(2, 4, 4)], "knowledge": [(3, 4, 4)]}
    adapter = variational_information.Adapter(**shapes, images=6, classes=5)
    assert (F.softplus(adapter.scales[0]) + 1e-5).flatten().tolist() == pytest.approx([5, 5, 5])


def test_attention_is_where_the_squared_features_are_large(rng):
    own = [rng.normal(size=(6, 2, 4, 4)), rng.normal(size=(6, 3, 8, 8))]
    theirs = [rng.normal(size=(6, 5, 4, 4)), rng.normal(size=(6, 7, 4, 4))]
    expected = 0.0
    for s, t in zip([own[0], halved(own[1])], theirs, strict=True):
        maps = [normalize((features**2).sum(1).reshape(6, -1)) for features in (s, t)]
        expected += np.mean((maps[0] - maps[1]) ** 2)
    assert of_features(attention, own, theirs) == pytest.approx(expected, rel=1e-10)


def test_attention_does_not_depend_on_how_strong_features_are_or_on_the_order_of_channels(rng):
    own = rng.normal(size=(6, 4, 5, 5))
    assert of_features(attention, [own], [9 * own[:, ::-1].copy()]) == pytest.approx(0, abs=1e-20)


def test_similarities_of_images_are_compared_row_by_row(rng):
    own, theirs = rng.normal(size=(6, 2, 4, 4)), rng.normal(size=(6, 3, 8, 8))
    expected = 0.0
    grams = [np.array([[np.sum(a * b) for b in features] for a in features]) for features in (own, theirs)]
    for row, other in zip(*grams, strict=True):
        expected += np.sum((row / np.sqrt(np.sum(row**2)) - other / np.sqrt(np.sum(other**2))) ** 2)
    assert of_features(similarity, [own], [theirs]) == pytest.approx(expected / 36, rel=1e-10)


def test_similarities_do_not_depend_on_how_strong_features_are(rng):
    own = rng.normal(size=(6, 2, 4, 4))
    assert of_features(similarity, [own], [5 * own]) == pytest.approx(0, abs=1e-20)


# Decoupled


def test_decoupled_distillation_weighs_the_label_and_the_other_classes_apart(batch):
    student, teacher, labels = batch
    target, rest = [], []
    for own, theirs, label in zip(student / 4, teacher / 4, labels, strict=True):
        p, q = softmax(theirs)[label], softmax(own)[label]
        target.append(entropy([p, 1 - p], [q, 1 - q]))
        rest.append(entropy(softmax(np.delete(theirs, label)), softmax(np.delete(own, label))))
    options = {"temperature": 4.0, "alpha": 1.5, "beta": 8.0}
    found = decoupled.loss(predicted(student), torch.tensor(labels), predicted(teacher), **options)
    assert found.item() == pytest.approx(16 * (1.5 * np.mean(target) + 8 * np.mean(rest)), rel=1e-10)


def test_soft_labels_weigh_the_other_classes_by_how_unsure_the_teacher_is(batch):
    student, teacher, labels = batch[0][:1], batch[1][:1], torch.tensor(batch[2][:1])
    unsure = 1 - softmax(teacher[0] / 4)[batch[2][0]]
    found = decoupled.loss(predicted(student), labels, predicted(teacher), temperature=4.0, alpha=1.0, beta=unsure)
    options = {"temperature": 4.0, "scale_by_temperature_squared": True}
    assert found.item() == pytest.approx(
        soft_labels.loss(predicted(student), labels, predicted(teacher), **options).item(), rel=1e-10
    )


def test_decoupled_distillation_of_extreme_logits_is_finite():
    student, teacher = predicted([[1000.0, -1000.0, 0.0]]), predicted([[-1000.0, 1000.0, 0.0]])
    found = decoupled.loss(student, torch.tensor([0]), teacher, temperature=4.0)
    found.backward()
    assert found.isfinite()
    assert student.logits.grad.isfinite().all()


# Contrastive


@pytest.fixture
def contrasted(rng):
    """Embeddings of three of eight images, their labels and an adapter that has seen the labels of all."""
    own, theirs = rng.normal(size=(3, 4)), rng.normal(size=(3, 5))
    adapter = adapter_of(contrastive, [own], [theirs], images=8)
    adapter.labels.copy_(torch.tensor([0, 1, 2, 0, 1, 2, 0, 1]))
    index = torch.tensor([6, 2, 1])
    return predicted(np.zeros((3, 5)), own, index=index), predicted(np.zeros((3, 5)), theirs), adapter


@pytest.mark.parametrize("negatives", [16384, 5])
def test_contrastive_distillation_tells_an_image_from_others_by_what_is_remembered_of_them(contrasted, negatives):
    student, teacher, adapter = contrasted
    torch.manual_seed(3)
    drawn = torch.randperm(8)[:negatives].tolist()
    assert len({0, 1, 2} & {[0, 1, 2, 0, 1, 2, 0, 1][image] for image in drawn}) > 1
    labels, classes = [0, 2, 1], [0, 1, 2, 0, 1, 2, 0, 1]
    memory = adapter.memory.numpy().copy()
    embedded = [
        normalize((head.weight @ source.features[0].T).detach().numpy().T + head.bias.detach().numpy())
        for head, source in zip(adapter.heads, (student, teacher), strict=True)
    ]
    expected = 0.0
    for anchors, remembered in zip(embedded, (memory[1], memory[0]), strict=True):
        mean = np.mean(np.exp(anchors @ remembered[drawn].T / 0.07))
        for anchor, pair, label in zip(anchors, remembered[[6, 2, 1]], labels, strict=True):
            others = [image for image in drawn if classes[image] != label]
            pair_ratio = math.exp(anchor @ pair / 0.07) / mean
            expected -= math.log(pair_ratio / (pair_ratio + len(others))) / 3
            for image in others:
                ratio = math.exp(anchor @ remembered[image] / 0.07) / mean
                expected -= math.log(1 - ratio / (ratio + len(others))) / 3
    torch.manual_seed(3)
    found = contrastive.loss(student, torch.tensor(labels), teacher, adapter=adapter, negatives=negatives)
    assert found.item() == pytest.approx(expected, rel=1e-7)


def test_what_is_remembered_of_an_image_moves_halfway_to_what_is_said_now(contrasted):
    student, teacher, adapter = contrasted
    before = adapter.memory.clone()
    with torch.no_grad():
        said = [F.normalize(h(s.features[0])) for h, s in zip(adapter.heads, (student, teacher), strict=True)]
    contrastive.loss(student, torch.tensor([0, 2, 1]), teacher, adapter=adapter)
    for side in (0, 1):
        halfway = F.normalize((before[side, student.index] + said[side]) / 2)
        assert adapter.memory[side, student.index].numpy() == pytest.approx(halfway.numpy(), abs=1e-12)
        assert torch.equal(adapter.memory[side, [0, 3, 4, 5, 7]], before[side, [0, 3, 4, 5, 7]])


def test_the_scale_of_similarities_stays_as_in_the_first_batch(contrasted):
    student, teacher, adapter = contrasted
    scales = []
    for _ in range(2):
        contrastive.loss(student, torch.tensor([0, 2, 1]), teacher, adapter=adapter)
        scales.append(adapter.scales.tolist())
    assert scales[0] == scales[1]
    assert np.isfinite(scales).all()


def test_heads_learn_to_tell_pairs_from_other_images(rng):
    theirs = rng.normal(size=(32, 6))
    student = predicted(np.zeros((32, 5)), theirs @ rng.normal(size=(6, 4)), index=torch.arange(32))
    teacher, labels = predicted(np.zeros((32, 5)), theirs), torch.arange(32) % 5
    adapter = adapter_of(contrastive, student.features, teacher.features, images=32)
    optimizer = torch.optim.Adam(adapter.parameters(), 0.01)
    losses = []
    for _ in range(60):
        losses.append(contrastive.loss(student, labels, teacher, adapter=adapter))
        losses[-1].backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < 0.5 * losses[0]


# All


OPTIONS = {
    "output_errors": {"temperature": 4.0, "scale_by_temperature_squared": True},
    "decoupled": {"temperature": 4.0},
}
ON_LOGITS = ["conditional", "output_errors", "teacher_confidence", "permuted_predictions", "decoupled"]
ON_EMBEDDINGS = ["relational_distance", "relational_angle", "contrastive"]
ON_STAGES = ["hint", "variational_information", "attention", "similarity"]


@pytest.mark.parametrize("name", ON_LOGITS + ON_EMBEDDINGS + ON_STAGES)
def test_gradients_reach_the_student_and_its_adapter_and_never_the_teacher(rng, name):
    objective = importlib.import_module(f"kdbench.objectives.{name}")
    shape = (8,) if name in ON_EMBEDDINGS else (2, 4, 4)
    student, teacher = (
        predicted(rng.normal(size=(6, 5)), rng.normal(size=(6, *shape)), index=torch.arange(6)) for _ in range(2)
    )
    arguments = {**OPTIONS.get(name, {})}
    if hasattr(objective, "Adapter"):
        arguments["adapter"] = adapter_of(objective, student.features, teacher.features)
    labels = torch.tensor([0, 1, 2, 3, 4, 0])
    objective.loss(student, labels, teacher.detached().with_features(["0"]), **arguments).backward()
    learns = student.logits if name in ON_LOGITS else student.features[0]
    assert learns.grad.isfinite().all()
    assert learns.grad.abs().max() > 0
    if "adapter" in arguments:
        assert all(weight.grad.abs().max() > 0 for weight in arguments["adapter"].parameters())
    assert teacher.logits.grad is None
    assert teacher.features[0].grad is None


@pytest.mark.parametrize(
    ("method", "runs"),
    [
        ("conditional", ["conditional-s1", "soft-labels-only-s1"]),
        ("output-errors", ["output-errors-s1"]),
        ("relational", ["relational-s1"]),
        ("vid", ["vid-100-s1", "vid-20-s1", "vid-10-s1", "vid-2-s1"]),
        ("less-data", [f"{name}-{share}-s1" for name in ("scratch", "vanilla") for share in (20, 10, 2)]),
        ("attention", ["attention-s1"]),
        ("similarity", ["similarity-s1"]),
        ("decoupled", ["decoupled-s1"]),
        ("contrastive", ["contrastive-s1"]),
        ("born-again", [f"born-again-{name}-s1" for name in ("1", "2", "ensemble", "weighted", "permuted")]),
    ],
)
def test_each_technique_plans_its_runs(values, method, runs):
    students = [{"name": "s1", "network": {"name": "lenet"}}]
    plan = Plan(check_config({**values, "students": students, "methods": ["scratch", method]}))
    assert list(plan.runs) == ["teacher", "scratch-s1", *runs]
    assert all(plan.run(name, 1) for name in runs)


def test_less_data_are_the_same_share_of_the_images_whoever_learns_from_them(values):
    students = [{"name": "s1", "network": {"name": "lenet"}}]
    plan = Plan(check_config({**values, "students": students, "methods": ["less-data", "vid"]}))
    for share in (20, 10, 2):
        fractions = {plan.run(f"{name}-{share}-s1", 1).images.fraction for name in ("scratch", "vanilla", "vid")}
        assert fractions == {share / 100}


def test_born_again_variants_begin_as_the_first_generation_does(values):
    students = [{"name": "s1", "network": {"name": "lenet"}}]
    plan = Plan(check_config({**values, "students": students, "methods": ["scratch", "born-again"]}))
    first = plan.run("born-again-1-s1", 1)
    for name in ("weighted", "permuted"):
        run = plan.run(f"born-again-{name}-s1", 1)
        assert (run.learners, run.mentors, run.variant) == (first.learners, first.mentors, first.variant)
