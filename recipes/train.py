"""Train a concept model on a corpus that `lcm prepare` wrote.

python recipes/train.py data.path=corpora/stories data.valid_path=corpora/held-out run_dir=runs/base
"""

from lcm.training import TrainConfig, recipe, run_training


@recipe("train", TrainConfig)
def main(config: TrainConfig) -> None:
    """The same command again goes on."""
    run_training(config)


if __name__ == "__main__":
    main()
