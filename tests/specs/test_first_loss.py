"""What the first loss of an untrained classifier must be."""

from __future__ import annotations

import math

import pytest

import archspec

torch = pytest.importorskip("torch")


def test_the_first_loss_of_the_perceptron_is_ln_10() -> None:
    # weights of 1e-4·N(0, 1): all logits are near 0, all classes equally likely
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = archspec.compile("mlp")
    images = torch.rand(64, 3, 32, 32, generator=generator)
    labels = torch.randint(10, (64,), generator=generator)
    with torch.no_grad():
        loss = torch.nn.functional.cross_entropy(model(images), labels).item()
    assert loss == pytest.approx(math.log(10), abs=1e-4)  # 2.3026
    weights = torch.cat([p.flatten() for name, p in model.named_parameters() if name.endswith("weight")])
    assert weights.std().item() == pytest.approx(1e-4, rel=0.02)
    # strong L2 raises it: 1e3 times the sum of 154,100 squares of about 1e-8
    assert loss + 1e3 * weights.square().sum().item() == pytest.approx(loss + 1.541, rel=0.02)
