"""`lcm encode`, `lcm decode` and `lcm roundtrip`: text to concepts and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated
from zipfile import BadZipFile

import typer

from lcm.cli.files import FileError, read_lines, write_atomically
from lcm.languages import to_sonar

if TYPE_CHECKING:
    from torch import Tensor

    from lcm.sonar import ConceptSpace

File = Annotated[str, typer.Argument(metavar="FILE|-", help="UTF-8 text, one sentence a line.")]
Lang = Annotated[str, typer.Option(help="Language of the sentences: en, fr, … or eng_Latn, fra_Latn, ….")]
Space = Annotated[
    str, typer.Option(help="Name of a concept space (sonar_mini, sonar_basic) or a folder that holds one.")
]
Device = Annotated[str, typer.Option(help="Where to compute: cpu, cuda, cuda:1, ….")]


def encode(
    file: File,
    output: Annotated[str, typer.Option(metavar="X.npy", help="Where to write the concepts.")],
    lang: Lang = "en",
    space: Space = "sonar_mini",
    device: Device = "cpu",
) -> None:
    """Encode sentences to concepts: a float32 array with as many rows as the file has lines.

    Example: lcm encode sentences.txt --lang en --output concepts.npy
    """
    to_sonar(lang)
    lines = read_lines(file)
    import numpy as np

    from lcm.sonar import open_space

    with write_atomically(output) as temporary:
        concepts = open_space(space, device=device).encode(lines, lang).cpu().numpy()
        with temporary.open("wb") as stream:
            np.save(stream, concepts)


def decode(
    file: Annotated[str, typer.Argument(metavar="X.npy", help="Concepts, one a row, as `lcm encode` writes them.")],
    lang: Annotated[str, typer.Option(help="Language to write in.")] = "en",
    beam_size: Annotated[int, typer.Option(min=1, help="1 is greedy.")] = 1,
    space: Space = "sonar_mini",
    device: Device = "cpu",
) -> None:
    """Decode concepts to sentences on standard output, one a line.

    Example: lcm decode concepts.npy --lang fr
    """
    to_sonar(lang)
    concepts = _read_concepts(file)
    from lcm.sonar import ConceptSpaceError, open_space

    opened = open_space(space, device=device)
    try:
        sentences = opened.decode(concepts, lang, beam_size=beam_size)
    except ConceptSpaceError as error:
        raise FileError(f"{file}: {error}") from None
    for sentence in sentences:
        typer.echo(sentence)


def roundtrip(
    file: File,
    lang: Lang = "en",
    to: Annotated[str | None, typer.Option(help="Language to decode in; default: the same.")] = None,
    reference: Annotated[str | None, typer.Option(metavar="FILE", help="What the output should be, with --to.")] = None,
    noise: Annotated[
        float,
        typer.Option(
            min=0, help="Gaussian noise on the concepts, in standard deviations of each dimension over the file."
        ),
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    space: Space = "sonar_mini",
    device: Device = "cpu",
) -> None:
    """Encode sentences, decode them greedily, and score what came back.

    BLEU is sacreBLEU's corpus BLEU (13a, 0 to 100); exact is the share of sentences that are unchanged; cosine is the mean of
    cos(encode(source), encode(output)). With --to and no --reference there is nothing to compare words with.

    Examples: lcm roundtrip held-out.txt --lang en --noise 0.2

    lcm roundtrip en.txt --lang en --to fr --reference fr.txt --json
    """
    for code in (lang, to or lang):
        to_sonar(code)
    sources = read_lines(file)
    targets = read_lines(reference) if reference else sources if to is None or to_sonar(to) == to_sonar(lang) else None
    if targets is not None and len(targets) != len(sources):
        raise FileError(
            f"{reference}: has {len(targets)} lines, but {file} has {len(sources)}. One reference a line is expected."
        )
    if noise and len(sources) < 2:
        raise FileError(f"{file}: has one line, but --noise needs several to know a standard deviation. Add lines.")
    from lcm.sonar import open_space

    opened = open_space(space, device=device)
    concepts = opened.encode(sources, lang)
    outputs = opened.decode(_with_noise(concepts, noise, seed), to or lang)
    scores = {"n": len(sources), **_against(outputs, targets), "cosine": _cosine(opened, concepts, outputs, to or lang)}
    if as_json:
        typer.echo(json.dumps(scores))
    else:
        for name, score in scores.items():
            typer.echo(f"{name:7}{score if score is None or isinstance(score, int) else format(score, '.4g')}")


def _read_concepts(path: str) -> Tensor:
    """The array of a .npy file. Raises FileError if there is none or if it is not of numbers."""
    import numpy as np
    import torch

    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise FileError(f"{path}: no such file. Give concepts that `lcm encode` wrote.") from None
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        reason = "is a folder" if isinstance(error, IsADirectoryError) else "is not a whole .npy array"
        raise FileError(f"{path}: {reason}. Write one with lcm encode SENTENCES --output X.npy.") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        found = f"numbers of type {array.dtype}" if isinstance(array, np.ndarray) else "several arrays"
        raise FileError(f"{path}: holds {found}, but concepts are one array of floating-point numbers.")
    return torch.from_numpy(array.astype(np.float32))


def _with_noise(concepts: Tensor, level: float, seed: int) -> Tensor:
    import torch

    if not level:
        return concepts
    draw = torch.randn(concepts.shape, generator=torch.Generator().manual_seed(seed)).to(concepts.device)
    return concepts + level * concepts.std(0, correction=0) * draw


def _against(outputs: list[str], targets: list[str] | None) -> dict[str, float | None]:
    if targets is None:
        return {"bleu": None, "exact": None}
    from sacrebleu.metrics import BLEU

    exact = sum(a == b for a, b in zip(outputs, targets, strict=True)) / len(targets)
    return {"bleu": BLEU(tokenize="13a").corpus_score(outputs, [targets]).score, "exact": exact}


def _cosine(space: ConceptSpace, concepts: Tensor, outputs: list[str], lang: str) -> float:
    """The mean cosine; an output without a word counts 0."""
    import torch

    spoken = [i for i, output in enumerate(outputs) if output.strip()]
    again = space.encode([outputs[i] for i in spoken], lang)
    return float(torch.cosine_similarity(concepts[spoken], again).sum()) / len(outputs)
