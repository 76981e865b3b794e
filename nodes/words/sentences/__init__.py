"""The sentences of all remarks, by code. A code stands in one of these files only."""

from . import backends, inputs, routes, runcomfy, sound

PARTS = (sound.SENTENCES, inputs.SENTENCES, backends.SENTENCES, runcomfy.SENTENCES, routes.SENTENCES)
SENTENCES = {
    **{code: sentence for part in PARTS for code, sentence in part.items()},
    # -- several, and what has no code
    "joined": "{first} {then}",
    "text": "{text}",
}
