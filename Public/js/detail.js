import { get } from "./api.js";
import { drawChart } from "./chart.js";
import { $, clock, make, millis, notice, number } from "./dom.js";
import { stations, statusOf } from "./stations.js";
import { t } from "./words.js";

const historyHours = 6;
const forecastHours = 24;
const refreshMs = 60_000;

let meter = null;
let history = [];
let forecast = [];
let anomalies = null;
let loading = new AbortController();
let refresh = 0;
let timeAt = () => null;

export async function openDetail(id) {
  loading.abort();
  clearInterval(refresh);
  [meter, history, forecast, anomalies] = [id, [], [], null];
  $("detail").hidden = !id;
  if (!id) return;
  const newest = stations.get(id)?.current_timestamp;
  $("month").value = (newest ?? new Date().toISOString()).slice(0, 7);
  refresh = setInterval(load, refreshMs);
  drawDetail();
  await load();
}

async function load() {
  loading.abort();
  loading = new AbortController();
  const { signal } = loading;
  const [year, month] = $("month").value.split("-").map(Number);
  try {
    const [measured, predicted, monthly] = await Promise.all([
      get("/api/monitoring/current", { meter_id: meter, hours: historyHours }, signal),
      get("/api/prediction/data", { meter_id: meter, hours: forecastHours }, signal),
      get("/api/statistics/monthly", { meter_id: meter, ...(year && { year, month }) }, signal),
    ]);
    history = series(measured.data, "current_value");
    forecast = series(predicted.data, "predicted_value");
    anomalies = monthly.data;
    notice(null);
    drawDetail();
  } catch (e) {
    if (e.name !== "AbortError") notice(e.message || t("unreachable"));
  }
}

const series = (rows, key) => rows
  .map((row) => ({ t: millis(row.timestamp), v: row[key], pattern: row.pattern_label }))
  .filter((p) => Number.isFinite(p.t) && Number.isFinite(p.v))
  .sort((a, b) => a.t - b.t);

/** Adds a live reading to the curve of the open meter. */
export function extendDetail({ topic, type, data }) {
  if (type !== "reading" || (data.meter_id ?? topic.slice(topic.indexOf(".") + 1)) !== meter) return;
  const point = { t: millis(data.timestamp), v: data.current_value ?? data.i };
  if (!Number.isFinite(point.t) || !Number.isFinite(point.v) || point.t <= (history.at(-1)?.t ?? 0)) return;
  history.push(point);
  const oldest = point.t - historyHours * 3_600_000;
  if (history[0].t < oldest) history = history.filter((p) => p.t >= oldest);
}

export function drawDetail() {
  if (!meter) return;
  const s = stations.get(meter) ?? {};
  const newest = history.at(-1)?.t ?? Infinity;
  const pattern = forecast.findLast((p) => p.t <= newest)?.pattern ?? forecast[0]?.pattern;
  $("detail-title").textContent = meter;
  const facts = [
    ["overall", t(statusOf(s)), statusOf(s)], ["current", number(s.latest_current)], ["anomaly", s.is_anomaly ? s.anomaly_type : t("none")],
    ["pattern", pattern], ["facility", s.dev_fac_id], ["ratedPower", number(s.rated_power)],
    ["maxInput", number(s.max_input_current)], ["maxOutput", number(s.max_output_current)],
  ];
  $("facts").replaceChildren(...facts.map(([key, text, look]) => make("div", {}, make("dt", {}, t(key)), make("dd", { class: look ?? "" }, text))));
  timeAt = drawChart($("chart"), [
    { points: forecast, color: "--predicted", dashed: true },
    { points: history, color: "--current" },
  ], t("noData"));
  const rows = anomalies?.anomaly_distribution ?? [];
  $("anomalies").replaceChildren(...(rows.length ? rows.map((a) => make("li", {},
    make("span", {}, a.anomaly_type),
    make("meter", { set: { min: 0, max: 100, value: Number(a.percentage) || 0 } }),
    make("span", { class: "number" }, `${a.count} · ${number(a.percentage)} %`))) : [make("li", { class: "quiet" }, t("noData"))]));
}

const nearest = (points, at) => points.reduce((best, p) => (best && Math.abs(best.t - at) <= Math.abs(p.t - at) ? best : p), null);

export function wireDetail() {
  $("month").addEventListener("change", load);
  $("chart").addEventListener("pointermove", (event) => {
    const at = timeAt(event.offsetX);
    const near = (points, name) => {
      const p = at === null ? null : nearest(points, at);
      return p && Math.abs(p.t - at) < 1_800_000 ? `${t(name)} ${clock(p.t)} ${number(p.v)} A` : null;
    };
    $("readout").textContent = [near(history, "measured"), near(forecast, "predicted")].filter(Boolean).join(" · ");
  });
  $("chart").addEventListener("pointerleave", () => { $("readout").textContent = ""; });
}
