"""How much of what a concept model writes is a sentence of the tales, and can stand where it does.

    python -m benchmarks.tales MODEL [MODEL …] [--prompts 300] [--sentences 4] [--seed 9000000] [--guidance 1 2 3] [--json FILE]

A prompt is the beginning of a tale of an unseen seed, in each of the four languages in turn; the model goes on for
`--sentences`. Of all sentences written: the share that parses, the share that parses *and* is possible in the state that
prompt and answer have reached (a sentence that is not is passed over), and the share of distinct ones. Intervals are the
2.5 and 97.5 percentiles over 2 000 resamplings of prompts.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import lcm
from lcm.data import tales
from lcm.generation import LCM, Stopping, continue_documents

Prompt = tuple[str, list[str]]
"""Language, sentences."""


def prompts_of(number: int, sentences: int, seed: int) -> list[Prompt]:
    """Beginnings, at least 3 sentences, of tales that have `sentences` more to tell."""
    found: list[Prompt] = []
    rng = np.random.default_rng(seed)
    while len(found) < number:
        lang = tales.LANGUAGES[len(found) % len(tales.LANGUAGES)]
        told = tales.generate(seed := seed + 1, lang).sentences
        if len(told) >= 3 + sentences:
            found.append((lang, told[: int(rng.integers(3, len(told) - sentences + 1))]))
    return found


def write(
    writer: LCM, prompts: Sequence[Prompt], sentences: int, guidance: float | None, batch: int = 50
) -> list[list[str]]:
    """The answers, each of `sentences` sentences in the language of its prompt."""
    stopping = Stopping(max_sentences=sentences, min_sentences=sentences)
    sampler = writer.sampler if guidance is None else replace(writer.sampler, guidance_scale=guidance)
    answers: list[list[str]] = []
    for start in range(0, len(prompts), batch):
        part = prompts[start : start + batch]
        encoded = [writer.space.encode(told, lang) for lang, told in part]
        lengths = torch.tensor([len(concepts) for concepts in encoded])
        padded = torch.nn.utils.rnn.pad_sequence(encoded, batch_first=True)
        rngs = [torch.Generator().manual_seed(start + i) for i in range(len(part))]
        new = torch.empty(len(part), sentences, writer.space.dim)
        end = writer.space.end_of_text
        for known in continue_documents(writer.model, padded, lengths, end, stopping, sampler, rngs):
            for concept in known:
                new[concept.row, concept.index] = concept.concept
        texts: list[list[str]] = [[] for _ in part]
        for lang in tales.LANGUAGES:
            rows = [i for i, (spoken, _) in enumerate(part) if spoken == lang]
            decoded = writer.space.decode(new[rows].flatten(0, 1), lang) if rows else []
            for place, row in enumerate(rows):
                texts[row] = decoded[place * sentences : (place + 1) * sentences]
        answers += texts
    return answers


def judge(prompt: Prompt, answer: Sequence[str]) -> list[tuple[bool, bool]]:
    """Of each sentence: whether it parses, and whether it is possible where it stands."""
    lang, told = prompt[0], list(prompt[1])
    verdicts = []
    for sentence in answer:
        possible = sentence in tales.next_distribution(told, lang, "all")
        ends = sentence == tales.END_OF_TEXT
        verdicts.append((ends or tales.parse(sentence, lang) is not None, possible))
        if possible and not ends:
            told.append(sentence)
    return verdicts


def shares(prompts: Sequence[Prompt], answers: Sequence[Sequence[str]]) -> dict[str, tuple[float, float, float]]:
    """Share, and its 95 % interval, of what parses, is possible, is distinct."""
    verdicts = np.array([judge(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)])  # [P, n, 2]
    texts = np.array(answers)
    rng = np.random.default_rng(0)
    samples = rng.integers(len(prompts), size=(2000, len(prompts)))
    result = {}
    for place, name in enumerate(("parses", "possible")):
        each = verdicts[:, :, place].mean(1)
        low, high = np.quantile(each[samples].mean(1), (0.025, 0.975))
        result[name] = (float(each.mean()), float(low), float(high))
    # Resampling repeats prompts, and with them sentences: for distinct ones, halves of the prompts tell the spread.
    halves = [
        len(set(texts[rng.permutation(len(texts))[: len(texts) // 2]].flat)) / (texts.size / 2) for _ in range(200)
    ]
    distinct, spread = len(set(texts.flat)) / texts.size, 1.96 * float(np.std(halves)) / 2**0.5
    result["distinct"] = (distinct, distinct - spread, distinct + spread)
    return result


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--prompts", type=int, default=300)
    parser.add_argument("--sentences", type=int, default=4)
    parser.add_argument("--seed", type=int, default=9_000_000)
    parser.add_argument(
        "--guidance", type=float, nargs="+", help="guidance scales to compare [default: the model's own]"
    )
    parser.add_argument("--space", help="a folder with the models' concept space, if it has no name")
    parser.add_argument("--json", type=Path, help="write the figures and all texts here")
    options = parser.parse_args()
    prompts = prompts_of(options.prompts, options.sentences, options.seed)
    table = Table(
        "model", "g", "parses %", "possible %", "distinct %", title=f"{options.prompts} prompts × {options.sentences}"
    )
    rows = []
    for name in options.models:
        writer = lcm.load(name, space=options.space)
        for guidance in (options.guidance or [None]) if writer.model.samples else [None]:
            answers = write(writer, prompts, options.sentences, guidance)
            found = shares(prompts, answers)
            told = (
                "–"
                if not writer.model.samples
                else f"{writer.sampler.guidance_scale if guidance is None else guidance:g}"
            )
            table.add_row(
                Path(name).name, told, *(f"{100 * m:.1f} [{100 * a:.1f}, {100 * b:.1f}]" for m, a, b in found.values())
            )
            texts = [{"lang": p[0], "prompt": p[1], "answer": a} for p, a in zip(prompts, answers, strict=True)]
            rows.append({"model": name, "guidance": told, **found, "texts": texts})
    Console(width=110).print(table)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
