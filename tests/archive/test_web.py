"""Series of a DICOMweb server: found, fetched and protected; servers that refuse."""

from __future__ import annotations

import json
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pydicom import dcmread
from tests.archive.conftest import QUICK

from mitsgan.archive.ledger import Ledger
from mitsgan.archive.plan import Planned, plan_archive
from mitsgan.archive.report import archive_report
from mitsgan.archive.settings import PlanSettings
from mitsgan.archive.task import NewTask, Task
from mitsgan.archive.web import fetch
from mitsgan.archive.web.server import UnreachableError
from mitsgan.archive.worker import work_through
from mitsgan.cli.main import main
from mitsgan.errors import DataError, MitsganError, SettingsError
from node_peers import Orthanc, free_port, tool

LIBRARY = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


class Server:
    """A small DICOMweb server of a folder of studies, which pages as it is asked to."""

    def __init__(self, root: Path) -> None:
        server = self
        self.requests: list[str] = []
        self.token = ""
        self.answer: tuple[int, bytes] | None = None
        self.objects = {}
        for path in root.rglob("*.dcm"):
            ds = dcmread(path)
            uids = (str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID))
            self.objects[uids] = (path, ds)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                status, kind, body = server.respond(self.path, self.headers)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/web"

    def respond(self, path: str, headers: object) -> tuple[int, str, bytes]:
        """Status, type and body."""
        if self.answer is not None:
            return self.answer[0], "text/html", self.answer[1]
        given = dict(headers)  # type: ignore[call-overload]
        if self.token and given.get("Authorization") != f"Bearer {self.token}":
            return 401, "text/plain", b""
        url = urlsplit(path)
        names = url.path.removeprefix("/web/").split("/")
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if names == ["series"]:
            entries = self._series()
        elif names[-1] == "instances":
            entries = [
                tags(ds, "SOPInstanceUID", "SOPClassUID", "Rows", "Columns", "ImageType")
                for (study, series, _), (_, ds) in sorted(self.objects.items())
                if (study, series) == (names[1], names[3])
            ]
        else:
            data = self.objects[names[1], names[3], names[5]][0].read_bytes()
            body = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n--b--"
            return 200, 'multipart/related; type="application/dicom"; boundary=b', body
        start, most = int(query.get("offset", 0)), int(query.get("limit", 100))
        page = entries[start : start + min(most, 5)]  # fewer than were asked for, as servers do
        return (
            (200, "application/dicom+json", json.dumps(page).encode()) if page else (204, "", b"")
        )

    def _series(self) -> list[dict[str, object]]:
        entries = {}
        for (study, series, _), (_, ds) in sorted(self.objects.items()):
            count = sum(key[:2] == (study, series) for key in self.objects)
            entry = tags(ds, "StudyInstanceUID", "SeriesInstanceUID", "Modality")
            entries[series] = {**entry, "00201209": {"vr": "IS", "Value": [count]}}
        return list(entries.values())

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def tags(ds: object, *names: str) -> dict[str, object]:
    """Attributes in DICOM JSON."""
    whole = json.loads(ds.to_json(bulk_data_threshold=100))  # type: ignore[attr-defined]
    wanted = {f"{ds.data_element(name).tag:08X}" for name in names}  # type: ignore[attr-defined]
    return {tag: value for tag, value in whole.items() if tag in wanted}


@pytest.fixture
def server(studies: Path) -> Iterator[Server]:
    server = Server(studies)
    yield server
    server.stop()


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Planned]:
    """Plan a URL into ``l.db``, by settings in TOML."""

    def plan_url(url: str, text: str = QUICK) -> Planned:
        how = tmp_path / "how.toml"
        how.write_text(text)
        ledger, out = tmp_path / "l.db", tmp_path / "out"
        return plan_archive(
            PlanSettings(source=url, ledger=ledger, output=out, settings=how, jobs=2)
        )

    return plan_url


def series_of(folder: Path) -> list[Task]:
    return list(archive_report(folder / "l.db").series)


def check_as_single(tasks: list[Task], studies: Path, folder: Path) -> None:
    """Outputs are those of the single command on the same files."""
    sources = {str(dcmread(p).SeriesInstanceUID): p.parent for p in studies.rglob("*.dcm")}
    for task in tasks:
        assert (task.state, task.reason) == ("done", "")
        output, single = Path(task.output), folder / f"single-{task.id}"
        study = str(dcmread(next(sources[task.series].iterdir())).StudyInstanceUID)
        assert output == folder / "out" / study / task.series
        options = ("--protector", "noise", "--max-hu", "5", "--quiet")
        assert main(["protect", str(sources[task.series]), str(single), *options]) == 0
        ours, theirs = (
            {str(ds.SOPInstanceUID): ds.PixelData for ds in map(dcmread, place.iterdir())}
            for place in (output, single)
        )
        assert ours == theirs
        assert sorted(path.name for path in output.parent.iterdir()) == [task.series]


def test_series_of_a_server_are_protected_as_files_are(
    server: Server, plan: Callable[..., Planned], studies: Path, tmp_path: Path
) -> None:
    planned = plan(server.url)
    assert (planned.series, planned.new, planned.voxels) == (3, 3, 30 * 32 * 32)
    assert not any("/instances/" in path for path in server.requests)  # no pixels yet
    assert work_through(tmp_path / "l.db", "w", 1e6, 60) == 3
    check_as_single(series_of(tmp_path), studies, tmp_path)


def test_the_same_plan_again_asks_only_for_what_is_new(
    server: Server, plan: Callable[..., Planned]
) -> None:
    plan(server.url)
    gone = next(iter(server.objects))
    del server.objects[gone]
    server.requests.clear()
    planned = plan(server.url)
    assert (planned.new, planned.changed) == (0, 1)
    asked = {path.split("/")[5] for path in server.requests if path.count("/") > 4}
    assert asked == {gone[1]}


def test_a_token_is_shown_and_its_lack_is_told(
    server: Server, plan: Callable[..., Planned], tmp_path: Path
) -> None:
    server.token = "secret"
    with pytest.raises(DataError, match=r"status 401.*bearer_file.*\[web\]"):
        plan(server.url)
    (tmp_path / "token").write_text("secret\n")
    assert plan(server.url, QUICK + '[web]\nbearer_file = "token"\n').series == 3
    server.token = "another"
    work_through(tmp_path / "l.db", "w", 1e6, 60)
    assert {(task.state, task.failure) for task in series_of(tmp_path)} == {("failed", "input")}


@pytest.mark.parametrize(
    "answer, error, match",
    [
        ((404, b""), DataError, "where its DICOMweb begins"),
        ((200, b"<html>"), DataError, "no DICOM JSON"),
        ((200, b'{"a": 1}'), DataError, "no DICOM JSON"),
        ((503, b""), UnreachableError, "cannot answer now"),
        ((200, b'[{"0020000D": {"Value": ["../.."]}}]'), DataError, "no UID"),
        ((200, b'[{"00080060": {"Value": ["MR"]}}]'), DataError, "answered with MR"),
    ],
)
def test_servers_that_answer_otherwise_are_told_from_empty_ones(
    server: Server,
    plan: Callable[..., Planned],
    answer: tuple[int, bytes],
    error: type[MitsganError],
    match: str,
) -> None:
    server.answer = answer
    with pytest.raises(error, match=match):
        plan(server.url)


def test_an_empty_server_has_no_series(server: Server, plan: Callable[..., Planned]) -> None:
    server.objects = {}
    planned = plan(server.url)
    assert (planned.series, planned.new, planned.disk_mb) == (0, 0, 0)


def test_urls_that_make_no_sense_are_refused(
    plan: Callable[..., Planned], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UnreachableError, match="is the URL right"):
        plan(f"http://127.0.0.1:{free_port()}/web")
    with pytest.raises(SettingsError, match="password"):
        plan("http://me:secret@127.0.0.1/web")
    with pytest.raises(SettingsError, match="no server"):
        plan("http:///web")
    with pytest.raises(SettingsError, match="no seals beside"):
        plan("http://127.0.0.1/web", 'action = "verify"\n[verify]\nsealed = true\n')
    url = f"http://127.0.0.1:{free_port()}/web"
    ledger = str(tmp_path / "cli.db")
    assert main(["archive", "plan", url, "--ledger", ledger, "-o", str(tmp_path / "o")]) == 2
    assert url.removesuffix("/web") in capsys.readouterr().err


@pytest.mark.slow
def test_a_server_that_goes_away_is_no_fault_of_the_series(
    server: Server, plan: Callable[..., Planned], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mitsgan.archive.ledger.WAIT_SECONDS", {"infrastructure": 0, "input": 0})
    plan(server.url)
    server.answer = (503, b"")
    assert work_through(tmp_path / "l.db", "w", 1e6, 60) == 15
    assert {(t.state, t.failure, t.attempts) for t in series_of(tmp_path)} == {
        ("failed", "infrastructure", 5)
    }
    assert not list((tmp_path / "out").rglob("*.partial"))


@pytest.mark.slow
def test_series_of_orthanc_are_found_and_protected(
    plan: Callable[..., Planned], studies: Path, tmp_path: Path
) -> None:
    if tool("Orthanc") is None or not LIBRARY.exists():
        pytest.skip("not installed: Debian's orthanc-dicomweb")
    archive = Orthanc(tmp_path / "archive", free_port())
    settings = archive.folder / "orthanc.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "Plugins": [str(LIBRARY)]}))
    archive.start()
    try:
        url = f"http://127.0.0.1:{archive.http}"
        assert plan(f"{url}/dicom-web").series == 0
        for file in studies.rglob("*.dcm"):
            request = urllib.request.Request(f"{url}/instances", file.read_bytes())
            urllib.request.urlopen(request, timeout=60).close()
        planned = plan(f"{url}/dicom-web")
        assert (planned.series, planned.new, planned.voxels) == (3, 3, 30 * 32 * 32)
        assert plan(f"{url}/dicom-web").new == 0
        with pytest.raises(DataError, match="where its DICOMweb begins"):
            plan_archive(
                PlanSettings(source=f"{url}/web", ledger=tmp_path / "m.db", output=tmp_path / "out")
            )
        assert work_through(tmp_path / "l.db", "w", 1e6, 60) == 3
    finally:
        archive.stop()
    check_as_single(series_of(tmp_path), studies, tmp_path)


def test_what_a_killed_worker_fetched_to_verify_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is of a patient, and lies where others write, too."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, others = tmp_path / ".source.mitsgan-1.2.7.x.partial", tmp_path / ".theirs.7.x.partial"
    for folder in (left, others):
        (folder / "mitsgan-1.2").mkdir(parents=True)
        (folder / "lock").touch()

    def fetched(url: str, web: object, folder: Path) -> None:
        folder.mkdir()

    monkeypatch.setattr(fetch, "fetch_series", fetched)
    url = "http://127.0.0.1/studies/1.1/series/1.2"
    task = NewTask(
        key="k",
        action="verify",
        source=url,
        series="1.2",
        output=Path(),
        files=1,
        megabytes=1,
        voxels=1,
        memory_mb=1,
    )
    with closing(Ledger(tmp_path / "l.db", create=True)) as book:
        book.enter([task])
        (entered,) = book.tasks()
    with fetch.on_disk(entered, None) as here:
        assert Path(here.source).is_dir()
        assert not left.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [others.name, "l.db"]
