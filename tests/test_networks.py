"""The zoo: every network takes any image size, channel and class count it says it takes."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from kdbench.config import Network
from kdbench.errors import KdbenchError
from kdbench.networks.build import build_network, count_flops, count_parameters
from kdbench.networks.catalogue import NETWORKS

EVERY_FORM = [(name, form) for name, entry in NETWORKS.items() for form in entry.forms]


def build(name, form=None, *, classes=10, channels=3, image_size=32, **options):
    form = form if len(NETWORKS[name].forms) > 1 else None
    return build_network(
        Network(name=name, form=form, **options), classes=classes, channels=channels, image_size=image_size
    )


@pytest.mark.parametrize(("name", "form"), EVERY_FORM)
def test_each_network_gives_a_logit_per_class_for_grey_images_of_another_size(name, form):
    with torch.no_grad():
        network = build(name, form, classes=26, channels=1, image_size=28).eval()
        assert network(torch.rand(2, 1, 28, 28)).shape == (2, 26)


@pytest.mark.parametrize("name", ["lenet", "alexnet", "mobilenet", "resnet20", "resnet18"])
@pytest.mark.parametrize("size", [32, 48, 64])
def test_the_image_size_is_free(name, size):
    with torch.no_grad():
        assert build(name, image_size=size).eval()(torch.rand(1, 3, size, size)).shape == (1, 10)


@pytest.mark.parametrize(
    ("name", "parameters"),
    # He et al. 2015, table 6, gives 0.27, 0.46, 0.66, 0.85 and 1.7 million.
    [("resnet20", 269722), ("resnet32", 464154), ("resnet44", 658586), ("resnet56", 853018), ("resnet110", 1727962)],
)
def test_cifar_resnets_have_the_published_sizes(name, parameters):
    assert count_parameters(build(name)) == parameters


def test_lenet_has_the_published_62006_parameters():
    assert count_parameters(build("lenet")) == 62_006


@pytest.mark.parametrize(
    ("form", "activation", "pooling"),
    [
        ("relu-average", nn.ReLU, nn.AvgPool2d),
        ("relu-max", nn.ReLU, nn.MaxPool2d),
        ("tanh-average", nn.Tanh, nn.AvgPool2d),
        ("tanh-max", nn.Tanh, nn.MaxPool2d),
        ("relu-average-torch", nn.ReLU, nn.AvgPool2d),
    ],
)
def test_lenets_forms_name_its_activations_and_poolings(form, activation, pooling):
    kinds = [type(module) for module in build("lenet", form).modules()]
    choices = (nn.ReLU, nn.Tanh, nn.AvgPool2d, nn.MaxPool2d)
    assert {kind: kinds.count(kind) for kind in choices if kind in kinds} == {activation: 4, pooling: 2}


def weighted(network):
    return [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


@pytest.mark.parametrize("form", ["relu-average", "relu-max", "tanh-average", "tanh-max"])
def test_lenet_starts_from_glorots_weights_without_biases(form):
    torch.manual_seed(0)
    for layer in weighted(build("lenet", form)):
        outputs, inputs = layer.weight.shape[:2]
        bound = (6 / (layer.weight[0, 0].numel() * (inputs + outputs))) ** 0.5
        assert 0.95 * bound < layer.weight.abs().max() <= bound
        assert not layer.bias.any()


def test_lenet_may_start_from_torchs_weights():
    torch.manual_seed(0)
    for layer in weighted(build("lenet", "relu-average-torch")):
        bound = layer.weight[0].numel() ** -0.5
        assert 0.95 * bound < layer.weight.abs().max() <= bound
        assert layer.bias.all()


def test_alexnet_drops_with_the_probability_asked_for_before_both_dense_layers():
    dropouts = [module.p for module in build("alexnet", dropout=0.2).modules() if isinstance(module, nn.Dropout)]
    assert dropouts == [0.2, 0.2]


def test_mobilenet_for_1000_classes_has_the_published_4_2_million_parameters():
    assert count_parameters(build("mobilenet", "stride2", classes=1000)) == pytest.approx(4.2e6, rel=0.02)


def test_torchvision_resnet50_with_the_imagenet_stem_has_its_published_size():
    assert count_parameters(build("resnet50", "imagenet", classes=1000)) == 25_557_032


def test_flops_of_a_small_convolution_are_counted_by_hand():
    # LeNet's layers at 32x32, a multiply-add as two.
    by_hand = 2 * (28 * 28 * 6 * 75 + 10 * 10 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10)
    assert count_flops(build("lenet"), channels=3, image_size=32) == by_hand


@pytest.mark.parametrize(("name", "form"), EVERY_FORM)
def test_flops_are_those_of_torchs_own_counter(name, form):
    network = build(name, form).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, 32, 32))
    assert count_flops(network, channels=3, image_size=32) == counter.get_total_flops()


def test_width_multiplies_the_channels():
    half, whole = build("mobilenet", width=0.5), build("mobilenet")
    assert half.classifier.in_features * 2 == whole.classifier.in_features


def test_images_too_small_for_a_network_are_refused_with_the_remedy():
    with pytest.raises(KdbenchError, match=r"lenet: needs images of at least 16x16, got 8x8: raise data\.image_size"):
        build("lenet", image_size=8)
