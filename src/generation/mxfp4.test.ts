import { expect, test } from "vitest";
import { openModel } from "../pretrained/open_model.ts";
import { openSession } from "../runtime/node.ts";
import { goldenPath, maxDifference, readGoldenTensors } from "../testing/goldens.ts";
import { createDecoder, openDecodingSession } from "./decoder.ts";

test("logits over experts in MXFP4 are transformers'", async () => {
  const { model, directory } = await openModel(goldenPath("mxfp4"));
  const { input_ids, logits } = await readGoldenTensors(goldenPath("mxfp4/logits.safetensors"));
  const session = await openDecodingSession(model, directory.tensors, openSession, {
    device: "cpu",
    threads: 1,
  });
  const found = await createDecoder(session, model.dimensions).score([...input_ids!.data]);
  await session.release();
  expect(maxDifference(found, logits!.data)).toBeLessThan(5e-5); // measured 3.4e-6
});
