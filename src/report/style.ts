/** The page's style. Colours are held against their background at 4.5:1 for text and 3:1 for lines, light and dark. */
export const STYLE = `
:root { color-scheme: light dark; --back: #f6f7f9; --card: #fff; --text: #1b2330; --dim: #566072; --rule: #dfe3ea;
  --soft: #eef1f6; --good: #0f7a4d; --bad: #b42318;
  --c1: #2f62d9; --c2: #b54706; --c3: #0f7a4d; --c4: #8a3ec9; --c5: #b3205f; --c6: #0b7285; --c7: #7a5c00; --c8: #4b5563; }
@media (prefers-color-scheme: dark) { :root { --back: #10141b; --card: #181e28; --text: #e6eaf1; --dim: #9aa6b8;
  --rule: #2c3543; --soft: #212936; --good: #4fd199; --bad: #ff8a7d;
  --c1: #7ea6ff; --c2: #ff9d57; --c3: #4fd199; --c4: #c79bff; --c5: #ff86b3; --c6: #5cc9da; --c7: #e3bf4f; --c8: #b0b8c6; } }
* { box-sizing: border-box; }
body { margin: 0; overflow-wrap: anywhere; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 56px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0; overflow-wrap: anywhere; letter-spacing: -.01em; }
h2 { font-size: 18px; margin: 40px 0 12px; }
h3 { font-size: 14px; margin: 0; font-weight: 600; }
p { margin: 6px 0; }
a { color: var(--c1); }
.dim, .note { color: var(--dim); }
.note { font-size: 13px; }
header .line { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; }
header p { color: var(--dim); overflow-wrap: anywhere; }
.state { font-size: 13px; font-weight: 600; padding: 2px 10px; border-radius: 99px; border: 1px solid currentColor; color: var(--c1); }
.state.completed, .state.early-stopping { color: var(--good); }
.state.failed { color: var(--bad); }
.state.stopped { color: var(--c2); }
.alert { border-left: 4px solid var(--bad); background: var(--card); padding: 10px 14px; border-radius: 6px; margin: 16px 0; white-space: pre-wrap; }
.alert.mild { border-color: var(--c2); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: 12px; margin: 22px 0 0; padding: 0; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 14px; margin: 0; min-width: 0; }
.tile dt { font-size: 12.5px; color: var(--dim); }
.tile dd { margin: 2px 0 0; }
.tile .value { font-size: 21px; line-height: 1.25; font-weight: 650; font-variant-numeric: tabular-nums; letter-spacing: -.01em; overflow-wrap: anywhere; }
.tile .under { display: block; font-size: 12.5px; color: var(--dim); overflow-wrap: anywhere; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr)); gap: 14px; margin-top: 14px; }
.chart { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 14px 10px; margin: 0; min-width: 0; }
.chart.wide { grid-column: 1 / -1; }
.chart figcaption { display: flex; flex-wrap: wrap; gap: 2px 14px; align-items: baseline; margin-bottom: 12px; min-height: 24px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 12px; font-size: 13px; color: var(--dim); min-width: 0; }
.key { overflow-wrap: anywhere; }
.key::before { content: ""; display: inline-block; width: 14px; height: 0; border-top: 3px solid currentColor; border-radius: 2px; margin-right: 6px; vertical-align: middle; color: var(--line); }
.key.dashed::before { border-top-style: dotted; }
.readout { margin-left: auto; font-size: 12.5px; color: var(--dim); font-variant-numeric: tabular-nums; }
.plot { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 8px 10px; }
.plot svg { width: 100%; height: 168px; display: block; overflow: visible; touch-action: pan-y; border-radius: 2px; }
.wide .plot svg { height: 260px; }
.plot svg:focus-visible { outline: 2px solid var(--c1); outline-offset: 4px; }
.ys, .xs { display: flex; justify-content: space-between; font-size: 12px; color: var(--dim); font-variant-numeric: tabular-nums; }
.ys { flex-direction: column; text-align: right; min-width: 34px; }
.ys span { height: 0; line-height: 0; white-space: nowrap; }
.xs { grid-column: 2; white-space: nowrap; }
.xs span { width: 0; display: flex; justify-content: center; }
.xs span:last-child:not(:first-child) { justify-content: flex-end; }
path { fill: none; vector-effect: non-scaling-stroke; }
.grid { stroke: var(--rule); stroke-width: 1; }
.line { stroke: var(--line); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.line.dashed { stroke-dasharray: 5 4; }
.line.faint { stroke-width: 1; opacity: .5; }
.dots { stroke: var(--line); stroke-width: 8; stroke-linecap: round; }
.cursor { stroke: var(--dim); stroke-width: 1; stroke-dasharray: 3 3; }
${[1, 2, 3, 4, 5, 6, 7, 8].map((n) => `.c${n} { --line: var(--c${n}); }`).join("\n")}
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
.scroll:focus-visible { outline: 2px solid var(--c1); }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 10px 11px 4px; color: var(--dim); font-size: 13px; }
th, td { padding: 7px 11px; text-align: right; border-top: 1px solid var(--rule); vertical-align: top; }
thead th { border-top: 0; color: var(--dim); font-weight: 500; font-size: 13px; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; font-weight: 500; min-width: 7em; }
td { white-space: nowrap; }
.facts { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; margin: 0; padding: 6px 16px; display: grid; gap: 0 36px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); font-size: 14px; }
.facts div { display: grid; grid-template-columns: minmax(0, 11fr) minmax(0, 14fr); gap: 12px; padding: 6px 0; border-top: 1px solid var(--rule); margin-top: -1px; }
.facts dt { color: var(--dim); overflow-wrap: anywhere; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
code, .mono { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Noto Sans Mono CJK SC", monospace; }
.answers { display: grid; gap: 14px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); align-items: start; }
.answer { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 14px 16px; min-width: 0; }
.answer h3 { color: var(--dim); font-weight: 500; font-size: 12.5px; margin-bottom: 6px; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; max-height: 15em; overflow-y: auto; }
.question { font-weight: 550; }
.steps { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 4px 14px; margin: 12px 0 0; }
.steps dt { color: var(--dim); font-size: 13px; white-space: nowrap; }
.steps dd { margin: 0; }
.steps .right { color: var(--good); }
.mark { font-weight: 700; margin-right: 6px; }
details { margin-top: 14px; }
summary { cursor: pointer; color: var(--c1); font-weight: 500; padding: 4px 0; }
footer { margin-top: 44px; color: var(--dim); font-size: 13px; }
@media (max-width: 560px) { main { padding: 18px 12px 40px; } .tiles { grid-template-columns: 1fr 1fr; gap: 8px; }
  .wide .plot svg { height: 210px; } th, td { padding: 7px 10px; } .readout { margin-left: 0; width: 100%; min-height: 1.5em; } h2 { margin-top: 32px; } }
@media print { body { background: #fff; } .chart, .tile, .answer { break-inside: avoid; } }
`;
