"""Before going live: does everything that a configuration names do what it must?"""

from __future__ import annotations

import ctypes
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from pynetdicom import _config as pynetdicom_config
from pynetdicom.presentation import build_context

from mitsgan.errors import MitsganError, SettingsError
from mitsgan.jobs.protect.settings import RestorablyProtecting
from mitsgan.jobs.restore.recipient import recipient_of
from mitsgan.node.audit.syslog import send as send_syslog
from mitsgan.node.config import Audit, Destination, Http, NodeConfig, Route
from mitsgan.node.dicomweb import reach, send_web, stored_at_web
from mitsgan.node.network.certificates import RENEW, own_certificates
from mitsgan.node.network.tls import valid
from mitsgan.node.processing.actions import Restoring
from mitsgan.node.processing.tasks import CompareTask, ProtectTask, RestoreTask, Task
from mitsgan.node.processing.worker import Worker
from mitsgan.node.read_back.get import fetch
from mitsgan.node.read_back.web import fetch_web
from mitsgan.node.send import Item, PeerError, accepts, connected, echo, items, send, stored_at
from mitsgan.node.services import COMMITMENT, STUDY_ROOT_FIND, STUDY_ROOT_GET, STUDY_ROOT_MOVE
from mitsgan.node.store.incoming import receive_into
from mitsgan.node.store.spool import Spool, sync_file
from mitsgan.node.tokens import own_token
from mitsgan.seal.trust import Trust

_TIME_ERROR = 5
"""What ``adjtimex`` returns while the clock is not synchronised; source: its manual page."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: fine, to be known, or wrong."""

    state: Literal["ok", "note", "WRONG"]
    what: str
    text: str = ""


def check(config: NodeConfig, *, phantom: bool = True, deliver: bool = False) -> Iterator[Finding]:
    """Look at everything that a node needs, one thing after another.

    Args:
        config: the configuration; the node may run already.
        phantom: protect and verify a small synthetic series as each route does.
        deliver: also send it to the destinations, where it stays.

    Yields:
        What was found, at once.
    """
    yield _tried("secrets", config.check_secrets)
    if config.http is not None:
        yield _tried("token", partial(_token, config.http))
    yield from _certificates(config)
    spool = list(_spool(config))
    yield from spool
    yield _clock()
    yield _node(config)
    if config.audit is not None:
        yield _audit(config.audit)
    for name, destination in config.destinations.items():
        yield from _destination(name, destination, config)
    for route in config.routes:
        if route.restore is not None:
            yield from _reader(route, route.restore, config)
    changes = any(route.action in ("protect", "restore") for route in config.routes)
    if phantom and changes and spool[0].state == "ok":  # the phantom lies there
        yield from _phantoms(config, deliver)


def _tried(what: str, do: Callable[[], str | None]) -> Finding:
    """Do something; what goes wrong is told."""
    try:
        return Finding("ok", what, do() or "")
    except (MitsganError, OSError) as error:
        return Finding("WRONG", what, str(error))


def _token(settings: Http) -> str:
    own_token(settings)
    return str(settings.token_file)


def _certificates(config: NodeConfig) -> Iterator[Finding]:
    """Until when the node's own certificates are valid, each once."""
    for path in dict.fromkeys(own_certificates(config).values()):
        what = f"certificate {path}"
        try:
            first, last = valid(path)
        except MitsganError as error:
            yield Finding("WRONG", what, str(error))
            continue
        now = datetime.now(UTC)
        text = f"valid from {first:%Y-%m-%d} until {last:%Y-%m-%d}"
        soon: Literal["ok", "note"] = "note" if last < now + RENEW else "ok"
        yield Finding(soon if first <= now <= last else "WRONG", what, text)


def _spool(config: NodeConfig) -> Iterator[Finding]:
    spool = Spool(config.spool)

    def write() -> str:
        spool.prepare()
        for folder in (spool.root, spool.incoming, spool.root / "series", spool.work):
            _write(folder)  # one may be of another user, who has run this check
        return str(config.spool)

    written = _tried("spool", write)
    yield written
    keeps = [route for route in config.routes if route.action == "protect"]
    if any(route.protecting.restorable for route in keeps):
        yield _tried("originals", partial(_write, config.originals or spool.originals))
    if written.state == "ok":
        free = spool.free_mb()
        text = f"{free:.0f} MB free, of which {config.reserve_mb:.0f} MB are the reserve"
        yield Finding("ok" if free > config.reserve_mb else "WRONG", "disk", text)


def _write(folder: Path) -> str:
    """Write to a folder, which is made where it is not there."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(b"\0" * 4096)
        file.flush()
        sync_file(Path(file.name))
    return str(folder)


def _clock() -> Finding:
    """Whether the system's clock is synchronised, where it tells."""
    if not sys.platform.startswith("linux"):
        return Finding("note", "clock", "this system does not tell whether it is synchronised")
    room = ctypes.create_string_buffer(512)  # struct timex, all zero: only look
    if ctypes.CDLL(None).adjtimex(room) == _TIME_ERROR:
        text = "not synchronised; seals and logs carry its time: run chrony or another NTP client"
        return Finding("note", "clock", text)
    return Finding("ok", "clock", "synchronised")


def _node(config: NodeConfig) -> Finding:
    """Whether the node itself answers, if it runs."""
    listen = config.listen
    address = "127.0.0.1" if listen.address == "0.0.0.0" else listen.address
    own = Destination(
        ae_title=listen.ae_title,
        address=address,
        port=listen.port,
        tls=listen.tls,
        timeout_seconds=5,
    )
    what = f"node at {address}:{listen.port}"
    try:
        echo(listen.ae_title, own)
    except PeerError as error:  # it need not run; nor does its certificate bear this address
        return Finding("note", what, f"{error}; is it running?")
    except MitsganError as error:
        return Finding("WRONG", what, str(error))
    return Finding("ok", what, "answers C-ECHO")


def _audit(audit: Audit) -> Finding:
    """Whether a collector of audit messages takes connections; UDP has none."""
    what = f"audit to {audit.address}:{audit.port}"
    if audit.tls is None:
        return Finding("note", what, "by UDP, which does not tell whether anything comes")
    return _tried(what, lambda: send_syslog([], audit))


def _destination(name: str, destination: Destination, config: NodeConfig) -> Iterator[Finding]:
    title = config.listen.ae_title
    if destination.url:
        yield _tried(f"{name}: DICOMweb", lambda: reach(destination))
        return
    answered = _tried(f"{name}: C-ECHO", lambda: echo(title, destination))
    yield answered
    if answered.state != "ok":
        return
    by_move = destination.read_back_by == "C-MOVE"
    wanted = [
        (destination.ask, STUDY_ROOT_FIND, "C-FIND", "note"),
        (destination.commitment, COMMITMENT, "storage commitment", "WRONG"),
        (destination.read_back and not by_move, STUDY_ROOT_GET, "C-GET", "WRONG"),
        (destination.read_back and by_move, STUDY_ROOT_MOVE, "C-MOVE", "WRONG"),
    ]
    for is_wanted, uid, words, otherwise in wanted:
        if is_wanted:
            yield _accepts(title, destination, uid, f"{name}: {words}", otherwise == "note")


def _accepts(title: str, destination: Destination, uid: str, what: str, optional: bool) -> Finding:
    try:
        with connected(title, destination, [build_context(uid)]) as association:
            if accepts(association, uid):
                return Finding("ok", what, "accepted")
    except MitsganError as error:
        return Finding("WRONG", what, str(error))
    return Finding("note" if optional else "WRONG", what, "not accepted")


def _phantoms(config: NodeConfig, deliver: bool) -> Iterator[Finding]:
    """A synthetic series through every route that changes series."""
    from mitsgan.files.dicom.phantom import phantom_series
    from mitsgan.phantom.chest import chest

    with tempfile.TemporaryDirectory(dir=Spool(config.spool).work) as folder:
        source = Path(folder) / "phantom"
        phantom_series(chest((32, 64, 64), (6.0, 5.6, 5.6), seed=1), source)
        for route in config.routes:
            if route.action == "protect":
                yield from _phantom(route, source, config, deliver)
            elif route.restore is not None:
                yield _restored(route, route.restore, source)


def _phantom(route: Route, source: Path, config: NodeConfig, deliver: bool) -> Iterator[Finding]:
    """A series the way that the route's series go."""
    worker, how = Worker(), route.protecting
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        out = Path(folder) / "protected"
        answer = worker.do(Task(protect=ProtectTask(source=source, out=out, settings=how)))
        what = f"route {route.name}: a phantom"
        yield Finding("WRONG" if answer.error else "ok", what, answer.error or answer.text)
        if answer.error:
            return
        seal = out.with_name(f"{out.name}.seal.json")
        if how.sign is not None:
            yield _verdict(worker, f"{what}'s seal", out, seal, how)
        for name in route.destinations if deliver else ():
            destination = config.destinations[name]
            yield _tried(f"{what} to {name}", partial(_deliver, config, destination, out))
            if destination.read_back and destination.read_back_by == "C-MOVE":
                yield Finding("note", f"{what} back from {name}", "by C-MOVE, only while it runs")
            elif destination.read_back:
                back = Path(folder) / f"back-{name}"
                get = partial(fetch, config.listen.ae_title, destination, items(out), back)
                if destination.url:
                    get = partial(fetch_web, destination, items(out), back)
                yield _tried(f"{what} back from {name}", get)
                yield _verdict(worker, f"{what} back from {name}: its seal", back, seal, how)


def _reader(route: Route, how: Restoring, config: NodeConfig) -> Iterator[Finding]:
    """What a route needs that gives originals back, and how they go out."""
    what = f"route {route.name}"
    originals = config.originals or Spool(config.spool).originals
    keys = how.private_key, how.passphrase_file
    yield _tried(f"{what}: private key", lambda: recipient_of(*keys)[0])
    yield _trust(what, how.trust)
    count = len(list(originals.glob("*.p7m"))) if originals.is_dir() else 0
    yield Finding("ok" if count else "note", f"{what}: {originals}", f"{count} originals kept")
    for name in route.destinations:
        destination = config.destinations[name]
        if destination.tls is None and not destination.url.startswith("https://"):
            yield Finding("note", f"{what} to {name}", "originals go without TLS")


def _trust(what: str, path: Path | None) -> Finding:
    if path is None:
        return Finding("note", f"{what}: trust", "not set: a seal may be anybody's, or missing")
    try:
        Trust.load(path)
    except MitsganError as error:
        return Finding("WRONG", f"{what}: trust", str(error))
    return Finding("ok", f"{what}: trust", str(path))


def _restored(route: Route, how: Restoring, original: Path) -> Finding:
    """A series protected for this route's reader, and given back."""

    def give_back() -> str:
        with tempfile.TemporaryDirectory(dir=original.parent) as name:
            folder = Path(name)
            public, out = folder / "public.pem", folder / "protected"
            public.write_bytes(recipient_of(how.private_key, how.passphrase_file)[1])
            keep = RestorablyProtecting(
                protector="noise", restorable=(public,), restorable_form="full"
            )
            protect = ProtectTask(source=original, out=out, settings=keep)
            # Its seal would be nobody's whom the reader trusts.
            back, lax = folder / "back", replace(how, trust=None)
            restore = RestoreTask(source=out, out=back, originals=folder, settings=lax)
            for task in (Task(protect=protect), Task(restore=restore)):
                answer = Worker().do(task)
                if answer.error:
                    raise SettingsError(answer.error)
            return answer.text

    return _tried(f"route {route.name}: a phantom given back", give_back)


def _verdict(
    worker: Worker, what: str, scan: Path, seal: Path, how: RestorablyProtecting
) -> Finding:
    answer = worker.do(Task(compare=CompareTask(source=scan, seal=seal, settings=how)))
    text = answer.error or f"{answer.verdict} {answer.text}".strip()
    return Finding("ok" if answer.verdict == "intact" else "WRONG", what, text)


def _deliver(config: NodeConfig, destination: Destination, out: Path) -> str:
    """Send what the peer lacks of a folder; what it then has, for people."""
    from mitsgan.node.store.spool import read_header

    pynetdicom_config.STORE_SEND_CHUNKED_DATASET = True
    receive_into(out.parent)  # what is fetched back, too
    title, files = config.listen.ae_title, items(out)
    header = read_header(files[0].path)
    where = (destination, header.study_uid, header.series_uid)
    there = stored_at_web(*where) if destination.url else stored_at(title, *where)
    sent: list[Item] = []
    lacking = [item for item in files if item.sop_uid not in (there or set())]
    if lacking and destination.url:
        send_web(destination, lacking, sent.append)
    elif lacking:
        send(title, destination, lacking, sent.append)
    return f"{len(sent)} of {len(files)} objects sent, the others were there"
