import pytest
import torch
from ignite.engine import Engine
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from monai_rescunet.handlers import AverageWeights


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
