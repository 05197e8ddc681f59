from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from factories import fill_board, fill_directory


def test_the_board_of_a_large_cpts_takes_twelve_queries(client, cpts, desk):
    fill_directory(cpts, 1500)
    fill_board(desk, 200)
    client.force_login(desk.seat.user)
    url = reverse("snp:board", kwargs={"cpts": cpts.slug})
    client.get(url)  # the session's first write, the memories of the process
    with CaptureQueriesContext(
        connection,
    ) as seen:
        page = client.get(url)
    assert page.status_code == 200
    for i, q in enumerate(seen.captured_queries):
        print(i, q["time"], q["sql"][:260], "...")
    assert len(seen) <= 12
