"""Tables I to IV of the paper with measured figures, and what the paper reports in a column of its own."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from monai_rescunet.core.files import write_atomically
from monai_rescunet.decisions.metrics import SEGMENTATION_METRICS
from monai_rescunet.experiments.finished import Results
from monai_rescunet.experiments.statistics import (
    CLASSIFICATION_METRICS,
    Comparison,
    Estimate,
    classification_figures,
    compare,
    estimate,
    holm,
    segmentation_figures,
)

__all__ = ["REPORTED", "Table", "make_tables", "markdown", "write_table"]

REPORTED = {
    ("ResCU-Net", "mixed", "segmentation"): {
        "accuracy": 94.16, "sensitivity": 93.11, "specificity": 95.02, "dice": 91.78, "jaccard": 85.13, "mcc": 87.22,
    },
    ("ResCU-Net", "binary", "segmentation"): {
        "accuracy": 92.91, "sensitivity": 91.51, "specificity": 94.64, "dice": 90.50, "jaccard": 83.02, "mcc": 84.99,
    },
    ("ResCU-Net", "mixed", "classification"): {"accuracy": 94.12, "auc": 96.16},
}  # fmt: skip
"""What is reported on INbreast, in per cent: Dice, accuracy and AUC by the paper, the other figures of segmentation by
a later survey that quotes its table (Front. Oncol. 2024, doi:10.3389/fonc.2024.1281922). The rest is not known."""

TITLES = {
    "accuracy": "Acc.", "sensitivity": "Sen.", "specificity": "Spe.", "dice": "Dice", "jaccard": "Jac.", "mcc": "MCC",
    "recall": "Recall", "precision": "Prec.", "f1": "F1", "auc": "AUC",
}  # fmt: skip
REPORTED_COLUMN = "reported on INbreast"


class Table(NamedTuple):
    """One table.

    Attributes:
        name: of its files.
        caption: what it shows and how it is to be read.
        cells: what a reader sees.
        values: the same as numbers, one a row; for CSV.
    """

    name: str
    caption: str
    cells: pd.DataFrame
    values: pd.DataFrame


def make_tables(results: Results) -> list[Table]:
    """Return tables I to IV, and the comparisons between configurations."""
    how = "Per cent, mean ± standard deviation over the folds, in brackets the 95 % bootstrap interval over cases."
    mixed = [pair for pair in results.configurations if pair[1] == "mixed"]
    segmentation = _estimates(results, "segmentation")
    classification = _estimates(results, "classification") if mixed else {}
    tables = [
        _figures_table(
            results,
            "table1",
            f"Table I: segmentation of the region of interest, averaged over masses. {how}",
            segmentation,
            "segmentation",
            tuple(SEGMENTATION_METRICS),
        )
    ]
    if mixed:
        tables.append(
            _figures_table(
                results,
                "table2",
                f"Table II: classification with mixed supervision, malignant positive. {how}",
                classification,
                "classification",
                CLASSIFICATION_METRICS,
            )
        )
    reference = (results.reference, "mixed")
    if reference in mixed:
        for name, task, estimates, metrics in (
            ("table3", "segmentation", segmentation, ("dice",)),
            ("table4", "classification", classification, ("accuracy", "auc")),
        ):
            number = {"table3": "III", "table4": "IV"}[name]
            caption = (
                f"Table {number}: {task} beside the state of the art. The paper's rows of other authors are not known "
                f"and left out; reported figures are of other data and cannot be compared with measured ones. {how}"
            )
            tables.append(_figures_table(results, name, caption, {reference: estimates[reference]}, task, metrics))
    comparisons = _comparisons(results)
    if comparisons is not None:
        tables.append(comparisons)
    return tables


def write_table(table: Table, folder: Path) -> None:
    """Write a table as Markdown, LaTeX and, in numbers, CSV."""
    write_atomically(folder / f"{table.name}.md", f"{table.caption}\n\n{markdown(table.cells)}")
    write_atomically(folder / f"{table.name}.csv", table.values.to_csv(index=False))
    cells = table.cells.map(lambda text: str(text).replace("±", r"$\pm$").replace("λ", r"$\lambda$"))
    latex = cells.style.hide(axis="index").format(escape=None).to_latex(
        hrules=True, caption=table.caption.replace("%", r"\%").replace("±", r"$\pm$"), label=f"tab:{table.name}"
    )  # fmt: skip
    write_atomically(folder / f"{table.name}.tex", latex)


def markdown(cells: pd.DataFrame) -> str:
    """Return a table in Markdown."""
    rows = [list(cells.columns), ["---"] * cells.shape[1], *cells.astype(str).to_numpy().tolist()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _estimates(results: Results, task: str) -> dict[tuple[str, str], dict[str, Estimate]]:
    figures = segmentation_figures if task == "segmentation" else classification_figures
    return {
        pair: estimate(results.of(*pair), figures)
        for pair in results.configurations
        if task == "segmentation" or pair[1] == "mixed"
    }


def _figures_table(
    results: Results,
    name: str,
    caption: str,
    estimates: dict[tuple[str, str], dict[str, Estimate]],
    task: str,
    metrics: tuple[str, ...],
) -> Table:
    cells, values = [], []
    for (network, supervision), figures in estimates.items():
        masses = len(results.of(network, supervision))
        reported = REPORTED.get((network, supervision, task), {})
        told = [f"{TITLES[metric]} {reported[metric]:.2f}" for metric in metrics if metric in reported]
        cells.append(
            {"network": network, "supervision": supervision, "masses": masses}
            | {TITLES[metric]: _cell(figures[metric]) for metric in metrics}
            | {REPORTED_COLUMN: ", ".join(told)}
        )
        for metric in metrics:
            row = {"network": network, "supervision": supervision, "masses": masses, "figure": metric}
            values.append(
                row | figures[metric]._asdict() | {REPORTED_COLUMN: round(reported.get(metric, math.nan) / 100, 4)}
            )
    return Table(name, caption, pd.DataFrame(cells), pd.DataFrame(values))


def _comparisons(results: Results) -> Table | None:
    """Return the reference against each other network, and mixed against binary supervision."""
    pairs = [
        ((results.reference, supervision), (network, supervision))
        for supervision in ("binary", "mixed")
        for network in results.networks
        if network != results.reference
    ]
    pairs += [((network, "mixed"), (network, "binary")) for network in results.networks]
    pairs = [pair for pair in pairs if set(pair) <= set(results.configurations)]
    found = {pair: compare(results.of(*pair[0]), results.of(*pair[1])) for pair in pairs}
    found = {pair: comparison for pair, comparison in found.items() if comparison.masses}
    if not found:
        return None
    dice_p = holm([comparison.dice_p for comparison in found.values()])
    auc_p = holm([comparison.auc_p for comparison in found.values()])
    cells, values = [], []
    for (pair, comparison), holm_dice, holm_auc in zip(found.items(), dice_p, auc_p, strict=True):
        ours, other = (f"{network}, {supervision}" for network, supervision in pair)
        cells.append(_comparison_cells(ours, other, comparison, holm_dice, holm_auc))
        row = {"configuration": ours, "against": other} | comparison._asdict()
        values.append(row | {"dice_p_holm": holm_dice, "auc_p_holm": holm_auc})
    caption = (
        "Comparisons on the same masses: difference in per cent with the 95 % bootstrap interval over cases, and "
        "p-values after Holm's correction for all rows (Dice: Wilcoxon's signed-rank test over masses, which takes "
        "those of one case for independent; AUC: the bootstrap)."
    )
    return Table("comparisons", caption, pd.DataFrame(cells), pd.DataFrame(values))


def _comparison_cells(ours: str, other: str, found: Comparison, dice_p: float, auc_p: float) -> dict[str, str]:
    has_auc = math.isfinite(found.auc)
    return {
        "configuration": ours,
        "against": other,
        "masses": str(found.masses),
        "Dice": f"{100 * found.dice:+.1f} [{100 * found.dice_low:+.1f}, {100 * found.dice_high:+.1f}]",
        "p (Dice)": _p_value(dice_p),
        "AUC": f"{100 * found.auc:+.1f} [{100 * found.auc_low:+.1f}, {100 * found.auc_high:+.1f}]" if has_auc else "",
        "p (AUC)": _p_value(auc_p) if has_auc else "",
    }


def _cell(figure: Estimate) -> str:
    if math.isnan(figure.mean):
        return ""
    spread = "" if math.isnan(figure.sd) else f" ± {100 * figure.sd:.1f}"
    return f"{100 * figure.mean:.1f}{spread} [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"


def _p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
