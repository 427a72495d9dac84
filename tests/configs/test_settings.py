"""Settings of the bundle's configs, by each way in: MONAI's command line, Python, `predict`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import fire
import pytest
from bundle_runs import BUNDLE, TINY, run_bundle
from monai.bundle import ConfigParser, ConfigWorkflow, create_workflow
from PIL import Image

from monai_rescunet import predict
from monai_rescunet.configs import start
from monai_rescunet.configs.parser import literal, parser_at_work, typed_settings
from monai_rescunet.core.errors import InputError, input_error_behind

TRAIN, INFER, EVALUATE = "train.yaml", "inference.yaml", "evaluate.yaml"


def files(*names: str) -> list[str]:
    return [str(BUNDLE / "configs" / name) for name in names]


@pytest.fixture
def typed(monkeypatch):
    """Return the config that `python -m monai.bundle run` makes of a command line, as fire and MONAI read it."""

    def read(*names: str, arguments: list[str]) -> ConfigParser:
        words = ["--config_file", str(files(*names)), "--logging_file", f"{BUNDLE}/configs/logging.conf", *arguments]
        monkeypatch.setattr(sys, "argv", ["monai.bundle", "run", *words])
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        monkeypatch.setattr(start, "is_monai_bundle", lambda: True)
        given: dict[str, Any] = {}
        fire.Fire(lambda **settings: given.update(settings), command=words)
        return create_workflow(**given).parser

    return read


def refusal(call: Any, *arguments: Any, **settings: Any) -> str:
    """Return the one line by which a call refuses its settings."""
    with pytest.raises((InputError, RuntimeError)) as caught:
        call(*arguments, **settings)
    fault = input_error_behind(caught.value)
    assert fault is not None, caught.value
    assert "\n" not in str(fault)
    return str(fault)


def workflow(*names: str, **settings: Any) -> ConfigWorkflow:
    made = ConfigWorkflow(config_file=files(*names), logging_file=False, workflow_type="train", **settings)
    made.initialize()
    return made


@pytest.mark.parametrize("spelling", ["false", "False", "FALSE", "no"])
def test_a_no_on_the_command_line_is_a_no(typed, spelling):
    names = ("overlay", "test_time_flips", "strict", "amp")
    parser = typed(INFER, arguments=[f"--{name}={spelling}" for name in names])
    assert [parser.get_parsed_content(name) for name in names] == [False] * 4


def test_a_yes_on_the_command_line_is_a_yes(typed):
    parser = typed(INFER, arguments=["--strict", "true", "--amp", "yes", "--test_time_flips", "true", "--overlay"])
    assert [parser.get_parsed_content(name) for name in ("strict", "amp", "test_time_flips", "overlay")] == [True] * 4
    assert parser.get_parsed_content("scored")["test_time_flips"] is True  # or there is no calibration for it


def test_nested_truths_and_those_of_overlays_are_read_too(typed):
    arguments = ["--train#dataset#copy_cache", "false", "--save_maps", "false", "--resume=false"]
    parser = typed(TRAIN, EVALUATE, arguments=arguments)
    assert parser["train#dataset#copy_cache"] is parser["save_maps"] is parser["resume"] is False


@pytest.mark.parametrize(
    ("base", "argument", "message"),
    [
        (INFER, "--lesion_flor=250", "inference.yaml: has no 'lesion_flor', and nothing laid over it uses one; is it"),
        (INFER, "--max_epochs=3", "has no 'max_epochs', and nothing laid over it uses one; train.yaml has it"),
        (TRAIN, "--save_maps=true", "has no 'save_maps', and nothing laid over it uses one; evaluate.yaml has it"),
        (TRAIN, "--train#datasset=3", "has no 'train#datasset', and nothing laid over it uses one; is it 'dataset'?"),
        (INFER, "--overlay=perhaps", "overlay is 'perhaps'; expected true or false, such as True"),
        (INFER, "--strict=1", "strict is 1; expected true or false"),
        (INFER, "--lesion_floor=high", "lesion_floor is 'high'; expected a number, such as 64"),
        (INFER, "--lesion_floor=None", "lesion_floor is None; expected a number, such as 64"),
        (INFER, "--otsu_mode=anchord", "otsu_mode is 'anchord'; expected one of paper, anchored, fixed"),
        (TRAIN, "--supervision=mix", "supervision is 'mix'; expected one of binary, mixed"),
        (TRAIN, "--fold=0.5", "fold is 0.5; expected a fold's number, 'all' or 'none'"),
        (TRAIN, "--fold=None", "fold is None; expected a fold's number, 'all' or 'none'"),
        (TRAIN, "--max_epochs=1.5", "max_epochs is 1.5; expected a whole number from 1, such as "),
        (TRAIN, "--features=[4,0,4]", "expected a list of whole numbers from 1"),
        (TRAIN, "--levels=1", "levels is 1; expected a list of numbers"),
        (TRAIN, "--learning_rate=-1", "learning_rate is -1; expected a number from 0, such as 0.0007"),
        (TRAIN, "--averaging=1.5", "averaging is 1.5; expected a number from 0 to 1, such as "),
        (TRAIN, "--image_weight=-0.5", "image_weight is -0.5; expected a number from 0, such as 1.0"),
        (INFER, "--device=hyperdrive", "device is 'hyperdrive'; expected a device that torch has here, such as 'cpu'"),
        (TRAIN, "--weight_decay=-1", "weight_decay is -1; expected a number from 0"),
        (TRAIN, "--cache_rate=2", "cache_rate is 2; expected a number from 0 to 1"),
        (INFER, "--box_jitter=-0.1", "box_jitter is -0.1; expected a number from 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(typed, base, argument, message):
    assert message in refusal(typed, base, arguments=[argument])


def test_python_and_a_file_of_arguments_meet_the_same_check(tmp_path):
    assert "is it 'lesion_floor'?" in refusal(workflow, TRAIN, lesion_flor=250)
    assert "resume is 'perhaps'" in refusal(workflow, TRAIN, resume="perhaps")
    assert workflow(TRAIN, resume="false").parser["resume"] is False
    (tmp_path / "arguments.json").write_text(json.dumps({"config_file": files(TRAIN), "overlya": False}))
    assert "has no 'overlya'" in refusal(create_workflow, args_file=str(tmp_path / "arguments.json"))


def test_predict_meets_it_too(phantoms):
    image = next((phantoms / "images").glob("*.png"))
    for settings, message in (
        ({"lesion_flor": 250}, "has no 'lesion_flor'; is it 'lesion_floor'?"),
        ({"overlay": "perhaps"}, "overlay is 'perhaps'; expected true or false"),
        ({"otsu_mode": "$1"}, "otsu_mode is '$1'; expected one of paper, anchored, fixed"),
        ({"kappa": "$0.3"}, "kappa is '$0.3'; expected a number"),
    ):
        assert message in refusal(predict, image, **settings)
    assert predict(image, test_time_flips="false")[0]["probability"] is None  # the calibration is for flips


def test_an_overlay_may_have_names_of_its_own_that_it_uses(tmp_path, phantoms):
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("slower: 2\nlearning_rate: $0.0007 / @slower\ntrain#more: []\n"
                       "train#preprocessing#transforms: $@train#deterministic_transforms + @train#more\n")  # fmt: skip
    made = workflow(TRAIN, str(overlay), dataset_dir=str(phantoms))
    assert made.parser.get_parsed_content("learning_rate") == 0.00035


def test_what_a_component_is_given_besides_goes_to_its_constructor():
    made = workflow(TRAIN, features=TINY, **{"network_def#norm": "instance"})
    assert "InstanceNorm2d" in str(made.parser.get_parsed_content("network_def"))


NAMES = ("set#2", "2024", "1e3", "None", "a,b", "@home", "$x", "[1]", "it's", "true", "a::b", "b c#d")


@pytest.mark.parametrize("name", [*NAMES, "./%x", "5%"])
def test_paths_of_the_command_line_are_what_was_typed(typed, name):
    paths = ("dataset_dir", "output_dir", "checkpoint", "datalist")
    parser = typed(INFER, arguments=[word for path in paths for word in (f"--{path}", name)])
    assert [parser.get_parsed_content(path) for path in paths] == [name] * 4
    assert typed(INFER, arguments=["--dataset_dir", name]).get_parsed_content("datalist") == f"{name}/datalist.json"


def test_a_hash_that_monai_has_replaced_is_not_taken_for_a_path():
    assert "dataset_dir is 'set::2': where # stands in a path MONAI reads ::" in refusal(
        workflow, TRAIN, dataset_dir="set#2"
    )
    assert workflow(TRAIN, dataset_dir=literal("set#2")).parser.get_parsed_content("dataset_dir") == "set#2"


@pytest.mark.parametrize("name", [*NAMES, "%x"])
def test_predict_reads_and_writes_in_any_folder(tmp_path, monkeypatch, phantoms, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    image = Image.open(next((phantoms / "images").glob("*.png")))
    image.save(Path(name) / "x.png")
    predict(Path(name) / "x.png", box=[20, 20, 90, 90], out=Path(name) / "out")
    assert (tmp_path / name / "out" / "x_label.png").is_file()


def test_fires_flags_are_taken_apart_as_fire_does():
    words = ["run", "--a", "1", "--b-c=x=y", "-d", "-1", "--last", "--overlay"]
    assert typed_settings(words) == {"a": "1", "b_c": "x=y", "d": "-1"}


def test_outside_a_config_there_is_no_parser():
    with pytest.raises(RuntimeError, match="no config is being parsed"):
        parser_at_work()


def test_a_refused_run_prints_one_line_and_a_no_is_heard(phantoms, tmp_path):
    """Through the process itself: the folder's name, its own line of error, and no overlays."""
    data = tmp_path / "set#2"
    data.symlink_to(phantoms)
    settings = {"features": None, "roi_size": 64}
    failed = run_bundle("inference.yaml", data, tmp_path / "bad", check=False, lesion_flor=250, **settings)
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith("monai.bundle: inference.yaml: has no 'lesion_flor'")
    assert "Traceback" not in failed.stderr
    out = tmp_path / "1e3"
    run_bundle("inference.yaml", data, out, overlay="false", test_time_flips="false", **settings)
    assert len(list(out.glob("*_label.png"))) == 8
    assert not list(out.glob("*_overlay.png"))
