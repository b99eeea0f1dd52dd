"""Pre-trained weights: every form they come in, and every way they can be wrong."""

import hashlib
import pickle

import pytest
import torch
from safetensors.torch import save_file

from kdbench.config import Network
from kdbench.errors import KdbenchError
from kdbench.networks.build import build_network
from kdbench.networks.weights import load_initial_weights
from kdbench.run import Learner


def network(name="resnet8", classes=10):
    return build_network(Network(name=name), classes=classes, channels=3, image_size=32)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def learner(path, digest=None, name="resnet8", form=None):
    return Learner(
        name="teacher",
        network=Network(name=name, form=form),
        input_scaling="unit",
        weights=str(path),
        sha256=digest if digest is not None or path in ("imagenet", "none") else sha256(path),
    )


def save_plain(state, path):
    torch.save(state, path)


def save_nested(state, path):
    torch.save({"state_dict": {f"module.{name}": value for name, value in state.items()}, "epoch": 3}, path)


def save_safe(state, path):
    save_file(state, path)


@pytest.mark.parametrize(("save", "suffix"), [(save_plain, ".pt"), (save_nested, ".th"), (save_safe, ".safetensors")])
def test_weights_load_from_every_form_of_file(tmp_path, save, suffix):
    trained, fresh = network(), network()
    save(trained.state_dict(), tmp_path / f"weights{suffix}")
    load_initial_weights(fresh, learner(tmp_path / f"weights{suffix}"))
    for name, value in trained.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], value), name


def test_weights_are_found_below_kdbench_data(tmp_path, monkeypatch):
    trained, fresh = network(), network()
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    monkeypatch.setenv("KDBENCH_DATA", str(tmp_path))
    load_initial_weights(fresh, learner("w.pt", sha256(tmp_path / "w.pt")))
    assert torch.equal(fresh.conv1.weight, trained.conv1.weight)


def test_a_last_layer_for_other_classes_keeps_its_fresh_weights(tmp_path):
    trained, fresh = network(classes=100), network(classes=10)
    before = fresh.linear.weight.clone()
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    load_initial_weights(fresh, learner(tmp_path / "w.pt"))
    assert torch.equal(fresh.linear.weight, before)
    assert torch.equal(fresh.conv1.weight, trained.conv1.weight)


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save(network("resnet20").state_dict(), tmp_path / "w.pt")
    with pytest.raises(KdbenchError, match="do not fit the network resnet8: parameters .* unknown"):
        load_initial_weights(network(), learner(tmp_path / "w.pt"))


def test_weights_that_fail_their_checksum_are_refused(tmp_path):
    torch.save(network().state_dict(), tmp_path / "w.pt")
    with pytest.raises(KdbenchError, match="SHA-256 is .*, the configuration says 000"):
        load_initial_weights(network(), learner(tmp_path / "w.pt", "0" * 64))


def test_weights_without_a_checksum_are_refused_and_told_theirs(tmp_path):
    torch.save(network().state_dict(), tmp_path / "w.pt")
    without = learner(tmp_path / "w.pt").model_copy(update={"sha256": None})
    with pytest.raises(KdbenchError, match=sha256(tmp_path / "w.pt")):
        load_initial_weights(network(), without)


class Hostile:
    def __reduce__(self):
        return (open, ("pwned", "w"))


def test_a_file_that_would_run_code_is_refused_and_runs_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.pt").write_bytes(pickle.dumps({"state_dict": Hostile()}, 2))
    with pytest.raises(KdbenchError, match="cannot be read as weights"):
        load_initial_weights(network(), learner(tmp_path / "w.pt"))
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_garbled_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(KdbenchError, match="cannot be read as weights"):
        load_initial_weights(network(), learner(path))


def test_a_missing_file_is_named_with_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("KDBENCH_DATA", str(tmp_path))
    with pytest.raises(KdbenchError, match=r"weights gone\.pt not found: looked for gone\.pt, .*gone\.pt"):
        load_initial_weights(network(), learner("gone.pt", "0" * 64))


def test_imagenet_weights_exist_for_torchvisions_resnets_only():
    with pytest.raises(KdbenchError, match="there are no ImageNet weights for resnet8"):
        load_initial_weights(network(), learner("imagenet"))


def test_imagenet_weights_need_the_imagenet_stem():
    with pytest.raises(KdbenchError, match="need network form: imagenet"):
        load_initial_weights(network("resnet18"), learner("imagenet", name="resnet18", form="stem32"))


def test_imagenet_weights_are_taken_from_torchs_cache(tmp_path, monkeypatch):
    from torchvision import models

    trained = build_network(Network(name="resnet18", form="imagenet"), classes=1000, channels=3, image_size=224)
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    name = models.ResNet18_Weights.DEFAULT.url.rsplit("/", 1)[1]
    torch.save(trained.state_dict(), folder / name)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    fresh = build_network(Network(name="resnet18", form="imagenet"), classes=10, channels=3, image_size=224)
    load_initial_weights(fresh, learner("imagenet", name="resnet18", form="imagenet"))
    assert torch.equal(fresh.layer4[1].conv2.weight, trained.layer4[1].conv2.weight)
    assert fresh.fc.out_features == 10


def test_imagenet_weights_that_cannot_be_fetched_name_the_file_and_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def no_network(*_, **__):
        raise OSError("no route")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    fresh = build_network(Network(name="resnet18", form="imagenet"), classes=10, channels=3, image_size=224)
    with pytest.raises(KdbenchError, match=r"resnet18-.*\.pth are not in torch's cache .* put the file into"):
        load_initial_weights(fresh, learner("imagenet", name="resnet18", form="imagenet"))
