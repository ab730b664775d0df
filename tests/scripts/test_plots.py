"""Plots of the docs: the same bytes for the same numbers, all within the frame, on any page."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.plots import BOTTOM, HEIGHT, TICKS, TOP, WIDTH, Plot, in_short, round_step, svg

CIRCLE = "{http://www.w3.org/2000/svg}circle"
LINES = {"ours": [(0, 3.1), (1_000, 3.3), (100_000, 18.0)], "a <loop>": [(1_000, 0.8)]}


@pytest.fixture
def drawn() -> str:
    return svg(Plot(title="Milliseconds", below="chunks", lines=LINES))


def test_the_same_numbers_give_the_same_bytes(drawn: str) -> None:
    assert svg(Plot(title="Milliseconds", below="chunks", lines=dict(LINES))) == drawn


def test_every_point_lies_within_the_frame_and_higher_means_more(drawn: str) -> None:
    root = ElementTree.fromstring(drawn)  # noqa: S314 — our own
    places = [(float(each.attrib["cx"]), float(each.attrib["cy"])) for each in root.iter(CIRCLE)]
    assert len(places) == sum(map(len, LINES.values()))
    assert all(0 < x < WIDTH and TOP <= y <= HEIGHT - BOTTOM for x, y in places)
    ours = places[:3]
    assert [x for x, _ in ours] == sorted(x for x, _ in ours)
    assert [y for _, y in ours] == sorted((y for _, y in ours), reverse=True)


def test_nothing_is_drawn_that_a_light_or_a_dark_page_would_hide(drawn: str) -> None:
    colours = set(re.findall(r"#[0-9a-f]{6}", drawn))
    brightness = [sum(bytes.fromhex(colour[1:])) / 3 for colour in colours]
    assert brightness
    assert all(0x50 < each < 0xB0 for each in brightness)
    assert "<rect" not in drawn


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_the_ticks_reach_the_highest_value_and_not_much_further(highest: float) -> None:
    top = round_step(highest) * TICKS
    assert highest <= top * (1 + 1e-9)
    assert top <= highest * 2.6


@pytest.mark.parametrize(("size", "text"), [(0, "0"), (500, "500"), (100_000, "100k")])
def test_sizes_are_written_in_short(size: int, text: str) -> None:
    assert in_short(size) == text
