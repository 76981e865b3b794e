"""Differential correction in wavelet space, against numbers worked out by hand."""

import pytest
import torch
from acestep_nodes.nodes.backends.local.correction import Correction, corrected

# Of these five frames against the clean ones: pairs of mean 2 and −2, and one that silence fills up.
CLEAN = [10.0, 10.0, 10.0, 10.0, 10.0]
LOW = [2.0, 2.0, -2.0, -2.0, 3.0]
HIGH = [1.0, -1.0, 0.0, 0.0, 3.0]


@pytest.mark.parametrize("level, low_share, high_share", [(1.0, 0.5, 0.0), (0.0, 0.0, 0.25), (0.6, 0.3, 0.1)])
def test_a_step_is_moved_away_from_the_clean_sound_its_low_band_first_and_its_high_band_last(
    level, low_share, high_share
):
    clean, low, high = (torch.tensor([[row]]) for row in (CLEAN, LOW, HIGH))
    moved = corrected(clean + low + high, clean, level, Correction(low=0.5, high=0.25))
    torch.testing.assert_close(moved, clean + (1 + low_share) * low + (1 + high_share) * high)
