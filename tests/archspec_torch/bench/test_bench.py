"""Fitting against rates that were put in, and the commands as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")

from archspec.analysis.work import Work  # noqa: E402
from archspec.cli import main  # noqa: E402
from archspec.devices import KINDS, load_device  # noqa: E402
from archspec_torch.bench.clock import computing_with  # noqa: E402
from archspec_torch.bench.fit import fit_share, nonnegative  # noqa: E402
from archspec_torch.bench.probes import probes  # noqa: E402

PEAK, BANDWIDTH = 1e12, 1e11


def conv(operations: int, tensors: int, weights: int, allocated: int = 0) -> Work:
    return Work("c", "conv", operations, 0, tensors, 0, weights, allocated)


WORKS = [conv(10**a, 10**b, 10**c) for a in (6, 8, 9) for b in (4, 6, 7) for c in (3, 5, 7)]


def test_the_shares_that_were_put_in_come_out() -> None:
    times = [
        5e-6 + w.operations / (0.4 * PEAK) + w.read_bytes / (0.5 * BANDWIDTH) + w.weight_bytes / (0.1 * BANDWIDTH)
        for w in WORKS
    ]
    share = fit_share(WORKS, times, PEAK, BANDWIDTH, fresh_above=1e9)
    assert (share.compute, share.memory, share.weights) == pytest.approx((0.4, 0.5, 0.1), rel=1e-3)
    assert share.overhead_us == pytest.approx(5, rel=1e-3)
    assert share.fresh is None


def test_large_outputs_are_told_from_moving() -> None:
    works = [conv(10**6, n, 0, n) for n in (10**5, 10**6, 10**7, 10**8, 3 * 10**8)]

    def seconds(size: int) -> float:
        return 1e6 / PEAK + size / (0.5 * BANDWIDTH) + (size / (0.05 * BANDWIDTH) if size > 5e7 else 0)

    times = [seconds(w.read_bytes) for w in works]
    share = fit_share(works, times, PEAK, BANDWIDTH, fresh_above=5e7)
    assert (share.memory, share.fresh) == pytest.approx((0.5, 0.05), rel=0.05)


def test_no_share_is_more_than_there_is() -> None:
    share = fit_share(WORKS, [1e-9] * len(WORKS), PEAK, BANDWIDTH, fresh_above=1e9)
    assert share.compute == 1
    assert share.memory is not None and share.memory <= 20


@pytest.mark.parametrize("seed", range(10))
def test_least_squares_are_scipys(seed: int) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    draw = np.random.default_rng(seed)
    a, b = draw.normal(size=(12, 4)), draw.normal(size=12)
    x, _ = optimize.nnls(a, b)
    assert np.sum((a @ nonnegative(a, b) - b) ** 2) <= 1.05 * np.sum((a @ x - b) ** 2)
    assert (nonnegative(a, b) >= 0).all()


def test_every_kind_is_probed_by_several_operations() -> None:
    with torch.inference_mode():
        found = probes()
        for kind in KINDS:
            assert len([p for p in found if p.work.kind == kind]) >= 3, kind
        small = next(p for p in found if p.work.kind == "linear")
        assert small.module(*small.tensors).shape == (1, 10)


def test_threads_come_back() -> None:
    former = torch.get_num_threads()
    with computing_with(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == former


def test_networks_beside_a_known_device(capsys: pytest.CaptureFixture[str]) -> None:
    args = ["bench", "lenet5", "mlp", "cifar_pattern", "--device", "ryzen7840u", "--threads", "1"]
    assert main(args) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("measured here against AMD Ryzen 7 7840U")
    assert [line.split()[0] for line in lines[3:6]] == ["lenet5", "mlp", "cifar_pattern"]
    assert lines[-2].startswith("median error ") and "over 3 networks" in lines[-2]
    assert "of MACs alone" in lines[-1]
    assert main([*args, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["networks"]) == 3 and found["networks"][0]["macs"] == 416_520
    assert all(n["measured_seconds"] > 0 for n in found["networks"])


def test_open_sizes_are_timed_at_their_example(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    spec = tmp_path / "open.yaml"
    spec.write_text(
        "archspec: 1\nname: open\ninput: [3, H, W]\nlayers:\n  - conv: {out: 4, kernel: 3}\n", encoding="utf-8"
    )
    assert main(["bench", str(spec), "--device", "ryzen7840u", "--threads", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[3].split()[:3] == ["open", "5.32", "M"]  # 3·9 · 4·222·222


def test_mistakes_are_told_before_anything_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "lenet6"]) == 1
    assert "E501" in capsys.readouterr().err
    assert main(["bench", "lenet5", "--device", "h200", "-o", "x.yaml"]) == 1
    assert "E565" in capsys.readouterr().err


@pytest.mark.slow
def test_this_machine_measured(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    assert main(["bench", "-o", str(file), "--threads", "1"]) == 0
    device = load_device(file)
    assert (device.shares, device.threads, device.overlap) == ("measured", 1, False)
    assert set(device.operations) == set(KINDS)
    assert (
        main(["bench", "resnet18", "mobilenet_v2", "alexnet", "resnet50", "--device", str(file), "--threads", "1"]) == 0
    )
    error = capsys.readouterr().out.partition("median error ")[2].partition(" %")[0]
    assert float(error) < 100


def test_where_a_device_cannot_be_written_is_told_before_anything_is_measured(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("archspec_torch.bench.calibrate", lambda **_: pytest.fail("measured"))
    assert main(["bench", "-o", str(tmp_path / "missing" / "d.yaml")]) == 1
    assert "error E505" in capsys.readouterr().err
