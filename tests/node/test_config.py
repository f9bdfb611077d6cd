from __future__ import annotations

from pathlib import Path

import pytest

from mitsgan.cli.main import main
from mitsgan.errors import ConfigurationError, SettingsError
from mitsgan.node.config import NodeConfig, Retry, Route, read_config

GOOD = """
spool = "spool"
[[routes]]
name = "ct"
action = "protect"
destinations = ["pacs"]
calling = ["CT1"]
addresses = ["10.1.0.0/16", "127.0.0.1"]
[routes.protect]
max_hu = 5.0
key = "mark.key"
[destinations.pacs]
ae_title = "PACS"
address = "127.0.0.1"
port = 104
"""


PROTECT = GOOD[GOOD.index("action") : GOOD.index("[destinations.pacs]")]
RESTORE = """action = "restore"
destinations = ["pacs"]
calling = ["CT1"]
[routes.restore]
private_key = "site.pem"
trust = "signer.pub"
"""


PEER = GOOD[GOOD.index('ae_title = "PACS"') :]
TLS = 'tls = { certificate = "node.crt", key = "node.key", authorities = "ca.crt" }'
OURS = 'tls = { authorities = "ca.crt" }'
CERTIFICATE = "ab" * 32


def config(folder: Path, text: str) -> NodeConfig:
    path = folder / "node.toml"
    path.write_text(text)
    return read_config(path)


def test_a_configuration_is_read_and_its_paths_start_at_its_folder(tmp_path: Path) -> None:
    read = config(tmp_path, GOOD)
    assert read.spool == tmp_path / "spool"
    assert read.routes[0].protecting.key == tmp_path / "mark.key"
    assert read.routes[0].protecting.max_hu == 5
    assert read.listen.address == "127.0.0.1"
    assert read.destinations["pacs"].on_failure == "hold"


def test_a_budget_that_readers_see_is_taken_where_it_is_meant(tmp_path: Path) -> None:
    read = config(tmp_path, GOOD.replace("max_hu = 5.0", "max_hu = 60.0\nyes_visible = true"))
    assert read.routes[0].protecting.max_hu == 60
    kept = GOOD.replace("max_hu = 5.0", 'max_hu = 60.0\nrestorable = ["site.crt"]')
    assert config(tmp_path, kept).routes[0].protecting.max_hu == 60


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("port = 104", "port = 0", "toml: destinations.pacs: `port` must lie between"),
        ("port = 104", 'port = "104"', "toml: destinations.pacs.port: expected a whole number"),
        ('"PACS"', '"PA\\tCS"', "16 printable ASCII"),
        ("max_hu = 5.0", 'protector = "mitsgun"', "protector 'mitsgun'; there are: mits-gan-wav"),
        ('destinations = ["pacs"]', 'destinations = ["other"]', "no destination is called other"),
        ('action = "protect"', 'action = "store"', "action"),
        ('action = "protect"', 'action = "restore"', "restore"),
        ("max_hu = 5.0", 'restorable_form = "full"', "restorable"),
        (PROTECT, RESTORE.replace('calling = ["CT1"]\n', ""), "for whom"),
        (PROTECT, RESTORE.replace("private_key", "public_key"), "private_key|public_key"),
        ('action = "protect"', 'action = "verify"', "verify"),
        ('calling = ["CT1"]', 'calling = ["A TITLE THAT IS TOO LONG"]', "16"),
        ("10.1.0.0/16", "10.1.0.1/16", "addresses"),
        ("max_hu = 5.0", "max_hu = 0.0", "max_hu"),
        ('calling = ["CT1"]', 'certificates = ["SHA256:ab"]', "openssl x509"),
        ('calling = ["CT1"]', f'certificates = ["{"ab" * 32}"]', "`tls` of `listen`"),
        (PEER, f'url = "http://x/y"\n{TLS}', "https://"),
        (PEER, 'url = "https://x/y"\ntls = { authorities = "a", key = "k" }', "both"),
        (
            "port = 104",
            'port = 104\ntls = { authorities = "a" }',
            "`destinations.pacs` needs `cert",
        ),
        ("[destinations.pacs]", f"[listen]\n{OURS}\n[destinations.pacs]", "`listen` needs `cert"),
        (PEER, 'url = "https://x:99999/y"', "https://x:99999/y: Port out of range"),
        (PEER, 'url = "https:///y"', "a server and a path, found https:///y"),
        (PEER, 'url = "https://u:secret@x/y"', "`url` of x names a user; .*`bearer_file`"),
        ("max_hu = 5.0", "max_hu = 60.0", "`max_hu=60` is beyond.*give `yes_visible=True`"),
        ('name = "ct"', 'name = "ct"\nexpected = "NoSuchThing"', "NoSuchThing"),
        ('name = "ct"', 'name = "ct"\ncolour = 1', "colour"),
        ('name = "ct"', 'name = "ct"\nquiet = "study"\nexpected = "Rows"', "not both"),
        ("[destinations.pacs]", '[audit]\naddress = ""\nport = 514\n[destinations.pacs]', "syslog"),
        ("port = 104", "port = 104\nread_back = true", "sign"),
        ("port = 104", 'port = 104\nread_back_by = "x"', '"C-GET", "C-MOVE", found .x.$'),
        ("port = 104", 'port = 104\nurl = "https://x/y"', "not both"),
        ('address = "127.0.0.1"\n', "", "address"),
    ],
)
def test_what_makes_no_sense_is_told(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        config(tmp_path, GOOD.replace(old, new))


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    read = config(tmp_path, GOOD)
    with pytest.raises(SettingsError, match=r"mark\.key: No such file or directory; make it"):
        read.check_secrets()
    key = tmp_path / "mark.key"
    key.write_text("secret")
    key.chmod(0o640)
    with pytest.raises(SettingsError, match="others may read"):
        read.check_secrets()
    key.chmod(0o600)
    read.check_secrets()


def test_a_secret_that_cannot_even_be_looked_for_is_told(tmp_path: Path) -> None:
    """A node that takes a changed file would end on any other error."""
    read = config(tmp_path, GOOD.replace("mark.key", "x" * 300))
    with pytest.raises(ConfigurationError, match="name too long; make it, or name another"):
        read.check_secrets()


def test_a_secret_of_another_user_is_told_before_anything_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each series was held back for it. Tests of root may read everything, so it is made up."""
    read = config(tmp_path, GOOD)
    key = tmp_path / "mark.key"
    key.write_text("secret")
    key.chmod(0o600)

    def refused(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(ConfigurationError, match=r"mark\.key: Permission denied; .* runs as"):
        read.check_secrets()


def test_the_key_of_a_reader_is_a_secret(tmp_path: Path) -> None:
    read = config(tmp_path, GOOD.replace(PROTECT, RESTORE))
    key = tmp_path / "site.pem"
    key.write_text("secret")
    key.chmod(0o644)
    with pytest.raises(SettingsError, match="others may read"):
        read.check_secrets()
    key.chmod(0o600)
    read.check_secrets()


def test_a_secret_store_keeps_its_own_modes(tmp_path: Path) -> None:
    (tmp_path / "mark.key").write_text("secret")
    config(tmp_path, f'secrets = "{tmp_path}"\n{GOOD}').check_secrets()


def test_a_sender_fits_by_title_address_and_certificate() -> None:
    route = Route(
        name="r",
        action="pass",
        destinations=("d",),
        calling=("CT1",),
        addresses=("10.1.0.0/16",),
        certificates=(CERTIFICATE,),
    )
    assert route.fits("CT1", "10.1.2.3", CERTIFICATE)
    assert route.fits("CT1", "::ffff:10.1.2.3", CERTIFICATE)
    assert not route.fits("CT2", "10.1.2.3", CERTIFICATE)
    assert not route.fits("CT1", "10.2.2.3", CERTIFICATE)
    assert not route.fits("CT1", "10.1.2.3", None)


def test_a_certificate_is_known_by_what_openssl_prints() -> None:
    """It would be nobody's, and its sender's series go the way of another route."""
    printed = ":".join(["AB"] * 32)
    route = Route(name="r", action="pass", destinations=("d",), certificates=(printed,))
    assert route.fits("CT1", "10.1.2.3", CERTIFICATE)


def test_spaces_around_a_title_do_not_count() -> None:
    route = Route(name="r", action="pass", destinations=("d",), calling=("CT1 ",))
    assert route.fits("CT1", "10.1.2.3", None)


def test_waits_double_up_to_a_bound() -> None:
    retry = Retry(first_seconds=5, longest_seconds=60)
    assert [retry.wait(n) for n in (1, 2, 3, 4, 5, 100)] == [5, 10, 20, 40, 60, 60]


def test_an_archive_may_be_away_for_a_night_and_a_faulty_series_is_not_tried_for_so_long() -> None:
    retry = Retry()
    work, delivery = (
        sum(map(retry.wait, range(1, count))) / 3600
        for count in (retry.attempts, retry.delivery_attempts)
    )
    assert work < 0.25
    assert 16 < delivery < 30


def test_messages_name_keys_as_the_file_has_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "node.toml").write_text(GOOD.replace("port = 104", "port = 104\nread_back = true"))
    assert main(["node", "queue", str(tmp_path / "node.toml")]) == 2
    assert "no key to `sign` with" in capsys.readouterr().err
