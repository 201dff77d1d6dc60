import { createInterface, type Interface, type Key } from "node:readline";
import { Writable } from "node:stream";
import { styleText } from "node:util";

/** What a person types at a terminal, a text at a time. */
export interface TerminalLines {
  /** The next text, for which a prompt is shown; undefined when the person leaves. */
  next(): Promise<string | undefined>;
  /** Puts a line above the prompt. */
  tell(text: string): void;
  close(): void;
}

const PROMPT = styleText("bold", "> ");
/** Has the terminal say what is pasted: then its line breaks are part of a text, and Enter sends it. */
const PASTE = { on: "\x1b[?2004h", off: "\x1b[?2004l" };

/** The terminal. */
export interface Terminal {
  stdin: Pick<NodeJS.ReadStream, "setRawMode"> & NodeJS.ReadableStream;
  stdout: NodeJS.WritableStream & { columns?: number };
  /** Stops the process, until someone lets it go on. */
  stop(): void;
}

/** As a terminal does it: npx, npm and whoever else waits for us stop, too. */
const stop = () => void process.kill(0, "SIGTSTP");

/**
 * Reads from the terminal, in its raw mode: what is typed while an answer is written is shown with the next prompt.
 * @param interrupt ends the answer under way; false when there is none.
 */
export function openTerminalLines(
  interrupt: () => boolean,
  { stdin, stdout, stop: stopProcess }: Terminal = { stdin: process.stdin, stdout: process.stdout, stop },
): TerminalLines {
  const entered: string[] = [];
  let started: string[] = []; // lines of a paste, of a text that was not sent yet
  let [isQuiet, isPasting, isClosed] = [false, false, false];
  let wake = () => {};
  stdin.on("keypress", (_text: string | undefined, key: Key | undefined) => {
    if (key?.name === "paste-start") isPasting = true;
    if (key?.name === "paste-end") isPasting = false;
  });
  const output = unless(() => isQuiet, stdout);
  const lines = createInterface({ input: stdin, output, terminal: true, prompt: PROMPT });
  const prompt = () => {
    forgetRows(lines);
    lines.prompt(true);
  };
  const dropLine = () => {
    const before = isQuiet;
    isQuiet = true;
    lines.write(null, { ctrl: true, name: "e" });
    lines.write(null, { ctrl: true, name: "u" });
    isQuiet = before;
  };
  const tell = (text: string) => {
    stdout.write(`\r\x1b[J${styleText("dim", text)}\n`);
    if (!isQuiet) prompt();
  };

  lines.on("line", (line) => {
    started.push(line);
    if (isPasting) return;
    entered.push(started.join("\n"));
    started = [];
    wake();
  });
  lines.on("SIGINT", () => {
    const wasTyped = lines.line !== "" || started.length > 0;
    [entered.length, started.length] = [0, 0];
    dropLine();
    if (interrupt()) return;
    if (!wasTyped) return tell("Ctrl-D or /quit leaves.");
    stdout.write("^C\n");
    prompt();
  });
  lines.on("SIGTSTP", () => {
    stdout.write(PASTE.off);
    stdin.setRawMode(false);
    stopProcess();
  });
  const goOn = () => {
    stdin.setRawMode(false); // whatever the shell has made of it meanwhile
    stdin.setRawMode(true);
    stdout.write(PASTE.on);
    if (!isQuiet) prompt();
  };
  process.on("SIGCONT", goOn);
  lines.on("close", () => {
    isClosed = true;
    process.off("SIGCONT", goOn);
    stdout.write(PASTE.off);
    wake();
  });
  stdout.write(PASTE.on);

  return {
    tell,
    close: () => lines.close(),
    async next() {
      isQuiet = false;
      if (entered.length > 0) {
        const text = entered.shift()!;
        stdout.write(`${PROMPT}${text}\n`);
        isQuiet = true;
        return text;
      }
      if (isClosed) return undefined;
      prompt();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      isQuiet = true;
      return entered.shift();
    },
  };
}

/** The terminal's output, but for what is written while `isQuiet`. */
function unless(isQuiet: () => boolean, stdout: Terminal["stdout"]): NodeJS.WritableStream {
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, encoding, done) {
      if (isQuiet()) done();
      else stdout.write(chunk, encoding, () => done());
    },
  });
  Object.defineProperty(stream, "columns", { get: () => stdout.columns });
  stdout.on("resize", () => stream.emit("resize"));
  return stream;
}

/** So that a new prompt is written where the cursor is, and not where the line before it began. */
function forgetRows(lines: Interface): void {
  (lines as unknown as { prevRows: number }).prevRows = 0;
}
