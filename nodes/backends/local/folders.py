"""Where a model file belongs on this machine."""

from pathlib import Path


def standard_folder(folder: str) -> Path:
    """The path of one of ComfyUI's model folders; of several that are configured, the one that bears its name."""
    import folder_paths

    paths = [Path(path) for path in folder_paths.get_folder_paths(folder)]
    return next((path for path in paths if path.name == folder), paths[0])
