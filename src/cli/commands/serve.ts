import { type ChildProcess, spawn } from "node:child_process";
import { hostname } from "node:os";
import { basename, resolve } from "node:path";
import type { Command } from "commander";
import { loadModel } from "../../generation/load_model.ts";
import type { AdapterLoading } from "../../server/adapters.ts";
import { createServer, type ServerOptions } from "../../server/create_server.ts";
import { LOOPBACK } from "../../server/guard.ts";
import { type FineTuning, openFineTuning } from "../../server/jobs/fine_tuning.ts";
import { listen } from "../../server/listen.ts";
import { nowInSeconds } from "../../server/new_id.ts";
import { parameterError } from "../../server/read_body.ts";
import { createServedModels, type ServedModel } from "../../server/served_models.ts";
import { openPage } from "../../server/studio/page.ts";
import { openStudio, type Studio } from "../../server/studio/studio_routes.ts";
import { AttuneError } from "../../text/errors.ts";
import { type ChatSource, chatSource, type SourceFlags } from "../chat_source.ts";
import { EXPORT_FORMATS } from "../exports/formats.ts";
import { describeFailure, forTerminal } from "../failure.ts";
import { examples } from "../help.ts";
import { BASE } from "../named_adapters.ts";
import { collect, jsonObject, type TalkOptions, wholeNumber, withTalking } from "../options.ts";
import { packageFile } from "../package_root.ts";
import { stopSignals } from "../stop_signals.ts";
import { TELLS } from "../tell_parent.ts";

interface ServeFlags extends SourceFlags, TalkOptions {
  port: number;
  host: string;
  apiKey?: string;
  cors?: string[];
  maxWaiting?: number;
  jobs?: string;
}

export const serveCommand = (command: Command): Command =>
  withTalking(
    command
      .description(
        "Serves a model, and adapters on it, to every program that speaks OpenAI's API: chat completions, completions, models. The model goes by its directory's name, an adapter by its own. Its address, in a browser, is the studio: a page to tune, measure, export and chat.",
      )
      .argument("[run]", "a run's directory, whose result and base are served; or a model")
      .option("-m, --model <dir>", "the model's directory, or its name on the hub")
      .option(
        "-a, --adapter <[name=]dir>",
        "a PEFT adapter's directory, or a run's; several can be given",
        collect,
      )
      .option("--template <name>", "as in attune chat")
      .option(
        "--chat-template-kwargs <json>",
        "variables of the chat template, where a request gives none",
        jsonObject,
      )
      .option("--port <n>", "0 takes one that is free", wholeNumber(0), 8080)
      .option(
        "--host <address>",
        "where to listen; others than this machine's own can be reached from outside",
        "127.0.0.1",
      )
      .option(
        "--api-key <key>",
        "what clients must send; by default ATTUNE_API_KEY",
        process.env.ATTUNE_API_KEY,
      )
      .option(
        "--cors <origin>",
        "an origin whose pages may ask, such as http://localhost:3000; * for all",
        collect,
      )
      .option(
        "--max-waiting <n>",
        "requests that may wait for their turn before more are refused",
        wholeNumber(0),
        64,
      )
      .option(
        "--jobs <dir>",
        "serve OpenAI's fine-tuning API and tune in the studio, too: files and runs are kept there",
      )
      .optionsGroup("Machine:"),
  )
    .addHelpText(
      "after",
      examples([
        ["attune serve runs/mine", "serve a run's result, and its base"],
        [
          "attune serve --model ./model -a fr=runs/fr -a de=runs/de",
          "several adapters, chosen by the request's model",
        ],
        ["attune serve -m ./model --jobs jobs", "with a place for runs: tune in the studio, by its address"],
        ["attune serve -m ./model --host 0.0.0.0 --api-key secret", "to other machines"],
      ]),
    )
    .action(runServe);

async function runServe(run: string | undefined, flags: ServeFlags, command: Command): Promise<void> {
  if (run === undefined && flags.model === undefined)
    command.error("error: missing argument 'run', or option '-m, --model <dir>'");
  const source = await chatSource(run, flags);
  const isOpen = !LOOPBACK.includes(flags.host) && flags.host !== "::1";
  if (isOpen && flags.apiKey === undefined)
    say(`warning: anyone who reaches ${flags.host} can use this server: --api-key would ask them for a key`);
  const signals = stopSignals(() => say("finishing what was asked; once more ends at once"));
  const models = await openModels(source, flags);
  const fineTuning = flags.jobs === undefined ? undefined : await openJobs(flags.jobs, models, flags);
  const server = createServer({
    models: models.served,
    fineTuning,
    studio: openStudioOf(fineTuning, flags),
    page: openPage(packageFile("dist/studio")),
    ...((!isOpen || flags.apiKey !== undefined) && { adapters: loadingOf(models) }),
    ...namesOf(flags, isOpen),
    ...flags,
    onError: (error) => say(describeFailure(error)),
  });
  const listener = await listen(server.fetch, flags);
  signals.listen();
  announce(flags, listener.port, models.served.list());
  await aborted(signals.signal);
  await Promise.all([server.close(), listener.close()]);
  signals.ignore();
  await models.release();
  process.exitCode = signals.exitCode();
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((done) => signal.addEventListener("abort", () => done(), { once: true }));

async function openModels(source: ChatSource, { device, threads, compute }: ServeFlags) {
  const { model, adapters, template, quantization, chatTemplateKwargs } = source;
  const speaker = await loadModel(model, {
    adapters,
    template: template === "none" ? undefined : template,
    quantization,
    compute,
    device,
    threads,
    onWarning: (text) => say(`warning: ${text}`),
  });
  const parent = nameOf(model);
  const taken = Object.keys(adapters).find((name) => name === parent);
  if (taken) throw sameName(taken);
  const created = nowInSeconds();
  const base: ServedModel = { id: parent, speaker, adapter: null, created, chatTemplateKwargs };
  const others = Object.keys(adapters).map((id) => ({ ...base, id, adapter: id, parent }));
  return {
    served: createServedModels([base, ...others]),
    base,
    path: model,
    speaker,
    release: speaker.release,
  };
}

/** Adapters of this machine's directories come and go at run time: where strangers can't ask for it. */
const loadingOf = ({ base, speaker }: Awaited<ReturnType<typeof openModels>>): AdapterLoading => ({
  base,
  load: async (name, path) => speaker.addAdapter(name, path),
  unload: async (name) => speaker.removeAdapter(name),
});

/** The jobs of a directory; a job trains on the base, and its adapter is served beside the others. */
function openJobs(
  directory: string,
  { served, base, path, speaker }: Awaited<ReturnType<typeof openModels>>,
  { threads }: ServeFlags,
): Promise<FineTuning> {
  return openFineTuning({
    directory: resolve(directory),
    modelPath(id) {
      const { parent } = served.find(id);
      if (parent === undefined) return resolve(path);
      throw parameterError("model", "invalid_value", {
        message: `'${id}' is an adapter: jobs begin from the base, '${parent}'.`,
      });
    },
    startTraining: (recipe) => startTraining(recipe, threads),
    async serve({ fine_tuned_model }, adapter) {
      const id = fine_tuned_model!;
      await speaker.addAdapter(id, adapter);
      served.add({ ...base, id, adapter: id, parent: base.id, created: nowInSeconds() });
    },
    async unserve({ fine_tuned_model: id }) {
      if (id === null || !served.list().some((model) => model.id === id)) return;
      served.remove(id);
      speaker.removeAdapter(id);
    },
    onError: (error) => say(describeFailure(error)),
    bodyLimit: 1 << 20,
    fileLimit: 128 << 20,
  });
}

const startTraining = (recipe: string, threads?: number): ChildProcess =>
  spawn(process.execPath, commandLine(["train", recipe, "--json", ...threadWords(threads)]), {
    stdio: ["ignore", "pipe", "inherit"],
  });

/** attune as this process runs it. */
const commandLine = (words: readonly string[]) => [...process.execArgv, process.argv[1]!, ...words];

const threadWords = (threads?: number) => (threads === undefined ? [] : ["--threads", String(threads)]);

const openStudioOf = (fineTuning: FineTuning | undefined, { threads }: ServeFlags): Studio =>
  openStudio({
    fineTuning,
    start: (words) =>
      spawn(process.execPath, commandLine(words), {
        stdio: ["ignore", "ignore", "pipe", "ipc"],
        env: { ...process.env, [TELLS]: "1", NO_COLOR: "1", FORCE_COLOR: undefined },
      }),
    formats: Object.entries(EXPORT_FORMATS).map(([name, { summary, types = [] }]) => ({
      ...{ name, summary, types },
      ...(/^gguf/.test(name) && { ending: ".gguf" }),
    })),
    compute: threadWords(threads),
    bodyLimit: 1 << 20,
  });

/**
 * The names that requests may call this machine by. A page of another site can make its own name mean this machine's
 * address, and then ask as if it were ours; who needs a key can't be asked so.
 */
function namesOf({ host, apiKey }: ServeFlags, isOpen: boolean): Pick<ServerOptions, "hosts" | "addresses"> {
  if (!isOpen) return { hosts: LOOPBACK };
  if (apiKey !== undefined) return {};
  const own = hostname().toLowerCase();
  return { hosts: ["localhost", host.toLowerCase(), own, `${own}.local`], addresses: true };
}

/** The directory's own name. */
const nameOf = (model: string): string => basename(resolve(model)) || BASE;

const sameName = (name: string) =>
  new AttuneError({
    code: "cli.adapter-called-as-model",
    place: `--adapter ${name}`,
    problem: `the model itself is called "${name}"`,
    wayOut: "Name the adapter: NAME=DIR",
  });

function announce({ host, apiKey }: ServeFlags, port: number, models: readonly ServedModel[]): void {
  const name = host.includes(":") ? `[${host}]` : host;
  const url = `http://${name}:${port}/v1`;
  const key = apiKey === undefined ? "" : " -H 'Authorization: Bearer KEY'";
  const body = JSON.stringify({ model: models.at(-1)!.id, messages: [{ role: "user", content: "Hello" }] });
  const line = `curl ${url}/chat/completions${key} -H 'Content-Type: application/json' -d '${body.replaceAll("'", "'\\''")}'`;
  const studio = `http://${WILDCARDS[name] ?? name}:${port}/`;
  process.stdout.write(
    `serving ${models.map(({ id }) => id).join(", ")} at ${url}\nStudio: ${studio}\n\n${line}\n`,
  );
}

/** Where all addresses are listened on, one that a browser here finds. */
const WILDCARDS: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "[::]": "[::1]" };

function say(text: string): void {
  process.stderr.write(`${forTerminal(text)}\n`);
}
