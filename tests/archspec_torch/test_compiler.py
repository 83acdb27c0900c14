"""The compiled module: names, outputs, generated code, memory, and what torch must be able to do with it."""

from __future__ import annotations

import copy
import gc
import io
import linecache
import pickle
import traceback
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archspec
from archspec.analysis import storage
from archspec.analysis.order import execution_order
from archspec.errors import Span, SpecError
from archspec.graph import Graph, Head, Node, Tap, TypedGraph
from archspec.ops import REGISTRY, Operator
from archspec.ops.shape import Input
from archspec.tensor import TensorType
from archspec_torch import compiler
from archspec_torch.forward import forward_source

Layer = tuple[str, str | Operator, dict[str, Any], list[str]]


def typed(
    layers: Sequence[Layer],
    outputs: Mapping[str, str],
    inputs: Mapping[str, tuple[int, ...]] | None = None,
    heads: Sequence[Head] = (),
    train: Sequence[str] = (),
    shares: Mapping[str, str] | None = None,
) -> TypedGraph:
    """A typed graph from (name, word, arguments, inputs); "split:1" is the second output of split."""

    def tap(text: str) -> Tap:
        node, _, port = text.partition(":")
        return Tap(node, int(port or 0))

    nodes: dict[str, Node] = {}
    types: dict[str, tuple[TensorType, ...]] = {}
    for name, shape in (inputs or {"input": (3, 8, 8)}).items():
        nodes[name] = Node(name, Input(shape=shape), (), Span("sample.yaml", 1, 1))
        types[name] = (TensorType(shape),)
    starts = tuple(nodes)
    for line, (name, word, args, taps) in enumerate(layers, start=2):
        op = word if isinstance(word, Operator) else REGISTRY[word].model_validate(args)
        sources = tuple(tap(text) for text in taps)
        span = Span("sample.yaml", line, 3, len(name), f"- {name}")
        phase = "train" if name in train else "always"
        nodes[name] = Node(name, op, sources, span, phase=phase, shares=(shares or {}).get(name))
        types[name] = op.infer(tuple(types[s.node][s.port] for s in sources))
    taps = {name: tap(text) for name, text in outputs.items()}
    return TypedGraph("sample", nodes, starts, taps, {head.name: head for head in heads}, types=types)


CONV = {"out": 4, "kernel": 3, "padding": "same"}


@pytest.fixture
def residual() -> TypedGraph:
    """A stem, a residual block, a classifier, and a head for training."""
    return typed(
        [
            ("stem.conv", "conv", {**CONV, "bias": False}, ["input"]),
            ("stem.norm", "batch_norm", {}, ["stem.conv"]),
            ("stem.act", "relu", {}, ["stem.norm"]),
            ("stage.0.body", "conv", CONV, ["stem.act"]),
            ("stage.0.add", "add", {}, ["stage.0.body", "stem.act"]),
            ("stage.0.relu", "relu", {}, ["stage.0.add"]),
            ("pool", "global_avg_pool", {}, ["stage.0.relu"]),
            ("fc", "linear", {"out": 5}, ["pool"]),
            ("aux.pool", "global_avg_pool", {}, ["stem.act"]),
            ("aux.fc", "linear", {"out": 5}, ["aux.pool"]),
        ],
        {"logits": "fc", "aux": "aux.fc"},
        heads=[Head("aux", "train", 0.3)],
        train=["aux.pool", "aux.fc"],
    )


class ByHand(nn.Module):
    """The same residual network, as one would write it."""

    def __init__(self, weights: Mapping[str, Tensor]):
        super().__init__()
        self.w = weights

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        w, f = self.w, nn.functional
        x = f.conv2d(x, w["stem.conv.weight"], padding=1)
        mean, var = w["stem.norm.running_mean"].clone(), w["stem.norm.running_var"].clone()
        x = f.batch_norm(x, mean, var, w["stem.norm.weight"], w["stem.norm.bias"], training=self.training)
        stem = x.relu()
        y = f.conv2d(stem, w["stage.0.body.weight"], w["stage.0.body.bias"], padding=1)
        y = (y + stem).relu().mean((2, 3))
        aux = f.linear(stem.mean((2, 3)), w["aux.fc.weight"], w["aux.fc.bias"])
        return {"logits": f.linear(y, w["fc.weight"], w["fc.bias"]), "aux": aux}


# names


def test_the_state_dict_has_the_layers_names_and_nothing_else(residual: TypedGraph) -> None:
    expected = [
        f"{node.name}.{key}" for node in residual.layers() for key in node.op.weights(residual.input_types(node))
    ]
    assert "stage.0.body.weight" in expected and "aux.fc.bias" in expected
    assert list(compiler.compile(residual).state_dict()) == expected


def test_every_layer_is_a_submodule_and_can_be_hooked(residual: TypedGraph) -> None:
    model = compiler.compile(residual)
    seen: list[str] = []
    for node in residual.layers():
        layer = model.get_submodule(node.name)
        layer.register_forward_hook(lambda *_, name=node.name: seen.append(name))
    model(torch.rand(2, 3, 8, 8))
    assert sorted(seen) == sorted(node.name for node in residual.layers())
    assert model.stage[0].body is model.get_submodule("stage.0.body")
    with pytest.raises(IndexError, match="no part 1"):
        model.stage[1]


def test_keywords_and_digits_are_names_like_any_other() -> None:
    model = compiler.compile(
        typed(
            [
                ("class.0.lambda", "conv", CONV, ["from"]),
                ("x", "relu", {}, ["class.0.lambda"]),
                ("root.self", "conv", CONV, ["x"]),
                ("code", "conv", CONV, ["root.self"]),
                ("graph", "add", {}, ["code", "x"]),
            ],
            {"y": "graph"},
            inputs={"from": (3, 8, 8)},
        )
    )
    assert model(torch.rand(2, 3, 8, 8)).shape == (2, 4, 8, 8)
    assert "class.0.lambda.weight" in model.state_dict()
    assert isinstance(model.code, nn.Conv2d)  # a layer of that name goes before the source
    assert pickle.loads(pickle.dumps(model)).state_dict().keys() == model.state_dict().keys()


def test_a_layer_may_be_named_as_the_part_that_holds_others() -> None:
    layers: list[Layer] = [
        ("block.conv", "conv", CONV, ["input"]),
        ("block", "add", {}, ["block.conv", "block.conv"]),
        ("block.shortcut.conv", "conv", CONV, ["block"]),
    ]
    model = compiler.compile(typed(layers, {"y": "block.shortcut.conv"}))
    assert list(model.state_dict()) == [f"block.{p}.{w}" for p in ("conv", "shortcut.conv") for w in ("weight", "bias")]
    x = torch.rand(1, 3, 8, 8)
    inner = 2 * model.get_submodule("block.conv")(x)
    torch.testing.assert_close(model(x), model.get_submodule("block.shortcut.conv")(inner))


def test_an_operator_without_a_lowering_is_refused_where_it_was_written() -> None:
    class Unheard(Operator):
        def infer(self, inputs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
            return inputs

    Unheard.word = "unheard"
    with pytest.raises(SpecError) as caught:
        compiler.compile(typed([("one", Unheard(), {}, ["input"]), ("two", Unheard(), {}, ["one"])], {"y": "two"}))
    assert [(d.code, d.span.line if d.span else None) for d in caught.value.diagnostics] == [
        ("E711", 2),
        ("E711", 3),
    ]


# outputs


@pytest.mark.parametrize("training", [True, False])
def test_it_computes_what_the_same_network_by_hand_does(residual: TypedGraph, training: bool) -> None:
    model = compiler.compile(residual).train(training)
    model.stem.norm.running_mean.uniform_()
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    x = torch.rand(2, 3, 8, 8)
    expected = ByHand(weights).train(training)(x)
    found = model(x)
    if training:
        assert list(found) == ["logits", "aux"]
        torch.testing.assert_close(found, expected)
    else:
        torch.testing.assert_close(found, expected["logits"])


def test_heads_for_training_cost_nothing_in_evaluation(residual: TypedGraph) -> None:
    model = compiler.compile(residual)
    calls: list[nn.Module] = []
    model.aux.fc.register_forward_hook(lambda module, *_: calls.append(module))
    model.eval()(torch.rand(1, 3, 8, 8))
    assert calls == []
    model.train()(torch.rand(2, 3, 8, 8))
    assert len(calls) == 1


def test_several_inputs_are_taken_in_order_or_by_name() -> None:
    model = compiler.compile(
        typed(
            [
                ("look", "conv", CONV, ["image"]),
                ("both", "concat", {}, ["look", "map"]),
                ("halves", "split", {"parts": 2}, ["both"]),
                ("product", "multiply", {}, ["halves:1", "halves:0"]),
            ],
            {"mixed": "product", "seen": "look"},
            inputs={"image": (3, 8, 8), "map": (2, 8, 8)},
        )
    )
    image, extra = torch.rand(2, 3, 8, 8), torch.rand(2, 2, 8, 8)
    found = model(image, extra)
    look = model.look(image)
    both = torch.cat([look, extra], 1)
    assert list(found) == ["mixed", "seen"]
    torch.testing.assert_close(found["mixed"], both[:, :3] * both[:, 3:])
    torch.testing.assert_close(found["seen"], look)
    torch.testing.assert_close(model(map=extra, image=image), found)


def test_shared_weights_are_one_module() -> None:
    graph = typed(
        [
            ("encoder.conv", "conv", CONV, ["left"]),
            ("again.conv", "conv", CONV, ["right"]),
            ("third.conv", "conv", CONV, ["right"]),
            ("sum", "add", {}, ["encoder.conv", "again.conv", "third.conv"]),
        ],
        {"y": "sum"},
        inputs={"left": (3, 8, 8), "right": (3, 8, 8)},
        shares={"again.conv": "encoder.conv", "third.conv": "again.conv"},
    )
    model = compiler.compile(graph)
    assert list(model.state_dict()) == ["encoder.conv.weight", "encoder.conv.bias"]
    left, right = torch.rand(2, 1, 3, 8, 8)
    conv = model.encoder.conv
    torch.testing.assert_close(model(left, right), conv(left) + 2 * conv(right))


# the generated code


def test_the_code_is_straight_line_and_shows_in_tracebacks(residual: TypedGraph) -> None:
    model = compiler.compile(residual)
    lines = [line for line in model.code.splitlines() if "](" in line]
    assert len(lines) == len(list(residual.layers()))
    assert "for " not in model.code
    assert model.code == forward_source(model.graph)
    try:
        model(torch.rand(1, 7, 8, 8))
    except RuntimeError:
        assert "x = stem['conv'](input)" in traceback.format_exc()
    else:
        pytest.fail("seven channels went into a convolution over three")


def test_compiling_again_leaves_no_second_source_behind(residual: TypedGraph) -> None:
    compiler.compile(residual)
    before = len(linecache.cache)
    compiler.compile(residual)
    assert len(linecache.cache) == before


def test_layers_for_training_run_as_soon_as_their_inputs_are_there(residual: TypedGraph) -> None:
    names = [node.name for node in execution_order(residual)]
    assert names[2:5] == ["stem.act", "aux.pool", "aux.fc"]
    assert sorted(names) == sorted(node.name for node in residual.layers())


@pytest.mark.parametrize("training", [True, False])
def test_tensors_are_freed_at_their_last_use(residual: TypedGraph, training: bool) -> None:
    model = compiler.compile(residual).train(training)
    alive: dict[str, weakref.ref[Tensor]] = {}
    at_the_end: set[str] = set()

    def remember(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            alive[name] = weakref.ref(output)

        return hook

    for node in residual.layers():
        model.get_submodule(node.name).register_forward_hook(remember(node.name))

    def look(*_: Any) -> None:
        gc.collect()
        at_the_end.update(name for name, ref in alive.items() if ref() is not None)

    model.fc.register_forward_pre_hook(look)
    with torch.no_grad():
        model(torch.rand(2, 3, 8, 8))
    assert at_the_end == ({"pool", "aux.fc"} if training else {"pool"})


def test_a_long_network_compiles_in_linear_time() -> None:
    def chain(n: int) -> TypedGraph:
        layers: list[Layer] = [(f"block.{i}", "relu", {}, [f"block.{i - 1}" if i else "input"]) for i in range(n)]
        return typed(layers, {"y": f"block.{n - 1}"})

    model = compiler.compile(chain(10_000))
    assert model.code.count("\n") < 10_010
    x = torch.rand(1, 3, 8, 8) - 0.5
    torch.testing.assert_close(model(x), x.relu())


# activations in place

IN_PLACE = [word for word, op in REGISTRY.items() if op.storage == "activation"]


@pytest.mark.parametrize("word", IN_PLACE)
@pytest.mark.parametrize("before", ["conv", "linear", "norm", "add"])
def test_overwriting_changes_neither_results_nor_gradients(
    word: str, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = {"threshold": {"at": 0.1, "value": 0.0}}.get(word, {})
    first: dict[str, list[Layer]] = {
        "conv": [("last", "conv", CONV, ["input"])],
        "linear": [("flat", "flatten", {}, ["input"]), ("last", "linear", {"out": 7}, ["flat"])],
        "norm": [("conv", "conv", CONV, ["input"]), ("last", "batch_norm", {}, ["conv"])],
        "add": [("conv", "conv", CONV, ["input"]), ("last", "add", {}, ["conv", "conv"])],
    }
    graph = typed([*first[before], ("act", word, args, ["last"])], {"y": "act"})
    assert compiler.overwriting(graph) == {"act"}
    torch.manual_seed(0)
    model = compiler.compile(graph)
    monkeypatch.setattr(compiler, "overwriting", lambda graph: frozenset())
    apart = compiler.compile(graph)
    apart.load_state_dict(model.state_dict())
    x, weight = torch.randn(2, 3, 8, 8), torch.rand(2, *graph.types["act"][0].shape)
    gradients = []
    for m in (model, apart):
        y = m(x)
        (y * weight).sum().backward()
        gradients.append([y, *(p.grad for p in m.parameters())])
    torch.testing.assert_close(*gradients)


def test_the_module_overwrites_what_the_counts_say_and_sums_besides() -> None:
    graph = archspec.load("resnet18")
    more = compiler.overwriting(graph) - storage.in_place(graph)
    assert compiler.overwriting(graph) > storage.in_place(graph)
    sums = {node.name for node in graph.layers() if node.op.word == "add"}
    assert more == sums | {node.name for node in graph.layers() if {tap.node for tap in node.inputs} & sums
                           and node.op.word == "relu"}  # fmt: skip


def test_what_others_still_need_is_not_overwritten() -> None:
    layers: list[Layer] = [
        ("tapped", "conv", CONV, ["input"]),
        ("a", "relu", {}, ["tapped"]),
        ("shown", "conv", CONV, ["a"]),
        ("b", "relu", {}, ["shown"]),
        ("sum", "add", {}, ["b", "tapped"]),
        ("c", "sigmoid", {}, ["sum"]),
        ("d", "relu", {}, ["sum"]),
        ("lone", "add", {}, ["c", "d"]),
        ("e", "relu", {}, ["lone"]),
    ]
    assert compiler.overwriting(typed(layers, {"y": "e", "shown": "shown"})) == {"e"}


def test_a_sum_overwrites_the_fresh_end_of_a_body_and_nothing_else() -> None:
    layers: list[Layer] = [
        ("stem", "conv", CONV, ["input"]),
        ("body", "conv", CONV, ["stem"]),
        ("onto_body", "add", {}, ["body", "stem"]),
        ("gate", "global_avg_pool", {"keep": True}, ["onto_body"]),
        ("narrow", "conv", {"out": 4}, ["gate"]),
        ("stretched", "add", {}, ["narrow", "onto_body"]),
        ("shown", "conv", CONV, ["stretched"]),
        ("onto_shown", "add", {}, ["shown", "stretched"]),
        ("twice", "conv", CONV, ["onto_shown"]),
        ("doubled", "add", {}, ["twice", "twice"]),
    ]
    graph = typed(layers, {"y": "doubled", "shown": "shown"})
    assert compiler.overwriting(graph) == {"onto_body"}


# what torch must be able to do with it


@pytest.mark.parametrize("training", [True, False])
def test_torch_compile_takes_it_as_one_graph(residual: TypedGraph, training: bool) -> None:
    model = compiler.compile(residual).train(training)
    x = torch.rand(2, 3, 8, 8)
    torch._dynamo.reset()
    found = torch.compile(model, fullgraph=True, backend="aot_eager")(x)
    if training:
        model.stem.norm.reset_running_stats()
    torch.testing.assert_close(found, model(x))


@pytest.mark.parametrize("strict", [True, False])
def test_export(residual: TypedGraph, strict: bool) -> None:
    model = compiler.compile(residual).eval()
    x = torch.rand(2, 3, 8, 8)
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(model, (x,), strict=strict, dynamic_shapes=({0: batch},))
    x = torch.rand(5, 3, 8, 8)
    torch.testing.assert_close(program.module()(x), model(x))
    assert program.state_dict.keys() == model.state_dict().keys()
    traces = " ".join(str(node.meta.get("stack_trace")) for node in program.graph.nodes)
    assert "root['fc'](x)" in traces


def test_functional_calls_vmap_and_grad(residual: TypedGraph) -> None:
    model = compiler.compile(residual).eval()
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    x, y = torch.rand(3, 3, 8, 8), torch.tensor([0, 3, 4])

    def loss(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        logits = torch.func.functional_call(model, parameters, (x[None],))
        return nn.functional.cross_entropy(logits, y[None])

    per_example = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(parameters, x, y)
    model.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    for name, p in model.named_parameters():
        if not name.startswith("aux"):
            torch.testing.assert_close(per_example[name].mean(0), p.grad)
    stacked = {name: torch.stack([p, p.roll(1)]) for name, p in parameters.items()}
    ensemble = torch.func.vmap(lambda p: torch.func.functional_call(model, p, (x,)))(stacked)
    torch.testing.assert_close(ensemble[0], model(x))
    assert not torch.allclose(ensemble[1], ensemble[0])


def test_a_deep_copy_is_apart_and_makes_no_layers(residual: TypedGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    model = compiler.compile(residual).eval()
    monkeypatch.setattr(compiler, "lower", None)
    other = copy.deepcopy(model)
    x = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(other(x), model(x))
    assert type(other) is type(model) and not other.training
    with torch.no_grad():
        other.fc.bias += 1
    torch.testing.assert_close(other(x), model(x) + 1)


def test_it_can_be_pickled_and_saved_whole(residual: TypedGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    model = compiler.compile(residual).eval()
    model.fc.requires_grad_(False)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    monkeypatch.setattr(compiler, "lower", None)
    x = torch.rand(1, 3, 8, 8)
    for other in (pickle.loads(pickle.dumps(model)), torch.load(file, weights_only=False)):
        torch.testing.assert_close(other(x), model(x))
        assert not other.training and not other.fc.weight.requires_grad
        assert other.code == model.code and list(other.graph.nodes) == list(model.graph.nodes)


def test_types_devices_layouts(residual: TypedGraph) -> None:
    model = compiler.compile(residual).eval()
    x = torch.rand(2, 3, 8, 8)
    expected = model(x)
    torch.testing.assert_close(copy.deepcopy(model).double()(x.double()), expected.double(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(copy.deepcopy(model).bfloat16()(x.bfloat16()).float(), expected, rtol=0.1, atol=0.1)
    with torch.autocast("cpu", torch.bfloat16):
        assert model(x).dtype == torch.bfloat16
    last = copy.deepcopy(model).to(memory_format=torch.channels_last)
    torch.testing.assert_close(last(x.contiguous(memory_format=torch.channels_last)), expected)
    assert copy.deepcopy(model).to("meta")(x.to("meta")).shape == (2, 5)
    with torch.device("meta"):
        assert compiler.compile(residual)(x.to("meta"))["aux"].shape == (2, 5)


def test_a_layer_that_is_replaced_is_the_one_that_runs(residual: TypedGraph) -> None:
    model = compiler.compile(residual).eval()
    model.fc = nn.Linear(4, 2)
    assert model(torch.rand(1, 3, 8, 8)).shape == (1, 2)


def test_only_a_typed_graph_or_a_name_is_compiled() -> None:
    with pytest.raises(TypeError, match="typed graph"):
        compiler.compile(Graph("bare", {}, (), {}))  # type: ignore[arg-type]
