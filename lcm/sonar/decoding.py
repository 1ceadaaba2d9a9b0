"""Concepts to text: sonar-space's decoder modules, run so that no work is done twice.

The decoder attends to a single vector, so its softmax is 1 and cross-attention is the constant out_proj(v_proj(z)) of each
sentence and layer (DESIGN §4.6); keys and values are cached; rows that are done leave the batch. Greedy and beam search find
what fairseq2's BeamSearchSeq2SeqGenerator finds. Letters: N sentences, W beams, R = N·W rows, E concept, D width, H heads,
K head size, V vocabulary, T tokens (`</s> __lang__ … </s>`, all counted).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from fairseq2.data.tokenizers import VocabularyInfo
from fairseq2.nn import BatchLayout, IncrementalStateBag
from sonar.models.sonar_text import ConditionalTransformerDecoderModel
from torch import Tensor

from lcm.sonar.errors import ConceptSpaceError

_CACHE_BYTES = 2**30
_FIRST_CAPACITY = 32  # tokens; doubles when a sentence needs more


@dataclass(frozen=True)
class TopP:
    """Nucleus sampling (arXiv 1904.09751): draws from the smallest set of tokens whose probabilities reach `p`.

    The draws of a concept depend on `seed` and its row alone, not on the batch that it is decoded in.
    """

    p: float = 0.9
    temperature: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.p <= 1:
            raise ConceptSpaceError(f"p must be in (0, 1], but is {self.p}.")
        if not self.temperature > 0:
            raise ConceptSpaceError(
                f"temperature must be positive, but is {self.temperature}. Use beam_size=1 for greedy."
            )

    def __call__(self, logits: Tensor, u: Tensor) -> Tensor:
        """logits [R, V] and uniform numbers u [R] → tokens [R], by inverting the cumulative distribution."""
        probabilities, tokens = (
            (logits.double() / self.temperature).softmax(-1).sort(dim=-1, descending=True, stable=True)
        )
        cumulative = probabilities.cumsum(-1)
        inside = cumulative - probabilities < self.p  # the token that crosses p belongs to the nucleus
        mass = (probabilities * inside).sum(-1, keepdim=True)
        chosen = torch.searchsorted(cumulative, u.double()[:, None] * mass, right=True)
        return tokens.gather(1, torch.minimum(chosen, inside.sum(-1, keepdim=True) - 1)).squeeze(1)


def decode(
    concepts: Tensor,
    model: ConditionalTransformerDecoderModel,
    vocab: VocabularyInfo,
    prefix: Tensor,
    *,
    beam_size: int,
    sampler: TopP | None,
    max_tokens: int,
) -> Iterator[Tensor]:
    """Concepts [N, E] → the token ids of each sentence, after the prefix, with the end mark; on the CPU, in order."""
    u = None
    if sampler:
        rng = torch.Generator().manual_seed(sampler.seed)
        u = torch.rand(len(concepts), max_tokens, generator=rng).to(concepts.device)
    size = max(1, _rows_that_fit(model) // beam_size)
    for start in range(0, len(concepts), size):
        with torch.inference_mode():  # not around a yield: the mode would leak to the caller
            batch = concepts[start : start + size]
            rows = _Rows(model, batch, start)
            first, language = prefix.expand(len(batch), 2).unbind(1)
            x = rows.append(first)
            if beam_size > 1:
                score = rows.logits(x).float().log_softmax(-1)[:, prefix[1]]
                found = _beam_search(rows, language, score, vocab, beam_size, max_tokens)
            else:
                found = _one_by_one(rows, language, vocab, max_tokens, sampler, None if u is None else u[start:])
        yield from found


def _one_by_one(
    rows: _Rows, tokens: Tensor, vocab: VocabularyInfo, max_tokens: int, sampler: TopP | None, u: Tensor | None
) -> list[Tensor]:
    """The likeliest token at each step, or one drawn with u [N, T]. `tokens` [N] is the language."""
    N, eos = len(tokens), vocab.eos_idx
    assert eos is not None
    # The last place is always the end mark. What a finished row writes behind its end mark is never read.
    out = torch.full((N, max_tokens - 2), eos, device=tokens.device)
    index = torch.arange(N, device=tokens.device)
    done = torch.zeros(N, dtype=torch.bool, device=tokens.device)
    for place in range(max_tokens - 3):
        logits = rows.logits(rows.append(tokens))
        if vocab.pad_idx is not None:
            logits[:, vocab.pad_idx] = -torch.inf
        tokens = sampler(logits, u[index, place]) if sampler and u is not None else logits.argmax(-1)
        out[index, place] = tokens
        done = done | (tokens == eos)
        alive = (~done).nonzero().squeeze(1)
        if len(alive) == 0:
            break
        if len(alive) <= 0.9 * len(done):  # moving the cache for every single row costs more than it saves
            rows.select(alive)
            tokens, index, done = tokens[alive], index[alive], done[alive]
    out = out.cpu()
    ends = (out == eos).int().argmax(1).tolist()
    return [line[: end + 1] for line, end in zip(out, ends, strict=True)]


def _beam_search(
    rows: _Rows, tokens: Tensor, score: Tensor, vocab: VocabularyInfo, beam_size: int, max_tokens: int
) -> list[Tensor]:
    """fairseq2's search: of a sentence's best 2·W continuations, ended ones are set aside until there are W.

    The winner has the best log-probability per token; that of the language token, `score` [N], counts, as in fairseq2.
    """
    N, W, eos, device = len(tokens), beam_size, vocab.eos_idx, tokens.device
    found: list[list[tuple[float, Tensor]]] = [[] for _ in range(N)]
    sentences = torch.arange(N, device=device)
    log_p = rows.logits(rows.append(tokens)).float().log_softmax(-1)
    scores = score[:, None]  # [N, W], W = 1 before the first word
    text = torch.empty(N, 1, 0, dtype=torch.int64, device=device)
    for place in range(max_tokens - 2):
        last = place == max_tokens - 3
        if vocab.pad_idx is not None:
            log_p[:, vocab.pad_idx] = -torch.inf
        if last:
            log_p[:, torch.arange(log_p.shape[1], device=device) != eos] = -torch.inf
        V = log_p.shape[1]
        total = (scores[..., None] + log_p.view(*scores.shape, V)).flatten(1)  # [N, W·V]
        best, flat = total.topk(min(2 * W, total.shape[1]))
        parent, token = flat // V, flat % V  # [N, 2W]
        ended: Tensor = token == eos  # type: ignore[assignment]
        finished: set[int] = set()
        for n, w in ended[:, :W].nonzero().tolist():
            hypotheses = found[int(sentences[n])]
            if len(hypotheses) < W:
                words = torch.cat([text[n, parent[n, w]], token[n, w : w + 1]])
                hypotheses.append((float(best[n, w]) / (place + 2), words.cpu()))
            if len(hypotheses) == W:
                finished.add(n)
        keep = torch.tensor([n for n in range(len(sentences)) if n not in finished], device=device, dtype=torch.int64)
        if len(keep) == 0 or last:
            break
        going = ended.int().sort(dim=1, stable=True).indices[keep, :W]  # the W best that go on
        parent, token, scores = (x[keep].gather(1, going) for x in (parent, token, best))
        rows.select((keep[:, None] * text.shape[1] + parent).flatten())
        text = torch.cat([text[keep[:, None], parent], token[..., None]], -1)
        sentences = sentences[keep]
        log_p = rows.logits(rows.append(token.flatten())).float().log_softmax(-1)
    return [max(hypotheses, key=lambda h: h[0])[1] for hypotheses in found]


class _Rows:
    """Sentences being written: of each layer the concept's constant, and the keys and values of the tokens so far."""

    def __init__(self, model: ConditionalTransformerDecoderModel, concepts: Tensor, first: int) -> None:
        """concepts [R, E]; `first` is the number of the first one, for errors."""
        self.model = model
        self.layers = list(model.decoder.layers)
        self.numbers = torch.arange(first, first + len(concepts), device=concepts.device)
        z = model.encode(concepts[:, None], BatchLayout.of(concepts[:, None])).squeeze(1)
        if model.post_sentemb_proj is not None:
            z = model.post_sentemb_proj(z)
        crosses = [layer.encoder_decoder_attn for layer in self.layers]
        self.constants = torch.stack([cross.output_proj(cross.v_proj(z)) for cross in crosses])  # [L, R, D]
        attention = self.layers[0].self_attn
        heads = (attention.num_heads, attention.head_dim)
        self.cache = concepts.new_empty(len(self.layers), 2, len(concepts), heads[0], _FIRST_CAPACITY, heads[1])
        self.position = IncrementalStateBag(model.max_target_seq_len + 1)

    def append(self, tokens: Tensor) -> Tensor:
        """One more token a row, tokens [R] → the decoder's output [R, D]."""
        t = self.position.step_nr
        if t == self.cache.shape[-2]:
            self.cache = torch.cat([self.cache, torch.empty_like(self.cache)], -2)
        column = tokens[:, None]
        x, _ = self.model.decoder_frontend(column, BatchLayout.of(column), state_bag=self.position)
        x = x.squeeze(1)
        for layer, (keys, values), constant in zip(self.layers, self.cache, self.constants, strict=True):
            attention, h = layer.self_attn, layer.self_attn_layer_norm(x)
            q, k, v = (
                projection(h).unflatten(-1, (attention.num_heads, -1))
                for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
            )  # each [R, H, K]
            keys[:, :, t], values[:, :, t] = k, v
            y = F.scaled_dot_product_attention(q[:, :, None], keys[:, :, : t + 1], values[:, :, : t + 1])
            x = x + attention.output_proj(y.flatten(1)) + constant
            x = x + layer.ffn(layer.ffn_layer_norm(x))
        self.position.increment_step_nr()
        return x

    def logits(self, x: Tensor) -> Tensor:
        """Output [R, D] → logits of the next token [R, V]. Raises ConceptSpaceError if the decoder broke on a concept."""
        x = self.model.decoder.layer_norm(x)
        broken = ~x.isfinite().all(-1)
        if broken.any():
            number = int(self.numbers[broken.nonzero()[0, 0]])
            raise ConceptSpaceError(
                f"Concept {number}: the decoder's values overflow. Its numbers are too large for a concept of this space."
            )
        return self.model.final_proj(x)

    def select(self, rows: Tensor) -> None:
        """Keep these rows, in this order; a row may be named more than once."""
        self.numbers, self.constants, self.cache = self.numbers[rows], self.constants[:, rows], self.cache[:, :, rows]


def _rows_that_fit(model: ConditionalTransformerDecoderModel) -> int:
    """How many rows of 64 tokens keep their keys and values in a gigabyte; at most 256."""
    layers = list(model.decoder.layers)
    weight = layers[0].self_attn.k_proj.weight
    per_row = len(layers) * 2 * 64 * weight.shape[0] * weight.element_size()
    return int(max(1, min(256, _CACHE_BYTES // per_row)))
