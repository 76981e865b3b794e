#!/usr/bin/env python3
"""Run one of the example workflows on a real ComfyUI and leave its sound in out/.

    python3 workflows/run.py                                    # text_to_music
    python3 workflows/run.py section_repair --audio song.mp3
    python3 workflows/run.py --list

Any Python 3.10 to 3.13 will do: everything else is fetched into a private environment on the first run.
"""

import sys

# Any Python 3 can read this file up to here, so an unsuitable one is told so.
if not (3, 10) <= sys.version_info[:2] <= (3, 13):
    sys.exit(
        "This needs Python 3.10 to 3.13 and was started with {}.{}; start it with another one, for example: "
        "python3.12 workflows/run.py".format(*sys.version_info)
    )

from runner.cli import main  # noqa: E402  (an older Python cannot read it)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
