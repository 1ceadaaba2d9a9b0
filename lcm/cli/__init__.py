"""The `lcm` command. Each command is a file of this room; torch and friends load inside the commands, never at `--help`."""

from __future__ import annotations

import os
import sys

import typer

from lcm.cli import (
    convert_released,
    corpora,
    doctor,
    export,
    generate,
    models,
    prepare,
    push,
    segment,
    space,
    tales,
    train,
)
from lcm.errors import LCMError

app = typer.Typer(
    name="lcm",
    help="Large Concept Models: language modelling one sentence at a time.",
    epilog='Example: echo "It rained. We slept." | lcm segment -',
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.callback()(doctor.root)
app.command()(doctor.doctor)
app.command()(segment.segment)
app.command()(tales.tales)
app.command()(space.encode)
app.command()(space.decode)
app.command()(space.roundtrip)
app.command()(prepare.prepare)
app.command()(corpora.inspect)
app.command()(corpora.fit_normalizer)
app.command()(corpora.export_data)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(train.train)
app.command()(generate.generate)
app.command()(models.models)
app.command()(export.export)
app.command()(push.push)
app.command()(convert_released.convert_released)


def main() -> None:
    """Run the command; an error of ours is one line on stderr and exit code 2."""
    if not sys.stderr.isatty():
        os.environ.setdefault("FAIRSEQ2_NO_PROGRESS", "1")  # its progress bars print blank lines into logs
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        app()
    except LCMError as error:
        print(f"lcm: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
