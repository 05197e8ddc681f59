"""Estimated road time between two points from the distance as the crow flies."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG


@dataclass(frozen=True, slots=True)
class TravelModel:
    """minutes = factor x km ** exponent, with what was measured about its error.

    Errors are in minutes: root mean square over trips under 30 min and over all trips, lowest and
    highest of the two references; bias = estimate minus reference.
    """

    factor: float
    exponent: float
    year: int
    area: str
    reference: str
    rmse_under_30_minutes: tuple[float, float]
    bias_under_30_minutes: float
    rmse_minutes: tuple[float, float]


# Fitted on 2 495 trips of one département; references: OSRM and the INSEE "Metric" distance tool at
# off-peak hours, published by DREES and INSEE (comparison of distance tools, 2021).
GIRONDE_2021 = TravelModel(
    factor=1.87,
    exponent=0.84,
    year=2021,
    area="Gironde",
    reference="2 495 trajets OSRM et Metric (INSEE, heures creuses), comparaison DREES",
    rmse_under_30_minutes=(3.2, 3.4),
    bias_under_30_minutes=1.3,
    rmse_minutes=(8.2, 8.6),
)


def great_circle_km(
    *,
    longitude_from: npt.ArrayLike,
    latitude_from: npt.ArrayLike,
    longitude_to: npt.ArrayLike,
    latitude_to: npt.ArrayLike,
) -> Floats:
    """Kilometres between points given in degrees; shapes broadcast; NaN where a point is unknown.

    Haversine on a sphere: 2 R asin sqrt(sin²(Δφ/2) + cos φ1 cos φ2 sin²(Δλ/2)).
    """
    lon1, lat1, lon2, lat2 = (
        _degrees(value, name)
        for value, name in (
            (longitude_from, "longitude_from"),
            (latitude_from, "latitude_from"),
            (longitude_to, "longitude_to"),
            (latitude_to, "latitude_to"),
        )
    )
    half = np.sin((lat2 - lat1) / 2) ** 2
    half = half + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0))))


def road_minutes(*, km: npt.ArrayLike, model: TravelModel = GIRONDE_2021) -> Floats:
    """Minutes by road for kilometres as the crow flies: factor x km ** exponent; NaN stays NaN."""
    distance = np.asarray(km, dtype=np.float64)
    if np.any(distance < 0):
        raise ValueError("km: a distance is negative")
    return np.asarray(model.factor * distance**model.exponent)


def _degrees(value: npt.ArrayLike, name: str) -> Floats:
    degrees = np.asarray(value, dtype=np.float64)
    limit = 180 if name.startswith("longitude") else 90
    if np.any(np.abs(degrees) > limit):
        raise ValueError(f"{name}: outside -{limit}..{limit} degrees")
    return np.radians(degrees)
