"""`lcm generate`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from lcm.cli.files import read_text
from lcm.languages import to_sonar


def generate(
    text: Annotated[str, typer.Argument(metavar="TEXT|-", help="What to continue; - reads standard input.")],
    model: Annotated[str, typer.Option(help="A model's name (see lcm models), its folder, or a run's.")] = "base_tiny",
    sentences: Annotated[int, typer.Option(min=1, help="The most sentences to write.")] = 8,
    min_sentences: Annotated[int, typer.Option(min=0, help="Write so many before an ending is looked for.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same text.")] = 0,
    lang: Annotated[str | None, typer.Option(help="Language of the answer [default: the prompt's].")] = None,
    prompt_lang: Annotated[str, typer.Option(help="Language of the prompt.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="One object a sentence: index, text, stop_reason.")] = False,
    space: Annotated[
        str | None, typer.Option(help="A folder with the model's concept space, if it has no name.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where to compute: cpu, cuda, cuda:1, ….")] = "cpu",
) -> None:
    """Continue a text, one sentence a line, as they come.

    Example: lcm generate "Once upon a time, a fox lived by a river." --sentences 5

    Example: lcm generate "Once upon a time, a fox lived by a river." --lang fr --json
    """
    for code in (prompt_lang, lang or prompt_lang):
        to_sonar(code)
    prompt = read_text("-") if text == "-" else text
    from lcm.generation import load

    writer = load(model, space=space, device=device)
    answer = writer.generate(
        prompt, sentences=sentences, min_sentences=min_sentences, seed=seed, lang=lang, prompt_lang=prompt_lang
    )
    for sentence in answer:
        line = json.dumps(asdict(sentence), ensure_ascii=False) if as_json else sentence.text
        print(line, flush=True)
