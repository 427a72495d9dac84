import errno
import logging
import os

import pytest
import torch
from ignite.engine import Engine
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from monai_rescunet.core.errors import InputError
from monai_rescunet.handlers import AverageWeights, TrainingCheckpoints
from monai_rescunet.handlers.training import find_checkpoint


def test_the_latest_whole_checkpoint_is_found_and_named(tmp_path, caplog):
    for epoch in (2, 9, 10):
        torch.save({"epoch": epoch}, tmp_path / f"checkpoint_epoch={epoch}.pt")
    cut_off = tmp_path / "checkpoint_epoch=10.pt"
    cut_off.write_bytes(cut_off.read_bytes()[:-200])
    with caplog.at_level(logging.INFO):
        assert find_checkpoint(tmp_path) == str(tmp_path / "checkpoint_epoch=9.pt")
    assert "checkpoint_epoch=10.pt cannot be read" in caplog.text
    assert f"resuming from {tmp_path / 'checkpoint_epoch=9.pt'}" in caplog.text


def test_without_checkpoints_training_starts_at_the_first_epoch(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        assert find_checkpoint(tmp_path / "nowhere") is None
    assert "starting at the first epoch" in caplog.text


def test_another_trainings_checkpoints_are_not_overwritten(tmp_path):
    torch.save({}, tmp_path / "checkpoint_epoch=1.pt")
    with pytest.raises(InputError, match="earlier training; go on with it with `--resume true`"):
        TrainingCheckpoints(tmp_path, {"model": torch.nn.Linear(1, 1)})


def checkpoints(folder, resume=False, **trained_with):
    objects = {"model": torch.nn.Linear(1, 1)}
    return TrainingCheckpoints(folder, objects, resume=resume, trained_with=trained_with)


def train_one_epoch(folder, **trained_with):
    trainer = Engine(lambda *_: None)
    checkpoints(folder, **trained_with).attach(trainer)
    trainer.run([0], max_epochs=1)


def test_a_checkpoint_of_another_training_is_not_resumed(tmp_path, caplog):
    same = {"features": [4, 8], "deepest": None}
    train_one_epoch(tmp_path, fold=0, supervision="mixed", **same)
    path = tmp_path / "checkpoint_epoch=1.pt"
    assert checkpoints(tmp_path, resume=True, fold=0, supervision="mixed", **same).load_path == str(path)
    assert "does not say what it was trained with" not in caplog.text
    with pytest.raises(InputError) as refused:
        checkpoints(tmp_path, resume=True, fold=1, supervision="binary", **same)
    assert str(refused.value) == (
        f"{path}: is of another training, whose fold was 0 and is 1, supervision was 'mixed' and is 'binary'; "
        "go on with the values of then, or choose another output_dir"
    )


def test_a_checkpoint_of_an_older_version_is_resumed_with_a_warning(tmp_path, caplog):
    torch.save({"model": {}}, tmp_path / "checkpoint_epoch=1.pt")
    checkpoints(tmp_path, resume=True, fold=0)
    assert "does not say what it was trained with" in caplog.text


def test_a_disk_that_fills_up_leaves_the_last_whole_checkpoint(tmp_path, monkeypatch):
    trainer = Engine(lambda *_: None)
    TrainingCheckpoints(tmp_path / "out", {"model": torch.nn.Linear(1, 1)}).attach(trainer)

    def full(_: int) -> None:
        if trainer.state.epoch == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=r"checkpoint_epoch=4\.pt: cannot be written \(No space left"):
        trainer.run([0], max_epochs=5)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["checkpoint_epoch=3.pt"]
    assert find_checkpoint(tmp_path / "out") == str(tmp_path / "out" / "checkpoint_epoch=3.pt")


def test_the_final_weights_are_the_average_of_the_last_steps():
    model = torch.nn.Linear(1, 1, bias=False)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    values = iter([4.0, 2.0, 8.0])

    def step(*_: object) -> None:
        with torch.no_grad():
            model.weight.fill_(next(values))

    trainer = Engine(step)
    AverageWeights(averaged, model).attach(trainer)
    trainer.run([0, 1, 2])
    assert averaged.module.weight.item() == pytest.approx(0.25 * 4 + 0.25 * 2 + 0.5 * 8)
