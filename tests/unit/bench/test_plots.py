"""Plots with logarithmic axes."""

from xml.etree import ElementTree as ET

import pytest

from bench.plots import Scale, Series, plot

SVG = "{http://www.w3.org/2000/svg}"


def test_an_axis_reaches_from_power_to_power() -> None:
    scale = Scale([20.0, 3000.0], 0, 300)
    assert scale.ticks() == [10.0, 100.0, 1000.0, 10_000.0]
    assert [round(scale.at(tick)) for tick in scale.ticks()] == [0, 100, 200, 300]


def test_a_single_value_has_an_axis() -> None:
    assert Scale([10.0], 0, 1).ticks() == [10.0, 100.0]


def test_a_plot_is_well_formed_and_has_every_value() -> None:
    text = plot(
        "a < b", "files", [Series("x & y", [(10, 1.0), (100, 2.0)]), Series("z", [(10, 5)])]
    )
    root = ET.fromstring(text)
    titles = [each.text for each in root.iter(f"{SVG}title")]
    assert titles == ["a < b", "x & y: 1", "x & y: 2", "z: 5"]
    assert len(list(root.iter(f"{SVG}polyline"))) == 2
    left, right = (float(each.attrib["cx"]) for each in list(root.iter(f"{SVG}circle"))[:2])
    assert left < right


def test_what_has_no_logarithm_is_refused() -> None:
    with pytest.raises(ValueError, match=r"math domain error|positive"):
        plot("t", "x", [Series("s", [(1, 0.0)])])
