import * as z from "zod";

const text = z.string().min(1);

const mlflow = z.strictObject({
  type: z.literal("mlflow"),
  url: text.optional().describe("The server's address; MLFLOW_TRACKING_URI when left out."),
  experiment: text.optional().describe("MLFLOW_EXPERIMENT_NAME, or attune, when left out."),
});

/** Other programs that get a run's figures. Nothing is sent anywhere unless one is named here. */
export const tracking = z
  .array(
    z.union([z.enum(["tensorboard", "mlflow"]), mlflow], {
      error: "expected tensorboard, mlflow, or { type: mlflow, url, experiment }",
    }),
  )
  .describe(
    "Programs that show how runs go: tensorboard (event files in the run directory), mlflow (a server, by its REST API).",
  );
export type Tracking = z.output<typeof tracking>;
