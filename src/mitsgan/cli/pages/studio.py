"""`mitsgan studio`: see it, on a page of this machine."""

from __future__ import annotations

from dataclasses import dataclass

from mitsgan.studio.settings import StudioSettings
from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown(
    "scan",
    "protected",
    short="output",
    scan="[SCAN]",
    protected="[PROTECTED]",
    attackers="FILE...",
    folders="FOLDER...",
    seal="FILE.seal.json",
    trust="PEM",
    output="FOLDER",
    port="N",
)
class StudioCommand(Command, StudioSettings):
    """Show a scan and its protected version on one page, and what attacks and verifying make of
    them.

    The page is served to this machine alone, under an address with a random token, and needs no
    network. It runs until it is interrupted. Needs: pip install 'mitsgan[studio]'.
    """

    no_browser: bool = False
    """Do not open a browser, only say the address."""

    def work(self, console: Console) -> int:
        """Serve until interrupted; the exit code."""
        from mitsgan.studio.extra import require_studio

        require_studio()
        import sys
        import threading
        import webbrowser

        from mitsgan.studio.server import running

        try:
            with running(self) as studio:
                console.say(f"open {studio.address}\n(ends with Ctrl+C; whoever has it gets in)")
                sys.stdout.flush()
                if not self.no_browser:
                    webbrowser.open(studio.address_once)
                threading.Event().wait()
        except KeyboardInterrupt:  # how it ends, also where it is pressed again meanwhile
            pass
        return 0
