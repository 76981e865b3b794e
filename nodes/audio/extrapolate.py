"""How a sound would go on for some milliseconds: linear prediction by Burg's method.

Music is predictable over a few hundredths of a second, which is how long a joint takes. Burg's method because its
prediction never grows (J. P. Burg, "Maximum entropy spectral analysis", 1967) and needs little sound.
"""

import numpy as np
import torch

# What predicts, and how far back it looks. 23 ms resolve the harmonics of a bass note.
_LEARN_SECONDS = 0.093
_ORDER_SECONDS = 0.023
# At 96 kHz and more the order would cost its square; half of 23 ms is still a bass note's period.
_MAX_ORDER = 2048


def learning_samples(sample_rate: int) -> int:
    """How much sound before the joint ``extrapolated`` makes use of."""
    return round(_LEARN_SECONDS * sample_rate)


def extrapolated(sound: torch.Tensor, samples: int, sample_rate: int) -> torch.Tensor:
    """sound [C, n] → how it may go on [C, samples]. Silence goes on as silence, noise decays."""
    known = sound[:, -learning_samples(sample_rate) :].double().numpy()
    order = min(round(_ORDER_SECONDS * sample_rate), _MAX_ORDER, known.shape[1] // 4)
    return torch.from_numpy(np.stack([_continued(row, samples, order) for row in known])).float()


def _continued(known: np.ndarray, samples: int, order: int) -> np.ndarray:
    weights = -_prediction_error_filter(known, order)[:0:-1]
    track = np.concatenate([known[len(known) - order :], np.zeros(samples)])
    for at in range(order, order + samples):
        track[at] = track[at - order : at] @ weights
    return track[order:]


def _prediction_error_filter(known: np.ndarray, order: int) -> np.ndarray:
    """[n] → [order + 1] with 1 in front: what is left of the sound after it is unpredictable."""
    forward, backward = known[1:].copy(), known[:-1].copy()
    coefficients = np.ones(1)
    for _ in range(order):
        energy = forward @ forward + backward @ backward
        if energy < 1e-18:
            break
        reflection = -2 * (forward @ backward) / energy
        longer = np.append(coefficients, 0.0)
        coefficients = longer + reflection * longer[::-1]
        forward, backward = forward + reflection * backward, backward + reflection * forward
        forward, backward = forward[1:], backward[:-1]
    return np.append(coefficients, np.zeros(order + 1 - len(coefficients)))
