"""A run's draws come from its seed, and what others draw is left as it was."""

from __future__ import annotations

import pytest
import torch

from archspec_torch.runtime.seeding import seeded

CPU = torch.device("cpu")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def test_the_seed_decides_the_draws() -> None:
    drawn = []
    for seed in (5, 5, 6):
        with seeded(seed, CPU):
            drawn.append(torch.rand(4))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert torch.equal(drawn[0], torch.rand(4, generator=torch.Generator().manual_seed(5)))


@pytest.mark.parametrize("error", [None, ValueError("stopped")])
def test_the_generator_and_settings_are_given_back(error: Exception | None) -> None:
    cudnn = torch.backends.cudnn
    before = torch.get_rng_state(), (cudnn.deterministic, cudnn.benchmark)
    try:
        with seeded(5, CPU):
            torch.rand(4)
            if error:
                raise error
    except ValueError:
        pass
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (cudnn.deterministic, cudnn.benchmark) == before[1]


def test_a_run_on_the_cpu_seeds_no_other_device(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    monkeypatch.setattr(torch.cuda, "manual_seed", seeds.append)
    with seeded(5, CPU):
        pass
    assert seeds == []


@needs_cuda
def test_a_run_on_one_device_leaves_all_as_they_were() -> None:
    devices = range(torch.cuda.device_count())
    before = [torch.cuda.get_rng_state(i) for i in devices]
    drawn = []
    for _ in range(2):
        with seeded(5, torch.device("cuda")):
            drawn.append(torch.rand(4, device="cuda"))
            others = [i for i in devices if i != torch.cuda.current_device()]
            assert all(torch.equal(torch.cuda.get_rng_state(i), before[i]) for i in others)
    assert torch.equal(*drawn)
    assert all(torch.equal(torch.cuda.get_rng_state(i), before[i]) for i in devices)
