"""What the live server hands out, to whom, and what it refuses."""

from __future__ import annotations

import socket

import pytest


def test_a_page_gets_the_script_but_its_file_does_not(live, fetch):
    answer = fetch("/ops/sine.html")
    assert answer.status == 200
    assert '<script defer src="/_live/live.js"' in answer.text
    assert answer.data["page"] == "ops/sine.html"
    for file in live.output.rglob("*"):
        assert not file.is_file() or b"_live/" not in file.read_bytes(), file


def test_a_folder_is_its_index(fetch):
    assert fetch("/").data["page"] == "index.html"
    assert fetch("/ops/").status == 404


def test_other_files_are_handed_out_as_they_are(live, fetch):
    answer = fetch("/_static/optabs.css")
    assert answer.text == (live.output / "_static/optabs.css").read_text()
    assert "text/css" in answer.headers["content-type"]


@pytest.mark.parametrize("path", ["/", "/_static/optabs.css", "/_live/live.js", "/nothing"])
def test_nothing_is_kept_by_browsers(fetch, path):
    assert fetch(path).headers.get_all("cache-control") == ["no-store"]


def test_the_script_and_its_style_are_served(fetch):
    assert "javascript" in fetch("/_live/live.js").headers["content-type"]
    assert "text/css" in fetch("/_live/live.css").headers["content-type"]
    assert fetch("/_live/other.js").status == 404


def test_an_address_without_a_page(fetch):
    answer = fetch("/ops/none.html")
    assert answer.status == 404
    assert "Page not found" in answer.text
    assert answer.data["page"] == ""  # any build may bring it


@pytest.mark.parametrize(
    "path",
    [
        "/../../conf.py",
        "/%2e%2e/%2e%2e/conf.py",
        "/..%2f..%2fconf.py",
        "/ops/../../../conf.py",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/outside.txt",
        "/_live/../../board.py",
        "/_live/%2e%2e/board.py",
        "/ops/sine.html%00.txt",
    ],
)
def test_nothing_outside_of_the_site_is_handed_out(live, fetch, path):
    link = live.output / "outside.txt"
    link.unlink(missing_ok=True)
    link.symlink_to(live.project.folder / "conf.py")
    answer = fetch(path)
    link.unlink()
    assert answer.status == 404
    assert "extensions" not in answer.text and "root:" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "LocalHost:80", "[::1]:9"])
def test_names_of_this_machine_are_served(fetch, host):
    assert fetch("/", Host=host).status == 200


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1.example.org:80", "10.0.0.1", ""])
@pytest.mark.parametrize("path", ["/", "/_live/events?since=0", "/_live/live.js"])
def test_other_names_are_refused(fetch, host, path):
    answer = fetch(path, Host=host)
    assert answer.status == 421
    assert "127.0.0.1" in answer.text


def test_pages_of_others_may_not_frame_ours(fetch):
    assert fetch("/").headers["content-security-policy"] == "frame-ancestors 'self'"


def test_only_this_machine_is_listened_to(live):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", live.port), timeout=5)


CODE = "result = ff.sin(ff.array([0.5, -1.0]))\nprint('edited')"
RUN = {"page": "ops/sine", "framework": "fake", "case": "plain", "device": "cpu", "code": CODE}


@pytest.fixture
def run(live, fetch):
    """Ask to run something as a page does, but for what is said otherwise."""

    def ask(body=RUN, **changes):
        headers = {
            "Origin": live.address,
            "Content_Type": "application/json",
            "X_Optabs_Token": fetch("/").data["token"],
        }
        return fetch("/_live/run", "POST", body, **{**headers, **changes})

    return ask


def test_edited_code_is_run(run):
    answer = run()
    assert answer.status == 200
    assert '"verdict":"verified"' in answer.text
    assert "edited" in answer.text


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (403, {"X_Optabs_Token": None}),
        (403, {"X_Optabs_Token": ""}),
        (403, {"X_Optabs_Token": "x" * 43}),
        (403, {"X_Optabs_Token": "ü"}),
        (403, {"Origin": None}),
        (403, {"Origin": "null"}),
        (403, {"Origin": "http://example.org"}),
        (403, {"Origin": "http://127.0.0.1:1"}),
        (403, {"Origin": "https://{here}"}),
        (415, {"Content_Type": "text/plain"}),
        (415, {"Content_Type": "application/x-www-form-urlencoded"}),
        (415, {"Content_Type": None}),
        (421, {"Host": "example.org", "Origin": "http://example.org"}),
    ],
)
def test_a_run_that_is_not_from_our_page_is_refused(live, run, status, changes):
    here = live.address.removeprefix("http://")
    named = {name: value and value.replace("{here}", here) for name, value in changes.items()}
    before = len(live.lines)
    assert run(**named).status == status
    assert not [line for line in live.lines[before:] if "ran " in line]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_need_no_less(fetch, method):
    assert fetch("/_live/run", method).status == 403


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{", "no JSON"),
        (b"\xff", "no JSON"),
        ([RUN], "wanted are page, framework"),
        ({**RUN, "more": ""}, "nothing else"),
        ({"code": "1"}, "wanted are page"),
        ({**RUN, "code": 1}, "must be text"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(run, body, text):
    answer = run(body)
    assert answer.status == 400
    assert text in answer.text


def test_a_run_that_is_too_long_is_refused(run):
    assert run({**RUN, "code": "#" * 300_000}).status == 413
    assert run(Content_Length=str(1 << 30)).status == 413


@pytest.mark.parametrize("since", ["", "x", "1.5"])
def test_events_need_a_time(fetch, since):
    assert fetch(f"/_live/events?since={since}").status == 400


def test_a_page_is_told_whether_it_is_outdated(fetch, follow, live):
    for since, outdated in [(fetch("/").data["since"], False), (1, True)]:
        with follow(live.port, "index.html", since) as states:
            assert next(states)["reload"] is outdated
