import { clock } from "./dom.js";

const pad = { left: 44, right: 12, top: 10, bottom: 24 };

/**
 * Draws time series on a canvas and returns a function from a pixel position to the time under it.
 * A series is `{ points: [{ t, v }], color: "--css-property", dashed }`, points by rising time (ms).
 */
export function drawChart(canvas, series, emptyText) {
  const style = getComputedStyle(canvas);
  const color = (name) => style.getPropertyValue(name).trim();
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const g = canvas.getContext("2d");
  g.scale(ratio, ratio);
  g.font = "12px system-ui, sans-serif";
  g.fillStyle = color("--quiet");
  const points = series.flatMap((s) => s.points);
  if (points.length === 0) {
    g.textAlign = "center";
    g.fillText(emptyText, width / 2, height / 2);
    return () => null;
  }

  let [from, to, top] = [Infinity, -Infinity, 1];
  for (const p of points) {
    from = Math.min(from, p.t);
    to = Math.max(to, p.t);
    top = Math.max(top, p.v);
  }
  to = Math.max(to, from + 60_000);
  const step = niceStep(top / 4);
  top = Math.ceil(top / step) * step;
  const x = (t) => pad.left + ((t - from) / (to - from)) * (width - pad.left - pad.right);
  const y = (v) => height - pad.bottom - (Math.max(v, 0) / top) * (height - pad.top - pad.bottom);

  g.strokeStyle = color("--line");
  g.lineWidth = 1;
  g.textAlign = "right";
  g.textBaseline = "middle";
  for (let v = 0; v <= top; v += step) {
    g.beginPath();
    g.moveTo(pad.left, y(v));
    g.lineTo(width - pad.right, y(v));
    g.stroke();
    g.fillText(step < 1 ? v.toFixed(1) : String(v), pad.left - 6, y(v));
  }
  g.textBaseline = "bottom";
  const ticks = Math.max(2, Math.min(8, Math.floor(width / 90)));
  for (let i = 0; i <= ticks; i++) {
    const t = from + ((to - from) * i) / ticks;
    g.textAlign = i === 0 ? "left" : i === ticks ? "right" : "center";
    g.fillText(clock(t), x(t), height - 2);
  }
  for (const s of series) {
    g.strokeStyle = color(s.color);
    g.lineWidth = 2;
    g.lineJoin = "round";
    g.setLineDash(s.dashed ? [6, 4] : []);
    g.beginPath();
    s.points.forEach((p, i) => (i ? g.lineTo(x(p.t), y(p.v)) : g.moveTo(x(p.t), y(p.v))));
    g.stroke();
  }
  return (px) => from + ((px - pad.left) / (width - pad.left - pad.right)) * (to - from);
}

/** The least of 1, 2, 5 times a power of ten that is not below `raw`. */
function niceStep(raw) {
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].find((m) => m * power >= raw) * power;
}
