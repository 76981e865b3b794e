"""One run from a checked request to AUDIO and its report."""
