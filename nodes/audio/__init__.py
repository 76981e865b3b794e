"""What is true of sound whatever made it. Nothing here knows a node or a backend."""
