"""Where browser tests get their Chromium from."""

import os

import chromium
import pytest


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """An otherwise empty PATH, as root: `tools(name, script)` puts a program on it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def add(name, script="exit 0"):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return add


def test_the_machines_own_is_taken(tools):
    path = tools("chromium-browser")
    tools("apt-get", "exit 1")
    assert chromium.ensure() == path


def test_debians_is_installed_where_there_is_none(tools, tmp_path):
    made = tmp_path / "chromium"
    tools("apt-get", f'[ "$1" = install ] || exit 0; echo "#!/bin/sh" > {made}; /bin/chmod 755 {made}')
    assert chromium.ensure() == str(made)


def test_what_apt_says_is_told(tools):
    tools("apt-get", "echo 'E: Unable to locate package chromium' >&2; exit 100")
    with pytest.raises(chromium.NoChromium, match="Unable to locate package chromium"):
        chromium.ensure()


def test_without_root_it_says_what_to_install(tools, monkeypatch):
    tools("apt-get")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(chromium.NoChromium, match="Install chromium"):
        chromium.ensure()
