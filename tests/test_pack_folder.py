"""Folder names from which ComfyUI serves no JavaScript, and two copies of the pack: one line each in the log."""

import asyncio
import importlib.util
import logging
import sys
import types
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote

import pytest
from acestep_nodes.nodes.comfyui import pack_folder
from conftest import NEWEST_VERSION

ROOT = Path(__file__).resolve().parents[1]
IDS = {"ACEStepGenerate", "ACEStepInpaint", "ACEStepOutpaint", "TimeRange", "TagBuilder"}
TWO_COPIES, NOT_SERVED = "There are two copies of the ACE-Step nodes.", "ComfyUI serves no JavaScript from a folder"


@pytest.mark.parametrize("name", ["acestep", "zz.Ace_Step-pack", "acestep-main(1)", "a+b", "a~b@c"])
def test_plain_names_are_served(name):
    assert asyncio.run(pack_folder.is_served(name))


@pytest.mark.parametrize("name", ["ACE Step", "acestep[1]", "acestep{x}", "音乐节点", "é", "a%20b", "a%b", "a#b"])
def test_names_that_an_address_writes_otherwise_are_not(name):
    assert not asyncio.run(pack_folder.is_served(name))


@pytest.fixture
def custom_nodes(comfy_path, monkeypatch, tmp_path):
    """ComfyUI's loader as far as the pack can see it; ``load(folder)`` gives the node ids of a copy put there."""
    from aiohttp import web

    loader, server = types.ModuleType("nodes"), types.ModuleType("server")
    loader.NODE_CLASS_MAPPINGS, loader.EXTENSION_WEB_DIRS = {}, {}
    server.PromptServer = types.SimpleNamespace(instance=types.SimpleNamespace(routes=web.RouteTableDef()))
    monkeypatch.setitem(sys.modules, "nodes", loader)
    monkeypatch.setitem(sys.modules, "server", server)

    def load(folder: str) -> set[str]:
        copy = tmp_path / folder
        copy.parent.mkdir(exist_ok=True)
        if not copy.exists():
            copy.symlink_to(ROOT, target_is_directory=True)
        name = str(copy).replace(".", "_x_")
        spec = importlib.util.spec_from_file_location(name, copy / "__init__.py")
        pack = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, pack)
        spec.loader.exec_module(pack)
        loader.EXTENSION_WEB_DIRS[copy.name] = str(copy / pack.WEB_DIRECTORY)

        async def nodes_of_the_copy():
            extension = await pack.comfy_entrypoint()
            await extension.on_load()
            return {node.GET_SCHEMA().node_id: node for node in await extension.get_node_list()}

        loaded = asyncio.run(nodes_of_the_copy())
        loader.NODE_CLASS_MAPPINGS.update(loaded)
        return set(loaded)

    return types.SimpleNamespace(
        load=load,
        folder=tmp_path,
        classes=loader.NODE_CLASS_MAPPINGS,
        web=loader.EXTENSION_WEB_DIRS,
        routes=server.PromptServer.instance.routes,
    )


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_second_copy_leaves_everything_to_the_first(custom_nodes, caplog):
    assert custom_nodes.load("one") == IDS
    routes = [route.path for route in custom_nodes.routes]
    assert routes and not warnings(caplog)
    assert custom_nodes.load("two") == set()
    assert [route.path for route in custom_nodes.routes] == routes
    assert list(custom_nodes.web) == ["one"]
    assert warnings(caplog) == [
        f"{TWO_COPIES} ComfyUI uses the one in {custom_nodes.folder / 'one'} and not the one in "
        f"{custom_nodes.folder / 'two'}: remove one of them and restart ComfyUI."
    ]


def test_copies_of_one_name_in_two_places_keep_the_javascript(custom_nodes, caplog):
    custom_nodes.load("here/acestep")
    assert custom_nodes.load("there/acestep") == set()
    assert list(custom_nodes.web) == ["acestep"]
    assert len(warnings(caplog)) == 1


def test_another_packs_time_range_and_the_same_copy_again_are_no_second_copy(custom_nodes, caplog):
    custom_nodes.classes["TimeRange"] = type("TimeRange", (), {})
    assert custom_nodes.load("one") == IDS
    assert custom_nodes.load("one") == IDS
    assert not warnings(caplog)


def status_of(comfyui, path):
    try:
        comfyui.client.get_bytes(path)
    except HTTPError as error:
        return error.code
    return 200


@pytest.mark.server
@pytest.mark.slow
def test_a_real_server_serves_one_copy_and_says_each_trouble_once(comfyui_servers):
    folders = ("ACE Step [1]", "音乐 节点")
    comfyui = comfyui_servers.start(NEWEST_VERSION, pack_folders=folders)
    lines = comfyui.server.log_lines()
    assert len([line for line in lines if TWO_COPIES in line]) == 1
    [line] = [line for line in lines if NOT_SERVED in line]
    facts = comfyui.client.get("/object_info")
    [used] = {facts[name]["python_module"].removeprefix("custom_nodes.") for name in IDS}
    assert used in folders and f"'{used}'. Rename it" in line
    listed = {path.split("/")[2] for path in comfyui.client.get("/extensions")} & {quote(name) for name in folders}
    assert listed == {quote(used)}
    assert status_of(comfyui, f"/extensions/{quote(used)}/acestep.js") == 404


@pytest.mark.server
def test_a_single_copy_under_a_plain_name_says_nothing(newest_comfyui):
    lines = newest_comfyui.server.log_lines()
    assert not [line for line in lines if TWO_COPIES in line or NOT_SERVED in line]
