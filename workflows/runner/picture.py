"""A picture of a sound: its waveform over time, with new ranges and seams marked. Pillow and numpy only.

Drawn at twice its size and scaled down, which is what makes the edges smooth.
"""

from dataclasses import dataclass

import numpy
from PIL import Image, ImageDraw, ImageFont

from .sound import Outline

SCALE = 2
WIDTH, HEIGHT = 1600, 480
LEFT, RIGHT, TOP, BOTTOM = 28, 28, 76, 52
LANE_GAP = 14
CONTEXT_BAR = 4

BACKGROUND = (17, 19, 24)
LANE = (23, 26, 33)
GRID = (38, 42, 52)
TEXT = (232, 234, 240)
FAINT_TEXT = (140, 147, 163)
KEPT = ((64, 104, 128), (125, 184, 214))  # peaks, RMS
NEW = ((150, 96, 40), (250, 176, 92))
NEW_LANE = (45, 36, 27)
SEAM = {"good": (122, 201, 128), "fair": (240, 205, 96), "poor": (240, 100, 100)}

# Seconds between labels on the time axis, from which the first that leaves room is taken.
TICK_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
LABEL_ROOM = 90

Span = tuple[float, float]


@dataclass(frozen=True)
class Marks:
    """What to mark, in seconds: ranges of new sound, the context given to the model, seams with their verdict."""

    new: tuple[Span, ...] = ()
    context: tuple[Span, ...] = ()
    seams: tuple[tuple[float, str], ...] = ()


def draw(sound: Outline, title: str, subtitle: str, marks: Marks) -> Image.Image:
    """The picture, 1600 × 480 pixels: one lane a channel, peaks dim and RMS bright, new ranges in orange."""
    lanes = _lanes(sound.channels)
    pixels = numpy.empty((HEIGHT * SCALE, WIDTH * SCALE, 3), numpy.uint8)
    pixels[:] = BACKGROUND
    is_new = _columns_in(marks.new, sound.seconds)
    for channel, (top, bottom) in enumerate(lanes):
        _draw_lane(pixels, top, bottom, sound, channel, is_new)
    image = Image.fromarray(pixels)
    pen = ImageDraw.Draw(image)
    _draw_axis(pen, sound.seconds, lanes)
    _draw_marks(pen, sound.seconds, marks)
    _draw_words(pen, sound, title, subtitle, marks)
    return image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _lanes(channels: int) -> list[tuple[int, int]]:
    """(top, bottom) for each channel, in scaled pixels."""
    height = (HEIGHT - TOP - BOTTOM - LANE_GAP * (channels - 1)) / channels
    tops = [TOP + number * (height + LANE_GAP) for number in range(channels)]
    return [(round(top * SCALE), round((top + height) * SCALE)) for top in tops]


def _x(seconds: float, length: float) -> float:
    """Horizontal position of a time, in scaled pixels."""
    return (LEFT + (WIDTH - LEFT - RIGHT) * seconds / length) * SCALE


def _columns_in(spans: tuple[Span, ...], length: float) -> numpy.ndarray:
    """For each column of a lane, whether its middle lies in one of the spans."""
    columns = (WIDTH - LEFT - RIGHT) * SCALE
    times = (numpy.arange(columns) + 0.5) / columns * length
    return numpy.any([(times >= start) & (times < end) for start, end in spans] or [numpy.zeros(columns, bool)], axis=0)


def _draw_lane(
    pixels: numpy.ndarray, top: int, bottom: int, sound: Outline, channel: int, is_new: numpy.ndarray
) -> None:
    lane = pixels[top:bottom, LEFT * SCALE : (WIDTH - RIGHT) * SCALE]
    lane[:] = numpy.where(is_new[None, :, None], numpy.array(NEW_LANE), numpy.array(LANE))
    low, high, rms = _envelope(sound, channel, lane.shape[1])
    level = numpy.linspace(1, -1, lane.shape[0])[:, None]
    hair = 1.5 / lane.shape[0]  # silence is still a line
    in_peaks = (level >= low - hair) & (level <= high + hair)
    in_rms = (numpy.abs(level) <= rms) & in_peaks
    for inside, colours in ((~is_new, KEPT), (is_new, NEW)):
        for shape, colour in zip((in_peaks, in_rms), colours, strict=True):
            lane[shape & inside] = colour


def _envelope(sound: Outline, channel: int, columns: int) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Lowest and highest sample and RMS of each column."""
    bins = sound.low.shape[1]
    starts = numpy.minimum(numpy.arange(columns) * bins // columns, bins - 1)
    counts = numpy.diff(numpy.append(starts, bins)).clip(1)
    squares = numpy.add.reduceat(sound.mean_square[channel].astype(numpy.float64), starts)
    return (
        numpy.minimum.reduceat(sound.low[channel], starts),
        numpy.maximum.reduceat(sound.high[channel], starts),
        numpy.sqrt(squares / counts),
    )


def _draw_axis(pen: ImageDraw.ImageDraw, length: float, lanes: list[tuple[int, int]]) -> None:
    room = LABEL_ROOM / (WIDTH - LEFT - RIGHT) * length
    step = next((step for step in TICK_STEPS if step >= room), TICK_STEPS[-1])
    base = lanes[-1][1]
    for number in range(int(length / step + 1e-6) + 1):
        x = _x(number * step, length)
        pen.line([(x, base + 4 * SCALE), (x, base + 10 * SCALE)], FAINT_TEXT, SCALE)
        anchor = "lt" if number == 0 else "rt" if x > (WIDTH - RIGHT - 20) * SCALE else "mt"
        pen.text((x, base + 15 * SCALE), _clock(number * step, step), FAINT_TEXT, _font(13), anchor)
    for top, bottom in lanes:
        middle = (top + bottom) // 2
        pen.line([(LEFT * SCALE, middle), ((WIDTH - RIGHT) * SCALE, middle)], GRID, 1)


def _draw_marks(pen: ImageDraw.ImageDraw, length: float, marks: Marks) -> None:
    top, bottom = (TOP - 10) * SCALE, (HEIGHT - BOTTOM) * SCALE
    for start, end in marks.context:
        pen.rectangle([_x(start, length), top, _x(end, length), top + CONTEXT_BAR * SCALE], KEPT[0])
    for start, end in marks.new:
        pen.rectangle([_x(start, length), top, _x(end, length), top + CONTEXT_BAR * SCALE], NEW[1])
    for time, verdict in marks.seams:
        x, radius = _x(time, length), 4.5 * SCALE
        colour = SEAM.get(verdict, TEXT)
        pen.line([(x, top), (x, bottom)], colour, SCALE)
        centre = top + CONTEXT_BAR * SCALE / 2
        pen.ellipse([x - radius, centre - radius, x + radius, centre + radius], colour, BACKGROUND, SCALE)


def _draw_words(pen: ImageDraw.ImageDraw, sound: Outline, title: str, subtitle: str, marks: Marks) -> None:
    pen.text((LEFT * SCALE, 18 * SCALE), title, TEXT, _font(21), "lt")
    pen.text((LEFT * SCALE, 44 * SCALE), subtitle, FAINT_TEXT, _font(14), "lt")
    right = (WIDTH - RIGHT) * SCALE
    pen.text((right, 20 * SCALE), sound.describe(), FAINT_TEXT, _font(14), "rt")
    legend = [("kept", KEPT[1]), ("new", NEW[1]), ("context given to the model", KEPT[0])] if marks.new else []
    verdicts = {verdict for _, verdict in marks.seams}
    legend += [(f"{verdict} seam", colour) for verdict, colour in SEAM.items() if verdict in verdicts]
    for word, colour in reversed(legend):
        pen.text((right, 56 * SCALE), word, FAINT_TEXT, _font(14), "rs")
        right -= _font(14).getlength(word) + 8 * SCALE
        pen.ellipse([right - 9 * SCALE, 46 * SCALE, right, 55 * SCALE], colour)
        right -= 27 * SCALE


def _clock(seconds: float, step: float) -> str:
    """`1:05` or, between whole seconds, `1:05.5`."""
    minutes, rest = divmod(round(seconds, 3), 60)
    return f"{minutes:.0f}:{rest:04.1f}" if step < 1 else f"{minutes:.0f}:{rest:02.0f}"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * SCALE)
