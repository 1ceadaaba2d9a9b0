"""Train a small SONAR text encoder and decoder from a folder of text.

python recipes/train_sonar.py texts.0.path=stories.jsonl.gz valid.0.path=held-out.jsonl.gz run_dir=runs/sonar
"""

import logging
import sys

import hydra
from omegaconf import DictConfig

from lcm.errors import LCMError
from lcm.training import SonarRunConfig, configs_folder, run_sonar, to_config


@hydra.main(version_base="1.3", config_path=str(configs_folder()), config_name="train_sonar")
def main(composed: DictConfig) -> None:
    """Compose, check, train; the same command again goes on."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        run_sonar(to_config(SonarRunConfig, composed))
    except LCMError as error:
        print(f"train_sonar: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
