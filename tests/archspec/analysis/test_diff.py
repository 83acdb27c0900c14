"""Two networks compared: layers by name and structure, counts, and the weights that load."""

from __future__ import annotations

import pytest

import archspec

BASE = """
- conv: {out: 4, kernel: 3, padding: 1}
  name: a
- relu
- conv: {out: 8, kernel: 3, padding: 1}
  name: b
- global_avg_pool
- linear: 5
"""


@pytest.fixture
def compare(write_spec):
    def compared(layers: str, before: str = BASE, **keys: str) -> archspec.Difference:
        one = archspec.load(write_spec(before, input="[3, 8, 8]", name="one"))
        other = archspec.load(write_spec(layers, input=keys.pop("input", "[3, 8, 8]"), name="other", **keys))
        return archspec.diff(one, other)

    return compared


def test_the_same_network_has_no_difference(compare):
    found = compare(BASE)
    assert found.same
    assert all(old == new for old, new in found.counts.values())
    assert (found.loading.unused, found.loading.missing, found.loading.misfits) == ((), (), ())
    assert found.loading.fitting_values == found.loading.values == 112 + 296 + 45


def test_a_changed_argument_and_what_follows_from_it(compare):
    found = compare(BASE.replace("out: 8", "out: 16"))
    (changed,) = found.kinds["changed"]
    assert (changed.before, changed.what) == ("b", ("out 8 → 16", "output 8×8×8 → 16×8×8"))
    assert [c.before for c in found.kinds["resized"]] == ["global_avg_pool1"]
    assert (found.added, found.removed) == ((), ())
    assert found.counts["params"] == (112 + 296 + 45, 112 + 592 + 85)
    assert found.loading.fits == ("a.weight", "a.bias", "linear1.bias")
    assert found.loading.misfits[0] == ("b.weight", (8, 4, 3, 3), (16, 4, 3, 3))
    assert found.loading.missing == ("b.weight", "b.bias", "linear1.weight")


def test_an_added_and_a_removed_layer(compare):
    longer = BASE.replace("- relu\n", "- batch_norm\n- relu\n")
    found = compare(longer)
    assert (found.added, found.removed) == (("batch_norm1",), ())
    (rewired,) = found.kinds["rewired"]
    assert (rewired.before, rewired.what) == ("relu1", ("reads a → batch_norm1",))
    found = compare(BASE, before=longer)
    assert (found.added, found.removed) == ((), ("batch_norm1",))
    assert found.loading.unused == tuple(
        f"batch_norm1.{name}" for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    )


def test_another_name_is_found_by_structure(compare):
    found = compare(BASE.replace("name: a", "name: stem"))
    assert [(c.kind, c.before, c.after) for c in found.changes] == [("renamed", "a", "stem")]
    assert found.loading.renamed == (("a.weight", "stem.weight"), ("a.bias", "stem.bias"))
    assert found.loading.fitting_values == 296 + 45


def test_a_name_that_was_loads(compare):
    found = compare(BASE.replace("name: a", "name: stem\n  was: a"))
    assert found.loading.renamed == found.loading.unused == ()
    assert found.loading.fitting_values == found.loading.values


def test_another_operator_of_the_same_name_is_another_layer(compare):
    found = compare(BASE.replace("- conv: {out: 8, kernel: 3, padding: 1}", "- depthwise: {kernel: 3, padding: 1}"))
    assert (found.added, found.removed) == (("b",), ("b",))


def test_an_open_size_is_compared_at_its_example(compare):
    found = compare(BASE, input="[3, H, W]")
    assert found.counts["params"][0] == found.counts["params"][1]
    assert found.counts["macs"][1] > found.counts["macs"][0]


def test_json_has_all_of_it(compare):
    found = compare(BASE.replace("out: 8", "out: 16")).to_json()
    assert found["counts"]["params"] == {"before": 453, "after": 789, "change": 336}
    assert found["changed"][0] == {"before": "b", "after": "b", "what": ["out 8 → 16", "output 8×8×8 → 16×8×8"]}
    assert found["weights"]["load"] == ["a.weight", "a.bias", "linear1.bias"]
    assert not found["same"]


def test_resnets_differ_in_whole_blocks():
    found = archspec.diff(archspec.load("resnet50"), archspec.load("resnet101"))
    assert {name.split(".conv")[0].split(".add")[0].split(".act")[0] for name in found.added} == {
        f"stage.2.block.{i}" for i in range(6, 23)
    }
    assert found.removed == ()
    assert {c.kind for c in found.changes} == {"rewired"}
    assert found.counts["depth"] == (50, 101)


def test_long_networks_are_compared_with_linear_work(write_spec, calls, seconds):
    def work(layers: int) -> tuple[int, float]:
        one, other = (
            archspec.load(
                write_spec(
                    f"- conv: {{out: 4, kernel: 3, padding: same}}\n  name: {name}\n"
                    f"- layers: [conv: {{out: 4, kernel: 3, padding: same}}, relu]\n"
                    f"  repeat: {layers // 2}\n  name: {name}s",
                    input="[4, 8, 8]",
                    name=f"{name}{layers}",
                )
            )
            for name in ("old", "new")
        )
        found = archspec.diff(one, other)
        assert {c.kind for c in found.changes} == {"renamed"} and not found.added
        return calls(lambda: archspec.diff(one, other)), seconds(lambda: archspec.diff(one, other))

    few, many = work(1_000), work(10_000)
    assert many[0] < 11 * few[0]
    assert many[1] < 25 * few[1]
