import { type Html, html } from "./html.ts";

/** Rows of text with a head: the first column names them. It scrolls by itself where a phone is too narrow. */
export function tableOf([head, ...rows]: readonly (readonly string[])[], caption?: string): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption ?? head?.[0] ?? "table"}"><table>${caption !== undefined && html`<caption>${caption}</caption>`}<thead><tr>${head?.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${rows.map(([name, ...cells]) => html`<tr><th scope="row">${name}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody></table></div>`;
}

/** Names and what they are. */
export const factsOf = (rows: readonly (readonly [string, string])[]): Html =>
  html`<dl class="facts">${rows.map(([name, text]) => html`<div><dt>${name}</dt><dd><bdi>${text}</bdi></dd></div>`)}</dl>`;
