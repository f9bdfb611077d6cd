"""A port that somebody else has ends the start of a node with a message that names it."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from node_peers import free_port

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.mark.parametrize("taken", ["listen", "http"])
def test_a_port_that_is_taken_is_named(taken: str, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text("a token of some length")
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        ports = {"listen": free_port(), "http": free_port(), taken: port}
        config = tmp_path / "node.toml"
        config.write_text(
            'spool = "spool"\nroutes = [{ name = "ct", action = "pass", destinations = ["p"] }]\n'
            'destinations.p = { ae_title = "P", address = "127.0.0.1", port = 9 }\n'
            f"listen.port = {ports['listen']}\n"
            f'http = {{ token_file = "token", port = {ports["http"]} }}\n'
        )
        command = [sys.executable, "-m", "mitsgan", "node", "run", str(config), "--quiet"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 2
    said = f"{taken}: no listening at 127.0.0.1:{port}: Address already in use"
    assert run.stderr.replace("`", "").replace("--", "").strip() == f"error: {said}"
