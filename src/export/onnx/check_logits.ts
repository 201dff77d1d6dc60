import type { Adapter } from "../../adapters/adapter.ts";
import { createDecoder, openDecodingSession } from "../../generation/decoder.ts";
import { adapterFeeds } from "../../generation/runtime_adapter.ts";
import type { OnnxGraph } from "../../graph/onnx/model_proto.ts";
import type { Dimensions } from "../../models/family.ts";
import type { OpenModel } from "../../pretrained/open_model.ts";
import { randomUint32 } from "../../random/random.ts";
import { openModelFile, openSession } from "../../runtime/node.ts";
import { AttuneError } from "../../text/errors.ts";
import { compareLogits } from "../same_logits.ts";
import { openOnnxDecoder } from "./onnx_decoder.ts";
import type { OnnxTypeName } from "./onnx_types.ts";

const TOKENS = 24;
/** Read first; the others come one by one, from the cache. */
const PROMPT = 16;
const CPU = { device: "cpu" } as const;

/**
 * How far logits may be apart, relative to their size: rounding as measured with models of the families (fp16 up to 5e-3,
 * q8 0.1, q4 0.4 where weights are random and experts are chosen otherwise), times 3; another order of summation.
 */
const BOUND: Record<OnnxTypeName, number> = { fp32: 2e-5, fp16: 1.5e-2, q8: 0.3, q4: 1 };

/**
 * Runs the written file as other programs do: some tokens at once, then one by one, and compares its logits with attune's
 * own. @throws AttuneError when it computes something else.
 */
export async function checkLogits(
  path: string,
  type: OnnxTypeName,
  graph: OnnxGraph,
  { model, directory }: OpenModel,
  adapter?: Adapter,
): Promise<number> {
  const { vocabSize, maxPositions = TOKENS } = model.dimensions;
  const length = Math.min(TOKENS, maxPositions, model.dimensions.shortLength ?? TOKENS);
  const tokens = Array.from({ length }, (_, t) => randomUint32(0, "onnx check", 0, t) % vocabSize);
  const own = await openDecodingSession(model, directory.tensors, openSession, CPU, adapter);
  const decoder = createDecoder(own, model.dimensions, adapter && adapterFeeds(adapter));
  const expected = await decoder.score(tokens);
  await own.release();
  const found = await logitsOf(path, graph, model.dimensions, tokens);
  const { relativeDifference } = compareLogits([expected], [found]);
  if (relativeDifference <= BOUND[type]) return relativeDifference;
  throw new AttuneError({
    code: "export.other-logits",
    place: path,
    problem:
      `ONNX Runtime computes other logits from the file than attune from the model: they differ by ` +
      `${relativeDifference.toPrecision(3)} of their size, expected at most ${BOUND[type]}. Nothing was kept`,
    wayOut: `It may be a fault of attune's: report it with the model's config.json${type === "fp32" ? "" : "; --type fp32 keeps all digits"}`,
  });
}

async function logitsOf(
  path: string,
  graph: OnnxGraph,
  dimensions: Dimensions,
  tokens: readonly number[],
): Promise<Float32Array> {
  const session = await openModelFile(path, graph, { ...CPU, foldConstants: true });
  const decoder = openOnnxDecoder(session, graph);
  const rows = [await decoder.next([tokens.slice(0, PROMPT)])];
  for (const token of tokens.slice(PROMPT)) rows.push(await decoder.next([[token]]));
  await session.release();
  const logits = new Float32Array(tokens.length * dimensions.vocabSize);
  let at = 0;
  for (const row of rows) {
    logits.set(row, at);
    at += row.length;
  }
  return logits;
}
