"""Orthanc plugin: hands stable CT series to a mitsgan node, which sends the protected ones back.

For Orthanc's Python plugin, in whose configuration it is named as "PythonScript". Settings, all of
them optional, stand in orthanc.json:

    "Mitsgan": { "Node": "mitsgan", "DeleteOriginals": false }

"Node" is the node's name among "DicomModalities". The node's route for this Orthanc has this
Orthanc as its destination. Needs nothing but Python's standard library.
"""

import json
import queue
import threading

import orthanc

SETTINGS = json.loads(orthanc.GetConfiguration()).get("Mitsgan", {})
NODE = SETTINGS.get("Node", "mitsgan")
STABLE = queue.Queue()


def instances_of(series):
    """The objects that a series has now."""
    return json.loads(orthanc.RestApiGet(f"/series/{series}"))["Instances"]


def tags_of(instance):
    """The header of an object."""
    return json.loads(orthanc.RestApiGet(f"/instances/{instance}/simplified-tags"))


def hand_over():
    """Send series after series; Orthanc must not be called from its own callback."""
    while True:
        series = STABLE.get()
        try:
            instances = instances_of(series)
            tags = tags_of(instances[0])
            if tags.get("Modality") != "CT" or "(mitsgan " in tags.get("DerivationDescription", ""):
                continue  # no CT, or protected already
            orthanc.RestApiPost(f"/modalities/{NODE}/store", json.dumps(instances))
            if SETTINGS.get("DeleteOriginals", False):  # only the node has them now
                for instance in instances:  # and not what has come meanwhile
                    orthanc.RestApiDelete(f"/instances/{instance}")
        except Exception as error:  # noqa: BLE001 - one series must not end the thread
            orthanc.LogError(f"mitsgan: series {series} was not handed over: {error}")


def on_change(change, level, resource):
    """Called by Orthanc for every event."""
    if change == orthanc.ChangeType.STABLE_SERIES:
        STABLE.put(resource)


orthanc.RegisterOnChangeCallback(on_change)
threading.Thread(target=hand_over, daemon=True).start()
