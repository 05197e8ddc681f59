"""Files are read whole or refused aloud: the line, the column and the reason in French."""

import gzip
import json

import pytest

from maillage.kernel.errors import DomainError
from maillage.territory import gateway

COMMUNE = {
    "insee": "71306",
    "nom": "Montceau-les-Mines",
    "dep": "71",
    "dep_nom": "Saône-et-Loire",
    "reg": "27",
    "reg_nom": "Bourgogne-Franche-Comté",
    "epci": "247100290",
    "codes_postaux": "71300|71301",
    "pop2023": "17395",
    "pop2016": "",
    "lon": "4.36",
    "lat": "46.67",
    "lon_chef_lieu": "4.3626",
    "lat_chef_lieu": "46.6664",
    "surface_km2": "16.62",
}
SQUARE = [[4.0, 46.0], [4.1, 46.0], [4.1, 46.1], [4.0, 46.0]]


def write(path, rows, columns=None, encoding="utf-8"):
    columns = columns or list(rows[0])
    text = "\n".join([",".join(columns)] + [",".join(row[c] for c in columns) for row in rows])
    path.write_bytes(gzip.compress(text.encode(encoding)))
    return path


def outlines(path, *features):
    path.write_bytes(gzip.compress(json.dumps({"features": features}).encode()))
    return path


def feature(insee, geometry):
    return {"properties": {"insee": insee}, "geometry": geometry}


def communes(tmp_path, *changes):
    rows = [COMMUNE | change for change in changes]
    return gateway.read_communes(write(tmp_path / "communes.csv.gz", rows), {"247100290"})


def test_a_commune_is_read_with_its_town_hall_and_the_censuses_that_are_known(tmp_path):
    (row,), refused = communes(tmp_path, {})
    assert refused == []
    assert (row.longitude, row.latitude) == (4.3626, 46.6664)
    assert row.populations == ((2023, 17395),)
    assert row.postal_codes == "71300 71301"
    assert row.epci == "247100290"


def test_without_a_town_hall_the_middle_of_the_outline_is_the_centre(tmp_path):
    (row,), _ = communes(tmp_path, {"lon_chef_lieu": "", "lat_chef_lieu": ""})
    assert (row.longitude, row.latitude) == (4.36, 46.67)


def test_without_any_position_the_centre_is_unknown(tmp_path):
    places = ("lon", "lat", "lon_chef_lieu", "lat_chef_lieu")
    (row,), refused = communes(tmp_path, dict.fromkeys(places, ""))
    assert (row.longitude, row.latitude, refused) == (None, None, [])


@pytest.mark.parametrize(
    ("change", "column", "words"),
    [
        ({"insee": "7130"}, "insee", "n'est pas un code INSEE"),
        ({"nom": " "}, "nom", "valeur absente"),
        ({"epci": "999999999"}, "epci", "n'est pas dans le fichier des EPCI"),
        ({"pop2023": "-4"}, "pop2023", "n'est pas un nombre entier"),
        ({"pop2023": "1e3"}, "pop2023", "n'est pas un nombre entier"),
        ({"lon_chef_lieu": "400"}, "lon_chef_lieu", "n'est pas un nombre attendu"),
        ({"lat_chef_lieu": "nan"}, "lat_chef_lieu", "n'est pas un nombre attendu"),
        ({"lat_chef_lieu": ""}, "lon_chef_lieu", "vont ensemble"),
        ({"insee": "71001"}, "insee", "est déjà donné plus haut"),
    ],
)
def test_a_wrong_line_is_told_and_the_others_are_kept(tmp_path, change, column, words):
    rows, (refused,) = communes(tmp_path, {"insee": "71001"}, change, {"insee": "71002"})
    assert [row.insee for row in rows] == ["71001", "71002"]
    assert (refused.kind, refused.line, refused.column) == ("communes", 3, column)
    assert words in refused.reason
    assert "communes.csv.gz, ligne 3" in str(refused)


def test_a_missing_column_is_named(tmp_path):
    columns = [column for column in COMMUNE if column != "dep_nom"]
    path = write(tmp_path / "communes.csv.gz", [COMMUNE], columns)
    with pytest.raises(DomainError, match=r"n'a pas la colonne attendue : dep_nom\."):
        gateway.read_communes(path, set())


def test_a_wrong_encoding_is_told(tmp_path):
    path = write(tmp_path / "communes.csv.gz", [COMMUNE], encoding="latin-1")
    with pytest.raises(DomainError, match="n'est pas en UTF-8"):
        gateway.read_communes(path, set())


def test_a_file_cut_short_is_told(tmp_path):
    path = write(tmp_path / "communes.csv.gz", [COMMUNE])
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DomainError, match="coupé ou abîmé"):
        gateway.read_communes(path, set())


def test_a_file_that_is_no_archive_is_told(tmp_path):
    path = tmp_path / "communes.csv.gz"
    path.write_text("insee,nom")
    with pytest.raises(DomainError, match="coupé ou abîmé"):
        gateway.read_communes(path, set())


def test_a_missing_file_and_a_missing_folder_are_told(tmp_path):
    with pytest.raises(DomainError, match=r"epci\.csv\.gz manque"):
        gateway.read_reference(tmp_path)
    with pytest.raises(DomainError, match="n'existe pas"):
        gateway.read_reference(tmp_path / "rien")


def test_a_former_code_leads_to_a_commune_and_is_not_one(tmp_path):
    rows = [
        {"ancien": "71100", "code2026": "71306"},
        {"ancien": "71306", "code2026": "71306"},
        {"ancien": "71101", "code2026": "71999"},
    ]
    read, refused = gateway.read_former_codes(write(tmp_path / "p.csv.gz", rows), {"71306"})
    assert [(row.code, row.insee) for row in read] == [("71100", "71306")]
    assert [each.line for each in refused] == [3, 4]


def test_counts_of_former_communes_and_arrondissements_are_summed(tmp_path):
    def line(origin, now, doctors):
        kinds = dict.fromkeys(gateway.OfferKind.values, "0")
        return (
            {"insee_origine": origin, "insee2026": now} | kinds | {"medecin_generaliste": doctors}
        )

    path = write(
        tmp_path / "o.csv.gz",
        [
            line("75101", "", "3"),
            line("75102", "", "4"),
            line("71306", "71306", "2"),
            line("71307", "71306", "5"),
            line("99999", "99999", "1"),
        ],
    )
    rows, (refused,) = gateway.read_offers(
        path, {"75056", "71306"}, {"75101": "75056", "75102": "75056"}
    )
    assert {(row.insee, row.kind): row.count for row in rows} == {
        ("75056", "medecin_generaliste"): 7,
        ("71306", "medecin_generaliste"): 7,
    }
    assert (refused.line, refused.column) == (6, "insee2026")


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        {"type": "Point", "coordinates": [4, 46]},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [SQUARE[:3]]},
        {"type": "Polygon", "coordinates": [[*SQUARE[:3], [9.0, 9.0]]]},
        {"type": "Polygon", "coordinates": [[[400.0, 0.0], *SQUARE[1:3], [400.0, 0.0]]]},
        {"type": "Polygon", "coordinates": [[["a", "b"], *SQUARE[1:]]]},
    ],
)
def test_an_outline_that_is_no_polygon_is_refused_alone(tmp_path, geometry):
    sound = {"type": "Polygon", "coordinates": [SQUARE]}
    path = outlines(tmp_path / "c.geojson.gz", feature("71306", geometry), feature("71001", sound))
    rows, (refused,) = gateway.read_outlines(path, {"71306", "71001"}, source="essai")
    assert [row.insee for row in rows] == ["71001"]
    assert (refused.line, refused.column) == (1, "geometry")


def test_an_outline_of_nowhere_is_refused(tmp_path):
    path = outlines(tmp_path / "c.geojson.gz", feature("99999", None), {"properties": None})
    rows, refused = gateway.read_outlines(path, {"71306"}, source="essai")
    assert rows == []
    assert [each.column for each in refused] == ["insee", "insee"]


def test_outlines_that_are_not_geojson_are_told(tmp_path):
    path = tmp_path / "c.geojson.gz"
    path.write_bytes(gzip.compress(b'{"features": ['))
    with pytest.raises(DomainError, match="GeoJSON"):
        gateway.read_outlines(path, set(), source="essai")


def test_the_package_holds_the_ten_territories_and_all_their_communes():
    extract, territories = gateway.read_extract(), gateway.read_territories()
    sizes = {each.slug: len(each.communes) for each in territories}
    assert sizes == {
        "centre-saone-et-loire": 34,
        "costieres-en-camargue": 13,
        "golfe": 12,
        "pays-des-maures-littoral": 7,
        "var-esterel-mediterranee": 5,
        "hyeres-et-les-iles-d-or": 1,
        "dracenie-provence-verdon": 34,
        "la-seyne-toulon-ouest": 4,
        "var-ouest": 10,
        "var-provence-mediterranee": 5,
    }
    codes = [insee for each in territories for insee in each.communes]
    assert sorted(codes) == sorted(row.insee for row in extract.communes)
    assert all(row.longitude and row.populations for row in extract.communes)
    assert all(each.perimeter_source for each in territories)


def test_the_package_says_the_same_as_the_files_it_comes_from(shared):
    extract = gateway.read_extract()
    epcis, _ = gateway.read_epcis(shared / "data" / gateway.EPCIS)
    rows, refused = gateway.read_communes(
        shared / "data" / gateway.COMMUNES, {each.siren for each in epcis}
    )
    assert refused == []
    full = {row.insee: row for row in rows}
    for row in extract.communes:
        assert sorted(full[row.insee].populations) == sorted(row.populations)
        assert full[row.insee].longitude == row.longitude
    offers, _ = gateway.read_offers(shared / "data" / gateway.OFFERS, set(full))
    known = {(row.insee, row.kind): row.count for row in offers}
    here = {row.insee for row in extract.communes}
    assert {key: n for key, n in known.items() if key[0] in here} == {
        (row.insee, row.kind): row.count for row in extract.offers
    }
