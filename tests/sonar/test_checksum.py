"""The checksum of an encoder: the same for the same weights, however they are held; another for any other."""

from __future__ import annotations

import torch

from lcm.sonar import open_space
from lcm.sonar.checksum import weights_checksum


def test_two_openings_of_a_space_have_one_checksum_and_packing_does_not_change_it(space, space_folder, monkeypatch):
    again = open_space(space_folder)
    assert again.encoder_checksum == space.encoder_checksum
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    plain = open_space(space_folder)
    assert not any(getattr(module, "weight", torch.empty(0)).is_mkldnn for module in plain.encoder.modules())
    assert plain.encoder_checksum == space.encoder_checksum


def test_one_changed_bit_or_name_of_any_weight_is_another_checksum(space_folder, monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    encoder = open_space(space_folder).encoder
    before = weights_checksum(encoder)
    for weight in encoder.state_dict().values():
        first = weight.view(-1)[0].clone()
        weight.view(-1)[0] = torch.nextafter(first, first + 1)
        assert weights_checksum(encoder) != before
        weight.view(-1)[0] = first
    assert weights_checksum(encoder) == before
    one, other = torch.nn.Linear(4, 4), torch.nn.Module()
    other.layer = one
    assert weights_checksum(one) != weights_checksum(other)


def test_another_precision_is_another_encoder(space, space_folder):
    assert open_space(space_folder, dtype=torch.bfloat16).encoder_checksum != space.encoder_checksum
