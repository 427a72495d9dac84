import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_rescunet.core.errors import InputError
from monai_rescunet.data import assign_folds


def entries_of(classes, cases):
    return [{"image": str(i), "class": c, "case": str(k)} for i, (c, k) in enumerate(zip(classes, cases, strict=True))]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(["benign", "malignant"]), st.integers(0, 30)), min_size=40, max_size=90))
def test_no_case_is_in_two_folds_and_no_entry_is_lost(rows):
    entries = entries_of(*zip(*rows, strict=True))
    try:
        folded = assign_folds(entries)
    except InputError:
        assert min(len({e["case"] for e in entries if e["class"] == c}) for c in ("benign", "malignant")) < 3
        return
    assert [{k: v for k, v in entry.items() if k != "fold"} for entry in folded] == entries
    folds_of = {}
    for entry in folded:
        folds_of.setdefault(entry["case"], set()).add(entry["fold"])
    assert all(len(folds) == 1 for folds in folds_of.values())


def test_classes_are_balanced_and_the_seed_decides():
    entries = entries_of(["benign", "malignant"] * 30, range(60))
    folded = assign_folds(entries, 3, seed=1)
    counts = {(e["class"], e["fold"]): 0 for e in folded}
    for entry in folded:
        counts[entry["class"], entry["fold"]] += 1
    assert set(counts.values()) == {10}
    assert assign_folds(entries, 3, seed=1) == folded
    assert assign_folds(entries, 3, seed=2) != folded


def test_too_few_cases_and_missing_classes_are_refused():
    with pytest.raises(InputError, match="cases: 1 benign, 1 malignant; 3 folds need"):
        assign_folds(entries_of(["benign", "malignant"], "ab"))
    with pytest.raises(InputError, match="no class"):
        assign_folds([{"image": "a", "case": "a"}])
