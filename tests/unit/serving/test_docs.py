"""The documentation page works without the internet."""

import re

from tests.fakes.serving import Worker


def test_every_file_of_the_page_comes_from_this_server(worker: Worker) -> None:
    page = worker.client.get("/docs").text
    files = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert any(name.endswith(".js") for name in files)
    for name in files:
        assert name.startswith("/")
    scripts = [name for name in files if name.endswith((".js", ".css"))]
    assert all(worker.client.get(name).status_code == 200 for name in scripts)
