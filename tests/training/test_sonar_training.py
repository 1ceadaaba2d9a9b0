"""The small SONAR's training: its forward pass is sonar-space's own, and a killed run goes on as if it never stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import torch
from fairseq2.data.tokenizers import VocabularyInfo
from fairseq2.nn import BatchLayout

from lcm.training import SonarRunConfig, TrainerConfig, TrainingError, run_sonar
from lcm.training.optimizers import OptimizerConfig, make_optimizer
from lcm.training.sonar_corpus import BatchConfig, TokenizedGroups, TranslationReader, read_groups
from lcm.training.sonar_model import SonarAutoencoder, SonarModelConfig
from lcm.training.sonar_run import TextConfig
from lcm.training.vocabulary import carry_embedding, train_vocabulary

ROOT = Path(__file__).parents[2]
WORDS = "the a fox bear mill river found lost took gave ring hat and then was happy sad old small green".split()


@pytest.fixture(scope="module")
def autoencoder():
    torch.manual_seed(1)
    vocab = VocabularyInfo(size=50, unk_idx=1, bos_idx=2, eos_idx=3, pad_idx=0)
    config = SonarModelConfig(dim=32, heads=2, ffn_dim=64, encoder_layers=2, decoder_layers=2, max_tokens=16)
    return SonarAutoencoder(config, vocab).eval()


def test_the_fast_forward_pass_is_that_of_sonar_space(autoencoder):
    source = torch.randint(4, 50, (3, 7), generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([7, 4, 2])
    for row, length in enumerate(lengths.tolist()):
        source[row, length:] = 0
    z = autoencoder.encode(source, lengths)
    theirs = autoencoder.encoder(source, BatchLayout.of(source, lengths.tolist())).sentence_embeddings
    torch.testing.assert_close(z, theirs, atol=1e-5, rtol=1e-5)
    logits = autoencoder.decode(z, source)
    theirs = autoencoder.decoder(z[:, None], BatchLayout.of(z[:, None]), source, BatchLayout.of(source))
    torch.testing.assert_close(logits, theirs, atol=1e-4, rtol=1e-5)


def test_muon_takes_the_hidden_matrices_and_adamw_the_rest_and_both_survive_a_checkpoint(autoencoder):
    optimizer = make_optimizer(autoencoder, OptimizerConfig(muon_lr=0.02, adamw_lr=1e-3))
    muon, adamw = optimizer.param_groups
    assert all(p.ndim == 2 and p.shape[0] != 50 for p in muon["params"])
    assert len(muon["params"]) + len(adamw["params"]) == len(list(autoencoder.parameters()))
    for p in autoencoder.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    restored = make_optimizer(autoencoder, OptimizerConfig(muon_lr=1.0, adamw_lr=1.0))
    restored.load_state_dict(optimizer.state_dict())
    assert [g["lr"] for g in restored.param_groups] == [0.02, 1e-3]
    optimizer.zero_grad()


def _corpus(folder: Path) -> None:
    rng = torch.Generator().manual_seed(0)
    for name, count in (("train", 600), ("valid", 60)):
        rows = [
            " ".join(
                WORDS[i]
                for i in torch.randint(len(WORDS), (int(torch.randint(3, 9, (1,), generator=rng)),), generator=rng)
            )
            for _ in range(count)
        ]
        (folder / f"{name}.jsonl").write_text(json.dumps({"sentences": rows, "lang": "en"}) + "\n")


def _command(folder: Path, run: Path) -> list[str]:
    return [
        sys.executable, str(ROOT / "recipes/train_sonar.py"), f"texts.0.path={folder}/train.jsonl",
        f"valid.0.path={folder}/valid.jsonl", f"run_dir={run}", "vocabulary_size=320", "langs=[en,fr]", "model.dim=32",
        "model.heads=2", "model.ffn_dim=64", "model.encoder_layers=1", "model.decoder_layers=1", "batches.tokens=128",
        "batches.chunk=150", "batches.curriculum_steps=20", "trainer.max_steps=60", "trainer.publish_every=1",
        "trainer.validate_every=20", "trainer.checkpoint_every=10", "trainer.precision=float32",
    ]  # fmt: skip


def _losses(run: Path) -> dict[int, float]:
    """Step → loss; a step that was done twice shows its last value."""
    rows = (json.loads(line) for file in run.rglob("*.jsonl") for line in file.read_text().splitlines())
    return {row["Step"]: row["loss"] for row in rows if row.get("Step") is not None and "grad_norm" in row}


@pytest.mark.slow
def test_a_killed_run_goes_on_with_the_losses_and_weights_of_an_unbroken_one(tmp_path):
    _corpus(tmp_path)
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run(_command(tmp_path, whole), check=True, env=env, capture_output=True)
    process = subprocess.Popen(
        _command(tmp_path, broken), env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not (broken / "checkpoints/step_20").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    subprocess.run(_command(tmp_path, broken), check=True, env=env, capture_output=True)
    assert _losses(whole) == _losses(broken)
    assert len(_losses(whole)) == 60
    ours, theirs = (
        torch.load(run / "space/sonar_mini_decoder.pt", weights_only=True)["model"] for run in (whole, broken)
    )
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_frozen_encoder_stays_as_it_was_while_the_decoder_learns(tmp_path):
    _corpus(tmp_path)

    def run(name: str, steps: int, **changes: object) -> Path:
        texts, valid = ([TextConfig(path=f"{tmp_path}/{part}.jsonl")] for part in ("train", "valid"))
        return run_sonar(
            SonarRunConfig(
                run_dir=str(tmp_path / name), texts=texts, valid=valid, vocabulary_size=320, langs=["en", "fr"], reconstruct=4,
                model=SonarModelConfig(dim=32, heads=2, ffn_dim=64, encoder_layers=1, decoder_layers=1),
                batches=BatchConfig(tokens=128, chunk=150, curriculum_steps=0),
                trainer=TrainerConfig(max_steps=steps, publish_every=1, validate_every=steps, checkpoint_every=steps),
                **changes,
            )
        )  # fmt: skip

    first = run("first", 2)
    second = run("second", 4, init_from=str(first), train_encoder=False)
    (encoders, decoders) = (
        [torch.load(space / f"sonar_mini_{part}.pt", weights_only=True)["model"] for space in (first, second)]
        for part in ("encoder", "decoder")
    )
    assert all(torch.equal(encoders[0][name], encoders[1][name]) for name in encoders[0])
    moved = [name for name in decoders[0] if not torch.equal(decoders[0][name], decoders[1][name])]
    assert len(moved) > len(decoders[0]) / 2
    with pytest.raises(TrainingError, match="give init_from"):
        run("third", 2, train_encoder=False)


def _reader(sentences: int, **options: int) -> TranslationReader:
    """A reader over made-up tokens: sentence i has 1 + i % 40 of them."""
    lengths = [1 + i % 40 for i in range(sentences)]
    corpus = TokenizedGroups(
        tokens=np.full(sum(lengths), 5, np.uint16),
        offsets=np.cumsum([0, *lengths]),
        lang=np.zeros(sentences, np.uint8),
        first=np.arange(sentences + 1),
    )
    reader = TranslationReader.__new__(TranslationReader)
    reader._lang_ids, reader._end = [40], 3
    reader._corpora, reader._weights, reader._config = [corpus], [1.0], BatchConfig(**options)
    reader._seed, reader._rank, reader._world_size = 1, 0, 1
    reader.reset()
    return reader


def test_a_sentence_is_drawn_as_often_as_it_occurs_up_to_a_limit(tmp_path):
    rows = [{"sentences": ["It rained."] * 5 + ["Tom ran."]}, {"sentences": {"en": ["A"], "fr": ["B"]}}]
    (tmp_path / "text.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for limit, rains in ((1, 1), (3, 3), (20, 5)):
        groups = read_groups(tmp_path / "text.jsonl", "en", limit)
        assert groups.count({"eng_Latn": "It rained."}) == rains
        assert len(groups) == rains + 2


def test_short_sentences_come_first_and_all_lengths_once_the_curriculum_is_over():
    early = _reader(400, tokens=200, chunk=400, first_limit=14, curriculum_steps=10_000)
    late = _reader(400, tokens=200, chunk=400, curriculum_steps=0)
    longest = [max(int(next(r)[0].source_lengths.max()) for _ in range(r.batches_in_chunk)) - 2 for r in (early, late)]
    assert longest == [14, 40]


def test_an_epoch_holds_every_sentence_once_and_a_restored_position_the_same_batches():
    reader = _reader(400, tokens=200, chunk=400, curriculum_steps=0)
    lengths = sorted(n - 2 for _ in range(reader.batches_in_chunk) for n in next(reader)[0].source_lengths.tolist())
    assert lengths == sorted(1 + i % 40 for i in range(400))
    for _ in range(5):
        next(reader)
    again = _reader(400, tokens=200, chunk=400, curriculum_steps=0)
    again.load_state_dict(reader.state_dict())
    for _ in range(100):
        ours, theirs = next(reader)[0], next(again)[0]
        assert torch.equal(ours.source, theirs.source) and torch.equal(ours.target, theirs.target)


def test_a_new_vocabulary_keeps_the_rows_of_known_pieces_and_begins_others_as_the_mean_of_their_spelling(tmp_path):
    old, new = (
        train_vocabulary(sentences, 300, tmp_path / name)
        for name, sentences in (("old", WORDS * 40), ("new", ["le renard", "the fox", "la rivière", *WORDS] * 40))
    )
    before, after = (sentencepiece.SentencePieceProcessor(model_file=str(path)) for path in (old, new))
    langs_and_marks = 5
    rows = torch.randn(1 + len(before) + langs_and_marks, 8, generator=torch.Generator().manual_seed(0))
    carried = carry_embedding(rows, old, new)
    assert carried.shape == (1 + len(after) + langs_and_marks, 8)
    torch.testing.assert_close(carried[-langs_and_marks:], rows[-langs_and_marks:])
    torch.testing.assert_close(carried[0], rows[0])
    known = {before.id_to_piece(i): i for i in range(len(before))}
    shared = [i for i in range(len(after)) if after.id_to_piece(i) in known]
    assert "▁the" in {after.id_to_piece(i) for i in shared} and len(shared) < len(after)
    for i in range(len(after)):
        piece = after.id_to_piece(i)
        spelled = [known[piece]] if piece in known else before.encode(piece.replace("▁", " "))
        torch.testing.assert_close(carried[1 + i], rows[[1 + j for j in spelled]].mean(0))
