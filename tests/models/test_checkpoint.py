"""A saved model is complete in itself, and a damaged one is refused with its file named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lcm.models import BaseLCM, ModelError, create_model, find_model, load_model_folder, read_info, save_model


@pytest.fixture
def model() -> BaseLCM:
    torch.manual_seed(0)
    model = create_model("base", "tiny", concept_dim=6, model_dim=32, num_heads=2, num_layers=2)
    assert isinstance(model, BaseLCM)
    torch.nn.init.normal_(model.normalizer.center)
    torch.nn.init.uniform_(model.normalizer.scale, 1e-4, 1e-3)  # float16 would spoil it
    return model.eval()


@pytest.fixture
def folder(model: BaseLCM, tmp_path: Path) -> Path:
    save_model(tmp_path / "mine", model, family="base", space="toy", facts={"trained_on": "tales"})
    return tmp_path / "mine"


def test_a_loaded_model_predicts_what_the_saved_one_did(model, folder):
    loaded = load_model_folder(folder)
    concepts, lengths = torch.randn(2, 4, 6), torch.tensor([4, 2])
    assert torch.equal(loaded.model.predict(concepts, lengths), model.predict(concepts, lengths))
    assert not loaded.model.training
    assert (loaded.info.name, loaded.info.space, loaded.info.facts["trained_on"]) == ("mine", "toy", "tales")
    assert loaded.info.parameters == sum(p.numel() for p in model.parameters())
    assert "tales" in (folder / "README.md").read_text()


def test_half_precision_halves_the_weights_and_spares_the_normalizer(model, folder, tmp_path):
    save_model(tmp_path / "half", model, family="base", space="toy", dtype=torch.float16)
    whole, half = (place / "model.safetensors" for place in (folder, tmp_path / "half"))
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    loaded = load_model_folder(tmp_path / "half").model
    assert torch.equal(loaded.normalizer.scale, model.normalizer.scale)
    weight = model.prenet.weight
    torch.testing.assert_close(loaded.prenet.weight, weight, rtol=2**-11, atol=2**-24)  # half a float16 unit


def test_saving_again_replaces_the_whole_folder(model, folder):
    (folder / "left-over").write_text("old")
    save_model(folder, model, family="base", space="other")
    assert read_info(folder).space == "other"
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert [path.name for path in folder.parent.iterdir()] == ["mine"]


@pytest.mark.parametrize("kept", [0, 5, 200, 4000])
def test_truncated_weights_are_one_clear_error(folder, kept):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(ModelError, match=r"mine/model\.safetensors: is damaged or cut short .*Copy it again") as error:
        load_model_folder(folder)
    assert "\n" not in str(error.value)


def test_a_config_that_does_not_fit_its_weights_names_tensor_and_file(folder):
    config = json.loads((folder / "config.json").read_text())
    for change, said in (
        ({"concept_dim": 7}, r"'normalizer\.center' is \[6\], but config\.json asks for \[7\]"),
        ({"num_layers": 3}, r"transformer\.layers\.2.* is missing"),
        ({"num_layers": 1}, "no such tensor"),
        ({"num_head": 2}, r"config\.json: .*no field 'num_head'. Perhaps num_heads"),
        ({"num_heads": 7}, r"config\.json: model_dim must be a multiple"),
    ):
        changed = config | {"config": config["config"] | change}
        (folder / "config.json").write_text(json.dumps(changed))
        with pytest.raises(ModelError, match=said):
            load_model_folder(folder)


@pytest.mark.parametrize("content", ["", "[]", '{"family": "base"}', "\x00\x01"])
def test_a_config_that_is_no_config_is_named(folder, content):
    (folder / "config.json").write_text(content)
    with pytest.raises(ModelError, match=r"config\.json: cannot be understood"):
        read_info(folder)


def test_a_model_is_found_by_folder_and_by_run_and_else_the_names_are_told(folder, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    with pytest.raises(ModelError, match="run: holds no model"):
        find_model(run)
    folder.rename(run / "model")
    assert find_model(run) == run / "model"
    assert find_model(run / "model") == run / "model"
    with pytest.raises(ModelError, match="No model 'nobody'"):
        find_model("nobody")
    (run / "model" / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no model\.safetensors"):
        read_info(find_model(run))


def test_fairseq2_loads_a_saved_model_by_its_card(model, folder):
    program = """
import sys, lcm, fairseq2, torch
from fairseq2.composition import register_in_memory_assets
from lcm.models import read_info
from lcm.models.hub import asset_card
card = asset_card(read_info(sys.argv[1]))
fairseq2.init_fairseq2(extras=lambda container: register_in_memory_assets(container, "test", [card]))
from fairseq2.models.hub import load_model
model = load_model("mine").eval()
torch.save(model.predict(torch.ones(1, 2, 6), torch.tensor([2])), sys.argv[1] + "/prediction.pt")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        env=os.environ | {"FAIRSEQ2_EXTENSION_TRACE": "1"}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = model.predict(torch.ones(1, 2, 6), torch.tensor([2]))
    torch.testing.assert_close(torch.load(folder / "prediction.pt"), expected, atol=0, rtol=0)
