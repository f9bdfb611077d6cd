"""Kill a node and its archive at random moments, and count what became of every object.

    python benchmarks/node_campaign.py --output docs/results/node-campaign.json

Five senders send small synthetic series through `mitsgan node` to Debian's Orthanc, on loopback. An
object counts as acknowledged once the node answered it with success. In the end everything in the
archive is fetched, compared with what was sent, and verified by the node's seals.
"""

from __future__ import annotations

import argparse
import queue
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE

from machine import machine
from measuring import add_output, exit_code, result_head
from mitsgan.files import read_scan
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.outputs import check_file, write_json
from mitsgan.jobs.verify.settings import VerifyFile
from mitsgan.jobs.verify.verify import verify_file
from mitsgan.phantom.chest import chest
from node_peers import NodeProcess, Orthanc, Program, free_port, fuzz

CT = "1.2.840.10008.5.1.4.1.1.2"
BUDGET_HU = 5.0

CONFIG = """
spool = "spool"
reserve_mb = 10
reserve_memory_mb = 10
[listen]
port = {port}
max_associations = 50
[retry]
attempts = 1000
first_seconds = 0.5
longest_seconds = 2
[[routes]]
name = "ct"
action = "protect"
destinations = ["archive"]
quiet_seconds = {quiet}
[routes.protect]
protector = "noise"
max_hu = {budget}
sign = "{sign}"
[destinations.archive]
ae_title = "ORTHANC"
address = "127.0.0.1"
port = {archive}
commitment = true
commitment_seconds = 5
read_back = true
"""


@dataclass(frozen=True)
class Plan:
    """How much is sent, and how often what is killed."""

    series: int = 200
    slices: int = 8
    senders: int = 5
    node_kills: int = 60
    archive_kills: int = 20
    pause_seconds: tuple[float, float] = (0.3, 4.0)
    quiet_seconds: float = 10
    fuzz_seconds: float = 60
    seed: int = 0


@dataclass
class Count:
    """What became of everything. What is missing, arrived twice and so on must be 0.

    A series whose sender was interrupted for longer than ``quiet_seconds`` comes in two goes; it is
    protected twice, the second time as a whole, and its first objects arrive twice.
    """

    objects_acknowledged: int = 0
    objects_sent_again_by_senders: int = 0
    series_committed: int = 0
    series_not_committed: int = 0
    objects_missing: int = 0
    objects_that_arrived_twice: int = 0
    equal_uids_in_archive: int = 0
    originals_in_archive: int = 0
    series_beyond_budget: int = 0
    series_whose_seal_does_not_verify: int = 0
    series_that_came_in_two_goes: int = 0
    malformed_connections: int = 0
    kills: dict[str, int] = field(default_factory=dict)


class Senders:
    """Send series until each object of each was acknowledged, as modalities do."""

    def __init__(self, port: int, series: list[Path], count: int) -> None:
        self.port = port
        self.acknowledged: set[str] = set()
        self.again = 0
        self._left: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._lock = threading.Lock()
        for path in series:
            self._left.put(path)
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(count)]

    def _run(self, number: int) -> None:
        while True:
            try:
                folder = self._left.get_nowait()
            except queue.Empty:
                return
            lacking = [dcmread(path) for path in sorted(folder.iterdir())]
            while lacking:
                sent = self._send(lacking, f"CT{number}")
                with self._lock:
                    self.acknowledged |= sent
                    self.again += len(lacking) - len(sent)
                lacking = [ds for ds in lacking if str(ds.SOPInstanceUID) not in sent]
                if lacking:
                    time.sleep(0.2)

    def _send(self, datasets: Sequence[Dataset], calling: str) -> set[str]:
        ae = AE(calling)
        ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = 10
        ae.add_requested_context(CT)
        sent: set[str] = set()
        association = ae.associate("127.0.0.1", self.port, ae_title="MITSGAN")
        if not association.is_established:
            return sent
        for dataset in datasets:
            try:
                status = association.send_c_store(dataset)
            except (RuntimeError, ValueError):
                break
            if "Status" not in status or status.Status != 0:
                break
            sent.add(str(dataset.SOPInstanceUID))
        if association.is_established:
            association.release()
        return sent


def campaign(plan: Plan, folder: Path) -> Count:
    """Run it; what became of everything.

    Raises:
        TimeoutError: it does not come to an end.
    """
    series = []
    for number in range(plan.series):
        path = folder / "series" / f"{number}"
        scan = chest((plan.slices, 32, 32), (200 / plan.slices, 11.2, 11.2), seed=number)
        phantom_series(scan, path)
        series.append(path)
    port = free_port()
    archive = Orthanc(folder / "archive", port)
    sign = _key(folder)
    text = CONFIG.format(
        port=port, quiet=plan.quiet_seconds, budget=BUDGET_HU, sign=sign, archive=archive.port
    )
    node = NodeProcess(folder / "node", text, port)
    archive.start()
    node.start()
    senders = Senders(port, series, plan.senders)
    for thread in senders.threads:
        thread.start()
    with ThreadPoolExecutor() as pool:
        malformed = pool.submit(fuzz, port, plan.fuzz_seconds, plan.seed)
        kills = _kill(plan, node, archive)
    for thread in senders.threads:
        thread.join()
    node.wait_ended(plan.series, 1800)
    try:
        count = _count(senders, node, archive, folder)
    finally:
        node.stop()
        archive.stop()
    count.kills, count.malformed_connections = dict(kills), malformed.result()
    return count


def _kill(plan: Plan, node: NodeProcess, archive: Orthanc) -> Counter[str]:
    """Kill both in random order, at random moments; each is started again at once."""
    chance = random.Random(plan.seed)
    victims: list[tuple[str, Program]] = [("node", node)] * plan.node_kills
    victims += [("archive", archive)] * plan.archive_kills
    chance.shuffle(victims)
    kills: Counter[str] = Counter()
    for name, victim in victims:
        time.sleep(chance.uniform(*plan.pause_seconds))
        victim.kill()
        kills[name] += 1
        victim.start(60)
    return kills


def _count(senders: Senders, node: NodeProcess, archive: Orthanc, folder: Path) -> Count:
    count = Count(
        objects_acknowledged=len(senders.acknowledged),
        objects_sent_again_by_senders=senders.again,
    )
    ledger = node.ledger()
    listed = ledger.in_states()
    ledger.close()
    count.series_committed = sum(s.state == "committed" for s in listed)
    count.series_not_committed = len(listed) - count.series_committed
    goes = Counter(s.series_uid for s in listed)
    count.series_that_came_in_two_goes = sum(n > 1 for n in goes.values())

    back = archive.files(folder / "back")
    uids = archive.uids()
    count.equal_uids_in_archive = len(uids) - len(set(uids))
    sources: Counter[str] = Counter()
    groups: dict[str, list[Path]] = {}
    for path in back.iterdir():
        header = dcmread(path, stop_before_pixels=True)
        count.originals_in_archive += path.stem in senders.acknowledged
        sources[str(header.SourceImageSequence[0].ReferencedSOPInstanceUID)] += 1
        groups.setdefault(str(header.SeriesInstanceUID), []).append(path)
    count.objects_missing = len(senders.acknowledged - set(sources))
    count.objects_that_arrived_twice = sum(n > 1 for n in sources.values())
    made = _made(node)
    for number, files in enumerate(groups.values()):
        _verify(number, files, made, node, folder, count)
    return count


def _made(node: NodeProcess) -> dict[frozenset[str], Path]:
    """Every series that the node has protected, by the UIDs of its objects."""
    made = {}
    for folder in (node.spool / "series").iterdir():
        if (folder / "protected").is_dir():
            headers = (
                dcmread(p, stop_before_pixels=True) for p in (folder / "protected").iterdir()
            )
            made[frozenset(str(header.SOPInstanceUID) for header in headers)] = folder
    return made


def _verify(
    number: int,
    files: list[Path],
    made: dict[frozenset[str], Path],
    node: NodeProcess,
    folder: Path,
    count: Count,
) -> None:
    """One derived series: is it within the budget of its source, and does its seal verify?"""
    place = folder / "groups" / str(number)
    place.mkdir(parents=True)
    for path in files:
        path.rename(place / path.name)
    sealed = made.get(frozenset(path.stem for path in files))
    if sealed is None:  # not whole, or nothing that the node has made
        count.series_whose_seal_does_not_verify += 1
        return
    seal, trust = sealed / "protected.seal.json", node.folder / "seal.pub"
    verdict = verify_file(VerifyFile(scan=place, seal=seal, trust=trust)).verdict
    count.series_whose_seal_does_not_verify += verdict != "intact"
    if not _in_one_go(sealed, place):
        return
    moved = np.abs(read_scan(place).hu() - read_scan(sealed / "received").hu())
    count.series_beyond_budget += bool(moved.max() > BUDGET_HU)


def _in_one_go(sealed: Path, place: Path) -> bool:
    """Whether the originals of a series all lie with it, as they do where it came in one go."""
    return len(list((sealed / "received").iterdir())) == len(list(place.iterdir()))


def _key(folder: Path) -> Path:
    """A key to sign with, and its public one beside the node."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    path = folder / "seal.pem"
    path.touch(0o600)
    path.write_bytes(
        key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    )
    (folder / "node").mkdir(parents=True, exist_ok=True)
    (folder / "node" / "seal.pub").write_bytes(
        key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    )
    return path


def main() -> int:
    """Run the campaign, and write its count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_output(parser)
    parser.add_argument("--series", type=int, default=Plan.series)
    parser.add_argument("--node-kills", type=int, default=Plan.node_kills)
    parser.add_argument("--archive-kills", type=int, default=Plan.archive_kills)
    parser.add_argument("--quiet-seconds", type=float, default=Plan.quiet_seconds)
    parser.add_argument("--fuzz-seconds", type=float, default=Plan.fuzz_seconds)
    given = vars(parser.parse_args())
    output: Path = given.pop("output")
    overwrite: bool = given.pop("overwrite")

    def work() -> int:
        check_file(output, overwrite, "output")
        plan = Plan(**given)
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            count = campaign(plan, Path(folder))
        result = {
            **result_head("node campaign"),
            "plan": asdict(plan),
            "count": asdict(count),
            "seconds": round(time.monotonic() - start, 1),
            "machine": machine(),
        }
        write_json(output, result, overwrite=overwrite)
        return 0

    return exit_code("node_campaign", work)


if __name__ == "__main__":
    sys.exit(main())
