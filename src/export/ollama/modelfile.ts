import { AttuneError } from "../../text/errors.ts";

/** What a Modelfile says. */
export interface Modelfile {
  /** File names beside it. */
  from: string;
  adapter?: string;
  /** Go's text/template; Ollama takes the model's own where it knows it when left out. */
  template?: string;
  system?: string;
  stop: readonly string[];
}

/** The text of a Modelfile (https://github.com/ollama/ollama/blob/main/docs/modelfile.md). */
export function modelfileText({ from, adapter, template, system, stop }: Modelfile): string {
  const lines = [
    `FROM ./${from}`,
    adapter && `ADAPTER ./${adapter}`,
    template && `TEMPLATE ${quoted("TEMPLATE", template)}`,
    system && `SYSTEM ${quoted("SYSTEM", system)}`,
    ...stop.map((text) => `PARAMETER stop ${quoted("stop", text)}`),
  ];
  return `${lines.filter(Boolean).join("\n")}\n`;
}

/** Between three quotes all is as it is, lines too. */
function quoted(place: string, text: string): string {
  if (text.includes('"""') || text.endsWith('"'))
    throw new AttuneError({
      code: "export.modelfile",
      place,
      problem: 'a Modelfile ends a text at """, so it can\'t hold one, nor a text that ends in a quote',
      wayOut: "Write it with other quotes",
    });
  return text.includes("\n") || text.includes('"') ? `"""${text}"""` : `"${text}"`;
}
