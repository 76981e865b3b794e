"""The sentences of all remarks, by code. A code stands in one of these files only."""

from . import audio, backends, inputs, models, routes, runcomfy, sound

PARTS = [part.SENTENCES for part in (sound, inputs, audio, backends, models, runcomfy, routes)]
SENTENCES = {
    **{code: sentence for part in PARTS for code, sentence in part.items()},
    # -- several, and what has no code
    "joined": "{first} {then}",
    "text": "{text}",
}
