/** What the page does beside being there: a chart says the values below the pointer, or at the step chosen with the arrow keys. */
export const SCRIPT = `
"use strict";
const short = (value) => {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
};
for (const svg of document.querySelectorAll(".plot svg")) {
  const { first, last, low, high } = Object.fromEntries(Object.entries(svg.dataset).map(([key, text]) => [key, Number(text)]));
  const isLog = "log" in svg.dataset;
  const readout = svg.closest("figure").querySelector(".readout");
  const cursor = svg.querySelector(".cursor");
  const valueAt = (y) => {
    const share = 1 - y / 400;
    return isLog ? low * (high / low) ** share : low + share * (high - low);
  };
  let curves;
  const read = () => curves ??= [...svg.querySelectorAll(".line:not(.faint)")].map((path) => ({
    name: path.dataset.name,
    points: path.getAttribute("d").split(/[ML]/).slice(1).map((point) => point.split(" ").map(Number)),
  })).filter(({ points }) => points.length > 0);
  const nearest = (points, x) => points.reduce((best, point) => Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best);
  let at = 0;
  const show = (x) => {
    if (read().length === 0) return;
    at = nearest(curves[0].points, x)[0];
    const step = Math.round(first + at / 1000 * (last - first));
    const parts = curves.map(({ name, points }) => (curves.length > 1 ? name + " " : "") + short(valueAt(nearest(points, at)[1])));
    readout.textContent = "step " + step + ": " + parts.join(" · ");
    cursor.setAttribute("d", "M" + at + " 0V400");
  };
  const hide = () => { readout.textContent = ""; cursor.setAttribute("d", ""); };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    show((event.clientX - box.left) / box.width * 1000);
  });
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || read().length === 0) return;
    event.preventDefault();
    const points = curves[0].points;
    const i = points.findIndex(([x]) => x === nearest(points, at)[0]);
    show(points[Math.min(points.length - 1, Math.max(0, i + (readout.textContent ? by : 0)))][0]);
  });
}
`;
