"""The model families in their plain form, by name: oracles of the tests, yardsticks of `benchmarks.models`."""

from benchmarks.plain.base import PlainBase
from benchmarks.plain.one_tower import PlainOneTower
from benchmarks.plain.two_tower import PlainDenoiser, PlainTwoTower, causal_visible

PLAIN = {"base": PlainBase, "one_tower": PlainOneTower, "two_tower": PlainTwoTower}

__all__ = ["PLAIN", "PlainBase", "PlainDenoiser", "PlainOneTower", "PlainTwoTower", "causal_visible"]
