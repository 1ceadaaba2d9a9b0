"""Building blocks of the concept models: blocks, attention with a ragged cache, timesteps, the normalizer."""

from lcm.nn.adaln import AdaLN, TimestepEmbedding, Timesteps, Triple, sinusoid
from lcm.nn.attention import Append, LayerCache, SelfAttention, rope, rotate
from lcm.nn.denoiser import Denoiser, DenoiserBlock, Visible, modulate
from lcm.nn.normalizer import Normalizer, NormalizerError
from lcm.nn.transformer import CausalTransformer, TransformerBlock, TransformerState, swiglu

__all__ = [
    "AdaLN",
    "Append",
    "CausalTransformer",
    "Denoiser",
    "DenoiserBlock",
    "LayerCache",
    "Normalizer",
    "NormalizerError",
    "SelfAttention",
    "TimestepEmbedding",
    "Timesteps",
    "TransformerBlock",
    "TransformerState",
    "Triple",
    "Visible",
    "modulate",
    "rope",
    "rotate",
    "sinusoid",
    "swiglu",
]
