"""Experiment tracking by MONAI's own handlers: TensorBoard always, MLflow by `--tracking mlflow`."""

from __future__ import annotations

import pytest
from bundle_runs import BUNDLE, TINY, run_bundle
from monai.bundle import ConfigWorkflow
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

EPOCHS = 2


def test_mlflow_records_the_training_in_a_local_store_beside_tensorboard(phantoms, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="MLflow is the extra `mlflow`")
    run_bundle(
        "train.yaml", phantoms, tmp_path, tracking="mlflow",
        fold=0, roi_size=64, max_epochs=EPOCHS, val_interval=1, amp=False,
    )  # fmt: skip
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlruns.db")
    experiment = client.get_experiment_by_name("mammography_mass_segmentation")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["max_epochs"] == str(EPOCHS)
    tracked = {
        name: [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, name)]
        for name in ("train_loss", "val_mean_dice", "val_class_auc")
    }
    assert [step for step, _ in tracked["val_mean_dice"]] == [1, 2]

    curves = {}
    for events in (tmp_path / "tensorboard").iterdir():
        accumulator = EventAccumulator(str(events)).Reload()
        curves |= {name: accumulator.Scalars(name) for name in accumulator.Tags()["scalars"]}
    for name, points in tracked.items():
        assert [(point.step, pytest.approx(point.value)) for point in curves[name]] == points


def test_an_unknown_tracker_is_refused_before_anything_is_written(phantoms, tmp_path):
    with pytest.raises(ValueError, match='unknown file input: "wandb"'):
        ConfigWorkflow(
            config_file=str(BUNDLE / "configs" / "train.yaml"),
            workflow_type="train",
            tracking="wandb",
            dataset_dir=str(phantoms),
            output_dir=str(tmp_path / "out"),
            features=TINY,
        )
    assert not (tmp_path / "out").exists()
