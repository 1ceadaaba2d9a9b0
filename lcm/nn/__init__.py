"""Building blocks of the concept models: the common block, attention with a ragged cache, the normalizer."""

from lcm.nn.attention import Append, LayerCache, SelfAttention, rope, rotate
from lcm.nn.normalizer import Normalizer, NormalizerError
from lcm.nn.transformer import CausalTransformer, TransformerBlock, TransformerState, swiglu

__all__ = [
    "Append",
    "CausalTransformer",
    "LayerCache",
    "Normalizer",
    "NormalizerError",
    "SelfAttention",
    "TransformerBlock",
    "TransformerState",
    "rope",
    "rotate",
    "swiglu",
]
