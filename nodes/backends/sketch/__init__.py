"""Sketch: a small synthesiser that plays what the tags, section markers and seed say. It is not ACE-Step.

It exists so that every graph runs and can be heard without a GPU, weights or an account. Tags and seed fix
the song: with other lyrics or another duration it is the same song, sung or cut differently. Words that its
tables do not hold change only the dice.

Tags become a style (``style``), lyrics a form (``form``), both together notes (``score``), and those sound
(``synth``), which is set among what surrounds it (``mixing``).
"""

from .backend import SketchBackend

__all__ = ["SketchBackend"]
