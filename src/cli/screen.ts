import { stripVTControlCharacters } from "node:util";

/** Where a command tells how it goes: lines that stay and, on a terminal, one below them that is redrawn. */
export interface Screen {
  /** Whether there is a live line; otherwise the output is a log. */
  readonly live: boolean;
  /** Prints lines that stay. */
  print(text: string): void;
  /** What the live line shows from now on; asked again and again for its text, which may hold at most `columns` characters. */
  show(status: (columns: number) => string): void;
  /** Takes the live line away. */
  clear(): void;
}

const REDRAW = 100; // ms

export function openScreen(stream: NodeJS.WriteStream = process.stdout): Screen {
  return stream.isTTY && process.env.TERM !== "dumb" ? liveScreen(stream) : logScreen(stream);
}

const logScreen = (stream: NodeJS.WriteStream): Screen => ({
  live: false,
  print: (text) => void stream.write(`${text}\n`),
  show() {},
  clear() {},
});

function liveScreen(stream: NodeJS.WriteStream): Screen {
  let status: ((columns: number) => string) | undefined;
  let shown = "";
  const draw = (above = "") => {
    const columns = (stream.columns || 80) - 1; // a full last column would wrap
    const line = status ? cut(status(columns), columns) : "";
    if (above === "" && line === shown) return;
    stream.write(`\r\x1b[K${above}${line}`);
    shown = line;
  };
  const timer = setInterval(draw, REDRAW);
  timer.unref();
  return {
    live: true,
    print: (text) => draw(`${text}\n`),
    show(next) {
      const first = status === undefined;
      status = next;
      if (first) draw();
    },
    clear() {
      status = undefined;
      draw();
    },
  };
}

const cut = (text: string, columns: number): string =>
  stripVTControlCharacters(text).length <= columns ? text : stripVTControlCharacters(text).slice(0, columns);
