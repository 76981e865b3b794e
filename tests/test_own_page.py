"""Which page the pack's routes answer: ComfyUI's own, wherever a user may have it, and no stranger's."""

import asyncio

import pytest
from acestep_nodes.nodes.routes.own_page import origin_of, refusal
from acestep_nodes.nodes.routes.same_origin import register
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer


def is_answered(origin, host, scheme="http", listening=("127.0.0.1",), **environment):
    return refusal(origin, host, scheme, listening, environment) is None


@pytest.mark.parametrize(
    "origin, host, more",
    [
        ("http://127.0.0.1:8188", "127.0.0.1:8188", {}),
        ("http://localhost:8188", "localhost:8188", {}),
        ("http://LocalHost:8188", "localHOST:8188", {}),
        ("http://comfy.localhost", "comfy.localhost:80", {}),
        ("http://[::1]:8188", "[::1]:8188", {}),
        ("http://192.168.1.20:8188", "192.168.1.20:8188", {"listening": ("0.0.0.0", "::")}),
        ("https://192.168.1.20", "192.168.1.20", {"scheme": "https"}),
        ("http://[fd00::20]:8188", "[fd00::20]:8188", {}),
        ("http://studio.lan:8188", "studio.lan:8188", {"listening": ("studio.lan",)}),
        # A proxy that hands Host on, and one that does not.
        ("https://comfy.example.com", "comfy.example.com", {"ACESTEP_PUBLIC_ORIGIN": "https://comfy.example.com/"}),
        ("https://comfy.example.com", "127.0.0.1:8188", {"ACESTEP_PUBLIC_ORIGIN": "https://comfy.example.com"}),
        ("http://b.example:81", "x", {"ACESTEP_PUBLIC_ORIGIN": "https://a.example, http://b.example:81"}),
        ("https://c.example", "x", {"RUNCOMFY_PUBLIC_ORIGIN": "https://c.example"}),
        ("https://1234-comfyui.runcomfy.com", "1234-comfyui.runcomfy.com", {}),
    ],
)
def test_a_users_own_page_is_answered(origin, host, more):
    assert is_answered(origin, host, **more)


@pytest.mark.parametrize(
    "origin, host, more",
    [
        # DNS rebinding: the page's name leads here.
        ("http://stranger.example:8188", "stranger.example:8188", {}),
        ("http://127.0.0.1.stranger.example:8188", "127.0.0.1.stranger.example:8188", {}),
        ("http://localhost.stranger.example", "localhost.stranger.example", {}),
        ("http://notlocalhost:8188", "notlocalhost:8188", {}),
        ("https://runcomfy.com.stranger.example", "runcomfy.com.stranger.example", {}),
        ("http://x.runcomfy.com", "x.runcomfy.com", {}),
        ("https://y.runcomfy.com", "x.runcomfy.com", {}),
        # Another page.
        ("http://stranger.example", "127.0.0.1:8188", {}),
        ("http://127.0.0.1:8189", "127.0.0.1:8188", {}),
        ("https://127.0.0.1:8188", "127.0.0.1:8188", {}),
        ("http://127.0.0.1:8188", "127.0.0.1:8188", {"scheme": "https"}),
        ("http://comfy.example.com", "x", {"ACESTEP_PUBLIC_ORIGIN": "https://comfy.example.com"}),
        ("http://stranger.example", "stranger.example", {"ACESTEP_PUBLIC_ORIGIN": "*"}),
        # No page at all.
        ("", "127.0.0.1:8188", {}),
        ("null", "127.0.0.1:8188", {}),
        ("", "", {}),
        ("http://", "", {}),
        ("http://127.0.0.1:8188/page", "127.0.0.1:8188", {}),
        ("http://user@127.0.0.1:8188", "127.0.0.1:8188", {}),
        ("http://127.0.0.1:99999", "127.0.0.1:99999", {}),
        ("file://", "", {}),
    ],
)
def test_nobody_else_is(origin, host, more):
    assert not is_answered(origin, host, **more)


def test_the_sentence_says_what_to_set_and_setting_it_helps():
    why = refusal("https://comfy.example.com:8443", "127.0.0.1:8188", "http", (), {})
    setting = why.sentence().partition("ACESTEP_PUBLIC_ORIGIN=")[2].rstrip(".")
    assert setting == "https://comfy.example.com:8443"
    assert is_answered("https://comfy.example.com:8443", "127.0.0.1:8188", ACESTEP_PUBLIC_ORIGIN=setting)


def test_a_setting_that_is_no_origin_is_said_to_be_none():
    why = refusal("https://a.example", "x", "http", (), {"ACESTEP_PUBLIC_ORIGIN": "a.example"})
    assert "'a.example' in it now is no origin" in why.sentence()


def test_an_origin_is_written_as_a_browser_writes_it():
    for text in ("http://a.example", "https://a.example:8443", "http://[::1]:8188"):
        assert str(origin_of(text)) == text


def test_a_rebound_name_gets_403_from_a_real_server(monkeypatch):
    monkeypatch.setenv("ACESTEP_PUBLIC_ORIGIN", "https://proxy.example")

    async def main():
        app, routes = web.Application(), web.RouteTableDef()

        async def answer(body):
            return 200, {}

        register("/acestep/test", answer, routes)
        app.add_routes(routes)
        async with TestClient(TestServer(app)) as client:
            own = f"http://127.0.0.1:{client.port}"
            asked = [
                (own, f"127.0.0.1:{client.port}"),
                (f"http://stranger.example:{client.port}", f"stranger.example:{client.port}"),
                ("https://proxy.example", f"127.0.0.1:{client.port}"),
            ]
            found = []
            for origin, host in asked:
                async with client.post("/acestep/test", json={}, headers={"Origin": origin, "Host": host}) as got:
                    found.append((got.status, (await got.json()).get("message", "")))
            return found

    own, rebound, proxied = asyncio.run(main())
    assert (own[0], rebound[0], proxied[0]) == (200, 403, 200)
    assert "ACESTEP_PUBLIC_ORIGIN=http://stranger.example" in rebound[1]
