"""What is written to ACE-Step: tags, lyrics, and the vocabulary of the public contract."""
