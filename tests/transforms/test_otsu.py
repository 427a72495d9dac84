"""The modified Otsu against scikit-image, against a slow exact reference, and on simulated maps."""

from __future__ import annotations

import json
import statistics
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monai.data import MetaTensor
from scipy.ndimage import gaussian_filter
from skimage.filters import threshold_otsu

from monai_rescunet.transforms import ModifiedOtsu, ModifiedOtsud, PaintMassd, calibrate_thresholds, lesion_mask, otsu

levels_of_a_map = st.one_of(
    arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12))),
    arrays(np.uint8, (8, 8), elements=st.sampled_from([0, 1, 127, 128, 129, 254, 255])),
)


def as_map(levels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(levels.astype(np.float32) / 255)[None]


def exact_variance(values: list[int], threshold: int, weights: dict[int, Fraction] | None = None) -> Fraction:
    """The variance between the values up to a threshold and those above, in fractions."""
    counts = {value: Fraction(values.count(value)) for value in set(values)}
    for level, weight in (weights or {}).items():
        counts[level] = counts.get(level, Fraction(0)) + weight
    sides = [
        {value: count for value, count in counts.items() if (value > threshold) == above} for above in (False, True)
    ]
    (n_a, s_a), (n_b, s_b) = ((sum(side.values()), sum(v * n for v, n in side.items())) for side in sides)
    if not n_a or not n_b:
        return Fraction(0)
    return n_a * n_b / (n_a + n_b) ** 2 * (s_a / n_a - s_b / n_b) ** 2


def middle_of_first_run(variances: dict[int, Fraction]) -> int:
    best = max(variances.values())
    run = []
    for threshold in sorted(variances):
        if variances[threshold] == best:
            run.append(threshold)
        elif run:
            break
    return (run[0] + run[-1]) // 2


def reference(values: list[int], kappa: Fraction | None) -> tuple[int, int]:
    """lambda1 and lambda2 as section II-A has them; with kappa, as the anchored mode has them."""
    lambda1 = middle_of_first_run({t: exact_variance(values, t) for t in range(256)})
    lesion = [value for value in values if value > lambda1]
    weights: dict[int, Fraction] = {}
    if kappa is not None:
        for level in (128, 255):
            anchor = max(level, lambda1 + 1)
            weights[anchor] = weights.get(anchor, Fraction(0)) + kappa * len(lesion)
    return lambda1, middle_of_first_run({t: exact_variance(lesion, t, weights) for t in range(lambda1, 255)})


@pytest.mark.parametrize(("mode", "kappa"), [("paper", None), ("anchored", Fraction(1, 4))])
@given(levels=levels_of_a_map)
def test_thresholds_are_those_of_the_exact_reference(mode, kappa, levels):
    """kappa = 1/4 is exact in binary, so that ties fall as they do in fractions."""
    result = ModifiedOtsu(mode, kappa=float(kappa or 0))(as_map(levels))
    assert (int(result.lambda1), int(result.lambda2)) == reference(levels.ravel().tolist(), kappa)


@given(levels_of_a_map)
def test_lambda1_attains_the_variance_of_scikit_image(levels):
    values = levels.ravel().tolist()
    ours = int(ModifiedOtsu()(as_map(levels)).lambda1)
    theirs = threshold_otsu(levels) if len(set(values)) > 1 else values[0]
    assert float(exact_variance(values, ours)) == pytest.approx(float(exact_variance(values, int(theirs))))


@given(levels_of_a_map, st.sampled_from(["paper", "anchored"]))
def test_statistics_are_those_of_the_four_classes(levels, mode):
    result = ModifiedOtsu(mode)(as_map(levels))
    lambda1, lambda2 = int(result.lambda1), int(result.lambda2)
    values = levels.ravel().astype(int)
    classes = [
        values[values <= lambda1],
        values[values > lambda1],
        values[(values > lambda1) & (values <= lambda2)],
        values[values > max(lambda1, lambda2)],
    ]
    assert result.N.tolist() == [len(c) for c in classes]
    assert result.S.tolist() == [c.sum() for c in classes]
    assert result.omega.tolist() == pytest.approx([len(c) / len(values) for c in classes])
    assert float(result.sigma1) == pytest.approx(float(exact_variance(values.tolist(), lambda1)))
    for mu, c in zip(result.mu.tolist(), classes, strict=True):
        assert mu == pytest.approx(c.mean()) if len(c) else np.isnan(mu)
    if result.decision != "no lesion":
        assert result.decision == ("benign" if len(classes[2]) > len(classes[3]) else "malignant")
        assert float(result.score) == statistics.median_high(classes[1].tolist()) / 255
    else:
        assert float(result.score) == 0


@settings(max_examples=25)
@given(levels_of_a_map)
def test_ranking_by_score_is_sweeping_lambda2(levels):
    free = ModifiedOtsu()(as_map(levels))
    if free.decision == "no lesion":
        return
    for lambda2 in range(int(free.lambda1), 256):
        fixed = ModifiedOtsu("fixed", lambda1=int(free.lambda1), lambda2=lambda2)(as_map(levels))
        assert (fixed.decision == "benign") == (round(float(free.score) * 255) <= lambda2)


@pytest.mark.parametrize("value", [0.0, 0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("mode", ["paper", "anchored"])
def test_a_constant_map_has_no_lesion(mode, value):
    result = ModifiedOtsu(mode)(torch.full((1, 16, 16), value))
    assert result.decision == "no lesion"
    assert float(result.score) == 0
    assert not lesion_mask(torch.full((1, 16, 16), value), result).any()
    assert result.as_dict()["lambda2"] is None


@pytest.mark.parametrize("mode", ["paper", "anchored"])
@pytest.mark.parametrize(("level", "decision"), [(128, "benign"), (255, "malignant"), (40, "no lesion")])
def test_perfect_maps(mode, level, decision):
    levels = np.zeros((32, 32), np.uint8)
    levels[8:24, 8:24] = level
    result = ModifiedOtsu(mode)(as_map(levels))
    assert result.decision == decision
    assert int(result.lambda1) == (level - 1) // 2  # the middle of the plateau between the two levels
    assert int(lesion_mask(as_map(levels), result).sum()) == (0 if decision == "no lesion" else 256)


def test_lambda1_above_the_benign_level_moves_the_anchor():
    levels = np.full((20, 20), 150, np.uint8)
    levels[5:15, 5:15] = 250
    result = ModifiedOtsu()(as_map(levels))
    assert 150 <= int(result.lambda1) < 250
    assert int(result.lambda1) <= int(result.lambda2) <= 254
    assert result.decision == "malignant"


def test_a_tie_is_malignant():
    levels = np.repeat(np.array([0, 0, 100, 200], np.uint8), 4)[None]
    assert ModifiedOtsu("fixed", lambda1=50, lambda2=150)(as_map(levels)).decision == "malignant"


def test_fixed_thresholds_answer_on_a_constant_map():
    assert ModifiedOtsu("fixed", lambda1=60, lambda2=190)(torch.full((1, 4, 4), 0.5)).decision == "benign"
    assert ModifiedOtsu("fixed", lambda1=60, lambda2=190)(torch.zeros(1, 4, 4)).decision == "no lesion"


def test_grey_levels_are_rounded_half_to_even():
    m = torch.tensor([[0.5 / 255, 1.5 / 255, 2.5 / 255, 1.0]])
    result = ModifiedOtsu("fixed", lambda1=1, lambda2=254, lesion_floor=0)(m)
    assert result.S[:2].tolist() == [0, 2 + 2 + 255]


def test_batch_equals_one_by_one_on_two_and_three_dimensions():
    generator = torch.Generator().manual_seed(0)
    for spatial in ((33, 47), (9, 10, 11)):
        batch = torch.rand(5, 1, *spatial, generator=generator) ** 2
        together = ModifiedOtsu()(batch)
        for index, m in enumerate(batch):
            alone = ModifiedOtsu()(m)
            assert alone.decision == together.decision[index]
            for name in ("lambda1", "lambda2", "N", "S", "sigma1", "score"):
                assert torch.equal(getattr(alone, name), getattr(together, name)[index])
            assert torch.equal(lesion_mask(m, alone), lesion_mask(batch, together)[index])
        with pytest.raises(ValueError, match="5 maps"):
            lesion_mask(batch[0], together)


def test_a_large_batch_is_counted_in_pieces_without_loss():
    batch = torch.rand(20, 1, 200, 200, generator=torch.Generator().manual_seed(0))
    expected = np.stack([np.bincount(np.rint(m.numpy().ravel() * 255).astype(int), minlength=256) for m in batch])
    assert ModifiedOtsu()(batch).N[:, :2].sum(dim=1).tolist() == expected.sum(axis=1).tolist()
    assert ModifiedOtsu()(batch).S[:, :2].sum(dim=1).tolist() == (expected @ np.arange(256)).tolist()


@pytest.mark.parametrize("value", [float("nan"), -0.01, 1.01, float("inf")])
def test_values_outside_the_unit_interval_are_refused(value):
    m = torch.full((1, 4, 4), 0.5)
    m[0, 1, 2] = value
    with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
        ModifiedOtsu()(m)
    with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
        calibrate_thresholds([m])


@pytest.mark.parametrize("mode", [{"mode": "paper"}, {}, {"mode": "fixed", "lambda1": 60, "lambda2": 190}])
def test_nothing_is_read_back_before_the_result_is(mode):
    """A tensor on the meta device has no values: reading one raises."""
    result = ModifiedOtsu(**mode)(torch.empty(3, 1, 8, 8, device="meta"))
    assert result.lambda2.shape == (3,)
    with pytest.raises(Exception, match="meta"):
        _ = result.decision


@pytest.mark.parametrize("shape", [(2, 8, 8), (8,), (3, 2, 8, 8), (1, 0, 8), (0, 1, 8, 8)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        ModifiedOtsu()(torch.zeros(shape))


@pytest.mark.parametrize(
    "parameters",
    [
        {"mode": "otsu"},
        {"mode": "fixed"},
        {"mode": "fixed", "lambda1": 10},
        {"mode": "anchored", "lambda1": 10, "lambda2": 20},
        {"mode": "fixed", "lambda1": 30, "lambda2": 20},
        {"mode": "fixed", "lambda1": 0, "lambda2": 256},
        {"levels": (128,)},
        {"levels": (128, 300)},
        {"levels": (255, 128)},
        {"kappa": -1},
        {"kappa": float("nan")},
        {"kappa": float("inf")},
        {"lesion_floor": 256},
    ],
)
def test_parameters_outside_their_range_are_refused(parameters):
    with pytest.raises(ValueError, match=r"expected|fixed needs"):
        ModifiedOtsu(**parameters)


def test_without_classification_there_is_a_mask_and_no_class():
    levels = np.zeros((8, 8), np.uint8)
    levels[2:6, 2:6] = 250
    assert ModifiedOtsu(classify=False)(as_map(levels)).score.isnan()
    result = ModifiedOtsu(classify=False)(as_map(levels)).as_dict()
    assert (result["decision"], result["score"], result["lambda2"]) == (None, None, None)
    assert result["lambda1"] == 124
    assert ModifiedOtsu(classify=False)(torch.zeros(1, 8, 8)).decision == "no lesion"


def test_dictionary_form_gives_plain_values_and_leaves_the_map():
    m = MetaTensor(torch.rand(1, 16, 16))
    entry = ModifiedOtsud(keys="pred", mode="paper")({"pred": m})
    assert entry["pred"] is m
    assert json.loads(json.dumps(entry["result"])) == entry["result"]
    assert entry["result"]["decision"] in ("benign", "malignant")
    with pytest.raises(ValueError, match="expected one"):
        ModifiedOtsud(keys=("pred", "other"))


@pytest.mark.parametrize(("level", "value"), [(128, 1), (255, 2)])
def test_the_decision_is_painted_on_the_map_at_any_size(level, value):
    levels = np.zeros((16, 16), np.uint8)
    levels[4:12, 4:12] = level
    entry = ModifiedOtsud(keys="pred")({"pred": as_map(levels)})
    entry["pred"] = torch.nn.functional.interpolate(entry["pred"][None], scale_factor=2)[0]
    painted = PaintMassd(keys="pred")(entry)["mask"]
    assert painted.dtype == torch.uint8
    assert painted.shape == (1, 32, 32)
    assert painted.unique().tolist() == [0, value]
    assert int((painted > 0).sum()) == 256


def test_calibrated_thresholds_separate_the_pooled_classes():
    benign, malignant = torch.zeros(1, 40, 40), torch.zeros(1, 40, 40)
    benign[:, 10:30, 10:30], malignant[:, 10:30, 10:30] = 0.5, 0.95
    lambda1, lambda2 = calibrate_thresholds([benign, malignant])
    assert 0 <= lambda1 < 128 <= lambda2 < 242
    fixed = ModifiedOtsu("fixed", lambda1=lambda1, lambda2=lambda2)
    assert [fixed(m).decision for m in (benign, malignant)] == ["benign", "malignant"]
    with pytest.raises(ValueError, match="no map"):
        calibrate_thresholds([])
    for one_class in (benign, torch.zeros(1, 40, 40)):
        with pytest.raises(ValueError, match="no threshold separates"):
            calibrate_thresholds([one_class, one_class])


def test_more_pixels_than_whole_numbers_hold_are_refused(monkeypatch):
    assert 255 * otsu.MOST_PIXELS**2 // 4 < 2**63 <= 255 * (otsu.MOST_PIXELS + 1) ** 2 // 4
    monkeypatch.setattr(otsu, "MOST_PIXELS", 100)
    m = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="at most 100"):
        calibrate_thresholds([m, m])
    with pytest.raises(ValueError, match="at most 100"):
        ModifiedOtsu()(torch.zeros(1, 11, 11))


def simulated_map(rng: np.random.Generator, level: float, blur: float) -> torch.Tensor:
    """What a network that is right answers: an ellipse at its class's level, a blurred border, a little noise."""
    rows, columns = np.mgrid[:128, :128]
    centre, radii = rng.uniform(54, 74, 2), rng.uniform(18, 40, 2)
    mass = ((rows - centre[0]) / radii[0]) ** 2 + ((columns - centre[1]) / radii[1]) ** 2 < 1
    m = gaussian_filter(level * mass.astype(np.float32), blur) + rng.normal(0, 0.01, mass.shape)
    return torch.from_numpy(np.clip(m, 0, 1).astype(np.float32))[None]


@pytest.mark.parametrize("blur", [0.5, 1.0, 2.0, 4.0])
def test_the_literal_rule_fails_on_right_benign_maps_and_the_anchored_one_does_not(blur):
    rng = np.random.default_rng(int(blur * 10))
    maps = {name: torch.stack([simulated_map(rng, level, blur) for _ in range(60)]) for name, level in
            (("benign", 0.5), ("malignant", 1.0))}  # fmt: skip
    right = {
        (mode, name): ModifiedOtsu(mode)(maps[name]).decision.count(name)
        for mode in ("paper", "anchored")
        for name in maps
    }
    assert right["anchored", "benign"] == right["anchored", "malignant"] == 60
    assert right["paper", "malignant"] == 60
    assert right["paper", "benign"] <= 30  # no better than a coin
    if blur <= 1:
        assert right["paper", "benign"] <= 3
