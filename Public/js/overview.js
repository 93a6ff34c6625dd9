import { $, dateAndTime, make, number } from "./dom.js";
import { stations, statuses, statusOf } from "./stations.js";
import { t } from "./words.js";

let filter = null;
// Degrees: stations nearer to one another than this are drawn as one place instead of being blown up to the whole map.
const smallestSpan = 0.0005;

/** Draws tiles, map and table. `choose` is called with a meter id. */
export function drawOverview(chosen, choose) {
  const all = [...stations.values()].sort((a, b) => (a.meter_id < b.meter_id ? -1 : 1));
  const shown = all.filter((s) => !filter || statusOf(s) === filter);
  drawTiles(all, () => drawOverview(chosen, choose));
  drawMap(shown, chosen, choose);
  drawTable(shown, chosen, choose);
}

/** Replaces an element's children and gives the focus back to the one that had it. */
function replace(parent, children) {
  const key = parent.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  parent.replaceChildren(...children);
  if (key !== undefined) parent.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

function drawTiles(all, redraw) {
  const tile = (status, count) => {
    const pick = () => { filter = filter === status ? null : status; redraw(); };
    const set = { type: "button", "aria-pressed": String(filter === status), "data-key": status ?? "all" };
    return make("button", { class: status ?? "", set, click: pick }, make("b", {}, count), t(status ?? "all"));
  };
  replace($("tiles"), [tile(null, all.length), ...statuses.map((s) => tile(s, all.filter((x) => statusOf(x) === s).length))]);
}

function drawMap(shown, chosen, choose) {
  const placed = shown.filter((s) => Number.isFinite(s.longitude) && Number.isFinite(s.latitude));
  const [width, height, margin] = [600, 400, 36];
  const scale = (key, from, to) => {
    const values = placed.map((s) => s[key]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const span = Math.max(high - low, smallestSpan);
    const start = (low + high - span) / 2;
    return { low, high, at: (v) => from + ((v - start) / span) * (to - from) };
  };
  const x = scale("longitude", margin, width - margin);
  const y = scale("latitude", height - margin, margin);
  const dots = placed.map((s) => {
    const radius = 7 + Math.min(Math.max(s.latest_current ?? 0, 0) / 8, 8);
    const circle = make("circle", { svg: true, set: { cx: x.at(s.longitude), cy: y.at(s.latitude), r: radius } });
    const title = make("title", { svg: true }, `${s.meter_id} · ${number(s.latest_current)} A · ${t(statusOf(s))}`);
    const set = { tabindex: "0", role: "button", "data-key": s.meter_id };
    const dot = make("g", { svg: true, class: `${statusOf(s)} ${s.meter_id === chosen ? "chosen" : ""}`, set, click: () => choose(s.meter_id) }, title, circle);
    dot.addEventListener("keydown", (e) => { if (e.key === "Enter") choose(s.meter_id); });
    return dot;
  });
  const frame = make("rect", { svg: true, class: "frame", set: { x: 1, y: 1, width: width - 2, height: height - 2, rx: 10 } });
  const label = (text, at) => make("text", { svg: true, set: at }, text);
  const corners = placed.length === 0 ? [label(t("noData"), { x: width / 2, y: height / 2, "text-anchor": "middle" })] : [
    label(`${x.low.toFixed(4)}°, ${y.low.toFixed(4)}°`, { x: 12, y: height - 12 }),
    label(`${x.high.toFixed(4)}°, ${y.high.toFixed(4)}°`, { x: width - 12, y: 22, "text-anchor": "end" }),
  ];
  replace($("map"), [frame, ...corners, ...dots]);
}

function drawTable(shown, chosen, choose) {
  const rows = shown.map((s) => make("tr", { class: s.meter_id === chosen ? "chosen" : "" },
    make("td", {}, make("button", { set: { type: "button", "data-key": s.meter_id }, click: () => choose(s.meter_id) }, s.meter_id)),
    make("td", { class: "number" }, number(s.latest_current)),
    make("td", {}, s.is_anomaly ? s.anomaly_type : t("none")),
    make("td", { class: { yellow: "warning", red: "critical", green: "normal" }[s.warning_level] ?? "unknown" }, t(s.warning_level ?? "unknown")),
    make("td", { class: statusOf(s) }, t(statusOf(s))),
    make("td", {}, dateAndTime(s.current_timestamp))));
  replace($("stations"), rows.length ? rows : [make("tr", {}, make("td", { set: { colspan: 6 } }, t("noData")))]);
}
