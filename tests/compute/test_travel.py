"""The travel estimate: a case by hand, the laws of a distance, and its measured error."""

import csv
import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.compute.travel import GIRONDE_2021, great_circle_km, road_minutes

longitudes = st.floats(-180, 180)
latitudes = st.floats(-90, 90)


def km(a, b):
    return float(
        great_circle_km(
            longitude_from=a[0], latitude_from=a[1], longitude_to=b[0], latitude_to=b[1]
        )
    )


def test_one_degree_of_latitude_is_a_360th_of_the_meridian():
    assert km((4, 46), (4, 47)) == pytest.approx(2 * np.pi * 6371.0088 / 360)


def test_antipodes_are_half_the_globe_apart():
    assert km((0, 0), (180, 0)) == pytest.approx(np.pi * 6371.0088)


def test_ten_kilometres_take_thirteen_minutes_by_hand():
    # 1.87 x 10^0.84 = 1.87 x 6.9183 = 12.937
    assert float(road_minutes(km=10.0)) == pytest.approx(12.937, abs=0.001)
    assert float(road_minutes(km=0.0)) == 0


@given(longitudes, latitudes, longitudes, latitudes)
def test_a_distance_is_the_same_both_ways_and_never_negative(lon1, lat1, lon2, lat2):
    there, back = km((lon1, lat1), (lon2, lat2)), km((lon2, lat2), (lon1, lat1))
    assert there == pytest.approx(back, abs=1e-6)
    assert there >= 0


@given(longitudes, latitudes)
def test_a_place_is_at_no_distance_from_itself(longitude, latitude):
    assert km((longitude, latitude), (longitude, latitude)) == 0


@given(st.lists(st.floats(0, 2000), min_size=2))
def test_farther_never_takes_less_time(distances):
    ordered = np.sort(np.array(distances))
    assert (np.diff(road_minutes(km=ordered)) >= 0).all()


def test_an_unknown_point_stays_unknown_and_leaves_the_others_alone():
    found = great_circle_km(
        longitude_from=4.0,
        latitude_from=46.0,
        longitude_to=np.array([np.nan, 4.0]),
        latitude_to=np.array([np.nan, 47.0]),
    )
    minutes = road_minutes(km=found)
    assert np.isnan(minutes[0])
    assert minutes[1] > 0


@pytest.mark.parametrize(
    ("values", "named"),
    [((181, 0, 0, 0), "longitude_from"), ((0, 91, 0, 0), "latitude_from")],
)
def test_a_wrong_degree_is_named(values, named):
    with pytest.raises(ValueError, match=named):
        km(values[:2], values[2:])


def test_a_negative_distance_is_named():
    with pytest.raises(ValueError, match="km"):
        road_minutes(km=np.array([1.0, -1.0]))


@pytest.mark.parametrize("reference", ["osrm_min", "metric_hc_min"])
def test_the_error_kept_beside_the_estimate_is_the_one_measured(shared, reference):
    with gzip.open(shared / "data/temps_trajet_gironde_osrm_metric.csv.gz", "rt") as lines:
        rows = [row for row in csv.DictReader(lines) if row[reference]]
    crow = np.array([float(row["km_vol_oiseau"]) for row in rows])
    real = np.array([float(row[reference]) for row in rows])
    error = road_minutes(km=crow) - real
    near = real < 30
    low, high = GIRONDE_2021.rmse_under_30_minutes
    assert low - 0.06 <= np.sqrt((error[near] ** 2).mean()) <= high + 0.06
    low, high = GIRONDE_2021.rmse_minutes
    assert low - 0.06 <= np.sqrt((error**2).mean()) <= high + 0.06
    assert error[near].mean() == pytest.approx(GIRONDE_2021.bias_under_30_minutes, abs=0.3)
