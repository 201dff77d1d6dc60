import type { TokenizeOptions } from "../data/tokenize/tokenize_example.ts";
import type { Examinee } from "../evaluation/examinee.ts";
import type { Prompt } from "../evaluation/questions/question.ts";
import { createDecoder, openAdapted } from "../generation/decoder.ts";
import { decodingOptions } from "../generation/decoding_options.ts";
import { readGenerationSettings } from "../generation/generation_config.ts";
import { eosTokens } from "../generation/stop_tokens.ts";
import { createTalk, type Talk } from "../generation/talk.ts";
import { variantBy } from "../generation/variants.ts";
import type { Base } from "../pretrained/base.ts";
import type { OpenSession, Session, SessionOptions } from "../runtime/session.ts";
import { groupBy } from "../text/group_by.ts";
import { type Forward, openForward } from "../training/forward.ts";
import { labelLosses } from "../training/label_losses.ts";
import type { Method } from "../training/method.ts";
import { partsOfRow } from "../training/row_length.ts";
import { hostValues } from "../training/trained_state.ts";

export interface ExamineeParts {
  base: Base;
  /** What is trained over the base, as it is at the moment of each question; nothing, of a base alone. */
  method: Method;
  tokenize: TokenizeOptions;
  open: OpenSession;
  session: SessionOptions;
}

export interface OpenExaminee extends Examinee {
  release(): Promise<void>;
}

/** Tokens of a row of right answers, unless one alone has more. */
const ROW_LENGTH = 512;

/** Opens a model for evaluation. Sessions are opened when first needed: who is only scored isn't compiled for answering. */
export function openExaminee(parts: ExamineeParts): OpenExaminee {
  const { base, tokenize } = parts;
  const opened: { release(): Promise<void> }[] = [];
  const keep = async <T extends { release(): Promise<void> }>(opening: Promise<T>): Promise<T> => {
    const one = await opening;
    opened.push(one);
    return one;
  };
  let forward: Promise<Forward> | undefined;
  let talk: Promise<Talk> | undefined;
  return {
    tokenize,
    maxPositions: base.model.dimensions.maxPositions,
    async likelihoods(sequences) {
      forward ??= keep(openScoring(parts));
      const { nll, right } = await (await forward).values(sequences);
      return { nll, right: right! };
    },
    async answers(prompts, options) {
      talk ??= openTalk(parts, keep);
      return answersOf(await talk, prompts, options);
    },
    async release() {
      for (const one of opened.splice(0)) await one.release();
    },
  };
}

const parametersOf = ({ trainables }: Method) => Object.fromEntries(trainables.map((t) => [t.name, t]));

function openScoring({ base, method, open, session }: ExamineeParts): Promise<Forward> {
  const parts = partsOfRow(ROW_LENGTH, session.device);
  const losses = labelLosses(method.adapt(base.model, false), method.scope(false), parts);
  const options = { rowLength: ROW_LENGTH, sharePrefixes: true, everyToken: false, right: true, session };
  return openForward(losses, hostValues(method.trainables), open, options);
}

async function openTalk(
  { base, method, tokenize, open, session }: ExamineeParts,
  keep: (opening: Promise<Session>) => Promise<Session>,
): Promise<Talk> {
  const { directory, model, tokenizer } = base;
  const adapted = { model: method.adapt(model, false), scope: method.scope(false) };
  const decoding = await keep(openAdapted(adapted, open, decodingOptions(session, directory.tensors)));
  const variant = variantBy(createDecoder(decoding, model.dimensions, parametersOf(method)));
  return createTalk({
    tokenizer,
    template: async () => tokenize.template,
    eos: eosTokens(directory, tokenizer),
    settings: readGenerationSettings(directory, model.dimensions.vocabSize),
    variant: async () => variant,
  });
}

/** Prompts that are written alike are answered side by side. */
async function answersOf(
  talk: Talk,
  prompts: readonly Prompt[],
  options: { maxTokens?: number; signal?: AbortSignal },
): Promise<string[]> {
  const groups = groupBy(prompts.keys(), (i) => {
    const prompt = prompts[i]!;
    return prompt.kind === "text" ? "" : JSON.stringify([prompt.tools, prompt.variables]);
  });
  const answers: string[] = [];
  for (const places of groups.values()) {
    const group = places.map((i) => prompts[i]!);
    const completions = await answerAlike(talk, group, options);
    for (const [k, i] of places.entries()) answers[i] = completions[k]!.text;
  }
  return answers;
}

function answerAlike(
  talk: Talk,
  prompts: readonly Prompt[],
  options: { maxTokens?: number; signal?: AbortSignal },
) {
  const [first] = prompts;
  if (first!.kind === "text")
    return talk.completeBatch(
      prompts.flatMap((prompt) => (prompt.kind === "text" ? [prompt.text] : [])),
      options,
    );
  const conversations = prompts.flatMap((prompt) => (prompt.kind === "chat" ? [prompt.messages] : []));
  const { tools, variables } = first as Extract<Prompt, { kind: "chat" }>;
  return talk.chatBatch(conversations, { ...options, tools, chatTemplateKwargs: variables });
}
