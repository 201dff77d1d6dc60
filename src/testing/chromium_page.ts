import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { CHROMIUM } from "./chromium.ts";

export interface PageView {
  width: number;
  height: number;
  dark?: boolean;
  phone?: boolean;
}

export interface OpenedPage {
  /** What the console said, faults of the page and refusals of its policy among it. */
  console: string[];
  /** All that the page asked for, itself aside. */
  requests: string[];
  /** What the expression gives in the page, as JSON. */
  value: unknown;
  /** PNG. */
  screenshot: Buffer;
}

/** Opens a page in headless Chromium as `view` shows it. It is driven over a pipe: no port is opened. */
export async function openInChromium(url: string, view: PageView, expression: string): Promise<OpenedPage> {
  const profile = mkdtempSync(join(tmpdir(), "attune-chromium-"));
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"];
  const chromium = spawn(CHROMIUM, [...flags, `--user-data-dir=${profile}`, "about:blank"], {
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
  });
  const ended = once(chromium, "close");
  const stop = new AbortController();
  const late = setTimeout(60_000, undefined, { signal: stop.signal }).then(() => {
    throw new Error("Chromium did not answer in time");
  });
  try {
    const connection = connect(chromium.stdio[3] as Writable, chromium.stdio[4] as Readable);
    const page = await Promise.race([look(connection, url, view, expression), late]);
    connection.call("Browser.close").catch(() => {});
    await Promise.race([ended, late]);
    return page;
  } finally {
    stop.abort();
    await late.catch(() => {});
    chromium.kill();
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 20 });
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the protocol's own JSON
type Json = any;

interface Connection {
  call(method: string, params?: object, sessionId?: string): Promise<Json>;
  /** Calls `take` with each event. */
  onEvent(take: (method: string, params: Json) => void): void;
}

/** The DevTools protocol: JSON messages, each ended by a zero byte. */
function connect(input: Writable, output: Readable): Connection {
  const waiting = new Map<number, (message: Json) => void>();
  const listeners: ((method: string, params: Json) => void)[] = [];
  let [rest, last] = ["", 0];
  output.setEncoding("utf8").on("data", (text: string) => {
    const messages = (rest + text).split("\0");
    rest = messages.pop()!;
    for (const message of messages.map((text) => JSON.parse(text)))
      if (message.id) waiting.get(message.id)?.(message);
      else for (const take of listeners) take(message.method, message.params);
  });
  input.on("error", () => {});
  return {
    onEvent: (take) => void listeners.push(take),
    call: (method, params = {}, sessionId) =>
      new Promise((resolve, reject) => {
        const id = ++last;
        waiting.set(id, ({ error, result }) => (error ? reject(new Error(error.message)) : resolve(result)));
        input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
      }),
  };
}

async function look(
  connection: Connection,
  url: string,
  { width, height, dark, phone }: PageView,
  expression: string,
): Promise<OpenedPage> {
  const { targetId } = await connection.call("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await connection.call("Target.attachToTarget", { targetId, flatten: true });
  const call = (method: string, params?: object) => connection.call(method, params, sessionId);
  const [said, requests]: [string[], string[]] = [[], []];
  const loaded = new Promise<void>((resolve) => {
    connection.onEvent((method, params) => {
      if (method === "Log.entryAdded") said.push(params.entry.text);
      if (method === "Runtime.consoleAPICalled") said.push(params.args.map((a: Json) => a.value).join(" "));
      if (method === "Runtime.exceptionThrown") said.push(params.exceptionDetails.exception?.description);
      if (method === "Network.requestWillBeSent") requests.push(params.request.url);
      if (method === "Page.loadEventFired") resolve();
    });
  });
  for (const domain of ["Page", "Log", "Runtime", "Network"]) await call(`${domain}.enable`);
  await call("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: !!phone });
  const features = [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }];
  await call("Emulation.setEmulatedMedia", { features });
  await call("Page.navigate", { url });
  await loaded;
  const { result, exceptionDetails } = await call("Runtime.evaluate", {
    expression,
    returnByValue: true,
    awaitPromise: true,
  });
  if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
  const shot = await call("Page.captureScreenshot");
  const others = requests.filter((each) => each !== url && !each.startsWith("data:"));
  return {
    console: said,
    requests: others,
    value: result.value,
    screenshot: Buffer.from(shot.data, "base64"),
  };
}
