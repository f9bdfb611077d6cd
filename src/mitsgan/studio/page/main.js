// Start: get in, learn what is open, wait for what is being opened.
import { enter, get } from "/api.js";
import { startAttack } from "/attack.js";
import { startControls } from "/controls.js";
import { startPanes } from "/panes.js";
import { startProtect } from "/protect.js";
import { awaitFirst, startScans } from "/scans.js";
import { changed, state } from "/state.js";
import { recall, startVerify } from "/verify.js";
import { startVolume } from "/volume.js";
import { refresh, startWork, trying } from "/work.js";

startWork();
startScans();
startPanes();
startControls();
startVerify();
startProtect();
startAttack();
startVolume();
await trying(async () => {
  await enter();
  await refresh();
  await awaitFirst();
  await recall();
  // Torch is loaded for this; the first picture is there by now.
  state.names = await get("names");
  changed("session");
});
document.documentElement.dataset.ready = "yes";
