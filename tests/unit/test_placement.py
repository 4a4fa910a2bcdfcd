"""Packing inference components onto instances."""

from __future__ import annotations

import pytest

from greensage.catalog.instances import instance
from greensage.planner.placement import Share, capacity_of, fits, place

ROOM = (8_000.0, 4.0, 1.0)


def test_small_ones_share_an_instance():
    found = place({Share("a", 3_000, 1): 1, Share("b", 3_000, 1): 1}, ROOM)
    assert found.instances == (("a", "b"),) and found.lower_bound == 1


def test_the_scarcest_resource_decides():
    assert len(place({Share("a", 100, 3): 2}, ROOM).instances) == 2
    assert len(place({Share("a", 100, 0.25, 1): 3}, ROOM).instances) == 3


def test_large_ones_come_first_so_that_small_ones_fill_the_gaps():
    found = place({Share("small", 1_900, 1): 4, Share("large", 6_000, 1): 2}, ROOM)
    assert [len(names) for names in found.instances] == [2, 2, 2]
    assert found.instances[0] == ("large", "small")


def test_what_fits_no_instance_is_named_with_both_sides():
    with pytest.raises(ValueError, match=r"big needs 9,000 MB, 1 cores and 0 accelerators; an instance offers 8,000 MB"):
        place({Share("big", 9_000, 1): 1}, ROOM)
    assert not fits(Share("big", 9_000, 1), ROOM)


def test_the_lower_bound_is_a_bound_and_the_gap_is_said():
    found = place({Share("a", 5_000, 1): 3}, ROOM)
    assert (len(found.instances), found.lower_bound) == (3, 2)
    assert "no packing needs fewer than 2" in str(found)


def test_equal_input_gives_an_equal_placement():
    shares = {Share(f"m{i}", 500 + 37 * i % 3_000, 0.5): 2 for i in range(40)}
    assert place(shares, ROOM) == place(dict(reversed(shares.items())), ROOM)


def test_an_instance_keeps_a_reserve():
    memory, cores, accelerators = capacity_of(instance("ml.g6.xlarge"))
    assert memory < 16 * 1024 and (cores, accelerators) == (4, 1)
