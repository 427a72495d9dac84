"""The modified Otsu against scikit-image, against a slow exact reference, and on simulated maps."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from itertools import count

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter
from skimage.filters import threshold_otsu

from monai_rescunet.transforms import ModifiedOtsu, calibrate_thresholds, lesion_mask, otsu

levels_of_a_map = st.one_of(
    arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12))),
    arrays(np.uint8, (8, 8), elements=st.sampled_from([0, 1, 127, 128, 129, 254, 255])),
)


def as_map(levels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(levels.astype(np.float32) / 255)[None]


def exact_variance(values: list[int], threshold: int, weights: Mapping[int, Fraction] = {}) -> Fraction:
    """The variance between the values up to a threshold and those above, in fractions."""
    counts = Counter(values)
    counts.update(weights)
    sides = [{v: n for v, n in counts.items() if (v > threshold) == above} for above in (False, True)]
    (n_a, s_a), (n_b, s_b) = ((sum(side.values()), sum(v * n for v, n in side.items())) for side in sides)
    if not n_a or not n_b:
        return Fraction(0)
    return Fraction(n_a * n_b, (n_a + n_b) ** 2) * (Fraction(s_a, n_a) - Fraction(s_b, n_b)) ** 2


def middle_of_first_run(variances: dict[int, Fraction]) -> int:
    best = max(variances.values())
    first = min(t for t, variance in variances.items() if variance == best)
    last = next(t for t in count(first) if variances.get(t + 1) != best)
    return (first + last) // 2


def reference(values: list[int], kappa: Fraction) -> tuple[int, int]:
    """lambda1 and lambda2 as section II-A has them; with kappa above 0, as the anchored mode has them."""
    lambda1 = middle_of_first_run({t: exact_variance(values, t) for t in range(256)})
    lesion = [value for value in values if value > lambda1]
    weights: Counter[int] = Counter()
    for level in (128, 255):
        weights[max(level, lambda1 + 1)] += kappa * len(lesion)
    return lambda1, middle_of_first_run({t: exact_variance(lesion, t, weights) for t in range(lambda1, 255)})


@pytest.mark.parametrize(("mode", "kappa"), [("paper", Fraction(0)), ("anchored", Fraction(1, 4))])
@settings(deadline=None, max_examples=40)  # fractions are slow
@given(levels=levels_of_a_map)
def test_thresholds_are_those_of_the_exact_reference(mode, kappa, levels):
    """kappa = 1/4 is exact in binary, so that ties fall as they do in fractions."""
    result = ModifiedOtsu(mode, kappa=float(kappa))(as_map(levels))
    assert (int(result.lambda1), int(result.lambda2)) == reference(levels.ravel().tolist(), kappa)


@settings(deadline=None)
@given(levels_of_a_map)
def test_lambda1_attains_the_variance_of_scikit_image(levels):
    values = levels.ravel().tolist()
    ours = int(ModifiedOtsu()(as_map(levels)).lambda1)
    theirs = threshold_otsu(levels) if len(set(values)) > 1 else values[0]
    assert float(exact_variance(values, ours)) == pytest.approx(float(exact_variance(values, int(theirs))))


@settings(deadline=None)
@given(levels_of_a_map, st.sampled_from(["paper", "anchored"]))
def test_statistics_are_those_of_the_four_classes(levels, mode):
    result = ModifiedOtsu(mode)(as_map(levels))
    lambda1, lambda2 = int(result.lambda1), int(result.lambda2)
    values = levels.ravel().astype(int)
    lesion = values[values > lambda1]
    classes = [values[values <= lambda1], lesion, lesion[lesion <= lambda2], lesion[lesion > lambda2]]
    assert result.N.tolist() == [len(c) for c in classes]
    assert result.S.tolist() == [c.sum() for c in classes]
    assert result.omega.tolist() == pytest.approx([len(c) / len(values) for c in classes])
    assert float(result.sigma1) == pytest.approx(float(exact_variance(values.tolist(), lambda1)))
    for mu, c in zip(result.mu.tolist(), classes, strict=True):
        assert mu == pytest.approx(c.mean()) if len(c) else np.isnan(mu)
    if result.decision != "no lesion":
        assert result.decision == ("benign" if len(classes[2]) > len(classes[3]) else "malignant")
        assert float(result.score) == statistics.median_high(lesion.tolist()) / 255
    else:
        assert float(result.score) == 0


SHARES = st.sampled_from([1 / 64, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1])  # exact in binary


@settings(deadline=None)
@given(levels_of_a_map, SHARES)
def test_a_share_of_the_lesion_above_lambda2_is_malignant(levels, share):
    result = ModifiedOtsu(malignant_share=share)(as_map(levels))
    values = sorted(levels.ravel().tolist(), reverse=True)
    lesion = [value for value in values if value > int(result.lambda1)]
    if result.decision != "no lesion":
        malignant = [value for value in lesion if value > int(result.lambda2)]
        assert (result.decision == "malignant") == (Fraction(len(malignant), len(lesion)) >= Fraction(share))
        assert round(float(result.score) * 255) == lesion[math.ceil(Fraction(share) * len(lesion)) - 1]


@settings(deadline=None)
@given(levels_of_a_map, SHARES, st.data())
def test_ranking_by_score_is_sweeping_lambda2(levels, share, data):
    free = ModifiedOtsu(malignant_share=share)(as_map(levels))
    if free.lesion_found:
        level = round(float(free.score) * 255)
        for lambda2 in (level - 1, level, data.draw(st.integers(int(free.lambda1), 255))):
            thresholds = {"lambda1": int(free.lambda1), "lambda2": lambda2}
            fixed = ModifiedOtsu("fixed", malignant_share=share, **thresholds)(as_map(levels))
            assert (fixed.decision == "benign") == (level <= lambda2)


@settings(deadline=None)
@given(levels_of_a_map, SHARES)
def test_the_papers_mode_stays_literal(levels, share):
    literal, given = ModifiedOtsu("paper")(as_map(levels)), ModifiedOtsu("paper", malignant_share=share)(as_map(levels))
    assert (literal.decision, float(literal.score)) == (given.decision, float(given.score))


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


@pytest.mark.parametrize(
    ("levels", "decision"),
    [([128], "benign"), ([0], "no lesion"), ([0, 100, 200], "malignant"), ([99, 99, 200], "benign")],
)
def test_fixed_thresholds_answer_on_any_map_and_a_tie_is_malignant(levels, decision):
    fixed = ModifiedOtsu("fixed", lambda1=60, lambda2=190)
    assert fixed(as_map(np.array([levels], np.uint8))).decision == decision


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
        {"malignant_share": 0},
        {"malignant_share": 1.1},
        {"malignant_share": float("nan")},
    ],
)
def test_parameters_outside_their_range_are_refused(parameters):
    with pytest.raises(ValueError, match=r"expected|fixed needs"):
        ModifiedOtsu(**parameters)


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
    benign, malignant = (torch.stack([simulated_map(rng, level, blur) for _ in range(60)]) for level in (0.5, 1.0))
    for mode, benign_right in (("paper", 0), ("anchored", 60)):
        assert ModifiedOtsu(mode)(benign).decision.count("benign") == benign_right
        assert ModifiedOtsu(mode)(malignant).decision.count("malignant") == 60
