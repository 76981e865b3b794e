"""Draw who knows whom in the pack, from its imports: python3 tests/run.py tests/architecture.py

Writes architecture.svg beside it, for the README; test_architecture.py says when it is out of date, and when two rooms
know each other. An arrow points from who imports to what is imported. It is left out where others say the same: when A
knows B and B knows C, A may know C too. ``errors.py``, which everybody may know, is not drawn.
"""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NODES = ROOT / "nodes"
PICTURE = Path(__file__).with_suffix(".svg")
# What lies in a room's folder and is a room of its own: what every backend knows, and what knows every node.
APART = {
    ("backends", "interface"): "backends/ contract",
    ("backends", "locking"): "backends/ contract",
    ("comfyui", "entrypoint"): "comfyui/ extension",
    ("comfyui", "extension"): "comfyui/ extension",
}
WORDS = {
    "nodes/": "the five nodes",
    "comfyui/ extension": "what ComfyUI loads",
    "comfyui/": "what the nodes share",
    "routes/": "what the page asks",
    "run/": "one run: plan, render, report",
    "request/": "what was asked, checked once",
    "words/": "tags, lyrics, remarks",
    "audio/": "sound: windows, splice, measures",
    "backends/": "which backend",
    "backends/ contract": "what every backend is",
    "backends/local/": "ComfyUI's own engine",
    "backends/runcomfy/": "the hosted service",
    "backends/sketch/": "a plain synthesiser",
}
WIDTH, HEIGHT, GAP_X, GAP_Y = 196, 48, 24, 46

Rooms = dict[str, set[str]]


def room_of(module: tuple[str, ...]) -> str | None:
    """The room of a module below nodes/, such as ("audio", "splice"); None for the errors."""
    if module in (("errors",), ()):
        return None
    if module in APART:
        return APART[module]
    if len(module) == 1:
        return "nodes/" if not (NODES / module[0]).is_dir() else f"{module[0]}/"
    if module[0] == "backends":
        return f"backends/{module[1]}/" if (NODES / "backends" / module[1]).is_dir() else "backends/"
    return f"{module[0]}/"


def imported_by(path: Path) -> set[tuple[str, ...]]:
    """The modules of the pack that a file imports, anywhere in it."""
    own = path.relative_to(NODES).with_suffix("").parts
    found = set()
    for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(statement, ast.ImportFrom) or not statement.level:
            continue
        base = own[: len(own) - statement.level] + tuple(
            (statement.module or "").split(".") if statement.module else ()
        )
        for name in statement.names:
            whole = (*base, name.name)
            there = NODES.joinpath(*whole)
            found.add(whole if there.is_dir() or there.with_suffix(".py").is_file() else base)
    return found


def rooms() -> Rooms:
    """Each room and the others it imports from."""
    known: Rooms = defaultdict(set)
    for path in sorted(NODES.rglob("*.py")):
        module = path.relative_to(NODES).with_suffix("").parts
        here = room_of(module[:-1] if module[-1] == "__init__" else module)
        if here is None:
            continue
        there = {room_of(each) for each in imported_by(path)}
        known[here] |= {room for room in there if room and room != here}
    return dict(known)


def heights(known: Rooms) -> dict[str, int]:
    """How many rooms stand under each, one on the other. Raises ValueError when two know each other."""
    found: dict[str, int] = {}

    def height(room: str, above: tuple[str, ...]) -> int:
        if room in above:
            raise ValueError("rooms that know each other: " + " → ".join((*above[above.index(room) :], room)))
        if room not in found:
            found[room] = 1 + max((height(each, (*above, room)) for each in sorted(known[room])), default=-1)
        return found[room]

    for room in sorted(known):
        height(room, ())
    return found


def plainest(known: Rooms) -> Rooms:
    """The same without what follows from the rest."""

    def reach(room: str) -> set[str]:
        return set().union(*({each} | reach(each) for each in known[room])) if known[room] else set()

    return {
        room: {each for each in others if not any(each in reach(other) for other in others)}
        for room, others in known.items()
    }


def picture(known: Rooms) -> str:
    """The drawing as SVG, who knows most at the top."""
    floors = heights(known)
    top = max(floors.values())
    rows = [sorted(room for room in floors if floors[room] == top - row) for row in range(top + 1)]
    whole = max(len(row) for row in rows) * (WIDTH + GAP_X) + GAP_X
    place = {}
    for index, row in enumerate(rows):
        left = (whole - len(row) * (WIDTH + GAP_X) + GAP_X) / 2
        for column, room in enumerate(row):
            place[room] = (left + column * (WIDTH + GAP_X), GAP_Y / 2 + index * (HEIGHT + GAP_Y))
    tall = len(rows) * (HEIGHT + GAP_Y)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole:g} {tall:g}" width="{whole:g}" height="{tall:g}" '
        'font-family="sans-serif" text-anchor="middle">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#7a8699"/></marker></defs>',
        f'<rect width="{whole:g}" height="{tall:g}" fill="#ffffff"/>',
    ]
    for room, others in sorted(plainest(known).items()):
        x, y = place[room]
        for index, other in enumerate(sorted(others, key=lambda each: place[each])):
            to_x, to_y = place[other]
            start, end = x + WIDTH * (index + 1) / (len(others) + 1), to_x + WIDTH / 2
            middle = (y + HEIGHT + to_y) / 2
            curve = f"M{start:g} {y + HEIGHT:g}C{start:g} {middle:g} {end:g} {middle:g} {end:g} {to_y - 2:g}"
            if to_y - y > HEIGHT + GAP_Y:  # past other rooms: out on the right side and round them
                start, middle = max(x, to_x) + WIDTH, y + HEIGHT / 2
                aside = start + WIDTH / 4
                curve = f"M{x + WIDTH:g} {middle:g}C{aside:g} {middle:g} {aside:g} {middle:g} {end:g} {to_y - 2:g}"
            lines.append(f'<path d="{curve}" fill="none" stroke="#7a8699" stroke-width="1.4" marker-end="url(#tip)"/>')
    for room, (x, y) in sorted(place.items()):
        middle = x + WIDTH / 2
        lines += [
            f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#eaf1fd" stroke="#2f6fd6"/>',
            f'<text x="{middle:g}" y="{y + 20:g}" font-size="14" fill="#12233f">{room}</text>',
            f'<text x="{middle:g}" y="{y + 37:g}" font-size="11" fill="#42526b">{WORDS[room]}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture(rooms()), encoding="utf-8")
    print(PICTURE)
