"""Opening and writing spaces, and the commands on them."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from fairseq2.assets import AssetDownloadError
from fairseq2.utils.uri import Uri
from tiny_sentences import LANGUAGES, SENTENCES

import lcm
from lcm.cli import main
from lcm.sonar import ConceptSpaceError, open_space, save_space
from lcm.sonar.assets import find_cards, load_assets


def test_a_space_knows_itself(space, space_folder):
    assert (space.name, space.dim, space.languages, space.max_tokens) == ("tiny", 32, tuple(LANGUAGES), 64)
    assert (space.device, space.dtype) == (torch.device("cpu"), torch.float32)
    assert torch.equal(space.end_of_text, space.encode(["End of text."], "en")[0])
    assert lcm.open_space is open_space


def test_bfloat16_gives_float32_concepts_close_to_those_of_float32(space, space_folder):
    z = open_space(space_folder, dtype=torch.bfloat16).encode(SENTENCES, "en")
    assert z.dtype == torch.float32
    assert (
        torch.cosine_similarity(z, space.encode(SENTENCES, "en")).min() > 0.999
    )  # bfloat16 has 8 bits: 0.4 % a rounding


def test_what_is_saved_is_what_is_opened(space_folder, tmp_path):
    """Saving a loaded space again gives the same files: fp16 → fp32 → fp16 is exact."""
    from sonar.models.sonar_text import get_sonar_text_decoder_hub, get_sonar_text_encoder_hub

    cards = find_cards(space_folder)
    assets = load_assets(cards, torch.device("cpu"), torch.float32)
    save_space(
        tmp_path, "tiny", encoder=assets.encoder, decoder=assets.decoder,
        encoder_config=get_sonar_text_encoder_hub().get_model_config(cards.encoder),
        decoder_config=get_sonar_text_decoder_hub().get_model_config(cards.decoder),
        tokenizer=space_folder / "tiny.model", languages=assets.languages,
    )  # fmt: skip
    assert sorted(f.name for f in tmp_path.iterdir()) == sorted(f.name for f in space_folder.iterdir())
    assert (tmp_path / "tiny.yaml").read_text() == (space_folder / "tiny.yaml").read_text()
    for part in ("encoder", "decoder"):
        one, two = (torch.load(f / f"tiny_{part}.pt")["model"] for f in (tmp_path, space_folder))
        assert one.keys() == two.keys()
        assert all(torch.equal(one[key], two[key]) and one[key].dtype == torch.float16 for key in one)


def test_the_tied_projection_is_stored_once(space_folder):
    state = torch.load(space_folder / "tiny_decoder.pt")["model"]
    assert state["final_proj.weight"].data_ptr() == state["decoder_frontend.embed.weight"].data_ptr()


def test_weights_beyond_fp16_are_refused_and_leave_no_file(space_folder, tmp_path):
    cards = find_cards(space_folder)
    assets = load_assets(cards, torch.device("cpu"), torch.float32)
    with torch.no_grad():
        assets.encoder.layer_norm.weight[0] = 1e6
    with pytest.raises(ConceptSpaceError, match=r"x_encoder: weight 'layer_norm.weight' is not finite in fp16"):
        save_space(
            tmp_path, "x", encoder=assets.encoder, decoder=assets.decoder, encoder_config=None, decoder_config=None,
            tokenizer=space_folder / "tiny.model", languages=LANGUAGES,
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def copy(space_folder, tmp_path):
    return Path(shutil.copytree(space_folder, tmp_path / "copy"))


def test_a_run_s_other_yaml_files_do_not_disturb(copy):
    (copy / "config.yaml").write_text("trainer: {max_steps: 10}\n")
    assert open_space(copy).name == "tiny"


def truncate(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def swap_language_list(file):
    file.write_text(file.read_text().replace("default_lang", "defult_lang"))


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("tiny_encoder.pt", truncate),
        ("tiny_encoder.pt", lambda f: f.write_bytes(b"")),
        ("tiny_encoder.pt", lambda f: f.write_bytes(f.read_bytes()[:300])),
        ("tiny_decoder.pt", lambda f: f.write_bytes(b"not a checkpoint")),
        ("tiny_decoder.pt", Path.unlink),
        ("tiny_decoder.pt", lambda f: torch.save({"model": {"decoder_frontend.embed.weight": torch.zeros(2, 2)}}, f)),
        ("tiny_decoder.pt", lambda f: torch.save({"other": 1}, f)),
        ("tiny.model", truncate),
        ("tiny.model", Path.unlink),
        ("tiny.yaml", truncate),
        ("tiny.yaml", lambda f: f.write_text("model_family: [")),
        ("tiny.yaml", lambda f: f.write_text(f.read_text().replace("ffn_inner_dim", "fnn_inner_dim"))),
        ("tiny.yaml", lambda f: f.write_text(f.read_text().replace("ffn_inner_dim: 64", "ffn_inner_dim: 65"))),
        ("tiny.yaml", swap_language_list),
        ("tiny.yaml", Path.unlink),
    ],
)
def test_a_damaged_space_is_one_line_that_names_the_file(copy, file, damage):
    damage(copy / file)
    with pytest.raises(ConceptSpaceError) as caught:
        open_space(copy)
    message = str(caught.value)
    assert "\n" not in message
    assert str(copy) in message
    if file != "tiny.yaml":
        assert file in message


def test_an_unknown_space_is_said_with_those_known():
    with pytest.raises(ConceptSpaceError, match=r"Unknown space 'sonar_maxi'\. Known: .*sonar_basic"):
        open_space("sonar_maxi")
    with pytest.raises(ConceptSpaceError, match=r"no/where: no such folder"):
        open_space("no/where")


def test_a_pair_that_does_not_fit_is_refused(copy):
    text = (copy / "tiny.yaml").read_text().replace("input_dim: 32", "input_dim: 16")
    (copy / "tiny.yaml").write_text(text)
    state = torch.load(copy / "tiny_decoder.pt")["model"]
    for key in list(state):
        if "encoder_decoder_attn.k_proj.weight" in key or "encoder_decoder_attn.v_proj.weight" in key:
            state[key] = state[key][:, :16].clone()
    torch.save({"model": state}, copy / "tiny_decoder.pt")
    with pytest.raises(ConceptSpaceError, match="the encoder gives E = 32, but the decoder takes 16"):
        open_space(copy)


def test_a_failed_download_says_what_was_tried_and_offers_the_small_space(monkeypatch):
    timeouts = []

    def fail(*_, **__):
        timeouts.append(socket.getdefaulttimeout())
        raise AssetDownloadError(Uri.maybe_parse("https://example.org/encoder.pt"), "Address is not reachable.")

    monkeypatch.setattr("fairseq2.models.family.StandardModelFamily.load_model", fail)
    with pytest.raises(ConceptSpaceError, match=r"https://example\.org/encoder\.pt failed.*Tried once.*sonar_mini"):
        open_space("sonar_basic")
    assert timeouts == [20]
    assert socket.getdefaulttimeout() is None


def test_a_device_that_is_not_there_is_said(space_folder):
    with pytest.raises(ConceptSpaceError, match="Device 'cudda' cannot be used here"):
        open_space(space_folder, device="cudda")


# The commands, through the program's own entry point.


@pytest.fixture
def run(monkeypatch, capsys, space_folder):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["lcm", *map(str, arguments), "--space", str(space_folder)])
        with pytest.raises(SystemExit) as caught:
            main()
        out = capsys.readouterr()
        return caught.value.code, out.out, out.err

    return call


@pytest.fixture
def text(tmp_path):
    (tmp_path / "text.txt").write_text("\n".join([*SENTENCES[:6], SENTENCES[0]]) + "\n")
    return tmp_path / "text.txt"


def test_encode_writes_a_row_a_line_and_decode_reads_them(run, text, tmp_path, space):
    assert run("encode", text, "--lang", "en", "--output", tmp_path / "x.npy") == (0, "", "")
    concepts = np.load(tmp_path / "x.npy")
    assert concepts.dtype == np.float32
    np.testing.assert_array_equal(concepts, space.encode([*SENTENCES[:6], SENTENCES[0]], "en"))
    code, out, _ = run("decode", tmp_path / "x.npy", "--lang", "fra_Latn")
    assert code == 0
    assert out.splitlines() == space.decode(torch.from_numpy(concepts), "fr")


def test_roundtrip_prints_the_scores(run, text, space):
    from sacrebleu import corpus_bleu

    sources = [*SENTENCES[:6], SENTENCES[0]]
    code, out, _ = run("roundtrip", text, "--lang", "en", "--json", "--noise", "1.0", "--seed", "3")
    scores = json.loads(out)
    z = space.encode(sources, "en")
    draw = torch.randn(z.shape, generator=torch.Generator().manual_seed(3))
    outputs = space.decode(z + z.std(0, correction=0) * draw, "en")
    assert (code, list(scores), scores["n"]) == (0, ["n", "bleu", "exact", "cosine"], 7)
    assert scores["bleu"] == pytest.approx(corpus_bleu(outputs, [sources]).score)
    assert scores["exact"] == sum(a == b for a, b in zip(outputs, sources, strict=True)) / 7
    assert scores["cosine"] == pytest.approx(float(torch.cosine_similarity(z, space.encode(outputs, "en")).mean()))
    assert 0 < scores["bleu"] < 100


def test_roundtrip_to_another_language_is_scored_on_a_reference_only(run, text, tmp_path, space):
    _, out, _ = run("roundtrip", text, "--lang", "en", "--to", "fr", "--json")
    assert json.loads(out)["bleu"] is None
    assert json.loads(out)["exact"] is None
    assert 0 < json.loads(out)["cosine"] <= 1
    (tmp_path / "fr.txt").write_text("\n".join(space.roundtrip([*SENTENCES[:6], SENTENCES[0]], "en", "fr")))
    _, out, _ = run("roundtrip", text, "--lang", "en", "--to", "fr", "--reference", tmp_path / "fr.txt", "--json")
    assert json.loads(out)["exact"] == 1
    assert json.loads(out)["bleu"] == pytest.approx(100)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros((2, 31), np.float32), r"bad.npy: .*shape \[N, 32\], but these have \[2, 31\]"),
        (np.full((2, 32), np.inf, np.float32), "bad.npy: Concept 0 is not finite"),
        (np.zeros((2, 32), np.int64), "bad.npy: holds numbers of type int64"),
        (np.array(["a"]), "bad.npy: holds numbers of type <U1"),
        (b"PK\x03\x04 no array", "bad.npy: is not a whole .npy array"),
        (b"\x93NUMPY\x01\x00", "bad.npy: is not a whole .npy array"),
        (b"", "bad.npy: is not a whole .npy array"),
        (None, "bad.npy: no such file"),
    ],
)
def test_arrays_that_are_not_concepts_end_in_one_line(run, tmp_path, content, message):
    if isinstance(content, np.ndarray):
        np.save(tmp_path / "bad.npy", content)
    elif content is not None:
        (tmp_path / "bad.npy").write_bytes(content)
    code, out, error = run("decode", tmp_path / "bad.npy", "--lang", "en")
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert re.search(message, error)


def test_a_failed_encode_leaves_nothing_behind(run, text, tmp_path):
    before = set(tmp_path.iterdir())
    code, _, error = run("encode", text, "--lang", "de", "--output", tmp_path / "x.npy")
    assert (code, error.count("\n")) == (2, 1)
    assert "does not speak 'de'" in error
    text.write_text("One.\n\nTwo.\n")
    code, _, error = run("encode", text, "--lang", "en", "--output", tmp_path / "x.npy")
    assert code == 2
    assert "text.txt, line 2: is blank" in error
    assert set(tmp_path.iterdir()) == before


def test_the_real_program_keeps_standard_output_to_its_results(text, space_folder):
    """Nothing that fairseq2 or sacreBLEU say while loading may stand between the lines."""
    command = [
        Path(sys.executable).with_name("lcm"),
        "roundtrip",
        text,
        "--lang",
        "en",
        "--json",
        "--space",
        space_folder,
    ]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("FAIRSEQ2_")}
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=clean)
    assert result.returncode == 0
    assert json.loads(result.stdout)["n"] == 7
    assert result.stderr == ""
