"""Orthanc plugin: hands stable CT series to a mitsgan node, which sends the protected ones back.

For Orthanc's Python plugin, in whose configuration it is named as "PythonScript". Settings, all of
them optional, stand in orthanc.json:

    "Mitsgan": { "Node": "mitsgan", "DeleteOriginals": false }

"Node" is the node's name among "DicomModalities". The node's route for this Orthanc has this
Orthanc as its destination. What the node does not take is tried again for a day, through new starts
of either. With "DeleteOriginals", an object is deleted once the one that was made of it has come
back. Needs nothing but Python's standard library, and a "JobsHistorySize" that is not 0.
"""

import json
import math
import queue
import threading
import time

import orthanc

SETTINGS = json.loads(orthanc.GetConfiguration()).get("Mitsgan", {})
NODE = SETTINGS.get("Node", "mitsgan")
NUMBER = 4711  # of the global property that keeps WAITING, and of the metadata of what was sent
CT = [f"1.2.840.10008.5.1.4.1.1.2{end}" for end in ("", ".1", ".2")]  # classes that it protects
ATTEMPTS, FIRST, LONGEST = 100, 5, 900
UNDER_WAY = ("Pending", "Running", "Retry", "Paused")
CHANGES = queue.Queue()
WAITING = {}  # how often it was tried to do what is to be done of a series
DUE = {}  # when it is tried next


def get(path):
    """A document of Orthanc's."""
    return json.loads(orthanc.RestApiGet(path))


def keep():
    """See that what waits is known after a new start."""
    try:
        orthanc.SetGlobalProperty(NUMBER, json.dumps(WAITING))
    except orthanc.OrthancException as error:  # its disk is full: the thread goes on
        orthanc.LogError(f"mitsgan: what waits would be forgotten by a new start: {error}")


def note_changes(seconds):
    """Take what Orthanc told of series, for which the first is waited for."""
    while True:
        try:
            series, due = CHANGES.get(timeout=seconds)
        except queue.Empty:
            return
        WAITING[series], DUE[series], seconds = 0, due, 0
        keep()


def send(instances):
    """Send objects to the node, and wait until it has them."""
    body = {"Resources": instances, "Asynchronous": True}
    job = json.loads(orthanc.RestApiPost(f"/modalities/{NODE}/store", json.dumps(body)))["ID"]
    while (now := get(f"/jobs/{job}"))["State"] in UNDER_WAY:
        note_changes(1)
    if now["State"] != "Success":
        raise RuntimeError(now.get("ErrorDetails") or now.get("ErrorDescription", now["State"]))


def came_back(series):
    """Whether a series came from the node."""
    instance = get(f"/series/{series}")["Instances"][0]
    sender = get(f"/instances/{instance}/metadata?expand").get("RemoteAET")
    return sender == get(f"/modalities/{NODE}/configuration")["AET"]


def delete_originals(study):
    """Delete what was sent of a study and has come back, as objects that name their sources."""
    for back in filter(came_back, get(f"/studies/{study}")["Series"]):
        for instance in get(f"/series/{back}")["Instances"]:
            tags = get(f"/instances/{instance}/simplified-tags")
            for item in tags.get("SourceImageSequence", []):
                uid = item["ReferencedSOPInstanceUID"]
                for found in json.loads(orthanc.RestApiPost("/tools/lookup", uid)):
                    series = get(found["Path"]).get("ParentSeries")
                    if series and str(NUMBER) in get(f"/series/{series}/metadata"):
                        orthanc.RestApiDelete(found["Path"])


def look_after(series):
    """Send what is CT to the node, unless it came from there, or is protected already."""
    told = get(f"/series/{series}")
    if not came_back(series):
        kinds = {name: get(f"/instances/{name}/metadata?expand") for name in told["Instances"]}
        slices = [name for name, kind in kinds.items() if kind.get("SopClassUid") in CT]
        tags = get(f"/instances/{slices[0]}/simplified-tags") if slices else {}
        if not slices or "(mitsgan " in tags.get("DerivationDescription", ""):
            return
        send(slices)
        orthanc.RestApiPut(f"/series/{series}/metadata/{NUMBER}", "handed over")
    if SETTINGS.get("DeleteOriginals", False):
        delete_originals(told["ParentStudy"])


def is_gone(series):
    """Whether somebody has deleted a series meanwhile."""
    try:
        return not get(f"/series/{series}")["Instances"]
    except orthanc.OrthancException:
        return True


def try_once(series):
    """Do what is to be done of a series, or note when to try again."""
    DUE[series] = math.inf  # unless more comes of it meanwhile
    try:
        look_after(series)
    except Exception as error:  # noqa: BLE001 - one series must not end the thread
        WAITING[series] += 1
        if WAITING[series] < ATTEMPTS and not is_gone(series):
            wait = min(LONGEST, FIRST * 2 ** min(WAITING[series] - 1, 10))
            DUE[series] = min(DUE[series], time.time() + wait)
            orthanc.LogWarning(f"mitsgan: series {series}: {error}; next in {wait} s")
        elif not is_gone(series):
            orthanc.LogError(f"mitsgan: series {series} was not handed over: {error}")
    if DUE[series] == math.inf:
        del WAITING[series], DUE[series]
    keep()


def work():
    """Series after series; Orthanc must not be called from its own callback."""
    WAITING.update(json.loads(orthanc.GetGlobalProperty(NUMBER, "{}")))
    DUE.update(dict.fromkeys(WAITING, 0))
    while True:
        note_changes(1)
        for series in [name for name in WAITING if DUE[name] <= time.time()]:
            try_once(series)


def on_change(change, level, resource):
    """Called by Orthanc for every event."""
    if change == orthanc.ChangeType.ORTHANC_STARTED:
        threading.Thread(target=work, daemon=True).start()
    elif change == orthanc.ChangeType.NEW_SERIES:
        CHANGES.put((resource, math.inf))  # it may not have become stable before the next start
    elif change == orthanc.ChangeType.STABLE_SERIES:
        CHANGES.put((resource, 0))


orthanc.RegisterOnChangeCallback(on_change)
