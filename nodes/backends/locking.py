"""A lock on an open file, between threads and processes. The system drops it when the file is closed or its holder
dies, however it dies."""

import os

if os.name == "nt":
    import msvcrt

    def lock(descriptor: int) -> None:
        """Take the lock; raises OSError when somebody holds it."""
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def lock(descriptor: int) -> None:
        """Take the lock; raises OSError when somebody holds it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
