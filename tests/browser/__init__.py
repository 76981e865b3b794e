"""The nodes in the real front end: what its tests share, and the tests."""
