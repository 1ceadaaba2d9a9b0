"""Diffusion as functions of tensors: noise schedules, targets, loss weightings, samplers."""

from lcm.diffusion.sampler import Denoiser, Method, Sampler, Trace, stack_trace
from lcm.diffusion.schedule import DiffusionError, NoiseSchedule, Prediction, check_prediction, make_schedule
from lcm.diffusion.training import (
    ClampSNR,
    Fragility,
    TimestepSampler,
    Weighting,
    make_timestep_sampler,
    make_weighting,
)

__all__ = [
    "ClampSNR",
    "Denoiser",
    "DiffusionError",
    "Fragility",
    "Method",
    "NoiseSchedule",
    "Prediction",
    "Sampler",
    "TimestepSampler",
    "Trace",
    "Weighting",
    "check_prediction",
    "make_schedule",
    "make_timestep_sampler",
    "make_weighting",
    "stack_trace",
]
