"""Beginning with trained weights: what moves, what begins anew, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import archspec
from archspec.errors import SpecError
from archspec.run import load_run
from archspec_torch.compiler import compile
from archspec_torch.runtime import train
from archspec_torch.runtime.layers import check_patterns, freezing_notes, matches, with_init
from archspec_torch.runtime.transfer import transfer


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lenet5 with a head of 4 classes."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "lenet5.safetensors"
    save_file(compile(archspec.load("lenet5", classes=4)).state_dict(), path)
    return path


CLASSES = [str(n) for n in range(10)]


def moved(**model: Any) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], str]:
    run = load_run({"model": {"spec": "lenet5", **model}})
    torch.manual_seed(2)
    network = compile(archspec.load("lenet5"))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    return before, network.state_dict(), str(transfer(network, run, CLASSES))


def codes(run: dict[str, Any]) -> dict[str, tuple[str, str]]:
    with pytest.raises(SpecError) as caught:
        found = load_run(run)
        graph = archspec.load(found.run.model.spec)
        check_patterns(found, graph)
        transfer(compile(graph), found, CLASSES)
    return {d.code: (d.message, d.hint or "") for d in caught.value.diagnostics}


def test_another_head_is_refused_with_the_line_that_replaces_it(file: Path) -> None:
    found = codes({"model": {"spec": "lenet5", "weights": str(file)}})
    message, hint = found["E666"]
    head = list(archspec.load("lenet5").layers())[-1].name
    assert f"'{head}" in message and "bias': 4 in the file, 10 in the network" in message
    assert hint == f"to let them begin anew, write model.replace: [{head}]"


def test_what_is_replaced_begins_anew_and_the_rest_is_the_file_s(file: Path) -> None:
    head = list(archspec.load("lenet5").layers())[-1].name
    before, after, said = moved(weights=str(file), replace=[head])
    stored = load_file(file)
    assert said == f"transferred {len(stored) - 2} of {len(after)} tensors from {file}; anew: '{head}'"
    for name, tensor in after.items():
        assert torch.equal(tensor, before[name] if name.startswith(f"{head}.") else stored[name]), name


def test_a_file_that_lacks_layers_names_them(file: Path, tmp_path: Path) -> None:
    stored = {name: tensor for name, tensor in load_file(file).items() if not name.startswith("conv1.")}
    save_file(stored, tmp_path / "less.safetensors")
    found = codes({"model": {"spec": "lenet5", "weights": str(tmp_path / "less.safetensors")}})
    assert "less.safetensors has no weights of 'conv1'" in found["E667"][0]
    save_file({"other.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    found = codes({"model": {"spec": "lenet5", "weights": str(tmp_path / "other.safetensors")}})
    assert "its first is 'other.weight'" in found["E667"][0]


def test_a_shipped_map_brings_torchvision_s_weights(tmp_path: Path) -> None:
    torchvision = pytest.importorskip("torchvision")
    theirs = torchvision.models.resnet18(num_classes=3)
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    weights = {"path": str(tmp_path / "resnet18.pth"), "map": "torchvision"}
    run = load_run({"model": {"spec": "resnet", "variant": 18, "weights": weights, "replace": ["linear1"]}})
    network = compile(archspec.load("resnet18"))
    found = transfer(network, run, CLASSES)
    assert found is not None and (found.count, found.total) == (len(theirs.state_dict()) - 2, len(theirs.state_dict()))
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        ours = network.eval().get_submodule("stem.conv")(images)
        assert torch.equal(ours, theirs.eval().conv1(images))


def test_what_is_wrong_with_weights_is_told_at_their_key(tmp_path: Path) -> None:
    run = tmp_path / "run.yaml"
    save_file({"a": torch.zeros(2)}, tmp_path / "a.safetensors")
    places = {"{path: none.pt}": ("{path", "E701"), "{path: none.pt, map: timmm}": ("{path", "E701")}
    places |= {f"{{path: a.safetensors, map: {name}}}": (name, "E705") for name in ("timmm", "timm")}
    for weights, (word, code) in places.items():
        line = f"model: {{spec: lenet5, weights: {weights}}}"
        run.write_text(line, encoding="utf-8")
        with pytest.raises(SpecError) as caught:
            transfer(compile(archspec.load("lenet5")), load_run(run), CLASSES)
        (found,) = caught.value.diagnostics
        assert found.span is not None
        assert (found.code, found.span.line, found.span.column) == (code, 1, 1 + line.index(word)), weights


def test_layers_that_lack_are_told_by_their_parts_and_those_left_over_too(tmp_path: Path) -> None:
    """ResNet-34 has one to three blocks more a stage than ResNet-18: eight in all, 32 layers, 96 tensors of 218."""
    torchvision = pytest.importorskip("torchvision")
    for depth in (18, 34):
        made = getattr(torchvision.models, f"resnet{depth}")(num_classes=1000)
        torch.save(made.state_dict(), tmp_path / f"{depth}.pth")
    model = {"spec": "resnet34", "weights": {"path": str(tmp_path / "18.pth"), "map": "torchvision"}}
    more = [f"stage.{s}.block.{b}" for s, b in ((0, 2), (1, 2), (1, 3), *((2, b) for b in range(2, 6)), (3, 2))]
    message, hint = codes({"model": {**model, "replace": ["linear1"]}})["E667"]
    assert message.endswith("has no weights of " + ", ".join(f"'{part}'" for part in more))
    assert hint.endswith(f"model.replace: [linear1, {', '.join(more)}]")
    weights = {"path": str(tmp_path / "34.pth"), "map": "torchvision"}
    said = str(
        transfer(compile(archspec.load("resnet18")), load_run({"model": {**model, "weights": weights}}), CLASSES)
    )
    assert said.startswith("transferred 122 of 122 tensors")
    assert "not taken from the file: 96 tensors of 'layer1.2', 'layer2.2', 'layer2.3', 'layer3.2'" in said


def test_names_of_another_program_are_recognised(tmp_path: Path) -> None:
    torchvision = pytest.importorskip("torchvision")
    theirs = torchvision.models.resnet18(num_classes=1000).state_dict()
    torch.save(theirs, tmp_path / "theirs.pth")
    torch.save({f"model.{name}": tensor for name, tensor in theirs.items()}, tmp_path / "wrapped.pth")
    save_file(compile(archspec.load("resnet18")).state_dict(), tmp_path / "ours.safetensors")

    def hint(name: str, map: str) -> str:
        return codes({"model": {"spec": "resnet18", "weights": {"path": str(tmp_path / name), "map": map}}})["E667"][1]

    assert hint("theirs.pth", "identity") == "with `map: torchvision`, 122 of its 122 tensors are this network's"
    assert hint("ours.safetensors", "torchvision") == "without `map`, 122 of its 122 tensors are this network's"
    assert "without 'model.' before each of its names, 122 of" in hint("wrapped.pth", "torchvision")


def test_weights_that_are_no_numbers_are_refused(file: Path, tmp_path: Path) -> None:
    stored = load_file(file)
    stored["conv1.weight"][0, 0, 0, :3] = torch.tensor([float("nan"), float("inf"), 1.0])
    save_file(stored, tmp_path / "nan.safetensors")
    weights = str(tmp_path / "nan.safetensors")
    found = codes({"model": {"spec": "lenet5", "weights": weights, "replace": ["linear3"]}})
    message, hint = found["E666"]
    assert message == "the weights of 'conv1' do not fit: 'conv1.weight': 2 of its 150 values are NaN or infinite"
    assert hint == "to let them begin anew, write model.replace: [linear3, conv1]"
    assert "anew: 'conv1', 'linear3'" in moved(weights=weights, replace=["linear3", "conv1"])[2]


def test_counters_kept_as_numbers_with_a_point_are_taken(tmp_path: Path) -> None:
    """`model.double()` of some programs turns them too; a counter of half a batch is none."""
    theirs = compile(archspec.load("resnet18", classes=10)).state_dict()
    counters = [name for name in theirs if name.endswith("num_batches_tracked")]
    for name in counters:
        theirs[name] = torch.tensor(7.0, dtype=torch.float64)
    save_file(theirs, tmp_path / "double.safetensors")
    network = compile(archspec.load("resnet18", classes=10))
    model = {"spec": "resnet18", "set": {"vars.classes": 10}, "weights": str(tmp_path / "double.safetensors")}
    transfer(network, load_run({"model": model}), CLASSES)
    assert counters and all(int(network.state_dict()[name]) == 7 for name in counters)
    assert all(network.state_dict()[name].dtype == torch.int64 for name in counters)
    save_file({**theirs, counters[0]: torch.tensor(0.5)}, tmp_path / "double.safetensors")
    with pytest.raises(SpecError, match="float32 in the file, int64 in the network"):
        transfer(network, load_run({"model": model}), CLASSES)


def test_a_folder_without_the_weights_says_what_it_has(file: Path, tmp_path: Path) -> None:
    def hint(which: str = "best") -> str:
        weights = {"path": str(tmp_path), "which": which}
        message, hint = codes({"model": {"spec": "lenet5", "weights": weights}})["E701"]
        assert message == f"{tmp_path} holds no {which}.safetensors"
        return hint

    assert "it is no run directory" in hint()
    (tmp_path / "first").mkdir()
    for place in (tmp_path / "first" / "run.yaml", tmp_path / "run.yaml"):
        assert "as soon as an epoch is finished" not in hint()
        place.write_text("model: lenet5\n", encoding="utf-8")
    assert hint() == "it is no run directory; name what is in it: 'first'"
    (tmp_path / "first" / "run.yaml").unlink()
    assert "as soon as an epoch is finished" in hint()
    (tmp_path / "last.safetensors").write_bytes(file.read_bytes())
    assert hint() == "it has the last ones: weights: {path: …, which: last}"


def test_counters_that_a_file_lacks_are_told(tmp_path: Path) -> None:
    kept = {k: v for k, v in compile(archspec.load("resnet18")).state_dict().items() if "num_batches" not in k}
    save_file(kept, tmp_path / "old.safetensors")
    run = load_run({"model": {"spec": "resnet18", "weights": str(tmp_path / "old.safetensors")}})
    said = str(transfer(compile(archspec.load("resnet18")), run, CLASSES))
    assert said.endswith("not in the file: 20 counters of batches seen, set to 0")


def test_a_last_layer_of_other_classes_is_told(file: Path, tmp_path: Path) -> None:
    first = train({"model": "lenet5", "train": {"epochs": 1, "device": "cpu"}}, tmp_path / "first", quiet=True)
    network, run = compile(archspec.load("lenet5")), load_run({"model": {"spec": "lenet5", "weights": str(first.dir)}})
    assert "other classes" not in str(transfer(network, run, CLASSES))
    said = str(transfer(network, run, [*"abcdefghij"]))
    assert "the last layer has learned other classes, '0', '1'" in said and "model.replace" in said
    again = load_run({"model": {"spec": "lenet5", "weights": str(first.dir), "replace": ["linear3"]}})
    assert "other classes" not in str(transfer(network, again, [*"abcdefghij"]))


def test_frozen_weights_are_counted_and_those_that_nothing_trained_are_told(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """6·(5·5+1) = 156 weights of conv1 and 16·(6·5·5+1) = 2,416 of conv2."""
    plan = {"epochs": 1, "device": "cpu", "freeze": ["conv*"]}
    train({"model": "lenet5", "train": plan}, tmp_path / "drawn")
    said = capsys.readouterr()
    assert "61,706 parameters, 2,572 of them frozen at first" in said.out + said.err
    assert "frozen as they are drawn, since nothing has trained them: conv1, conv2" in said.out + said.err
    train({"model": {"spec": "lenet5", "weights": str(tmp_path / "drawn")}, "train": plan}, tmp_path / "kept")
    said = capsys.readouterr()
    assert "2,572 of them frozen" in said.out + said.err and "as they are drawn" not in said.out + said.err


def test_layers_held_that_nothing_has_trained_are_told(file: Path) -> None:
    graph = archspec.load("lenet5")

    def notes(train: dict[str, Any], **model: Any) -> list[str]:
        return freezing_notes(load_run({"model": {"spec": "lenet5", **model}, "train": train}), graph)

    held = "frozen as they are drawn, since nothing has trained them: "
    assert notes({"freeze": ["conv*"]}) == [f"{held}conv1, conv2"]
    assert notes({"freeze": ["conv*"]}, weights=str(file)) == []
    assert notes({"freeze": ["conv*"]}, weights=str(file), replace=["conv2", "linear3"]) == [f"{held}conv2"]


def test_layers_to_replace_need_weights(tmp_path: Path) -> None:
    run = tmp_path / "run.yaml"
    run.write_text("model: {spec: lenet5, replace: [linear3]}\n", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        check_patterns(load_run(run), archspec.load("lenet5"))
    (found,) = caught.value.diagnostics
    assert found.code == "E603" and "model.weights names none" in found.message
    assert found.span is not None and found.span.column == 32


def test_a_run_goes_on_from_another_run_s_directory(tmp_path: Path) -> None:
    first = train({"model": "lenet5", "train": {"epochs": 1, "device": "cpu"}}, tmp_path / "first", quiet=True)
    section = {"epochs": 1, "device": "cpu", "freeze": ["conv*"], "optimizer": {"kind": "sgd", "lr": 0.01}}
    again = {"model": {"spec": "lenet5", "weights": str(first.dir)}, "train": section}
    second = train(again, tmp_path / "second", quiet=True)
    before, after = (load_file(run.dir / "best.safetensors") for run in (first, second))
    same = {name for name in after if torch.equal(before[name], after[name])}
    assert same == {name for name in after if name.startswith("conv")} != set()
    assert load_run(second.dir / "run.yaml").run.model.weights is not None


@pytest.mark.parametrize(
    ("section", "code", "said"),
    [
        ({"freeze": ["conv9"]}, "E663", "'conv9' means no layer of 'lenet5'"),
        ({"rates": {"line*.x": 2}}, "E663", "'line*.x' means no layer of 'lenet5'"),
        ({"init": {"kind": "he", "layers": ["convs"]}}, "E663", "'convs' means no layer of 'lenet5'"),
        ({"freeze": ["conv1"], "unfreeze": {2: ["conv2"]}}, "E664", "'conv2' is to learn from epoch 2 on"),
        ({"freeze": ["*"], "unfreeze": {2: ["*"]}}, "E665", "with weights are frozen"),
    ],
)
def test_patterns_that_cannot_be_meant(section: dict[str, Any], code: str, said: str) -> None:
    assert said in codes({"model": "lenet5", "train": section})[code][0]


def test_a_near_miss_is_suggested() -> None:
    found = codes({"model": "lenet5", "train": {"freeze": ["convl"]}})
    assert "'conv1'" in found["E663"][1]


def test_what_a_pattern_means() -> None:
    assert matches("stage.1.conv", "stage.1")
    assert matches("stage.1.conv", "stage.1.*")
    assert matches("stage.1.block.0.norm", "*.norm")
    assert not matches("stage.10.conv", "stage.1")
    assert not matches("stem", "stem.*")


def test_initial_weights_of_some_layers() -> None:
    graph = archspec.load("lenet5")
    init = load_run({"model": "lenet5", "train": {"init": {"kind": "constant", "value": 0.5, "layers": ["conv*"]}}})
    network = compile(with_init(graph, init.run.train.init))
    for name, parameter in network.named_parameters():
        if name.endswith("weight"):
            assert bool((parameter == 0.5).all()) == name.startswith("conv"), name
