"""The Python side of the pack: one file a node, sound in ``audio/``, renderers in ``backends/``."""
