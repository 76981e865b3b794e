"""Chance that is the same every time: drawn from tags and seed, and from nothing else."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from ...request.requests import Request

T = TypeVar("T")


def dice_for(request: Request, purpose: str) -> np.random.Generator:
    """Random numbers for one purpose, so that drawing more of them for one does not change another."""
    digest = hashlib.sha256(f"{request.seed}\n{purpose}\n{request.tags}".encode("utf-8", "replace")).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


def pick(dice: np.random.Generator, options: Sequence[T]) -> T:
    return options[int(dice.integers(len(options)))]
