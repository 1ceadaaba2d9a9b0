"""From a composed Hydra configuration to our dataclasses: checked once, here; and how a recipe tells what is wrong."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints

import hydra
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from lcm.errors import LCMError
from lcm.training.errors import TrainingError

ConfigT = TypeVar("ConfigT")


def to_config(kind: type[ConfigT], composed: DictConfig | dict[str, Any]) -> ConfigT:
    """The composed values, or a plain dict of them, as a `kind`; a missing or unknown key, or a wrong type, raises TrainingError naming it."""
    try:
        schema = OmegaConf.structured(kind)
        _unlock(schema)
        return cast(ConfigT, OmegaConf.to_object(OmegaConf.merge(schema, composed)))
    except OmegaConfBaseException as error:
        raise TrainingError(_explain(kind, error)) from None


def recipe(name: str, kind: type[ConfigT]) -> Callable[[Callable[[ConfigT], object]], Callable[[], None]]:
    """Make a program of a job: configs/<name>.yaml, composed by Hydra with the command line, is given to it as a `kind`.

    Its defaults list begins with `<name>_fields`: every field of `kind`, so that the file holds what differs alone.

    What a user can mend, a wrong override or an LCMError of the job, is one line on stderr, and the exit code 2.
    """

    ConfigStore.instance().store(name=f"{name}_fields", node=_all_fields(kind))

    def decorate(job: Callable[[ConfigT], object]) -> Callable[[], None]:
        @hydra.main(version_base="1.3", config_path=str(configs_folder()), config_name=name)
        @wraps(job)
        def main(composed: DictConfig) -> None:
            logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
            with _told_plainly(name, kind):  # here, too: Hydra adds a line to an exception that leaves a job
                job(to_config(kind, composed))

        def program() -> None:
            os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints errors itself, in many lines, and exits with 1
            with _told_plainly(name, kind):
                main()

        return wraps(job)(program)

    return decorate


@contextmanager
def _told_plainly(name: str, kind: type) -> Iterator[None]:
    try:
        yield
        return
    except LCMError as error:
        message = str(error)
    except MissingConfigException as error:
        message = _explain_missing(error)
    except RuntimeError as error:
        if "srun" not in str(error):
            raise
        message = "launcher=slurm: there is no SLURM here (srun is not found). Start it on a machine that submits jobs."
    except HydraException as error:
        cause = error.__cause__
        known = isinstance(cause, OmegaConfBaseException) and cause.full_key
        message = _explain(kind, cause) if known else f"Command line: {' '.join(str(error).split())}"  # type: ignore[arg-type]
    print(f"{name}: {message}", file=sys.stderr)
    sys.exit(2)


def _explain(kind: type, error: OmegaConfBaseException) -> str:
    place = str(error.full_key or "")
    if not isinstance(error, ConfigAttributeError | ConfigKeyError):
        return f"Configuration: '{place}': {str(error).splitlines()[0]}."
    *parents, key = place.split(".")
    for parent in parents:
        kind = get_type_hints(kind).get(parent, kind) if is_dataclass(kind) else kind
    if error.object_type is not None and is_dataclass(error.object_type):
        kind = error.object_type  # an item of a list: its place is not told
    if not is_dataclass(kind):
        return f"Configuration: '{place}' is not set yet. To add it, write +{place}=…"
    names = [field.name for field in fields(kind)]
    near = get_close_matches(key, names) or names
    return f"Configuration: there is no '{place}'. Perhaps {' or '.join('.'.join([*parents, name]) for name in near)}?"


def _explain_missing(error: MissingConfigException) -> str:
    wanted = str(error.missing_cfg_file or "")
    if wanted.startswith("hydra/launcher/submitit"):
        return "Configuration: launcher=slurm needs an extra: pip install 'lcm[slurm]'"
    group, _, name = wanted.rpartition("/")
    options = [str(option) for option in error.options or ()]
    near = get_close_matches(name, options, n=5) or options
    return f"Configuration: there is no {group or 'configuration'} '{name}'. Perhaps {' or '.join(near)}?"


def _all_fields(kind: type) -> dict[str, Any]:
    """A config's fields with their defaults, those inside it too; ??? where there is none."""
    schema = OmegaConf.structured(kind)
    _unlock(schema)
    return cast(dict[str, Any], OmegaConf.to_container(schema))


def _unlock(node: Any) -> None:
    """Frozen dataclasses become read-only nodes, which could not take the composed values; required ones are not made yet."""
    if isinstance(node, DictConfig) and not node._is_none():
        OmegaConf.set_readonly(node, None)
        for key in node:
            kind = node._get_node(key)._metadata.ref_type  # type: ignore[union-attr]
            if OmegaConf.is_missing(node, key) and is_dataclass(kind):
                node[key] = OmegaConf.structured(kind)
            if not OmegaConf.is_missing(node, key):
                _unlock(node._get_node(key))


def configs_folder() -> Path:
    """The Hydra tree: beside the package in a clone, inside it when installed from a wheel."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"
