import type { Outcome, Trial } from "./trial.ts";

declare global {
  function runTrial(trial: Trial, tell: (progress: string) => void): Promise<Outcome>;
}

/** What a worker says: how far it is, then what came of it. */
export type Said = { progress: string } | { outcome: Outcome } | { error: string };

globalThis.runTrial = (trial, tell) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.onmessage = ({ data }: MessageEvent<Said>) => {
      if ("progress" in data) tell(data.progress);
      else if ("outcome" in data) resolve(data.outcome);
      else reject(new Error(data.error));
    };
    worker.postMessage(trial);
  });
