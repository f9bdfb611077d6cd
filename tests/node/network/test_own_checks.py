"""The check before going live tells what is wrong with the node's own token and certificate."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from tests.node.certificates import parties
from tests.node.network.test_reach import peer, tls

from mitsgan.errors import ConfigurationError
from mitsgan.node.check import Finding, check
from mitsgan.node.config import Destination, Http, Listen, NodeConfig, Route
from mitsgan.node.tokens import own_token
from node_peers import free_port

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def found(folder: Path, what: str, listen: Listen, http: Http | None = None) -> Finding:
    config = NodeConfig(
        spool=folder / "spool",
        routes=(Route(name="ct", action="pass", destinations=("web",)),),
        destinations={"web": Destination(url="http://127.0.0.1:9", timeout_seconds=1)},
        listen=listen,
        http=http,
    )
    (finding,) = (f for f in check(config, phantom=False) if f.what.startswith(what))
    return finding


@pytest.mark.parametrize(
    "token, text",
    [
        (b"\xaf" * 20, "holds no token, which is one line of ASCII"),
        (b"two lines of\nsixteen characters", "holds no token, which is one line of ASCII"),
        (b"short\n", "holds 5 characters; put at least 16 in it"),
    ],
)
def test_a_token_that_is_none_is_told_by_the_check_and_at_the_start(
    tmp_path: Path, token: bytes, text: str
) -> None:
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_bytes(token)
    http = Http(token_file=path)
    finding = found(tmp_path, "token", Listen(port=free_port()), http)
    assert finding.state == "WRONG"
    assert text in finding.text
    with pytest.raises(ConfigurationError, match=text):
        own_token(http)


@pytest.mark.parametrize("name", ["spool", "incoming", "series", "work"])
def test_a_folder_of_the_spool_that_another_user_made_is_told_by_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A check that root has run made them, and the node of a user of its own did not start."""
    made = tempfile.NamedTemporaryFile

    def refused(dir: Path) -> Any:
        if dir.name == name:
            raise PermissionError(13, "Permission denied", str(dir))
        return made(dir=dir)

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refused)
    finding = found(tmp_path, "spool", Listen(port=free_port()))
    assert finding.state == "WRONG"
    assert f"/{name}" in finding.text


@pytest.mark.parametrize("encoding", ["ascii", "utf-8-sig", "utf-16"])
def test_a_token_is_read_as_editors_of_windows_write_it(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "token"
    path.write_bytes("0123456789abcdef\r\n".encode(encoding))
    assert own_token(Http(token_file=path)) == "0123456789abcdef"


def test_a_node_that_runs_is_not_said_to_be_down_where_its_certificate_names_it_otherwise(
    tmp_path: Path,
) -> None:
    node, other = (parties(tmp_path / name, "node")[0] for name in ("node", "other"))
    with peer("MITSGAN", party=node) as port:
        finding = found(tmp_path, "node at", Listen(port=port, tls=tls(other)))
    assert finding.state == "note"
    assert "TLS: the peer's certificate" in finding.text
    assert found(tmp_path, "node at", Listen(port=free_port())).text.endswith(
        "connection refused; is it running?"
    )
