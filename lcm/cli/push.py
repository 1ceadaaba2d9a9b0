"""`lcm push`."""

from __future__ import annotations

from typing import Annotated

import typer


def push(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="A model's folder, as lcm export writes it.")],
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The repository; it is made if it is not there.")],
    private: Annotated[bool, typer.Option("--private", help="Nobody else may see it.")] = False,
) -> None:
    """Upload a model to the Hugging Face Hub. The token is HF_TOKEN's, or that of hf auth login.

    Example: lcm push models/two_tower me/two-tower --private
    """
    from lcm.models import push_model

    address = push_model(folder, repo, private=private)
    print(f'{address}: uploaded. Next: lcm generate "…" --model hf://{repo.removeprefix("hf://")}')
