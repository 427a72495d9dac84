import errno
import logging
import os

import pytest
import torch
from ignite.engine import Engine, Events

from monai_rescunet.core.errors import InputError
from monai_rescunet.handlers import TrainingCheckpoints
from monai_rescunet.handlers.checkpoints import find_checkpoint


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


def train(folder, epochs, resume=False, interval=1, **trained_with):
    """Train a layer for some epochs, and return the trainer's epochs as they were done."""
    done = []
    trainer = Engine(lambda *_: None)
    trainer.add_event_handler(Events.EPOCH_STARTED, lambda: done.append(trainer.state.epoch))
    objects = {"model": torch.nn.Linear(1, 1), "averaged": None}
    TrainingCheckpoints(folder, objects, resume=resume, trained_with=trained_with, interval=interval).attach(trainer)
    trainer.state.device = torch.device("cpu")
    trainer.run([0], max_epochs=epochs)
    return done


def kept(folder):
    return sorted(int(path.stem.partition("=")[2]) for path in folder.glob("checkpoint_epoch=*.pt"))


def test_another_trainings_checkpoints_are_not_overwritten(tmp_path):
    torch.save({}, tmp_path / "checkpoint_epoch=1.pt")
    with pytest.raises(InputError, match="earlier training; go on with it with `--resume true`"):
        train(tmp_path, 1)


def test_nothing_is_looked_at_or_made_before_training_starts(tmp_path):
    torch.save({}, tmp_path / "checkpoint_epoch=1.pt")
    for folder in (tmp_path, tmp_path / "new"):
        TrainingCheckpoints(folder, {"model": torch.nn.Linear(1, 1)}).attach(Engine(lambda *_: None))
    assert not (tmp_path / "new").exists()


def test_two_checkpoints_are_kept_before_and_after_a_resume(tmp_path):
    train(tmp_path, 3)
    assert kept(tmp_path) == [2, 3]
    assert train(tmp_path, 5, resume=True) == [4, 5]
    assert kept(tmp_path) == [4, 5]
    for epoch in (1, 2):  # as an older version left them
        (tmp_path / f"checkpoint_epoch={epoch}.pt").write_bytes((tmp_path / "checkpoint_epoch=4.pt").read_bytes())
    train(tmp_path, 6, resume=True)
    assert kept(tmp_path) == [5, 6]


def test_one_is_written_every_few_epochs_and_resumed(tmp_path):
    assert train(tmp_path, 7, interval=3) == [1, 2, 3, 4, 5, 6, 7]
    assert kept(tmp_path) == [3, 6]
    assert train(tmp_path, 10, resume=True, interval=3) == [7, 8, 9, 10]
    assert kept(tmp_path) == [6, 9]


def test_a_trainer_that_is_run_again_goes_on_by_itself(tmp_path):
    """As a federated client's, whose every round is a run."""
    trainer = Engine(lambda *_: None)
    TrainingCheckpoints(tmp_path, {"model": torch.nn.Linear(1, 1)}).attach(trainer)
    for epochs in (1, 2, 3):
        trainer.run([0], max_epochs=epochs)
    assert kept(tmp_path) == [2, 3]


def test_a_checkpoint_of_another_training_is_not_resumed(tmp_path, caplog):
    same = {"features": [4, 8], "deepest": None}
    train(tmp_path, 1, fold=0, supervision="mixed", recipe={"optimizer#momentum": 0.9}, **same)
    train(tmp_path, 2, resume=True, fold=0, supervision="mixed", recipe={"optimizer#momentum": 0.9}, **same)
    assert "does not say what it was trained with" not in caplog.text
    with pytest.raises(InputError) as refused:
        train(tmp_path, 3, resume=True, fold=1, supervision="binary", recipe={"network_def#dropout": 0.2}, **same)
    assert str(refused.value) == (
        f"{tmp_path / 'checkpoint_epoch=2.pt'}: is of another training, whose fold was 0 and is 1, "
        "supervision was 'mixed' and is 'binary', network_def#dropout was not set and is 0.2, "
        "optimizer#momentum was 0.9 and is not set; go on with the values of then, or choose another output_dir"
    )


def test_a_checkpoint_that_does_not_say_is_resumed_with_a_warning(tmp_path, caplog):
    train(tmp_path, 1)
    assert train(tmp_path, 2, resume=True, fold=0) == [2]
    assert "does not say what it was trained with" in caplog.text


@pytest.mark.parametrize("torchs_own", [False, True], ids=["the system's error", "torch's error"])
def test_a_disk_that_fills_up_leaves_the_last_whole_checkpoint(tmp_path, monkeypatch, torchs_own):
    trainer, save = Engine(lambda *_: None), torch.save
    TrainingCheckpoints(tmp_path / "out", {"model": torch.nn.Linear(1, 1)}).attach(trainer)

    def full(state, file):
        save(state, file)
        if trainer.state.epoch == 4:
            try:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                if torchs_own:
                    raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 704 vs 598")

    monkeypatch.setattr("torch.save", full)
    with pytest.raises(InputError, match=r"checkpoint_epoch=4\.pt: cannot be written \(No space left"):
        trainer.run([0], max_epochs=5)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["checkpoint_epoch=3.pt"]
    assert find_checkpoint(tmp_path / "out") == str(tmp_path / "out" / "checkpoint_epoch=3.pt")
