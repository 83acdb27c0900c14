"""The loop against one written by hand, and the same bits for the same seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from sklearn.metrics import accuracy_score
from torch import Tensor, nn
from torch.nn import functional

from archspec.errors import SpecError
from archspec.run import load_run
from archspec_torch.runtime.data import Draws, InMemory
from archspec_torch.runtime.images import Frame
from archspec_torch.runtime.loop import State, fresh_state, measure, train_epoch
from archspec_torch.runtime.losses import CrossEntropyLoss
from archspec_torch.runtime.preprocess import Normalize, Preprocessing
from archspec_torch.runtime.schedules import rate_at
from archspec_torch.runtime.stop import Stop, Stopped
from archspec_torch.runtime.tasks import Classify
from archspec_torch.runtime.watch import Watch

CPU = torch.device("cpu")
TASK = Classify("main", {}, ("a", "b", "c"))
NORMALIZE = Normalize(Preprocessing(Frame(1, 6, 6), (0.4,), (0.3,), TASK.classes), CPU)


def plan(**train: object) -> Any:
    return load_run({"model": "lenet5", "train": {"batch": 8, "epochs": 3, **train}}).run.train


def examples(n: int = 41) -> InMemory:
    generator = torch.Generator().manual_seed(5)
    images = torch.randint(0, 256, (n, 1, 6, 6), generator=generator, dtype=torch.uint8)
    return InMemory(images, torch.randint(0, 3, (n,), generator=generator))


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, 3)
    )


def trained(section: Any, **options: Any) -> State:
    torch.manual_seed(section.seed)
    state = fresh_state(network(), section)
    for _ in range(section.epochs):
        train_epoch(state, TASK, examples(), NORMALIZE, section, Stop(), CPU, **options)
        state.finish_epoch()
    return state


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    "optimizer",
    ["adam", {"kind": "sgd", "lr": 0.1, "nesterov": True}, {"kind": "adamw", "decay_norm_and_bias": True}],
)
def test_a_loop_written_by_hand_gives_the_same_weights(optimizer: Any) -> None:
    section = plan(optimizer=optimizer, seed=3)
    ours = trained(section).model.state_dict()

    torch.manual_seed(3)
    model, data = network().train(), examples()
    lr = section.optimizer.lr
    theirs = {
        "adam": lambda p: torch.optim.Adam(p, lr),
        "adamw": lambda p: torch.optim.AdamW(p, lr, weight_decay=0.01),
        "sgd": lambda p: torch.optim.SGD(p, lr, momentum=0.9, nesterov=True),
    }[section.optimizer.kind](model.parameters())
    order, step = torch.Generator().manual_seed(3), 0
    for _ in range(3):
        permutation = torch.randperm(41, generator=order)
        for start, end in [(0, 8), (8, 16), (16, 24), (24, 32), (32, 41)]:
            chosen = permutation[start:end]
            theirs.param_groups[0]["lr"] = rate_at(section.schedule, lr, step, 5, 3)
            images = (data.images[chosen].float() - 255 * 0.4) / (255 * 0.3)
            loss = functional.cross_entropy(model(images), data.labels[chosen])
            theirs.zero_grad()
            loss.backward()
            theirs.step()
            step += 1
    for name, tensor in model.state_dict().items():
        assert torch.allclose(ours[name].double(), tensor.double(), rtol=1e-5, atol=1e-7), name


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    first, again, other = (trained(plan(seed=seed)).model.state_dict() for seed in (7, 7, 8))
    assert equal(first, again)
    assert not equal(first, other)


def test_other_draws_do_not_change_the_order() -> None:
    """Whatever draws from torch's own generator, the order of the examples is the run's."""
    orders = []
    for draws in (0, 3):
        seen: list[Tensor] = []

        class Watched(InMemory):
            def batches(self, groups: Any, *rest: Any) -> Any:
                seen.extend(groups)  # noqa: B023
                return super().batches(groups, *rest)

        torch.manual_seed(0)
        state = fresh_state(network(), plan(seed=1))
        torch.rand(draws)
        data = examples()
        watched = Watched(data.images, data.labels)
        train_epoch(state, TASK, watched, NORMALIZE, plan(seed=1), Stop(), CPU)
        orders.append(torch.cat(seen).tolist())
    assert orders[0] == orders[1]
    assert sorted(orders[0]) == list(range(41))


def test_measuring_is_evaluation_mode_over_every_example() -> None:
    model, data = network(), examples()
    tally = measure(model, TASK, data, NORMALIZE, 8, 0, CPU)
    with torch.no_grad():
        scores = model.eval()(NORMALIZE(data.images))
    assert tally.examples == 41
    assert tally.accuracy == accuracy_score(data.labels, scores.argmax(1))
    assert tally.loss == pytest.approx(float(functional.cross_entropy(scores, data.labels)), rel=1e-5)


def test_the_training_tally_counts_every_example_once() -> None:
    torch.manual_seed(0)
    data = examples()
    tally = train_epoch(fresh_state(network(), plan()), TASK, data, NORMALIZE, plan(), Stop(), CPU)
    assert torch.equal(tally.seen, torch.bincount(data.labels, minlength=3))


def test_a_loss_that_is_no_number_stops_before_it_spoils_the_weights() -> None:
    section = plan(optimizer={"kind": "sgd", "lr": 1e30}, schedule="constant")
    torch.manual_seed(0)
    state = fresh_state(nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.Linear(8, 3)), section)
    with pytest.raises(SpecError, match="E650") as caught:
        for _ in range(3):
            train_epoch(state, TASK, examples(), NORMALIZE, section, Stop(), CPU)
            state.finish_epoch()
    assert "the training loss became nan in epoch 1, step" in str(caught.value)
    assert "(lr 1e+30)" in str(caught.value)


def test_a_stop_is_heeded_after_the_step() -> None:
    torch.manual_seed(0)
    state, stop = fresh_state(network(), plan()), Stop()

    def on_step() -> None:
        if state.step == 2:
            stop.signal = 15

    with pytest.raises(Stopped):
        train_epoch(state, TASK, examples(), NORMALIZE, plan(), stop, CPU, on_step)
    assert state.step == 2


def without_batch_norm() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))


def gradients(section: Any, task: Classify = TASK, **options: Any) -> list[Tensor]:
    """Those of the only step of an epoch over 24 examples, as the optimiser saw them."""
    torch.manual_seed(0)
    state = fresh_state(without_batch_norm().double(), section)
    data = examples(24)
    double: Any = lambda images: NORMALIZE(images).double()  # noqa: E731
    train_epoch(state, task, data, double, section, Stop(), CPU, **options)
    return [p.grad for p in state.model.parameters() if p.grad is not None]


def by_hand(weights: Tensor | None = None) -> tuple[nn.Module, list[Tensor]]:
    torch.manual_seed(0)
    model, data = without_batch_norm().double(), examples(24)
    functional.cross_entropy(model(NORMALIZE(data.images).double()), data.labels, weights).backward()
    return model, [p.grad for p in model.parameters() if p.grad is not None]


def close(a: list[Tensor], b: list[Tensor]) -> bool:
    return len(a) == len(b) > 0 and all(torch.allclose(x, y, rtol=1e-10, atol=1e-12) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize(("batch", "accumulate"), [(24, 1), (12, 2), (8, 3), (5, 5), (7, 4), (1, 24)])
def test_accumulated_gradients_are_those_of_the_large_batch(batch: int, accumulate: int) -> None:
    assert close(gradients(plan(batch=batch, accumulate=accumulate)), by_hand()[1])


@pytest.mark.parametrize(("batch", "accumulate"), [(24, 1), (12, 2), (6, 4), (5, 5), (1, 24)])
def test_accumulated_weighted_examples_are_those_of_the_large_batch(batch: int, accumulate: int) -> None:
    """Torch divides by the sum of the examples' weights, which differs from batch to batch; so does the loss told."""
    weights = torch.tensor([0.2, 1.0, 10.0], dtype=torch.float64)
    task = replace(TASK, criterion=CrossEntropyLoss(weights=weights))
    section, (model, found) = plan(batch=batch, accumulate=accumulate), by_hand(weights)
    assert close(gradients(section, task), found)
    images, labels = NORMALIZE(examples(24).images).double(), examples(24).labels
    state = fresh_state(model, section)
    double: Any = lambda images: NORMALIZE(images).double()  # noqa: E731
    loss = functional.cross_entropy(model(images), labels, weights).item()
    assert train_epoch(state, task, examples(24), double, section, Stop(), CPU).loss == pytest.approx(loss, rel=1e-9)


def test_gradients_are_clipped_as_torch_clips_them() -> None:
    found = by_hand()[1]
    length = torch.cat([g.flatten() for g in found]).norm()
    assert length > 0.1
    assert close(gradients(plan(batch=8, accumulate=3, clip=0.1)), [g * (0.1 / (length + 1e-6)) for g in found])
    cut = gradients(plan(batch=8, accumulate=3, clip={"value": 0.01}))
    assert close(cut, [g.clamp(-0.01, 0.01) for g in found])


def test_a_penalty_is_added_once_a_step() -> None:
    model, found = by_hand()
    decayed = [p.ndim > 1 for p in model.parameters()]
    expected = [g + 0.02 * p.detach() * d for g, p, d in zip(found, model.parameters(), decayed, strict=True)]
    assert any(decayed) and close(gradients(plan(batch=8, accumulate=3, l2=0.02)), expected)


def test_a_watch_sees_the_gradients_of_each_step() -> None:
    seen: list[tuple[int, float, float]] = []

    class Seeing(Watch):
        def before(self, state: State, loss: Tensor, rate: float) -> None:
            seen.append((state.step, rate, 0.0))

        def after(self, state: State) -> None:
            assert all(p.grad is not None for p in state.model.parameters())
            seen.append((state.step, 0.0, 1.0))

    section = plan(batch=8, accumulate=3, schedule="constant", epochs=1)
    torch.manual_seed(0)
    train_epoch(fresh_state(network(), section), TASK, examples(48), NORMALIZE, section, Stop(), CPU, watch=Seeing(CPU))
    one = [(0, 1e-3, 0.0)] * 3 + [(0, 0.0, 1.0)]
    assert seen == one + [(1, *rest) for _, *rest in one]


def test_the_rest_of_an_epoch_is_drawn_as_if_it_had_not_stopped() -> None:
    """Groups and seeds, after two of six steps of two batches."""
    calls: list[tuple[list[list[int]], Draws]] = []

    class Watched(InMemory):
        def batches(self, groups: Any, device: Any, workers: int, draws: Any = None) -> Any:
            calls.append(([g.tolist() for g in groups], draws))
            return super().batches(groups, device, workers, draws)

    section, data = plan(batch=4, accumulate=2, seed=2), examples(48)
    whole = fresh_state(network(), section)
    train_epoch(whole, TASK, Watched(data.images, data.labels), NORMALIZE, section, Stop(), CPU)
    rest = fresh_state(network(), section)
    rest.done, rest.step, rest.began = 2, 2, whole.began
    train_epoch(rest, TASK, Watched(data.images, data.labels), NORMALIZE, section, Stop(), CPU)
    assert calls[1][0] == calls[0][0][4:]
    assert calls[1][1] == calls[0][1] == Draws(2, 0)
    assert torch.equal(rest.shuffle.get_state(), whole.shuffle.get_state())


def test_workers_that_a_signal_ended_are_no_error() -> None:
    class Ended(InMemory):
        def batches(self, *_: Any) -> Any:
            raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Terminated.")
            yield

    data, stop = examples(), Stop()
    with pytest.raises(RuntimeError, match="killed by signal"):
        train_epoch(fresh_state(network(), plan()), TASK, Ended(data.images, data.labels), NORMALIZE, plan(), stop, CPU)
    stop.signal = 15
    with pytest.raises(Stopped):
        train_epoch(fresh_state(network(), plan()), TASK, Ended(data.images, data.labels), NORMALIZE, plan(), stop, CPU)
