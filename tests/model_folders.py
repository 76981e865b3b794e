"""ComfyUI's model folders without ComfyUI, for tests of what looks into them; a module names this in
``pytest_plugins``."""

import sys
import types

import pytest
from acestep_nodes.nodes.backends.local import files


@pytest.fixture
def models(tmp_path, monkeypatch):
    """An empty set of model folders, each with a second one as extra_model_paths.yaml adds them."""
    folders = {name: [tmp_path / name, tmp_path / "extra" / name] for name in files.FOLDERS}
    for paths in folders.values():
        for path in paths:
            path.mkdir(parents=True)

    def listed(name):
        found = [(path, file) for path in folders[name] for file in sorted(path.rglob("*"))]
        return [str(file.relative_to(path)) for path, file in found if file.is_file() and file.suffix != ".part"]

    fake = types.ModuleType("folder_paths")
    fake.get_filename_list = listed
    fake.get_full_path = lambda name, file: next((str(p / file) for p in folders[name] if (p / file).exists()), None)
    fake.get_folder_paths = lambda name: [str(p) for p in folders[name]]
    monkeypatch.setitem(sys.modules, "folder_paths", fake)
    return tmp_path
