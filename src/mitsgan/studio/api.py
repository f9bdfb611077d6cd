"""What the page asks for, and what it gets: JSON, and planes as raw 16-bit HU.

What takes torch is imported when it is first asked for: the first picture does not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mitsgan.errors import ScanError, plain
from mitsgan.progress import Progress
from mitsgan.studio.answers import Answer
from mitsgan.studio.planes import check_index, plane_hu, shown_volume
from mitsgan.studio.requests import Attack, Named, Of, Open, Protect, Restore, body_of, plane_of
from mitsgan.studio.series import Series
from mitsgan.studio.session import Known, Session
from mitsgan.studio.work.opening import queue

MOST_VOLUME_VOXELS = 16_000_000
"""Of a volume that a browser draws: 64 MB on a graphics card, which takes four bytes for each."""


class Api:
    """Every address below ``/api/``."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/api/session", self.tell),
            Route("/api/names", self.names),
            Route("/api/colours", self.colours),
            Route("/api/files", self.files, methods=["POST"]),
            Route("/api/plane", self.plane),
            Route("/api/layer", self.layer),
            Route("/api/volume", self.volume),
            Route("/api/report", self.report),
            Route("/api/verification", self.verification),
            Route("/api/task/{number}", self.task),
            Route("/api/task/{number}/cancel", self.cancel, methods=["POST"]),
            Route("/api/open", self.open, methods=["POST"]),
            Route("/api/close", self.close, methods=["POST"]),
            Route("/api/lung", self.lung, methods=["POST"]),
            Route("/api/candidates", self.candidates, methods=["POST"]),
            Route("/api/verify", self.verify, methods=["POST"]),
            Route("/api/sketch", self.sketch, methods=["POST"]),
            Route("/api/findings", self.findings, methods=["POST"]),
            Route("/api/restore", self.restore, methods=["POST"]),
            Route("/api/attack", self.attack, methods=["POST"]),
            Route("/api/export", self.export, methods=["POST"]),
            Route("/api/protect", self.protect, methods=["POST"]),
        ]

    def tell(self, request: Request) -> Response:
        """What is open, and what can be asked for."""
        return Answer(self.session.card())

    def names(self, request: Request) -> Response:
        """Attackers and protectors that can be asked for, and the protector that is by default."""
        return Answer(self.session.names())

    def colours(self, request: Request) -> Response:
        """The colours of differences, from minus to plus the scale."""
        from mitsgan.evaluate.report.pictures.burn_in import diverging_ramp

        return Answer(diverging_ramp())

    async def files(self, request: Request) -> Response:
        """What lies in a folder."""
        wanted = await body_of(request, Open)
        listing = self.session.folders.listing
        return Answer(await run_in_threadpool(listing, wanted.root, wanted.below))

    def plane(self, request: Request) -> Response:
        """One plane of a series, or its difference from another one."""
        plane, index = plane_of(request)
        minus = request.query_params.get("minus", "")
        other = self.session.shelf.get(minus) if minus else None
        values = plane_hu(self._series(request), plane, index, other)
        return _array(values.astype("<i2"))

    def layer(self, request: Request) -> Response:
        """One plane of a layer, over any series: 0 to 255 of each voxel."""
        plane, index = plane_of(request)
        series = self._series(request)
        over = self.session.shelf.get(request.query_params.get("over", series.id))
        layer = series.layers.get(request.query_params.get("name", ""))
        if layer is None:
            raise ScanError("this scan has no such layer (yet)")
        check_index(over.scan, plane, index)
        values = layer.in_plane(over.scan.geometry, over.scan.shape, plane, index)
        return _array(values)

    def volume(self, request: Request) -> Response:
        """All of a series, thinned out where it is large, for a picture of the volume."""
        values, step = shown_volume(self._series(request), MOST_VOLUME_VOXELS)
        headers = {"X-Shape": ",".join(map(str, values.shape)), "X-Step": ",".join(map(str, step))}
        return _array(values.astype("<i2"), headers)

    def report(self, request: Request) -> Response:
        """The last verification of a series as a page of its own."""
        from mitsgan.evaluate.report.html.page import html_report
        from mitsgan.jobs.verify.report import verification_report

        series, known = self._verified(request)
        name = plain(series.name)
        page = html_report(verification_report(known.verified.result, name))
        saved = quote(f"{name}-verification.html")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{saved}"}
        return Response(
            page.encode("utf-8", "backslashreplace"), media_type="text/html", headers=headers
        )

    def verification(self, request: Request) -> Response:
        """The last verification of a series, for a page that did not see it."""
        _, known = self._verified(request)
        return Answer(known.told)

    def task(self, request: Request) -> Response:
        """How far a piece of work is."""
        task = self.session.worker.get(str(request.path_params["number"]))
        if task is None:
            raise ScanError("there is no such work, or it was over long ago")
        return Answer(task.card())

    def cancel(self, request: Request) -> Response:
        """Stop a piece of work."""
        task = self.session.worker.get(str(request.path_params["number"]))
        if task is None:
            raise ScanError("there is no such work, or it was over long ago")
        self.session.worker.cancel(task)
        return Answer(task.card())

    async def open(self, request: Request) -> Response:
        """Open a scan."""
        wanted = await body_of(request, Open)

        def start() -> dict[str, Any]:
            path = self.session.folders.to_open(wanted.root, wanted.below)
            return queue(self.session, path).card()

        return Answer(await run_in_threadpool(start))

    async def close(self, request: Request) -> Response:
        """Close a scan."""
        wanted = await body_of(request, Of)
        self.session.close(wanted.series)
        return Answer(self.session.card())

    async def lung(self, request: Request) -> Response:
        """Find the lungs."""
        from mitsgan.studio.work.anatomy import add_lung

        return self._start("finding the lungs", (await body_of(request, Of)).series, add_lung)

    async def candidates(self, request: Request) -> Response:
        """Find candidates."""
        from mitsgan.studio.work.anatomy import add_candidates

        number = (await body_of(request, Of)).series
        return self._start("finding candidates", number, add_candidates)

    async def verify(self, request: Request) -> Response:
        """Verify a scan."""
        from mitsgan.studio.work.verifying import verify_series

        number = (await body_of(request, Of)).series
        return self._start("verifying", number, lambda s, p: verify_series(self.session, s, p))

    async def sketch(self, request: Request) -> Response:
        """Sealed against found, as two series."""
        from mitsgan.studio.work.verifying import add_sketch

        number = (await body_of(request, Of)).series
        return self._start(
            "reading the sketch", number, lambda s, p: add_sketch(self.session, s, p)
        )

    async def findings(self, request: Request) -> Response:
        """Write a verification as DICOM."""
        from mitsgan.studio.work.verifying import write_dicom_findings

        wanted = await body_of(request, Named)
        return self._start(
            "writing findings",
            wanted.series,
            lambda s, p: write_dicom_findings(self.session, s, wanted.name, p),
        )

    async def restore(self, request: Request) -> Response:
        """Give the original back."""
        from mitsgan.studio.work.restoring import restore_series

        wanted = await body_of(request, Restore)
        return self._start(
            "restoring", wanted.series, lambda s, p: restore_series(self.session, s, wanted, p)
        )

    async def attack(self, request: Request) -> Response:
        """Simulate an attack, in memory."""
        from mitsgan.studio.work.attacking import attack_series

        wanted = await body_of(request, Attack)
        session = self.session
        return self._start(
            f"simulating: {wanted.action}",
            wanted.series,
            lambda s, p: attack_series(session, s, wanted, p),
        )

    async def export(self, request: Request) -> Response:
        """Save what an attacker made, as an image with SIMULATED in it; never as DICOM."""
        from mitsgan.studio.work.attacking import export_simulated

        wanted = await body_of(request, Named)
        session = self.session
        return self._start(
            "saving", wanted.series, lambda s, p: export_simulated(session, s, wanted.name, p)
        )

    async def protect(self, request: Request) -> Response:
        """Protect a scan in memory, or save it protected."""
        from mitsgan.studio.work.protecting import protect_series, save_protected

        wanted = await body_of(request, Protect)
        session = self.session
        work = save_protected if wanted.name else protect_series
        return self._start("protecting", wanted.series, lambda s, p: work(session, s, wanted, p))

    def _series(self, request: Request) -> Series:
        return self.session.shelf.get(request.query_params.get("series", ""))

    def _verified(self, request: Request) -> tuple[Series, Known]:
        series = self._series(request)
        known = self.session.verified.get(series.id)
        if known is None:
            raise ScanError("this scan was not verified yet; verify it first")
        return series, known

    def _start(
        self, what: str, number: str, work: Callable[[Series, Progress], dict[str, Any]]
    ) -> Response:
        """Queue work on an open series; the card of the task."""
        series = self.session.shelf.get(number)
        task = self.session.worker.start(
            f"{what}: {series.name}", lambda progress: work(series, progress)
        )
        return Answer(task.card())


def _array(values: np.ndarray[Any, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(values.tobytes(), media_type="application/octet-stream", headers=headers)
