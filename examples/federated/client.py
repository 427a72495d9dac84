"""What runs in each hospital of a federated training: NVFlare brings the weights, MONAI's client trains the bundle.

The server's job says only where the hospital's own file is. That file, a config laid over the bundle's, says where the
data is: `dataset_dir`, `datalist`, `output_dir`, and `fold`, held out to judge what comes from the server (or none).
"""

from __future__ import annotations

import argparse

import nvflare.client as flare
from monai.fl.client import MonaiAlgo
from monai.fl.utils.constants import ExtraItems
from monai.fl.utils.exchange_object import ExchangeObject

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.errors import InputError


def make_client(site: str, local_epochs: int, rounds: int) -> MonaiAlgo:
    """Return MONAI's client on the bundle of the installed package."""
    settings = {"max_epochs": rounds * local_epochs}
    client = MonaiAlgo(
        bundle_root=str(bundle_root()),
        local_epochs=local_epochs,
        send_weight_diff=False,
        config_train_filename=["configs/train.yaml", "configs/federated.yaml", site],
        train_kwargs=dict(settings),
        config_evaluate_filename=["configs/train.yaml", "configs/evaluate.yaml", "configs/federated.yaml", site],
        eval_kwargs=dict(settings),
    )
    client.initialize({ExtraItems.CLIENT_NAME: flare.get_site_name()})
    return client


def main() -> None:
    """Train for each round that the server asks for; send weights, the number of masses and the mean figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", required=True, help="the hospital's own config")
    parser.add_argument("--local-epochs", type=int, default=1)
    arguments = parser.parse_args()

    flare.init()
    client = None
    while flare.is_running():
        received = flare.receive()
        if received is None:
            break
        if client is None:
            client = make_client(arguments.site, arguments.local_epochs, received.total_rounds)
            if client.trainer.network.state_dict().keys() != received.params.keys():
                raise InputError(
                    f"{arguments.site}: its network is not the server's; settings of it must agree everywhere"
                )
        weights = ExchangeObject(weights=received.params)
        figures = client.evaluate(weights).metrics
        client.train(weights)
        # channels_last, as the bundle trains, is a layout that NVFlare does not send
        trained = {name: tensor.contiguous() for name, tensor in client.get_weights().weights.items()}
        flare.send(
            flare.FLModel(
                params=trained,
                metrics={name: float(value) for name, value in figures.items()},
                # NVFlare's weight in the average
                meta={"NUM_STEPS_CURRENT_ROUND": len(client.train_workflow.train_dataset_data)},
            )
        )
    if client is not None:
        client.finalize()


if __name__ == "__main__":
    main()
