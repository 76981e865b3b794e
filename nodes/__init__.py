"""The Python side of the pack: one file a node, and a room for each thing that they need."""
