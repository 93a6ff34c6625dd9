import { get } from "./api.js";

export const statuses = ["normal", "warning", "critical", "unknown"];
const statusOfLevel = { green: "normal", normal: "normal", yellow: "warning", red: "critical" };

/** Meter id → the row of /api/sites/locations, kept fresh by the messages of its topic. */
export const stations = new Map();

export const statusOf = (s) => (statuses.includes(s.overall_status) ? s.overall_status : "unknown");

export async function loadStations() {
  const { data } = await get("/api/sites/locations");
  stations.clear();
  for (const row of data) stations.set(row.meter_id, row);
}

/** Takes one message in; false when its meter is not known yet. */
export function apply({ topic, type, data }) {
  const station = stations.get(data.meter_id ?? topic.slice(topic.indexOf(".") + 1));
  if (!station) return false;
  if (type === "reading") {
    const value = data.current_value ?? data.i;
    if (typeof value === "number") station.latest_current = value;
    station.current_timestamp = data.timestamp ?? station.current_timestamp;
  } else if (type === "warning") {
    const anomaly = data.anomaly_type ?? data.anomaly_info?.type ?? null;
    station.anomaly_type = anomaly === "none" ? null : anomaly;
    station.is_anomaly = data.is_anomaly ?? station.anomaly_type !== null;
    station.warning_level = data.warning_level ?? station.warning_level;
    station.warning_timestamp = data.timestamp ?? station.warning_timestamp;
    station.overall_status = data.overall_status ?? statusOfLevel[station.warning_level] ?? "unknown";
  }
  return true;
}
