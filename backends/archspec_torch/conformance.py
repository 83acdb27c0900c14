"""Whether the layer that is made of an operator is what the operator's rules say of it."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from archspec.analysis.cost import kept_of, scratch_of
from archspec.ops.base import Operator, OperatorError, Saved, Types, typed
from archspec.tensor import TensorType
from archspec_torch.lowering import Site, lower

LARGEST = 2**24
"""Elements of a tensor up to which a layer is run on numbers, and not on shapes alone."""

BATCH = 2

PLACES = (2, 3)
"""Of a map on which a layer is compared with itself on each of its places."""

_KINDS = {"parameter": "parameter that learns", "frozen": "parameter that does not learn", "buffer": "buffer"}


def disagreements(op: Operator, inputs: Types, outputs: Types) -> Iterator[str]:
    """What a layer does otherwise than `infer`, `weights` and `macs` say; and what no layer should do.

    Each in words that go on behind the layer's name. What the layer raises is raised.
    """
    yield from on_shapes(op, inputs, outputs)
    yield from on_backward(op, inputs, outputs)
    if max(x.numel for x in (*inputs, *outputs)) <= LARGEST:
        yield from on_numbers(op, inputs, outputs)
    yield from on_places(op, inputs)
    yield from on_windows(op)


def on_shapes(op: Operator, inputs: Types, outputs: Types) -> Iterator[str]:
    """Shapes, weights and multiplications of the layer on the meta device, where tensors have no numbers."""
    with torch.device("meta"), torch.no_grad():
        module = lower(Site(op, inputs, outputs)).eval()
        tensors = [torch.empty(BATCH * x.regions, *x.shape) for x in inputs]
        with FlopCounterMode(display=False) as counter:
            found = as_tuple(module(*tensors))
    shapes, wanted = [tuple(y.shape) for y in found], [(BATCH * y.regions, *y.shape) for y in outputs]
    if shapes != wanted:
        yield f"gives {_shapes(shapes)} for a batch of {BATCH}, and by `infer` it is {_shapes(wanted)}"
    counted = counter.get_total_flops() / (2 * BATCH)
    macs = outputs[0].regions * op.macs(inputs, outputs)
    if counted != macs:
        yield f"multiplies {counted:,.0f} times by torch's count, and by `macs` it is {macs:,}"
    yield from _weights(op, inputs, module)


def _weights(op: Operator, inputs: Types, module: nn.Module) -> Iterator[str]:
    """Stored tensors: names, shapes, types; which learn, which do not, which are buffers."""
    state = {name: (tuple(t.shape), str(t.dtype).removeprefix("torch.")) for name, t in module.state_dict().items()}
    said = {name: (tuple(w.shape), w.dtype) for name, w in op.weights(inputs).items()}
    for name in sorted(state.keys() - said.keys()):
        yield f"stores '{name}', which `weights` does not have"
    for name in sorted(said.keys() - state.keys()):
        yield f"does not store '{name}', which `weights` has"
    for name in sorted(state.keys() & said.keys()):
        if state[name] != said[name]:
            yield f"stores '{name}' as {_stored(state[name])}, and by `weights` it is {_stored(said[name])}"
    parameters = dict(module.named_parameters())
    for name, weight in op.weights(inputs).items():
        kind = "buffer"
        if name in parameters:
            kind = "parameter" if parameters[name].requires_grad else "frozen"
        if name in state and kind != weight.kind:
            yield f"stores '{name}' as a {_KINDS[kind]}, and by `weights` it is a {_KINDS[weight.kind]}"


def on_backward(op: Operator, inputs: Types, outputs: Types) -> Iterator[str]:
    """What torch's autograd keeps of the layer, by its hooks on saved tensors: which tensors, how many bytes.

    Nothing is asked of a layer that is there only when the network answers.
    """
    if op.answers:
        return
    for in_place in (False, True) if op.storage == "activation" else (False,):
        few, many = (_kept(op, inputs, outputs, batch, in_place) for batch in (BATCH, BATCH + 1))
        own = many.own_bytes - few.own_bytes  # for one more example
        found = replace(few, own_bytes=own, fixed_bytes=few.own_bytes - BATCH * own)
        said = replace(kept_of(op, inputs, outputs, in_place), mutual=False)
        if in_place:  # input and output are one
            said = replace(said, inputs=tuple(sorted({0, *said.inputs})) if said.output else said.inputs, output=False)
        said = replace(said, inputs=tuple(sorted({*said.inputs})))
        if found != said:
            where = " in place" if in_place else ""
            yield f"keeps{where} for its backward pass {_told(found)}, and by `saved` it is {_told(said)}"


def _kept(op: Operator, inputs: Types, outputs: Types, batch: int, in_place: bool) -> Saved:
    """What autograd keeps of a batch: all bytes that are neither inputs, weights nor output as `own_bytes`."""
    lasting: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        lasting[tensor.untyped_storage()._cdata] = tensor.untyped_storage()
        return tensor

    with FakeTensorMode():  # tensors of the CPU without their numbers: of another device torch keeps otherwise
        module = lower(Site(op, inputs, outputs, in_place)).train()
        leaves = [torch.empty(batch * x.regions, *x.shape, requires_grad=True) for x in inputs]
        given = [leaf.clone() for leaf in leaves]
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            found = as_tuple(module(*given))
    places = {x.untyped_storage()._cdata: i for i, x in enumerate(given)}
    made = {y.untyped_storage()._cdata for y in found} - places.keys()
    stored = {t.untyped_storage()._cdata for t in (*module.parameters(), *module.buffers())}
    own = sum(storage.nbytes() for key, storage in lasting.items() if key not in places.keys() | made | stored)
    return Saved(tuple(sorted(places[key] for key in lasting if key in places)), bool(made & lasting.keys()), own)


def on_inference(op: Operator, inputs: Types, outputs: Types) -> Iterator[str]:
    """The bytes that the layer makes and drops while it computes without gradients, by every storage that torch makes.

    Nothing is asked of a layer that is there only when the network answers: how much it makes depends on what it finds.
    """
    if op.answers:
        return
    few, many = (_dropped(op, inputs, outputs, batch) for batch in (BATCH, BATCH + 1))
    said = scratch_of(op, inputs, outputs)
    if many - few != said:
        yield f"makes and drops {many - few:,} B an example, and by `scratch` it is {said:,} B"


class _Storages(TorchDispatchMode):
    """The most bytes that storages took at once, those that were there before aside."""

    def __init__(self, known: AbstractSet[int]) -> None:
        super().__init__()
        self.known, self.most = known, 0
        self.held: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                key = storage._cdata
                if key not in self.known and key not in self.held:
                    self.held[key] = storage.nbytes()
                    weakref.finalize(storage, self.held.pop, key, None)
        self.most = max(self.most, sum(self.held.values()))
        return made


def _dropped(op: Operator, inputs: Types, outputs: Types, batch: int) -> int:
    with FakeTensorMode(), torch.no_grad():
        module = lower(Site(op, inputs, outputs)).eval()
        given = [torch.empty(batch * x.regions, *x.shape) for x in inputs]
        known = {x.untyped_storage()._cdata for x in (*given, *module.parameters(), *module.buffers())}
        with _Storages(known) as seen:
            found = as_tuple(module(*given))
        made = {y.untyped_storage()._cdata: y.untyped_storage().nbytes() for y in found}
        return seen.most - sum(size for key, size in made.items() if key not in known)


def _told(saved: Saved) -> str:
    parts = [f"input {i}" for i in saved.inputs] + ["its output"] * saved.output
    parts += [f"{saved.own_bytes:,} B an example"] * bool(saved.own_bytes)
    parts += [f"{saved.fixed_bytes:,} B whatever the batch"] * bool(saved.fixed_bytes)
    return " and ".join(parts) or "nothing"


def on_numbers(op: Operator, inputs: Types, outputs: Types) -> Iterator[str]:
    """The layer on random numbers: its examples do not mix, its input stays as it was, and its weights learn."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        module = lower(Site(op, inputs, outputs)).double()
        tensors = [torch.randn(BATCH * x.regions, *x.shape, dtype=torch.float64) for x in inputs]
        yield from _deployed(op, module.eval(), tensors)
        yield from _trained(module.train(), tensors)


def on_places(op: Operator, inputs: Types) -> Iterator[str]:
    """Whether the layer gives at each place of a map what it gives for the vector of that place with the same weights,
    and what acts on numbers the same for a map laid flat: what `acts_on` says.

    Nothing where maps or vectors are refused: there is nothing that could be slid.
    """
    if op.acts_on == "map":
        return
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        tensors = [torch.randn(BATCH, x.shape[0], *PLACES, dtype=torch.float64) for x in inputs]
        try:
            module = _lowered(op, tensors)
            whole = _run(module, tensors)
            ways = [("by places", lambda x: x.flatten(2).transpose(1, 2).flatten(0, 1))]
            if op.acts_on == "number":
                ways.append(("laid flat", lambda x: x.flatten(1)))
            for how, turn in ways:
                turned = [turn(x) for x in tensors]
                other = _lowered(op, turned)
                if _stores(other) != _stores(module):
                    yield f"stores other weights for a map taken {how}, and by `acts_on` it is {op.acts_on}"
                    continue
                other.load_state_dict(module.state_dict())
                found, wanted = _run(other, turned), [turn(y) for y in whole]
                if any(y.shape != z.shape or not torch.allclose(y, z) for y, z in zip(found, wanted, strict=True)):
                    yield f"gives something else for a map taken {how}, and by `acts_on` it is {op.acts_on}"
        except OperatorError:
            return


def on_windows(op: Operator) -> Iterator[str]:
    """Whether the layer that slides over a map (`slid_over`) gives for each window what the layer itself gives for that
    window laid flat, with the same weights. Nothing where such a vector is refused."""
    over = op.slid_over(PLACES)
    if over is None:
        return
    rows, columns = PLACES
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        x = torch.randn(BATCH, 3, rows + 1, columns + 2, dtype=torch.float64)
        windows = x.unfold(2, rows, 1).unfold(3, columns, 1)  # (n, 3, 2, 3, rows, columns)
        flat = windows.permute(0, 2, 3, 1, 4, 5).flatten(0, 2).flatten(1)
        try:
            module, slid = _lowered(op, [flat]), _lowered(over, [x])
        except OperatorError:
            return
        if _stores(slid) != _stores(module):
            yield "stores other weights where it slides over a map, by `slid_over`"
            return
        slid.load_state_dict(module.state_dict())
        (wanted,), (found,) = _run(module, [flat]), _run(slid, [x])
        found = found.flatten(2).transpose(1, 2).flatten(0, 1)
        if found.shape != wanted.shape or not torch.allclose(found, wanted):
            yield "gives for a window of a map something else than for the same numbers laid flat, by `slid_over`"


def _stores(module: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in module.state_dict().items()}


def _lowered(op: Operator, tensors: list[Tensor]) -> nn.Module:
    """The layer for tensors of these shapes, its weights random. Raises OperatorError where it refuses them."""
    inputs = tuple(TensorType(tuple(x.shape[1:])) for x in tensors)
    module = lower(Site(op, inputs, typed(op, inputs))).double().eval()
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.5)
    return module


def _run(module: nn.Module, tensors: list[Tensor]) -> tuple[Tensor, ...]:
    with torch.no_grad():
        return as_tuple(module(*(x.clone() for x in tensors)))


def _deployed(op: Operator, module: nn.Module, tensors: list[Tensor]) -> Iterator[str]:
    before = [x.clone() for x in tensors]
    with torch.no_grad():
        found = as_tuple(module(*tensors))
        if any(not torch.equal(x, y) for x, y in zip(tensors, before, strict=True)):
            yield "overwrites its input, where `site.in_place` is false"
            tensors = before
            found = as_tuple(module(*[x.clone() for x in tensors]))
        alone = [as_tuple(module(*[x.chunk(BATCH)[i].clone() for x in tensors])) for i in range(BATCH)]
    together = [torch.cat(parts) for parts in zip(*alone, strict=True)]
    if any(y.shape != z.shape or not torch.allclose(y, z) for y, z in zip(found, together, strict=True)):
        yield "gives an image another result in a batch than alone, in evaluation mode"
    given = {x.untyped_storage().data_ptr() for x in tensors}
    if op.storage == "view" and any(y.untyped_storage().data_ptr() not in given for y in found):
        yield "makes a copy, and by `storage` its output is a view of its input"


def _trained(module: nn.Module, tensors: list[Tensor]) -> Iterator[str]:
    tensors = [x.clone().requires_grad_() for x in tensors]
    found = as_tuple(module(*tensors))
    if not any(y.requires_grad for y in found):
        yield "has no gradient: nothing before it would learn"
        return
    sum((y * torch.randn_like(y)).sum() for y in found if y.requires_grad).backward()  # type: ignore[union-attr]
    for name, parameter in module.named_parameters():
        if parameter.requires_grad and parameter.grad is None:
            yield f"gives its weight '{name}' no gradient"
        elif parameter.grad is not None and not parameter.grad.isfinite().all():
            yield f"gives its weight '{name}' a gradient that is not finite, on numbers around 0"
    for i, x in enumerate(tensors):
        if x.grad is not None and not x.grad.isfinite().all():
            yield f"gives its input {i} a gradient that is not finite, on numbers around 0"


def as_tuple(value: Any) -> tuple[Tensor, ...]:
    """What a module returns, as a tuple of tensors. Raises TypeError where it is neither a tensor nor several."""
    found = (value,) if isinstance(value, Tensor) else tuple(value)
    if not all(isinstance(one, Tensor) for one in found):
        raise TypeError(f"forward returns a tensor, or a tuple of them, not {type(value).__name__}")
    return found


def _shapes(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join("×".join(map(str, shape)) for shape in shapes)


def _stored(tensor: tuple[tuple[int, ...], str]) -> str:
    shape, dtype = tensor
    size = "×".join(map(str, shape)) if math.prod(shape) or shape else "a number"
    return f"{size or 'a number'} {dtype}"
