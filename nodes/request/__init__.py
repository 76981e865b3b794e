"""What a node was asked to do, checked once and then immutable."""
