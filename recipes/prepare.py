"""Prepare a corpus: `lcm prepare` as a job, also one of several.

python recipes/prepare.py source=stories.jsonl.gz output=corpora/stories
"""

from lcm.data import PrepareConfig, run_preparation
from lcm.training import recipe


@recipe("prepare", PrepareConfig)
def main(config: PrepareConfig) -> None:
    """The same command again goes on."""
    run_preparation(config)


if __name__ == "__main__":
    main()
