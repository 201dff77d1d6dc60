import { formatCount, formatPercent, plural } from "../text/format_number.ts";
import { groupBy } from "../text/group_by.ts";
import { type Html, html } from "./html.ts";
import { page } from "./page.ts";
import type { KernelTime, MachinePeaks, Phase, ProfileRecord } from "./profile_record.ts";
import { factsOf, tableOf } from "./table.ts";

/** `profile.html`: where a run's time went, as a page that needs no network and no other file. */
export function profilePage(record: ProfileRecord): string {
  const { title, steps, kernels, peaks } = record;
  return page(
    `${title} · where the time goes · attune`,
    html`<header><h1><bdi>${title}</bdi>: where the time goes</h1>
<p>${plural(steps, "step")}, measured by the runtime op by op; measuring takes some time of its own.</p></header>
${tiles(record)}
<section aria-labelledby="phases"><h2 id="phases">By phase</h2>${tableOf(phaseRows(record), "Of the steps' time")}
<p class="dim">Forward computes the loss; backward its gradient, with what is computed again to save memory. Between kernels: packing rows, handing them to the runtime's thread and back, and the runtime's own steps from one kernel to the next.</p></section>
<section aria-labelledby="ops"><h2 id="ops">By op</h2>${tableOf(operationRows(kernels, peaks))}
<p class="dim">"Of peak" sets operations a second beside ${rate(peaks.float32, "FLOP")}, which a large float32 matrix product reaches on this machine with ${plural(peaks.threads, "thread")} (${rate(peaks.int8, "OP")} in 8-bit integers); "of bandwidth" sets bytes a second beside ${rate(peaks.bandwidth, "B")}. An op near one of them can't be made faster, only avoided; above 100% of bandwidth what it reads is in the processor's cache.</p></section>
<section aria-labelledby="layers"><h2 id="layers">By layer</h2>${tableOf(layerRows(kernels))}
<p class="dim">An op belongs to the layer whose weights it reads, else to that of its neighbours.</p></section>
<section aria-labelledby="products"><h2 id="products">What takes longest</h2>${tableOf(shapeRows(kernels, peaks), "Sizes are those of the longest row")}</section>
<section aria-labelledby="machine"><h2 id="machine">The machine</h2>${factsOf(machineFacts(peaks))}</section>
<footer>Made by attune; nothing was loaded from elsewhere. The files beside it, one for each compiled graph, open in a trace viewer such as Perfetto.</footer>`,
  );
}

function tiles({ steps, host, kernels, peaks }: ProfileRecord): Html {
  const all = stepSeconds(host);
  const training = kernels.filter(({ phase }) => phase !== "other passes");
  const shown = [
    ["Seconds a step", (all / Math.max(steps, 1)).toPrecision(3), `${all.toFixed(2)} s in all`],
    ["In kernels", share(seconds(training), all), "the rest is between them, in data and update"],
    [
      "At the machine's limit",
      share(floorOf(training, peaks), all),
      "least time by peak and bandwidth, of the steps'",
    ],
    ["Operations a step", scaled(sum(training, "operations") / Math.max(steps, 1)), "forward and backward"],
  ];
  return html`<dl class="tiles">${shown.map(([name, value, under]) => html`<div class="tile"><dt>${name}</dt><dd><span class="value">${value}</span><span class="under">${under}</span></dd></div>`)}</dl>`;
}

const stepSeconds = ({ data, passes, optimizer, reporting }: ProfileRecord["host"]) =>
  data + passes + optimizer + reporting;

function phaseRows({ host, kernels, steps }: ProfileRecord): string[][] {
  const all = stepSeconds(host);
  const of = (phase: Phase) => seconds(kernels.filter((one) => one.phase === phase));
  const between = host.passes - of("forward") - of("backward");
  const row = (name: string, time: number) => [
    name,
    share(time, all),
    clock(time),
    clock(time / Math.max(steps, 1)),
  ];
  const others = of("other passes");
  return [
    ["phase", "share", "time", "a step"],
    row("data: taking rows", host.data),
    row("forward", of("forward")),
    row("backward", of("backward")),
    row("between kernels", Math.max(between, 0)),
    row("optimizer", host.optimizer),
    row("metrics and report", host.reporting),
    ...(others > 0 ? [["passes beside the steps: evaluation, reference", "–", clock(others), "–"]] : []),
  ];
}

const MOST = 24; // rows of a table

function operationRows(kernels: readonly KernelTime[], peaks: MachinePeaks): string[][] {
  const groups = grouped(kernels, ({ op }) => op);
  const total = seconds(kernels);
  return [
    ["op", "share", "time", "forward", "backward", "calls", "of peak", "of bandwidth"],
    ...groups
      .slice(0, MOST)
      .map(([op, some]) => [
        op,
        share(seconds(some), total),
        clock(seconds(some)),
        ...(["forward", "backward"] as const).map((phase) =>
          clock(seconds(some.filter((k) => k.phase === phase))),
        ),
        formatCount(sum(some, "calls")),
        ...limits(some, peaks),
      ]),
  ];
}

function layerRows(kernels: readonly KernelTime[]): string[][] {
  const order = (layer: KernelTime["layer"]) =>
    typeof layer === "number" ? layer : layer === "output layer and loss" ? Number.POSITIVE_INFINITY : -1;
  const groups = grouped(kernels, ({ layer }) => String(layer));
  const total = seconds(kernels);
  return [
    ["layer", "share", "time", "forward", "backward", "operations"],
    ...groups
      .sort(([, [a]], [, [b]]) => order(a!.layer) - order(b!.layer))
      .map(([layer, some]) => [
        layer,
        share(seconds(some), total),
        clock(seconds(some)),
        ...(["forward", "backward"] as const).map((phase) =>
          clock(seconds(some.filter((one) => one.phase === phase))),
        ),
        scaled(sum(some, "operations")),
      ]),
  ];
}

function shapeRows(kernels: readonly KernelTime[], peaks: MachinePeaks): string[][] {
  const groups = grouped(kernels, ({ op, shapes, phase }) => `${op} ${shapes}\n${phase}`);
  const total = seconds(kernels);
  return [
    ["op and what it reads", "phase", "share", "time", "calls", "of peak", "of bandwidth"],
    ...groups
      .slice(0, MOST)
      .map(([key, some]) => [
        ...key.split("\n"),
        share(seconds(some), total),
        clock(seconds(some)),
        formatCount(sum(some, "calls")),
        ...limits(some, peaks),
      ]),
  ];
}

const machineFacts = ({ threads, float32, int8, bandwidth }: MachinePeaks) =>
  [
    ["threads", String(threads)],
    ["float32 products", rate(float32, "FLOP")],
    ["8-bit products", int8 > 0 ? rate(int8, "OP") : "not measured"],
    ["memory bandwidth", rate(bandwidth, "B")],
  ] as const;

/** Largest first. */
const grouped = (kernels: readonly KernelTime[], by: (one: KernelTime) => string): [string, KernelTime[]][] =>
  [...groupBy(kernels, by)]
    .map(([key, some]): [string, KernelTime[]] => [key, [...some]])
    .sort(([, a], [, b]) => seconds(b) - seconds(a));

const sum = (kernels: readonly KernelTime[], key: "calls" | "seconds" | "operations" | "bytes") =>
  kernels.reduce((n, one) => n + one[key], 0);
const seconds = (kernels: readonly KernelTime[]) => sum(kernels, "seconds");

/** How near kernels come to the machine's peak and to its bandwidth. */
function limits(kernels: readonly KernelTime[], peaks: MachinePeaks): [string, string] {
  const time = seconds(kernels);
  const atPeak = kernels.reduce((n, one) => n + one.operations / peakOf(one, peaks), 0);
  return [share(atPeak, time), share(sum(kernels, "bytes") / peaks.bandwidth, time)];
}

const peakOf = ({ inIntegers }: KernelTime, { float32, int8 }: MachinePeaks) =>
  inIntegers && int8 > 0 ? int8 : float32;

/** The least time kernels could take: each by its operations, or by its bytes. */
const floorOf = (kernels: readonly KernelTime[], peaks: MachinePeaks) =>
  kernels.reduce(
    (n, one) =>
      n + Math.min(one.seconds, Math.max(one.operations / peakOf(one, peaks), one.bytes / peaks.bandwidth)),
    0,
  );

const share = (part: number, whole: number) => (whole > 0 ? formatPercent(part / whole) : "–");

const clock = (time: number) => (time >= 1 ? `${time.toFixed(2)} s` : `${(1000 * time).toFixed(2)} ms`);

/** 1.23 GFLOP */
const scaled = (value: number, unit = "") => {
  const power = Math.min(4, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  return `${(value / 1000 ** power).toPrecision(3)} ${["", "K", "M", "G", "T"][power]}${unit}`.trim();
};
const rate = (value: number, unit: string) => `${scaled(value, unit)}/s`;
