"""Networks of few bits and pruned ones: their levels, their gradients, what they take up, what training leaves."""

import numpy as np
import pytest
import torch
from torch import nn

from kdbench.config import Network
from kdbench.networks.build import build_network
from kdbench.networks.construct import construct, sparsity, stored_bytes
from kdbench.recipes.lesson import Construction


def constructed(**choices):
    """A convolution of 3x3 from 2 to 4 channels, one from 4 to 6, and a dense layer of 3 classes, changed."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3, bias=False), nn.BatchNorm2d(6), nn.Flatten(), nn.Linear(96, 3)
    )
    for weight in network.parameters():
        nn.init.normal_(weight, std=0.2)
    construct(network, Construction(**choices))
    return network


def images(count=16, seed=0):
    return torch.rand(count, 2, 8, 8, generator=torch.Generator().manual_seed(seed))


def learn(network, steps=5, **options):
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, weight_decay=0.01)
    for step in range(steps):
        network.train()(images(seed=step)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()


def channels(layer):
    """The weights of each output channel, float64."""
    return layer.weight.detach().flatten(1).double().numpy()


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_weights_of_few_bits_have_evenly_spaced_levels_for_each_channel_zero_among_them(bits):
    network = constructed(weight_bits=bits, first_and_last=True)
    learn(network)
    for layer in (network[0], network[2], network[5]):
        trained = layer.parametrizations.weight.original.detach().flatten(1).double().numpy()
        for few, whole in zip(channels(layer), trained, strict=True):
            step = (max(whole.max(), 0) - min(whole.min(), 0)) / (2**bits - 1)
            places = few / step
            assert np.abs(places - places.round()).max() < 1e-4 * 2**bits
            levels = np.unique(places.round())
            assert len(levels) <= 2**bits
            assert levels.max() - levels.min() <= 2**bits - 1
            # No weight is further from its level than half a step, but for the outermost, where zero took a level.
            assert np.abs(few - whole).max() <= step * (1 + 1e-4)
            assert np.median(np.abs(few - whole)) <= step / 2
        assert len(np.unique(channels(layer)[0])) >= min(2**bits, layer.weight[0].numel()) / 2


def dense(weights, **choices):
    """A dense layer of these weights, changed."""
    network = nn.Sequential(nn.Linear(len(weights[0]), len(weights), bias=False))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor(weights))
    construct(network, Construction(first_and_last=True, **choices))
    return network


def test_ternary_weights_are_the_mean_size_of_those_above_seven_tenths_of_the_mean_size():
    network = dense([[1.0, -1.0, 0.4, 0.6], [0.2, 0.2, -0.2, 4.0]], weight_bits="ternary")
    # Means 0.75 and 1.15: above 0.525 lie 1, -1 and 0.6; above 0.805 only 4.
    level = 2.6 / 3
    expected = np.array([[level, -level, 0, level], [0, 0, 0, 4]])
    assert channels(network[0]) == pytest.approx(expected, rel=1e-6)


def test_zero_is_a_level_of_weights_of_one_sign_too():
    found = channels(dense([[0.9, 0.5, 0.1], [-0.9, -0.5, -0.1]], weight_bits=2)[0])
    assert found == pytest.approx(np.array([[0.9, 0.6, 0], [-0.9, -0.6, 0]]), abs=1e-6)


@pytest.mark.parametrize("bits", [2, 8, "ternary"])
def test_the_gradient_goes_straight_through_to_the_trained_weights(bits):
    network = constructed(weight_bits=bits)
    weights = torch.rand_like(network[2].weight)
    (network[2].weight * weights).sum().backward()
    assert torch.equal(network[2].parametrizations.weight.original.grad, weights)


def test_the_first_and_last_layer_keep_their_weights_unless_asked_otherwise():
    whole = constructed()
    few = constructed(weight_bits=2)
    assert torch.equal(few[0].weight, whole[0].weight)
    assert torch.equal(few[5].weight, whole[5].weight)
    assert not torch.equal(few[2].weight, whole[2].weight)
    assert not torch.equal(constructed(weight_bits=2, first_and_last=True)[5].weight, whole[5].weight)


# Convolutions of 2x4x9 = 72 weights with 4 biases and of 4x6x9 = 216 weights, 12 of batch normalisation, a dense layer
# of 96x3 = 288 weights with 3 biases; of few bits the second only, unless asked otherwise.
@pytest.mark.parametrize(
    ("choices", "bits"),
    [
        ({}, 32 * (72 + 4 + 216 + 12 + 288 + 3)),
        ({"weight_bits": 4}, 32 * (72 + 4 + 12 + 288 + 3) + 4 * 216 + 6 * (32 + 4)),
        ({"weight_bits": "ternary"}, 32 * (72 + 4 + 12 + 288 + 3) + 2 * 216 + 6 * 32),
        (
            {"weight_bits": 2, "first_and_last": True},
            32 * (4 + 12 + 3) + 2 * (72 + 216 + 288) + (4 + 6 + 3) * (32 + 2),
        ),
        ({"activation_bits": 8}, 32 * (72 + 4 + 216 + 12 + 288 + 3)),
        ({"pruned": 0.75}, 32 * (4 + 12 + 3) + (72 + 216 + 288) + 32 * 144),
    ],
)
def test_stored_bytes_are_those_counted_by_hand(choices, bits):
    assert stored_bytes(constructed(**choices)) == bits // 8


def test_of_pruned_weights_of_few_bits_only_the_kept_ones_take_them():
    network = constructed(pruned=0.5, weight_bits=4)
    kept = int(network[2].parametrizations.weight[0].mask.sum())
    others = 72 + 288 + 32 * (288 - kept)  # the masks and the kept weights of the first and last layer
    assert stored_bytes(network) == (32 * (4 + 12 + 3) + others + 216 + 4 * kept + 6 * 36) // 8


@pytest.mark.parametrize("share", [0.25, 0.8])
def test_as_many_weights_are_pruned_as_asked_and_stay_zero_while_the_others_learn(share):
    network = constructed(pruned=share)
    before = [layer.weight.detach().clone() for layer in (network[0], network[2], network[5])]
    zeros = sum(int((weight == 0).sum()) for weight in before)
    assert zeros == round(share * 576)
    assert sparsity(network) == pytest.approx(100 * zeros / 576)
    learn(network)
    for layer, weight in zip((network[0], network[2], network[5]), before, strict=True):
        assert torch.equal(layer.weight == 0, weight == 0)
        assert not torch.equal(layer.weight, weight)


def test_the_weights_closest_to_zero_are_pruned_wherever_they_are():
    whole, pruned = constructed(), constructed(pruned=0.6)
    sizes = torch.cat([layer.weight.abs().flatten() for layer in (whole[0], whole[2], whole[5])])
    kept = torch.cat([layer.weight.abs().flatten() for layer in (pruned[0], pruned[2], pruned[5])]) > 0
    assert sizes[kept].min() >= sizes[~kept].max()


def test_pruned_weights_are_zero_at_few_bits_too():
    network = constructed(pruned=0.5, weight_bits=4, first_and_last=True)
    learn(network)
    assert sparsity(network) >= 50


def level_count(network):
    """How many different values enter the second convolution."""
    entered = []
    handle = network[2].register_forward_hook(lambda module, inputs, output: entered.append(inputs[0]))
    network(images(64, seed=9))
    handle.remove()
    return len(entered[0].unique())


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_what_enters_a_layer_has_few_levels(bits):
    network = constructed(activation_bits=bits)
    learn(network)
    network.eval()
    assert 2**bits / 2 < level_count(network) <= 2**bits
    assert level_count(constructed()) > 1000


def test_test_images_do_not_move_the_levels_of_activations():
    network = constructed(activation_bits=8)
    learn(network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    answer = network.eval()(images())
    network(1000 * images(seed=1))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(network(images()), answer)
    network.train()(images())
    assert not torch.equal(network[2].levels.high, before["2.levels.high"])


def test_the_range_of_activations_is_the_mean_of_the_first_batches():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    construct(network, Construction(activation_bits=8, first_and_last=True))
    for low, high in ((-1.0, 3.0), (-2.0, 4.0), (0.0, 8.0)):
        network.train()(torch.tensor([[low, high]]))
    assert network[0].levels.low.item() == pytest.approx(-1)
    assert network[0].levels.high.item() == pytest.approx(5)


def test_activations_beyond_the_range_have_no_gradient():
    network = nn.Sequential(nn.Linear(3, 1, bias=False))
    construct(network, Construction(activation_bits=8, first_and_last=True))
    network.train()(torch.tensor([[-1.0, 0.0, 1.0]]))
    values = torch.tensor([[-5.0, 0.5, 5.0]], requires_grad=True)
    network.eval()(values).sum().backward()
    assert (values.grad[0] != 0).tolist() == [False, True, False]


@pytest.mark.parametrize("name", ["lenet", "resnet8", "mobilenet", "alexnet"])
def test_a_constructed_network_read_from_its_weights_says_the_same(name):
    def network(seed):
        torch.manual_seed(seed)
        built = build_network(Network(name=name, width=0.1), classes=4, channels=1, image_size=32)
        construct(built, Construction(weight_bits=4, activation_bits=8, pruned=0.3))
        return built

    trained, read = network(0), network(1)
    pictures = torch.rand(8, 1, 32, 32)
    trained.train()(pictures)
    read.load_state_dict(trained.state_dict())
    assert torch.equal(read.eval()(pictures), trained.eval()(pictures))
    assert stored_bytes(read) == stored_bytes(trained)
