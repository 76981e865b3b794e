"""Ranges: what of new sound is unlike all the music around it is told, and what the music does itself is not."""

import pytest
import torch
from acestep_nodes.nodes.audio.measures import blocks_of
from acestep_nodes.nodes.audio.ranges import judged_range, parts_off
from acestep_nodes.nodes.audio.seams import FAIR, Difference, Usual
from audio_samples import music

RATE = 44_100


def differences(now, was=None):
    return Difference(loudness_db=now), None if was is None else Difference(loudness_db=was)


@pytest.mark.parametrize(
    ("sides", "said"),
    [
        ([differences(-9), differences(-8)], True),
        ([differences(-9), differences(-2)], False),  # like one neighbour
        ([differences(-9), differences(7)], False),  # between them
        ([differences(-9, -8), differences(-8, -9)], False),  # like what stood there
        ([differences(-9, 0), differences(-8, 0)], True),
        ([differences(None), differences(9)], True),
        ([differences(None)], False),
        ([], False),
    ],
)
def test_a_range_may_be_like_its_neighbours_or_like_what_stood_there(sides, said):
    excess, faults = judged_range({"start": 1.0, "end": 3.0}, sides, Usual())
    assert [fault.code for fault in faults] == [
        "range_louder" if sides and (sides[-1][0].loudness_db or 0) > 0 else "range_softer"
    ] * said
    assert (excess > 1.4) == said


@pytest.mark.parametrize(("name", "code"), [("treble_db", "range_treble"), ("bass_db", "range_bass")])
def test_new_sound_may_have_more_treble_and_bass_but_not_less(name, code):
    for db, said in ((-14.0, [code]), (14.0, [])):
        _, faults = judged_range({"start": 1.0, "end": 3.0}, [(Difference(**{name: db}), None)], Usual())
        assert [fault.code for fault in faults] == said


def white(seconds: float, seed: int = 3) -> torch.Tensor:
    return 0.1 * torch.randn(2, round(seconds * RATE), generator=torch.Generator().manual_seed(seed))


def profile(*levels_db: float):
    """Blocks of steady noise, four seconds each."""
    steps = torch.tensor(levels_db).repeat_interleave(4 * RATE)
    return blocks_of(white(4 * len(levels_db)) * 10 ** (steps / 20), RATE)


def told(new, natural, steady=None):
    """The parts that are faults."""
    return [part for part in parts_off(new, natural, steady or (0, len(new))) if part.excess > FAIR]


@pytest.mark.parametrize(
    ("new", "natural", "said"),
    [
        (profile(0, 0, -9, -9), [profile(0, 0)], ("range_softer", 9, (8, 16))),
        (profile(0, 9, 0, 0), [profile(0, 0)], ("range_louder", 9, (4, 8))),
        (profile(0, 0, -9, -9), [profile(0, 0), profile(-8)], None),  # the music does so, too
        (profile(0, -3), [profile(0, 0)], None),
        (profile(0), [], None),
    ],
)
def test_a_part_that_is_louder_or_softer_than_all_around_is_told(new, natural, said):
    found = told(new, natural)
    assert bool(found) == (said is not None)
    if said:
        (part,) = found
        code, db, span = said
        assert part.code == code and part.db == pytest.approx(db, abs=0.5)
        assert (part.start_seconds, part.end_seconds) == pytest.approx(span, abs=0.8)


@pytest.mark.parametrize(("first", "last", "said"), [(0, 16, True), (0, 8, False), (8, 16, True)])
def test_an_end_that_nothing_follows_may_fade_away_and_a_beginning_may_fade_in(first, last, said):
    new = profile(0, 0, -9, -9)
    seconds = [round(at / new.seconds) for at in (first, last)]
    assert bool(told(new, [profile(0, 0)], seconds)) == said
    louder = profile(0, 0, 9, 9)
    assert told(louder, [profile(0, 0)], seconds)  # but it may not swell


def filtered(low: float, high: float):
    def change(wave):
        spectrum = torch.fft.rfft(wave)
        hertz = torch.linspace(0, RATE / 2, spectrum.shape[1])
        return torch.fft.irfft(spectrum * ((hertz >= low) & (hertz <= high)), wave.shape[1])

    return change


def noise_as_loud(wave):
    return white(wave.shape[1] / RATE, seed=8) * 7 * wave.square().mean().sqrt()


DAMAGES = {
    "noise": (noise_as_loud, {"range_bass", "range_colour"}),
    "no treble": (filtered(0, 5000), {"range_treble"}),
    "no bass": (filtered(250, 30_000), {"range_bass"}),
    "left gone": (lambda wave: wave * torch.tensor([[0.0], [1.0]]), {"range_right"}),
    "right 14 dB softer": (lambda wave: wave * torch.tensor([[1.0], [0.2]]), {"range_left"}),
    "mono": (lambda wave: wave.mean(0, keepdim=True).expand(2, -1), {"range_narrower"}),
    "20 dB softer": (lambda wave: 0.1 * wave, {"range_softer"}),
}


def piece_of_music() -> torch.Tensor:
    """20 s with bass, treble and a wide stereo image all the time."""
    wave = music(20, RATE)
    hum = 0.1 * torch.sin(2 * torch.pi * 70 * torch.arange(wave.shape[1]) / RATE)
    return 0.4 * wave + hum + 0.3 * white(20)


@pytest.mark.parametrize("seconds", [1.5, 4.0])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_a_part_in_the_middle_of_a_long_range_lost_is_told_where_it_is(damage, seconds):
    change, codes = DAMAGES[damage]
    natural = piece_of_music()
    around = [blocks_of(natural, RATE)]
    assert not told(blocks_of(natural[:, RATE:], RATE), around)
    new = natural.clone()
    first, last = 9 * RATE, round((9 + seconds) * RATE)
    new[:, first:last] = change(new[:, first:last])
    found = told(blocks_of(new, RATE), around)
    assert {part.code for part in found} <= codes and found
    for part in found:
        assert part.start_seconds == pytest.approx(9, abs=0.8)
        assert part.end_seconds == pytest.approx(9 + seconds, abs=0.8)


def test_a_soft_passage_is_softer_and_of_no_other_colour():
    """What a lossy codec leaves of music that is hardly there has neither its treble nor its sides."""
    natural = piece_of_music()
    new = natural.clone()
    new[:, 8 * RATE : 12 * RATE] = 0.02 * filtered(0, 3000)(new.mean(0, keepdim=True))[:, 8 * RATE : 12 * RATE]
    assert [part.code for part in told(blocks_of(new, RATE), [blocks_of(natural, RATE)])] == ["range_softer"]


@pytest.mark.parametrize("kind", ["rests", "sides"])
def test_music_that_does_it_all_the_time_may_do_it_a_little_more(kind):
    clock = torch.arange(20 * RATE) / RATE
    if kind == "rests":
        envelope = torch.where(clock % 4 < 1, 0.03 + 0.0 * clock, torch.ones(()))[None]
        deeper = torch.where(clock % 4 < 1, 0.005 + 0.0 * clock, torch.ones(()))[None]
    else:  # from side to side
        envelope = torch.stack([1 + 0.5 * torch.sin(clock), 1 - 0.5 * torch.sin(clock)])
        deeper = torch.stack([1 + 0.8 * torch.sin(clock), 1 - 0.8 * torch.sin(clock)])
    wave = white(20)
    new, natural = blocks_of(wave * deeper, RATE), blocks_of(wave * envelope, RATE)
    assert not told(new, [natural])
    assert told(new, [blocks_of(wave, RATE)])


def test_what_is_too_short_to_say_is_not_judged():
    natural = [blocks_of(white(10), RATE)]
    for samples in (0, 100, RATE // 2):
        assert parts_off(blocks_of(torch.zeros(2, samples), RATE), natural, (0, 0)) == []
    assert parts_off(blocks_of(white(4), RATE), [blocks_of(torch.zeros(2, 0), RATE)], (0, 40)) == []


def test_ten_minutes_are_compared_with_ten_minutes():
    long = blocks_of(white(60).repeat(1, 11), RATE)
    assert not told(long, [long])
