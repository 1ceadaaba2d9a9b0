"""A space of a few hundred training steps: small, but its decoder ends sentences where they end."""

from pathlib import Path

import pytest
import sentencepiece
import torch
import torch.nn.functional as F
from fairseq2.models.nllb import NllbTokenizerConfig, load_nllb_tokenizer
from fairseq2.nn import BatchLayout
from fairseq2.nn.utils.padding import pad_seqs
from sonar.models.sonar_text import SonarTextDecoderConfig, SonarTextEncoderConfig
from sonar.models.sonar_text.factory import SonarTextDecoderFactory, SonarTextEncoderFactory
from tiny_sentences import LANGUAGES, SENTENCES

from lcm.sonar import ConceptSpace, open_space, save_space

WIDTH = 32


@pytest.fixture(scope="session")
def space_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spaces")
    torch.manual_seed(0)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_prefix=str(folder / "pieces"), vocab_size=120, model_type="unigram",
        character_coverage=1.0, unk_id=0, bos_id=1, eos_id=2, pad_id=-1, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    tokenizer = load_nllb_tokenizer(
        folder / "pieces.model", NllbTokenizerConfig(langs=LANGUAGES, default_lang="eng_Latn")
    )
    vocab = tokenizer.vocab_info
    shared = dict(
        model_dim=WIDTH, max_seq_len=64, vocab_info=vocab, num_encoder_layers=2, num_decoder_layers=2, num_encoder_attn_heads=2,
        num_decoder_attn_heads=2, ffn_inner_dim=64, emb_dropout_p=0.0, attention_dropout_p=0.0, activation_dropout_p=0.0,
    )  # fmt: skip
    encoder_config = SonarTextEncoderConfig(**shared, pooling="mean")
    decoder_config = SonarTextDecoderConfig(
        **shared, input_dim=WIDTH, activation_fn="ReLU", no_scale_embedding=False, no_token_positional_embeddings=False,
        learned_pos=False, normalize_before=True,
    )  # fmt: skip
    encoder = SonarTextEncoderFactory(encoder_config).create_model()
    decoder = SonarTextDecoderFactory(decoder_config).create_model()
    optimizer = torch.optim.AdamW([*encoder.parameters(), *decoder.parameters()], lr=3e-3)
    for _ in range(180):
        chosen = [SENTENCES[i] for i in torch.randint(len(SENTENCES), (24,)).tolist()]
        language = LANGUAGES[int(torch.randint(2, ()))]
        source = [tokenizer.create_encoder(lang=language, mode="source")(s) for s in chosen]
        target = [tokenizer.create_encoder(lang=language, mode="target")(s) for s in chosen]
        z = encoder(*pad_seqs(source, pad_value=vocab.pad_idx)).sentence_embeddings[:, None]
        inputs = pad_seqs([t[:-1] for t in target], pad_value=vocab.pad_idx)
        labels, _ = pad_seqs([t[1:] for t in target], pad_value=vocab.pad_idx)
        loss = F.cross_entropy(
            decoder(z, BatchLayout.of(z), *inputs).flatten(0, 1), labels.flatten(), ignore_index=vocab.pad_idx
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    save_space(
        folder / "tiny", "tiny", encoder=encoder, decoder=decoder, encoder_config=encoder_config,
        decoder_config=decoder_config, tokenizer=folder / "pieces.model", languages=LANGUAGES,
    )  # fmt: skip
    return folder / "tiny"


@pytest.fixture(scope="session")
def space(space_folder: Path) -> ConceptSpace:
    return open_space(space_folder)
