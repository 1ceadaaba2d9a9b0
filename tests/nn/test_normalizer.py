"""The normalizer against numpy and scipy's definitions."""

import warnings

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lcm.nn import Normalizer, NormalizerError


def concepts(rows: int = 501, dim: int = 37, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.gamma(2.0, 1e-2, (rows, dim)) + rng.normal(size=dim)).float()


def test_robust_is_the_median_and_the_normal_iqr():
    x = concepts()
    normalizer = Normalizer.fit(x, "robust")
    np.testing.assert_allclose(normalizer.center, np.median(x.double(), 0), rtol=1e-6)
    # 0.7413 = 1 / (2 · 0.6745), to four digits: scipy's `normal` scale has them all
    np.testing.assert_allclose(normalizer.scale, scipy.stats.iqr(x.double(), 0, scale="normal"), rtol=1e-4)


def test_iqr_and_standard_are_what_their_names_say():
    x = concepts()
    np.testing.assert_allclose(Normalizer.fit(x, "iqr").scale, scipy.stats.iqr(x.double(), 0), rtol=1e-6)
    standard = Normalizer.fit(x, "standard")
    np.testing.assert_allclose(standard.center, x.double().mean(0), rtol=1e-6)
    np.testing.assert_allclose(standard.scale, x.double().std(0, correction=0), rtol=1e-6)


def test_quartiles_are_interpolated_linearly():
    normalizer = Normalizer.fit(torch.tensor([[0.0], [1.0], [2.0], [10.0]]), "iqr")
    assert normalizer.center.item() == 1.5
    assert normalizer.scale.item() == (2 + 0.25 * 8) - 0.75


def test_small_spreads_on_large_offsets_survive_in_half_precision_input():
    """Float64 inside: in float32 the variance of 1000 ± 0.5 would lose its digits."""
    x = (1000 + torch.arange(-50, 51)[:, None] / 100).float()
    assert Normalizer.fit(x, "standard").scale.item() == pytest.approx(np.std(x.double().numpy()), rel=1e-6)
    half = concepts().half()
    torch.testing.assert_close(Normalizer.fit(half).scale, Normalizer.fit(half.float()).scale)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["robust", "standard", "iqr"]), st.integers(2, 40), st.integers(0, 2**16))
def test_denormalizing_undoes_normalizing(method, rows, seed):
    x = concepts(rows, 5, seed)
    normalizer = Normalizer.fit(x, method)
    torch.testing.assert_close(normalizer.denormalize(normalizer(x)), x, rtol=1e-5, atol=1e-5)


def test_a_constant_dimension_gets_scale_1_and_a_warning():
    x = concepts()
    x[:, 3] = 0.25
    with pytest.warns(UserWarning, match="1 of 37 dimensions have scale 0"):
        normalizer = Normalizer.fit(x)
    assert normalizer.scale[3] == 1
    assert (normalizer(x)[:, 3] == 0).all()


def test_an_unfitted_normalizer_is_the_identity_and_a_fitted_one_travels_in_a_state_dict():
    x = concepts()
    other = Normalizer(37)
    assert torch.equal(other(x), x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other.load_state_dict(Normalizer.fit(x).state_dict())
    assert torch.equal(other(x), Normalizer.fit(x)(x))


@pytest.mark.parametrize(
    ("x", "method", "message"),
    [
        (torch.zeros(0, 3), "robust", r"N > 0, but the shape is \[0, 3\]"),
        (torch.zeros(3), "robust", r"shape is \[3\]"),
        (torch.tensor([[0.0], [float("nan")], [1.0]]), "robust", "Concept 1 of 3 is not finite"),
        (torch.zeros(3, 3), "mad", "Unknown normalizer method 'mad'"),
    ],
)
def test_what_cannot_be_fitted_is_said(x, method, message):
    with pytest.raises(NormalizerError, match=message):
        Normalizer.fit(x, method)
