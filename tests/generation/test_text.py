"""Text in, text out: with a space and a model of random weights, through Python and through the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sentencepiece
import torch
from fairseq2.models.nllb import NllbTokenizerConfig, load_nllb_tokenizer
from sonar.models.sonar_text import SonarTextDecoderConfig, SonarTextEncoderConfig
from sonar.models.sonar_text.factory import SonarTextDecoderFactory, SonarTextEncoderFactory

import lcm
from lcm.cli import main
from lcm.generation import LCM, GenerationError
from lcm.models import Sampler, create_model, load_model_folder, save_model
from lcm.sonar import open_space, save_space

LANGUAGES = ["eng_Latn", "fra_Latn"]
PROMPT = "The fox slept. The owl woke up! Who was there?"


@pytest.fixture(scope="module")
def space_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A concept space of random weights, E = 16."""
    folder = tmp_path_factory.mktemp("space")
    torch.manual_seed(0)
    words = "the fox owl bear slept woke up ran away who was there and then a river by tree".split()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(" ".join(words[i:] + words[:i]) for i in range(len(words))), model_prefix=str(folder / "pieces"),
        vocab_size=60, model_type="unigram", character_coverage=1.0, unk_id=0, bos_id=1, eos_id=2, pad_id=-1,
        hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    pieces = folder / "pieces.model"
    vocab = load_nllb_tokenizer(pieces, NllbTokenizerConfig(langs=LANGUAGES, default_lang="eng_Latn")).vocab_info
    shared = dict(
        model_dim=16, max_seq_len=32, vocab_info=vocab, num_encoder_layers=1, num_decoder_layers=1, num_encoder_attn_heads=2,
        num_decoder_attn_heads=2, ffn_inner_dim=32, emb_dropout_p=0.0, attention_dropout_p=0.0, activation_dropout_p=0.0,
    )  # fmt: skip
    encoder_config = SonarTextEncoderConfig(**shared, pooling="mean")
    decoder_config = SonarTextDecoderConfig(
        **shared, input_dim=16, activation_fn="ReLU", no_scale_embedding=False, no_token_positional_embeddings=False,
        learned_pos=False, normalize_before=True,
    )  # fmt: skip
    save_space(
        folder / "toy", "toy", encoder=SonarTextEncoderFactory(encoder_config).create_model(),
        decoder=SonarTextDecoderFactory(decoder_config).create_model(), encoder_config=encoder_config,
        decoder_config=decoder_config, tokenizer=pieces, languages=LANGUAGES,
    )  # fmt: skip
    return folder / "toy"


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Base-LCM of random weights for that space."""
    torch.manual_seed(0)
    model = create_model("base", "tiny", concept_dim=16, model_dim=32, num_heads=2, num_layers=2, max_len=12)
    folder = tmp_path_factory.mktemp("models") / "mine"
    save_model(folder, model, family="base", space="toy")
    return folder


@pytest.fixture(scope="module")
def writer(model_folder: Path, space_folder: Path) -> LCM:
    return lcm.load(model_folder, space=space_folder)


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, str, str]:
    """`lcm …` → exit code, stdout, stderr."""
    monkeypatch.setattr(sys, "argv", ["lcm", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
        sys.exit(0)
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_an_answer_is_what_model_and_space_give_step_by_step(writer):
    answer = list(writer.generate(PROMPT, sentences=3))
    concepts = writer.space.encode(["The fox slept.", "The owl woke up!", "Who was there?"], "en")
    expected = []
    for _ in answer:
        new = writer.predict(concepts[None], torch.tensor([len(concepts)]))[0, -1:]
        expected += writer.space.decode(new, "en")
        concepts = torch.cat([concepts, new])
    assert [sentence.text for sentence in answer] == expected
    assert [sentence.index for sentence in answer] == list(range(len(answer)))
    assert all(sentence.stop_reason is None for sentence in answer[:-1])
    assert answer[-1].stop_reason in {"length", "repetition", "end_of_text"}


def test_the_answer_comes_in_its_own_language_and_as_it_is_made(writer, monkeypatch):
    asked = []
    decode = writer.space.decode
    monkeypatch.setattr(writer.space, "decode", lambda z, lang: asked.append(lang) or decode(z, lang))
    answer = writer.generate(PROMPT, sentences=4, min_sentences=4, lang="fra_Latn")
    assert asked == []
    next(answer)
    assert asked == ["fra_Latn"]
    assert len(list(answer)) == 3


@pytest.fixture(scope="module", params=["one_tower", "two_tower"])
def diffusion_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusion model of random weights whose maker says how to draw from it."""
    torch.manual_seed(0)
    model = create_model(request.param, "tiny", concept_dim=16, model_dim=32, num_heads=2, max_len=12)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    folder = tmp_path_factory.mktemp("models") / request.param
    save_model(folder, model, family=request.param, space="toy", facts={"sampler": {"steps": 5, "guidance_scale": 1.5}})
    return folder


def test_a_diffusion_model_writes_another_text_for_another_seed(diffusion_folder, space_folder, monkeypatch):
    writer = lcm.load(diffusion_folder, space=space_folder)
    # The decoder of random weights says one thing of everything: let the concepts themselves be the text.
    monkeypatch.setattr(writer.space, "decode", lambda z, lang: [str(z[0].tolist())])
    texts = [[s.text for s in writer.generate(PROMPT, sentences=4, min_sentences=4, seed=seed)] for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]


def test_its_maker_says_how_to_draw_and_the_caller_may_say_otherwise(
    diffusion_folder, space_folder, monkeypatch, capsys
):
    writer = lcm.load(diffusion_folder, space=space_folder)
    assert writer.sampler == Sampler(steps=5, guidance_scale=1.5)
    asked = {"sentences": 3, "min_sentences": 3, "seed": 2}
    usual, other = (
        [s.text for s in writer.generate(PROMPT, sampler=sampler, **asked)]
        for sampler in (None, Sampler(steps=8, guidance_scale=3.0, method="dpmpp"))
    )
    command = ["generate", PROMPT, "--model", diffusion_folder, "--space", space_folder, "--sentences", 3,
               "--min-sentences", 3, "--seed", 2]  # fmt: skip
    assert run(monkeypatch, capsys, *command) == (0, "".join(f"{text}\n" for text in usual), "")
    chosen = ["--steps", 8, "--guidance-scale", 3, "--method", "dpmpp"]
    assert run(monkeypatch, capsys, *command, *chosen) == (0, "".join(f"{text}\n" for text in other), "")
    code, out, err = run(monkeypatch, capsys, *command, "--steps", 101)
    assert (code, out) == (2, "") and "steps must be between 1 and the model's T = 100, but is 101" in err


def test_a_sampler_is_refused_for_a_model_that_draws_nothing(writer):
    with pytest.raises(GenerationError, match="draws nothing"):
        writer.generate(PROMPT, sampler=Sampler())


@pytest.mark.parametrize("text", ["", "  \n "])
def test_a_prompt_without_a_sentence_is_refused_at_the_call(writer, text):
    with pytest.raises(GenerationError, match="between 1 and 4 sentences, but has 0"):
        writer.generate(text, sentences=8)


def test_a_prompt_too_long_for_the_model_is_refused_at_the_call(writer):
    with pytest.raises(GenerationError, match="between 1 and 2 sentences, but has 3"):
        writer.generate(PROMPT, sentences=10)
    assert len(list(writer.generate(PROMPT, sentences=9, min_sentences=9))) == 9  # to the very last


def test_a_space_of_another_size_is_refused(model_folder, tmp_path, space_folder):
    model = create_model("base", "tiny", concept_dim=20, model_dim=32, num_heads=2, num_layers=1)
    save_model(tmp_path / "other", model, family="base", space="toy")
    with pytest.raises(GenerationError, match=r"'toy' \(E = 20\), but space 'toy' has E = 16"):
        lcm.load(tmp_path / "other", space=open_space(space_folder))


def test_a_model_of_another_encoder_of_the_same_name_is_refused(model_folder, tmp_path, space_folder):
    space, model = open_space(space_folder), load_model_folder(model_folder).model
    save_model(tmp_path / "own", model, family="base", space="toy", facts={"encoder": space.encoder_checksum})
    lcm.load(tmp_path / "own", space=space)
    save_model(tmp_path / "other", model, family="base", space="toy", facts={"encoder": "0" * 64})
    with pytest.raises(
        GenerationError, match=r"trained on concepts of another encoder named 'toy' \(checksum 000000000000,"
    ):
        lcm.load(tmp_path / "other", space=space)


def test_the_command_prints_sentences_the_same_for_the_same_seed(model_folder, space_folder, writer):
    command = [sys.executable, "-m", "lcm.cli", "generate", PROMPT, "--model", str(model_folder), "--space", str(space_folder),
               "--sentences", "3", "--seed", "5"]  # fmt: skip
    start = time.monotonic()
    plain = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    seconds = time.monotonic() - start
    as_json = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True, timeout=120)
    rows = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert [list(row) for row in rows] == [["index", "text", "stop_reason"]] * len(rows)
    assert plain.stdout == "".join(row["text"] + "\n" for row in rows)
    assert rows == [vars(sentence) for sentence in writer.generate(PROMPT, sentences=3, seed=5)]
    assert seconds < (60 if "CI" in os.environ else 40)  # imports included; 20 s on two free cores


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["generate", PROMPT, "--model", "nobody"], "lcm: No model 'nobody'"),
        (
            ["generate", PROMPT, "--model", "MODEL", "--space", "SPACE", "--lang", "klingon"],
            "Unknown language 'klingon'",
        ),
        (["generate", PROMPT, "--model", "MODEL", "--space", "SPACE", "--lang", "de"], "does not speak 'de'"),
        (["generate", "", "--model", "MODEL", "--space", "SPACE"], "but has 0"),
        (["generate", PROMPT, "--model", "CUT"], "is damaged or cut short"),
        (["prepare", "nowhere.jsonl", "--output", "OUT"], "nowhere.jsonl: no such file"),
        (["prepare", "EMPTY", "--output", "OUT"], "empty.txt: is empty"),
        (["prepare", "MODEL", "--output", "OUT"], "holds no file ending in .jsonl"),
        (["prepare", "EMPTY", "--output", "OUT", "--lang", "xx"], "Unknown language 'xx'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments, said, model_folder, space_folder, tmp_path, monkeypatch, capsys
):
    cut = tmp_path / "cut"
    cut.mkdir()
    for file in model_folder.iterdir():
        (cut / file.name).write_bytes(file.read_bytes()[:-7] if file.suffix == ".safetensors" else file.read_bytes())
    (tmp_path / "empty.txt").touch()
    places = {
        "MODEL": model_folder,
        "SPACE": space_folder,
        "CUT": cut,
        "OUT": tmp_path / "out",
        "EMPTY": tmp_path / "empty.txt",
    }
    code, out, err = run(monkeypatch, capsys, *(places.get(argument, argument) for argument in arguments))
    assert (code, out) == (2, "")
    assert err.startswith("lcm: ")
    assert err.count("\n") == 1
    assert said in err
    assert not (tmp_path / "out").exists()


def test_prepare_writes_a_corpus_and_tells_its_pace(space_folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": PROMPT}) + "\n" for _ in range(5)))
    corpus = tmp_path / "corpus"
    arguments = ["prepare", tmp_path / "texts.jsonl", "--output", corpus, "--space", space_folder, "--shard-size", 2]
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert (code, out) == (0, "")
    assert "5 documents, 20 sentences in 3 shards (0 kept). Encoded 9 distinct sentences" in err.replace("\n", "")
    listed = json.loads((corpus / "dataset.json").read_text())
    assert (listed["complete"], listed["settings"]["space"], listed["settings"]["dim"]) == (True, "toy", 16)
    assert "(3 kept)" in run(monkeypatch, capsys, *arguments)[2].replace("\n", "")


def test_models_lists_what_ships_with_the_package(monkeypatch, capsys, model_folder):
    monkeypatch.setattr("lcm.models.checkpoint.SHIPPED", model_folder.parent)
    code, out, _ = run(monkeypatch, capsys, "models", "--json")
    (row,) = json.loads(out)
    assert code == 0
    assert (row["name"], row["family"], row["space"]) == ("mine", "base", "toy")
    assert row["parameters"] > 10_000
    assert "mine" in run(monkeypatch, capsys, "models")[1]
