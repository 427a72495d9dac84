"""Simulate a federated training on one machine: NVFlare's simulator, one process a hospital, FedAvg.

    python examples/federated/simulate.py a.yaml b.yaml c.yaml --rounds 12 --out runs/federated

Each file is one hospital's config, as client.py reads it. Writes OUT/model.pt, the network after the last round. All
traffic is on the loopback.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

import psutil
import torch
from monai.bundle import ConfigParser
from nvflare.app_opt.pt.file_model_persistor import PTFileModelPersistor
from nvflare.app_opt.pt.recipes.fedavg import FedAvgRecipe
from nvflare.client.config import ExchangeFormat
from nvflare.recipe.sim_env import SimEnv
from nvflare.recipe.utils import set_per_site_config

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.errors import InputError
from monai_rescunet.training.federated import network_weights


def starting_weights(site: Path, seed: int) -> dict[str, torch.Tensor]:
    """Return untrained weights of what the clients exchange."""
    configs = bundle_root() / "configs"
    files = [str(configs / "train.yaml"), str(configs / "federated.yaml"), str(site)]
    parser = ConfigParser(ConfigParser.load_config_files(files))
    torch.manual_seed(seed)
    weights = parser.get_parsed_content("exchanged").state_dict()
    return {name: tensor.cpu().contiguous() for name, tensor in weights.items()}


def end_children() -> None:
    """Kill all processes that this one started, in whatever session they are."""
    for process in psutil.Process().children(recursive=True):
        process.kill()


def simulate(sites: list[Path], out: Path, rounds: int, local_epochs: int, seed: int, limit: float) -> Path:
    """Train over the hospitals and return the file with the network's weights."""
    for site in sites:
        if len(str(site.resolve()).split()) > 1:
            raise InputError(
                f"{site.resolve()}: has a space in it, where NVFlare ends an argument; choose another folder"
            )
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    start = out / "start.pt"
    torch.save(starting_weights(sites[0], seed), start)
    recipe = FedAvgRecipe(
        name="simulation",
        min_clients=len(sites),
        num_rounds=rounds,
        key_metric="val_mean_dice",
        train_script=str(Path(__file__).with_name("client.py")),
        # the server holds tensors by their names; it needs neither the network nor the bundle
        model_persistor=PTFileModelPersistor(
            source_ckpt_file_full_name=str(start), allow_numpy_conversion=False, load_device="cpu"
        ),
        server_expected_format=ExchangeFormat.PYTORCH,
    )
    arguments = {site.stem: f"--site {site.resolve()} --local-epochs {local_epochs}" for site in sites}
    set_per_site_config(recipe, {name: {"train_args": text} for name, text in arguments.items()})
    # a thread for each client: with fewer they would take turns in one process and forget their optimisers
    environment = SimEnv(clients=list(arguments), num_threads=len(sites), workspace_root=str(out))
    watch = threading.Timer(60 * limit, end_children)  # NVFlare tries for ever what fails, and the run is then an error
    watch.start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and so to what follows finally
    try:
        recipe.execute(environment)
    finally:
        watch.cancel()
        end_children()
    (common,) = out.glob("simulation/server/**/FL_global_model.pt")
    model = out / "model.pt"
    torch.save(network_weights(torch.load(common, map_location="cpu", weights_only=True)["model"]), model)
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sites", nargs="+", type=Path, help="one config a hospital; its name is the hospital's")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--local-epochs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of the weights that the first round starts from")
    parser.add_argument("--limit", type=float, default=30.0, help="minutes after which everything is ended")
    print(f"wrote {simulate(**vars(parser.parse_args()))}")
