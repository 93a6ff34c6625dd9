import { drawDetail, extendDetail, openDetail, wireDetail } from "./detail.js";
import { $, notice } from "./dom.js";
import { drawJobs, loadJobs, wireJobs } from "./jobs.js";
import { follow } from "./live.js";
import { drawOverview } from "./overview.js";
import { apply, loadStations } from "./stations.js";
import { switchLanguage, t, translatePage } from "./words.js";

// Unknown meters and reconnects ask for the whole list again, at most this often.
const reloadPauseMs = 2_000;
// Readings come by the hundred: the page is drawn at most this often.
const drawPauseMs = 250;

let chosen = null;
let drawTimer = 0;
let reloadTimer = 0;

function draw() {
  if (drawTimer) return;
  drawTimer = setTimeout(() => {
    drawTimer = 0;
    if ($("view-stations").hidden) return;
    drawOverview(chosen, (id) => { location.hash = `#/${new URLSearchParams({ meter: id })}`; });
    drawDetail();
  }, drawPauseMs);
}

async function reload() {
  try {
    await loadStations();
    notice(null);
  } catch (e) {
    notice(e.message || t("unreachable"));
  }
  draw();
}

function reloadSoon() {
  reloadTimer ||= setTimeout(() => { reloadTimer = 0; reload(); }, reloadPauseMs);
}

function route() {
  const jobs = location.hash === "#/jobs";
  $("view-stations").hidden = jobs;
  $("view-jobs").hidden = !jobs;
  $("nav-stations").ariaCurrent = jobs ? null : "page";
  $("nav-jobs").ariaCurrent = jobs ? "page" : null;
  // A search parameter, because it decodes whatever somebody types there without throwing.
  chosen = new URLSearchParams(location.hash.slice(2)).get("meter");
  openDetail(chosen);
  if (jobs) loadJobs();
  draw();
}

function showLink(state) {
  $("link").dataset.state = state;
  $("link").textContent = t(state);
}

wireDetail();
wireJobs();
translatePage();
addEventListener("hashchange", route);
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
$("detail-close").addEventListener("click", () => { location.hash = "#/"; });
$("language").addEventListener("click", () => {
  switchLanguage();
  translatePage();
  showLink($("link").dataset.state);
  drawJobs();
  draw();
});

await reload();
route();
follow("charging.*", (message) => {
  if (!apply(message)) reloadSoon();
  extendDetail(message);
  draw();
}, (state) => {
  showLink(state);
  if (state === "live") reloadSoon();
});
