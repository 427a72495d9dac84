"""An evaluator runs folded batch norms, and its network can be loaded anew."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Events
from monai.engines import SupervisedEvaluator
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from monai_rescunet.handlers import FoldBatchNorms, StrictCheckpointLoader
from monai_rescunet.networks import ResCUNet

TINY = (4, 4, 4, 4, 4)


@pytest.fixture
def save(tmp_path):
    """Write weights, the batch norms' statistics too, of a seed; return network and file."""

    def written(seed: int):
        torch.manual_seed(seed)
        network = ResCUNet(features=TINY)
        network(torch.rand(4, 1, 32, 32))
        torch.save(network.state_dict(), tmp_path / "model.pt")
        return network.eval()

    return written


def evaluator_of(network: nn.Module, images: torch.Tensor, path) -> SupervisedEvaluator:
    return SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=[{"image": images, "label": images}],
        network=network,
        val_handlers=[StrictCheckpointLoader(network, path), FoldBatchNorms(network)],
        decollate=False,
    )


def answer_of(evaluator: SupervisedEvaluator) -> torch.Tensor:
    answers: list[torch.Tensor] = []
    with evaluator.add_event_handler(Events.ITERATION_COMPLETED, lambda e: answers.append(e.state.output["pred"])):
        evaluator.run()
    return answers[0]


def test_each_run_answers_as_the_weights_that_it_loads(save, tmp_path):
    images = torch.rand(2, 1, 32, 32)
    save(seed=0)
    network = ResCUNet(features=TINY)
    evaluator = evaluator_of(network, images, tmp_path / "model.pt")
    for seed in (0, 1):
        expected = save(seed)
        with torch.no_grad():
            torch.testing.assert_close(answer_of(evaluator), expected(images), rtol=1e-4, atol=1e-5)
        assert not any(isinstance(module, _BatchNorm) for module in evaluator.network.modules())
        assert network.state_dict().keys() == expected.state_dict().keys()


def test_a_network_with_nothing_to_fold_runs_as_it_is(tmp_path):
    network = nn.Conv2d(1, 1, 3)
    torch.save(network.state_dict(), tmp_path / "model.pt")
    evaluator = evaluator_of(network, torch.rand(1, 1, 8, 8), tmp_path / "model.pt")
    answer_of(evaluator)
    assert evaluator.network is network
