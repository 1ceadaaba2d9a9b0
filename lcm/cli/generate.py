"""`lcm generate`."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer

from lcm.cli.files import read_text
from lcm.languages import to_sonar


def generate(
    text: Annotated[str, typer.Argument(metavar="TEXT|-", help="What to continue; - reads standard input.")],
    model: Annotated[
        str | None,
        typer.Option(
            help="A model's name (see lcm models), its folder, a run's, or hf://owner/name [default: the best shipped]."
        ),
    ] = None,
    sentences: Annotated[int, typer.Option(min=1, help="The most sentences to write.")] = 8,
    min_sentences: Annotated[int, typer.Option(min=0, help="Write so many before an ending is looked for.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same text.")] = 0,
    lang: Annotated[str | None, typer.Option(help="Language of the answer [default: the prompt's].")] = None,
    prompt_lang: Annotated[str, typer.Option(help="Language of the prompt.")] = "en",
    steps: Annotated[int | None, typer.Option(help="Diffusion models: evaluations a sentence [default: 40].")] = None,
    guidance_scale: Annotated[
        float | None,
        typer.Option(help="Diffusion models: 1 is none, more keeps closer to the text [default: the model's]."),
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="Diffusion models: ddim, or dpmpp, which needs fewer steps [default: ddim].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One object a sentence: index, text, stop_reason.")] = False,
    space: Annotated[
        str | None, typer.Option(help="A folder with the model's concept space, if it has no name.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where to compute: cpu, cuda, cuda:1, ….")] = "cpu",
) -> None:
    """Continue a text, one sentence a line, as they come.

    Example: lcm generate "Once upon a time, a fox lived by a river." --sentences 5

    Example: lcm generate "Once upon a time, a fox lived by a river." --lang fr --json

    Example: lcm generate "Once upon a time, a fox lived by a river." --model two_tower_tiny --guidance-scale 2 --steps 15 --method dpmpp
    """
    for code in (prompt_lang, lang or prompt_lang):
        to_sonar(code)
    prompt = read_text("-") if text == "-" else text
    from lcm.generation import DEFAULT_MODEL, load

    writer = load(model or DEFAULT_MODEL, space=space, device=device)
    asked: dict[str, Any] = {"steps": steps, "guidance_scale": guidance_scale, "method": method}
    chosen = {name: value for name, value in asked.items() if value is not None}
    answer = writer.generate(
        prompt, sentences=sentences, min_sentences=min_sentences, seed=seed, lang=lang, prompt_lang=prompt_lang,
        sampler=replace(writer.sampler, **chosen) if chosen else None,
    )  # fmt: skip
    for sentence in answer:
        line = json.dumps(asdict(sentence), ensure_ascii=False) if as_json else sentence.text
        print(line, flush=True)
