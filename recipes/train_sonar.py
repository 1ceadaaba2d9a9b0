"""Train a small SONAR text encoder and decoder from a folder of text.

python recipes/train_sonar.py texts.0.path=stories.jsonl.gz valid.0.path=held-out.jsonl.gz run_dir=runs/sonar
"""

from lcm.training import SonarRunConfig, recipe, run_sonar


@recipe("train_sonar", SonarRunConfig)
def main(config: SonarRunConfig) -> None:
    """The same command again goes on."""
    run_sonar(config)


if __name__ == "__main__":
    main()
