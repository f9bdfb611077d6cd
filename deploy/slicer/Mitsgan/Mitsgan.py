"""A scripted module of 3D Slicer: protect a volume, and verify it, by the command line.

mitsgan runs in an environment of its own, so that Slicer's packages stay as they are. Attackers
are not offered here.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import ctk
import qt
import slicer
from MitsganLib.command_line import VERDICTS, Protection, Run, Verification
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleWidget,
)

POLL_MS = 250


class Mitsgan(ScriptedLoadableModule):
    """What Slicer lists."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = "mitsgan"
        parent.categories = ["Security"]
        parent.dependencies = []
        parent.contributors = ["The mitsgan developers"]
        parent.helpText = (
            "Protects CT volumes against tampering by generative models, and verifies them. "
            "Needs mitsgan in an environment of its own: name its command."
        )
        parent.acknowledgementText = "MITS-GAN, arXiv 2401.09624."


class MitsganWidget(ScriptedLoadableModuleWidget):
    """The panel."""

    def setup(self):
        """Build it."""
        super().setup()
        self.logic = MitsganLogic()
        self.run = None
        self.timer = qt.QTimer()
        self.timer.setInterval(POLL_MS)
        self.timer.connect("timeout()", self.onPoll)
        form = qt.QFormLayout()
        self.layout.addLayout(form)
        self.program = ctk.ctkPathLineEdit()
        self.program.currentPath = self.logic.program()
        form.addRow("mitsgan command:", self.program)
        self.volume = slicer.qMRMLNodeComboBox()
        self.volume.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        self.volume.setMRMLScene(slicer.mrmlScene)
        form.addRow("CT volume, HU:", self.volume)
        self.maxHu = ctk.ctkDoubleSpinBox()
        self.maxHu.minimum, self.maxHu.maximum, self.maxHu.value = 1, 50, 10
        form.addRow("Budget, HU:", self.maxHu)
        self.key = ctk.ctkPathLineEdit()
        form.addRow("Key, for a mark:", self.key)
        self.identity = qt.QLineEdit()
        form.addRow("Name of the series:", self.identity)
        self.buttons = []
        for text, slot in (("Protect", self.onProtect), ("Verify", self.onVerify)):
            button = qt.QPushButton(text)
            button.connect("clicked(bool)", slot)
            form.addRow(button)
            self.buttons.append(button)
        self.output = qt.QPlainTextEdit()
        self.output.readOnly = True
        form.addRow(self.output)
        self.layout.addStretch(1)

    def cleanup(self):
        """Slicer closes the module."""
        self.timer.stop()
        if self.run is not None:
            self.run.stop()
        self.logic.close()

    def onProtect(self):
        """The button."""
        self._start(self.logic.protect, float(self.maxHu.value))

    def onVerify(self):
        """The button."""
        self._start(self.logic.verify)

    def onPoll(self):
        """Show how far it is; load what it wrote."""
        self.output.setPlainText(self.run.said())
        code = self.run.exit_code()
        if code is None:
            return
        self.timer.stop()
        self.run = None
        self._enable(True)
        self.output.appendPlainText(self.logic.finish(code))

    def _start(self, job, *settings):
        key = Path(self.key.currentPath) if self.key.currentPath else None
        with slicer.util.tryWithErrorDisplay("mitsgan could not be started."):
            self.logic.remember(self.program.currentPath)
            self.run = job(self.volume.currentNode(), key, self.identity.text, *settings)
            self._enable(False)
            self.timer.start()

    def _enable(self, enabled):
        for button in self.buttons:
            button.enabled = enabled


class MitsganLogic(ScriptedLoadableModuleLogic):
    """Volumes to files and back; the rest is `MitsganLib.command_line`."""

    SETTING = "Mitsgan/program"

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="mitsgan-"))
        self.finish = None

    def close(self):
        """Leave no voxels of a patient behind."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def program(self):
        """The command that was used last."""
        return slicer.app.userSettings().value(self.SETTING, "mitsgan")

    def remember(self, program):
        """Use it the next time, too."""
        slicer.app.userSettings().setValue(self.SETTING, program)

    def protect(self, volume, key, identity, max_hu):
        """Start protecting a volume; `finish` loads the result."""
        out = self.folder / "protected.nrrd"
        job = Protection(self.program(), self._saved(volume), out, max_hu, 0, key, identity)

        def finish(code):
            if code != 0:
                return f"failed with {code}; the volume is as it was"
            slicer.util.loadVolume(str(out), {"name": f"{volume.GetName()} protected"})
            return "protected"

        return self._started(job, finish)

    def verify(self, volume, key, identity):
        """Start verifying a volume; `finish` loads the map."""
        if key is None:
            raise ValueError("name the key that the volume was marked with")
        where = self.folder / "map.nii.gz"
        job = Verification(self.program(), self._saved(volume), where, key, identity)

        def finish(code):
            if code not in VERDICTS:
                return f"failed with {code}"
            slicer.util.loadVolume(str(where), {"name": f"{volume.GetName()} tampered"})
            return VERDICTS[code]

        return self._started(job, finish)

    def _saved(self, volume):
        if volume is None:
            raise ValueError("choose a volume")
        path = self.folder / "volume.nrrd"
        if not slicer.util.saveNode(volume, str(path)):
            raise ValueError(f"{volume.GetName()} could not be saved to {path}")
        return path

    def _started(self, job, finish):
        self.finish = finish
        return Run(job.arguments(), slicer.util.startupEnvironment(), self.folder / "log.txt")
