"""A stand-in for RunComfy's Model API and serverless deployments, on this machine only.

In a test: ``with Simulator() as simulator: simulator.url, simulator.token``. On its own:
``python -m runcomfy_simulator --port 0`` (from the tests folder) prints one JSON line with url and token.
"""

from .server import Simulator

__all__ = ["Simulator"]
