"""Figures of energy, carbon and money: all there, each with its source, and none that is a silent zero."""

from __future__ import annotations

import json
import math

import pytest

from greensage.catalog import overlay
from greensage.catalog._data import load
from greensage.catalog.figures import coefficient, quality_factor
from greensage.catalog.instances import in_region, regions
from greensage.catalog.lookup import figures_of, names_of_figures
from greensage.catalog.power import power, speed
from greensage.catalog.prices import hourly_price, service_price
from greensage.catalog.regions import distance_km, known_regions, region, round_trip_ms
from greensage.errors import CatalogError


def test_every_hosting_type_has_watts_and_embodied_emissions():
    for name in load("instances")["types"]:
        found = power(name)
        assert 0 < found.idle_w.value < found.half_w.value <= found.full_w.value, name
        assert found.embodied_kg.value > 0, name


def test_every_figure_has_a_quality_with_a_band_a_source_and_a_date():
    qualities = load("quality")["qualities"]
    for names in names_of_figures().values():
        for name in names:
            for figure in figures_of(name, "eu-north-1"):
                assert figure.quality in qualities and figure.source and figure.date, figure.name
                assert figure.factor >= 1
                assert figure.known or figure.quality == "missing", figure.name
    assert quality_factor("measured") < quality_factor("published") < quality_factor("derived") < quality_factor("assumed")


def test_every_region_that_hosts_sagemaker_has_a_grid_intensity_and_a_place():
    without = [name for name in regions() if name not in known_regions()]
    # cfn-lint lists GovCloud and others; what has no published intensity may not be planned for.
    assert all(
        not name.startswith(("us-east", "us-west", "eu-", "ca-", "ap-", "sa-", "af-", "me-", "mx-", "il-")) for name in without
    )
    for name in known_regions():
        assert region(name).intensity.value > 0 and region(name).pue.value > 1


def test_aws_names_22_regions_as_matched():
    assert sum(region(name).matched for name in known_regions()) == 22


def test_the_cleanest_and_the_dirtiest():
    order = sorted(known_regions(), key=lambda name: region(name).intensity.value)
    assert order[0] == "eu-north-1" and order[-1] == "me-south-1"


def test_missing_water_is_unknown():
    assert not region("sa-east-1").wue.known or region("sa-east-1").wue.value > 0
    assert math.isnan(region("af-south-1").wue.value)


def test_distances_are_those_of_the_globe():
    # Dublin to Northern Virginia, about 5,450 km; a round trip in fibre is some 80 ms in practice.
    assert 5_300 < distance_km("eu-west-1", "us-east-1") < 5_600
    assert 60 < round_trip_ms("eu-west-1", "us-east-1") < 110
    assert distance_km("eu-west-1", "eu-west-1") == 0


def test_prices_follow_the_region_and_say_so():
    there, here = hourly_price("ml.m5.large", "eu-west-1"), hourly_price("ml.m5.large", "us-east-1")
    assert here.value == 0.115 and here.quality == "published"
    assert there.value == pytest.approx(0.115 * 1.115) and there.quality == "derived" and "eu-west-1" in there.source
    # A bill of December 2023 says 0.257 for ml.m5.xlarge in eu-west-1 (aws-samples/sagemaker-ssh-helper b6bf9ba, Sample_Costs.md).
    assert hourly_price("ml.m5.xlarge", "eu-west-1").value == pytest.approx(0.257, rel=0.01)
    # An offer of 2026-09-13 says 0.45864 for ml.c7i.2xlarge in eu-north-1.
    assert hourly_price("ml.c7i.2xlarge", "eu-north-1").value == pytest.approx(0.45864, rel=0.01)


def test_a_price_that_nobody_published_is_unknown():
    assert not hourly_price("ml.p2.xlarge", "eu-west-1").known
    assert hourly_price("ml.c8g.medium", "mx-central-1").quality == "assumed"
    assert service_price("logs_ingest_gb", "eu-north-1").value == 0.54


def test_speed_of_an_unknown_family_is_an_assumption():
    assert speed("ml.t2.large").quality == "assumed"
    assert speed("ml.c8g.large").value > speed("ml.c7g.large").value > speed("ml.c6g.large").value


def test_a_name_that_is_no_figure_gets_near_names():
    with pytest.raises(CatalogError, match="lifespan_hours"):
        figures_of("lifespan_hour", "us-east-1")
    assert figures_of("c8g.medium", "us-east-1")[0].name == "ml.c8g.medium at 0 %"
    assert coefficient("lifespan_hours").value == 35_040


@pytest.fixture
def own_catalog(tmp_path, monkeypatch):
    """A folder with refreshed figures, and no cached ones before or after."""
    monkeypatch.setenv("GREENSAGE_CATALOG", str(tmp_path))
    for cached in (load, hourly_price):
        cached.cache_clear()
    yield tmp_path
    for cached in (load, hourly_price):
        cached.cache_clear()


def test_refreshed_prices_replace_the_shipped_ones_and_it_is_said(own_catalog):
    fresh = {"source": "AWS Price List", "date": "2026-12-01", "usd_hour": {"ml.c8g.medium": 0.05}}
    (own_catalog / "instance_prices.json").write_text(json.dumps({"regions": {"eu-north-1": fresh}}))
    price = hourly_price("ml.c8g.medium", "eu-north-1")
    assert (price.value, price.quality, price.date) == (0.05, "published", "2026-12-01")
    other = hourly_price("ml.c8g.medium", "eu-west-1")
    assert other.quality == "derived" and other.date != "2026-12-01", "a shipped figure keeps its own date"
    assert "instance_prices" in overlay.overlay_words()[0]


@pytest.mark.parametrize("text", [
    "{", "[]", "{}", '{"regions": []}', '{"regions": {"eu-north-1": {"ml.c8g.medium": 0.05}}}',
    '{"regions": {"eu-north-1": {"source": "a", "date": "b", "usd_hour": {"ml.c8g.medium": -1}}}}',
    '{"regions": {"eu-north-1": {"source": "a", "date": "b", "usd_hour": {"ml.c8g.medium": "x"}}}}',
])  # fmt: skip
def test_a_broken_refresh_is_an_error_and_not_the_shipped_figure(own_catalog, text):
    (own_catalog / "instance_prices.json").write_text(text)
    with pytest.raises(CatalogError, match="greensage catalog refresh again"):
        hourly_price("ml.c8g.medium", "eu-north-1")


def test_a_catalog_folder_that_is_not_there_is_an_error(own_catalog, monkeypatch):
    monkeypatch.setenv("GREENSAGE_CATALOG", str(own_catalog / "nowhere"))
    with pytest.raises(CatalogError, match="is no folder"):
        hourly_price("ml.c8g.medium", "eu-north-1")


def test_types_of_regions_are_known_for_the_commercial_ones():
    assert "ml.c8g.medium" in (in_region("eu-north-1") or ())
