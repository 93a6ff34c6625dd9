import { forgetToken, get, login, token } from "./api.js";
import { $, dateAndTime, make, notice } from "./dom.js";
import { t } from "./words.js";

const states = ["running", "available", "scheduled", "retryable", "completed", "cancelled", "discarded"];
// Shown in this order where the rows have them.
const columns = ["id", "kind", "queue", "state", "priority", "attempt", "max_attempts", "run_at", "attempted_at", "finished_at", "error"];
let rows = [];

export async function loadJobs() {
  $("login").hidden = Boolean(token());
  $("jobs").hidden = !token();
  if (!token()) return;
  try {
    const body = await get("/api/v1/ops/jobs", { state: $("job-state").value });
    rows = [body.jobs, body.data?.jobs, body.data].find(Array.isArray) ?? [];
    notice(null);
    drawJobs();
  } catch (e) {
    if (e.status !== 401 && e.status !== 403) return notice(e.message || t("unreachable"));
    forgetToken();
    await loadJobs();
  }
}

export function drawJobs() {
  const present = columns.filter((name) => rows.some((row) => row[name] !== undefined && row[name] !== null));
  const cell = (name, value) => (name.endsWith("_at") ? dateAndTime(value) : typeof value === "object" && value ? JSON.stringify(value) : value);
  $("job-columns").replaceChildren(...present.map((name) => make("th", {}, name)));
  $("job-rows").replaceChildren(...(rows.length
    ? rows.map((row) => make("tr", {}, ...present.map((name) => make("td", { class: name }, cell(name, row[name])))))
    : [make("tr", {}, make("td", {}, t("noData")))]));
}

export function wireJobs() {
  $("job-state").replaceChildren(...states.map((s) => make("option", { set: { value: s } }, s)));
  $("job-state").addEventListener("change", loadJobs);
  $("job-refresh").addEventListener("click", loadJobs);
  $("logout").addEventListener("click", () => { forgetToken(); rows = []; drawJobs(); loadJobs(); });
  $("login").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    try {
      await login(form.elements.username.value, form.elements.password.value);
      form.reset();
      await loadJobs();
    } catch (e) {
      notice(`${t("badLogin")}: ${e.message || t("unreachable")}`);
    }
  });
}
