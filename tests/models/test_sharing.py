"""A model goes out of a run into a folder, to the Hub, and back, and is the same; what cannot be shared is one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
import toy_hub
from ruamel.yaml import YAML

from lcm.cli import main
from lcm.generation import load
from lcm.models import (
    ModelError,
    create_model,
    export_model,
    find_model,
    load_model_folder,
    models_below,
    push_model,
    read_info,
    read_metrics,
    save_model,
    validation_table,
)

FILES = ["README.md", "config.json", "model.safetensors"]
LOSSES = {10: 90.5, 20: 60.25, 30: 61.5}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder: the model of its best step, and metrics of which the last line was cut short."""
    torch.manual_seed(0)
    model = create_model("two_tower", "tiny", concept_dim=6, model_dim=32, num_heads=2)
    facts = {"trained_on": "tales of mice", "steps": 20, "validation_loss": 60.25}
    save_model(tmp_path / "run" / "model", model, family="two_tower", space="toy", facts=facts)
    (tmp_path / "run/checkpoints/step_30").mkdir(parents=True)
    (tmp_path / "run/metrics").mkdir()
    rows = [{"Time": "now", "Step": step, "loss": loss} for step, loss in LOSSES.items()]
    lines = [json.dumps(row) for row in [{**rows[1], "loss": 70.0}, *rows]]
    (tmp_path / "run/metrics/valid.jsonl").write_text("\n".join(lines) + '\n{"Time": "now", "Ste')
    return tmp_path / "run"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with toy_hub.serve() as hub:
        _speak_to(hub.address, monkeypatch, tmp_path)
        yield hub


def _speak_to(address: str, monkeypatch: pytest.MonkeyPatch, home: Path, token: str | None = toy_hub.TOKEN) -> None:
    """What `toy_hub.environment` does, for this process: huggingface_hub has read its environment."""
    from huggingface_hub import constants, file_download

    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "no-token"))
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    if token:
        monkeypatch.setenv("HF_TOKEN", token)


def _same(one: Path, other: Path) -> bool:
    ours, theirs = (load_model_folder(folder).model.state_dict() for folder in (one, other))
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_an_exported_run_is_its_model_in_three_files(run, tmp_path):
    info = export_model(run, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES
    assert _same(tmp_path / "out", run / "model") and info.facts == read_info(run / "model").facts
    assert info.dtype == torch.float32


def test_half_is_asked_for_once_and_kept_by_the_next_export(run, tmp_path):
    export_model(run, tmp_path / "half", half=True)
    assert export_model(tmp_path / "half", tmp_path / "again").dtype == torch.float16
    assert _same(tmp_path / "half", tmp_path / "again")
    whole, half = ((place / "model.safetensors").stat().st_size for place in (run / "model", tmp_path / "again"))
    assert half < 0.6 * whole


def test_the_card_tells_what_the_model_is_and_how_it_was_validated(run, tmp_path):
    info = export_model(run, tmp_path / "mouse", half=True)
    _, header, text = (tmp_path / "mouse/README.md").read_text().split("---\n", 2)
    told = YAML(typ="safe").load(header)
    assert told == {
        "library_name": "lcm",
        "pipeline_tag": "text-generation",
        "tags": ["large-concept-model", "lcm-two-tower", "toy"],
    }
    for said in (
        "# mouse", "Two-Tower", "`toy`", f"{info.parameters:,} parameters", "float16", "--model mouse", "| trained on | tales of mice |",
        "| validation loss | 60.25 |", "| denoiser layers | 3 |", "| model dim | 32 |", "| 10 | 90.5 |", "| 20 | **60.25** |", "| 30 | 61.5 |",
    ):  # fmt: skip
        assert said in text
    assert "70" not in text  # step 20 was done twice


def test_a_license_stands_in_the_header_only_if_it_is_known(tmp_path):
    model = create_model("base", "tiny", concept_dim=6, model_dim=32, num_heads=2, num_layers=1)
    save_model(tmp_path / "free", model, family="base", space="toy", facts={"license": "mit"})
    header = (tmp_path / "free/README.md").read_text().split("---\n")[1]
    assert YAML(typ="safe").load(header)["license"] == "mit"


def test_a_card_written_by_hand_is_kept_and_gets_the_header(run, tmp_path):
    (run / "model/README.md").write_text("# Mine\n\nMy own words.\n")
    export_model(run / "model", tmp_path / "out")
    text = (tmp_path / "out/README.md").read_text()
    assert text.startswith("---\nlibrary_name: lcm\n") and text.endswith("---\n\n# Mine\n\nMy own words.\n")


def test_exporting_again_replaces_a_model_and_refuses_any_other_folder(run, tmp_path):
    export_model(run, tmp_path / "out", half=True)
    export_model(run, tmp_path / "out")
    assert _same(tmp_path / "out", run / "model")
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(ModelError, match=r"out: holds thesis\.txt, which is no part of a model"):
        export_model(run, tmp_path / "out", half=True)
    assert _same(tmp_path / "out", run / "model")
    with pytest.raises(ModelError, match="is the model that is to be exported"):
        export_model(run, run / "model")
    with pytest.raises(ModelError, match=r"README\.md: is a file"):
        export_model(run, run / "model" / "README.md")
    with pytest.raises(ModelError, match="run: holds"):
        export_model(run, run)


def test_a_full_disk_leaves_the_old_export_and_nothing_else(run, tmp_path, monkeypatch):
    export_model(run, tmp_path / "places" / "out")

    def full(tensors, path):
        Path(path).write_bytes(b"x")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lcm.models.checkpoint.save_file", full)
    with pytest.raises(ModelError, match=r"out: cannot be written \(No space left on device\)"):
        export_model(run, tmp_path / "places" / "out", half=True)
    monkeypatch.undo()
    assert _same(tmp_path / "places" / "out", run / "model")
    assert [path.name for path in (tmp_path / "places").iterdir()] == ["out"]


def test_weights_that_float16_cannot_hold_are_refused_by_name(run, tmp_path):
    model = load_model_folder(run / "model").model
    name = next(name for name, tensor in model.named_parameters() if tensor.ndim == 2)
    model.get_parameter(name)[0, 0] = 70_000.0
    save_model(tmp_path / "large", model, family="two_tower", space="toy")
    with pytest.raises(ModelError, match=rf"'{name}' has values that are not finite in float16\. Store it in float32"):
        export_model(tmp_path / "large", tmp_path / "out", half=True)
    assert not (tmp_path / "out").exists()


def test_the_models_below_a_folder_are_named_as_find_model_takes_them(run, tmp_path):
    export_model(run, tmp_path / "models" / "two" / "mouse")
    (tmp_path / "models" / ".hidden").mkdir()
    export_model(run, tmp_path / "models" / ".hidden" / "mouse")
    found = sorted(models_below(tmp_path))
    assert found == [tmp_path / "models/two/mouse", run]
    assert [find_model(place) for place in found] == [tmp_path / "models/two/mouse", run / "model"]
    assert list(models_below(run / "model")) == [run / "model"]


def test_a_metrics_line_that_a_kill_cut_short_costs_itself_alone(run):
    with (run / "metrics/valid.jsonl").open("a") as file:
        file.write('{"Time": "later", "Step": 40, "loss": 50.0}\n')
    assert {step: row["loss"] for step, row in read_metrics(run, "valid").items()} == {**LOSSES, 40: 50.0}
    assert read_metrics(run, "train") == {}


def test_a_long_table_of_validations_shows_the_best_and_the_last():
    losses = {step: float(abs(step - 777)) for step in range(1, 1001)}
    table = validation_table(losses, most=30).splitlines()
    assert len(table) < 36 and "| 777 | **0** |" in table and table[-1] == "| 1,000 | 223 |"


def test_a_pushed_model_comes_back_from_the_hub_as_it_was(run, tmp_path, hub):
    export_model(run, tmp_path / "mouse")
    (tmp_path / "mouse/diary.txt").write_text("not for others")
    assert push_model(tmp_path / "mouse", "me/mouse") == f"{hub.address}/me/mouse"
    assert sorted(hub.at("me/mouse")[1]) == FILES and "me/mouse" not in hub.private
    assert "--model hf://me/mouse" in hub.at("me/mouse")[1]["README.md"].decode()
    writer = load("hf://me/mouse")
    assert writer.info.name == "me/mouse"
    assert _same(writer.info.folder, tmp_path / "mouse")
    assert sorted(hub.downloads) == [f"me/mouse/{name}" for name in FILES]


def test_only_the_three_files_are_downloaded_and_those_only_once(run, hub):
    files = {path.name: path.read_bytes() for path in (run / "model").iterdir()}
    hub.commit("me/mouse", {**files, "pytorch_model.bin": b"code", "optimizer.pt": b"code"})
    folder = find_model("hf://me/mouse")
    assert find_model("hf://me/mouse") == folder
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert sorted(hub.downloads) == [f"me/mouse/{name}" for name in FILES]


def test_a_revision_is_an_earlier_model_and_a_card_may_be_missing(run, hub):
    files = {path.name: path.read_bytes() for path in (run / "model").iterdir() if path.name != "README.md"}
    first = hub.commit("me/mouse", files)
    hub.commit("me/mouse", {"config.json": b"{}"})
    assert read_info(find_model(f"hf://me/mouse@{first}")).family == "two_tower"
    with pytest.raises(ModelError, match=r"hf://me/mouse: .*config\.json is not that of an lcm model"):
        find_model("hf://me/mouse")
    with pytest.raises(ModelError, match=r"no such revision\. Leave it out"):
        find_model("hf://me/mouse@v9")


def test_a_cached_model_needs_no_network_and_another_says_what_was_tried(run, tmp_path, hub, monkeypatch):
    push_model(run / "model", "me/mouse")
    folder = find_model("hf://me/mouse")
    _speak_to("http://127.0.0.1:9", monkeypatch, tmp_path)
    assert find_model("hf://me/mouse") == folder
    with pytest.raises(
        ModelError, match=r"hf://me/cat: .*http://127\.0\.0\.1:9/me/cat cannot be reached \(Connection refused"
    ) as error:
        find_model("hf://me/cat")
    assert "\n" not in str(error.value)
    with pytest.raises(
        ModelError, match=r"me/cat: cannot be exchanged with http://127\.0\.0\.1:9 \(Connection refused"
    ):
        push_model(run / "model", "me/cat")


def test_a_repository_of_another_kind_is_refused_before_its_weights_are_loaded(hub):
    hub.commit("you/llama", {"config.json": b'{"model_type": "llama"}', "model.safetensors": b"large"})
    hub.commit("you/notes", {"notes.txt": b""})
    with pytest.raises(ModelError, match="is not that of an lcm model"):
        find_model("hf://you/llama")
    assert hub.downloads == ["you/llama/config.json"]
    with pytest.raises(ModelError, match=r"hf://you/notes: .* lacks config\.json or model\.safetensors"):
        find_model("hf://you/notes")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("hf://me/nothing", "no such repository at .*me/nothing, or it is private"),
        ("hf://mouse", "'hf://mouse' names no repository"),
        ("hf://a/b/c", "names no repository"),
        ("hf://me/mou se", "names no repository"),
        ("hf://../mouse", "names no repository"),
        ("hf://", "names no repository"),
    ],
)
def test_a_place_that_is_none_is_named(hub, place, said):
    with pytest.raises(ModelError, match=said):
        find_model(place)


def test_a_push_is_refused_without_a_token_and_with_a_wrong_one(run, tmp_path, hub, monkeypatch):
    _speak_to(hub.address, monkeypatch, tmp_path, token=None)
    with pytest.raises(ModelError, match="No token for the Hugging Face Hub: set HF_TOKEN"):
        push_model(run / "model", "me/mouse")
    _speak_to(hub.address, monkeypatch, tmp_path, token="hf_of_a_reader")
    with pytest.raises(ModelError, match=r"me/mouse: .*refuses .*401.*Is the token valid"):
        push_model(run / "model", "me/mouse")
    assert hub.commits == {}


def test_what_was_to_be_private_is_not_pushed_to_a_public_repository(run, hub):
    push_model(run / "model", "me/secret", private=True)
    assert "me/secret" in hub.private
    hub.commit("me/open", {})
    with pytest.raises(ModelError, match="me/open is a public repository"):
        push_model(run / "model", "me/open", private=True)
    assert hub.at("me/open")[1] == {}


def test_a_damaged_model_is_not_pushed(run, hub):
    weights = run / "model/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="is damaged or cut short"):
        push_model(run / "model", "me/mouse")
    with pytest.raises(ModelError, match=r"run: has no config\.json"):
        push_model(run, "me/mouse")
    assert hub.commits == {}


def _lcm(*words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[object, str, str]:
    """Exit code, standard output and error of a command, run in this process."""
    monkeypatch.setattr(sys, "argv", ["lcm", *words])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code, *capsys.readouterr()


def test_the_commands_export_list_and_tell_errors_in_one_line(run, tmp_path, hub, capsys, monkeypatch):
    lcm = partial(_lcm, capsys=capsys, monkeypatch=monkeypatch)
    out = str(tmp_path / "models" / "mouse")
    code, told, _ = lcm("export", str(run), out, "--half")
    assert code == 0 and f'lcm generate "…" --model {out}' in told
    monkeypatch.setenv("HF_TOKEN", "")
    for words in (
        ("push", out, "me/mouse"),
        ("generate", "A mouse.", "--model", "hf://me/no-mouse"),
        ("export", out, str(run)),
        ("models", str(tmp_path / "nowhere")),
    ):
        code, told, error = lcm(*words)
        assert (code, told, len(error.splitlines())) == (2, "", 1), error
    broken = Path(out, "model.safetensors")
    broken.write_bytes(broken.read_bytes()[:100])
    code, told, error = lcm("models", str(tmp_path), "--json")
    assert [(row["name"], row["validation_loss"]) for row in json.loads(told)] == [(str(run), 60.25)]
    assert code == 2 and "mouse/model.safetensors: is damaged" in error and len(error.splitlines()) == 1


def test_the_push_command_speaks_to_the_hub_that_the_environment_names(run, tmp_path):
    command = [sys.executable, "-m", "lcm.cli", "push", str(run / "model"), "me/mouse", "--private"]
    with toy_hub.serve() as hub:
        env = os.environ | toy_hub.environment(hub.address, tmp_path / "home")
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
        assert (done.returncode, done.stderr) == (0, "")
        assert "--model hf://me/mouse" in done.stdout
        assert "me/mouse" in hub.private and sorted(hub.at("me/mouse")[1]) == FILES
