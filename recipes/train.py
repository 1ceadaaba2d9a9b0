"""Train a concept model on a corpus that `lcm prepare` wrote.

python recipes/train.py data.path=corpora/stories data.valid_path=corpora/held-out run_dir=runs/base
"""

import logging
import sys

import hydra
from omegaconf import DictConfig

from lcm.errors import LCMError
from lcm.training import TrainConfig, configs_folder, run_training, to_config


@hydra.main(version_base="1.3", config_path=str(configs_folder()), config_name="train")
def main(composed: DictConfig) -> None:
    """Compose, check, train; the same command again goes on."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        run_training(to_config(TrainConfig, composed))
    except LCMError as error:
        print(f"train: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
