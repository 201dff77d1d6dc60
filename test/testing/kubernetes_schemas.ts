/**
 * The part of the CRDs' OpenAPI schemas that a run needs, as JSON Schema: names, types, enums and what is required, closed, so that
 * a misspelt field is refused. Read from kubeflow/trainer (v1alpha1, manifests/base/crds and pkg/apis/trainer), kubeflow/mpi-operator
 * (v2beta1, manifests/base and pkg/apis/kubeflow), JobSet v1alpha2 and Kubernetes' core/v1.
 */
type Schema = Record<string, unknown>;

const text = { type: "string" };
const name = { type: "string", minLength: 1, maxLength: 253 };
const whole = { type: "integer", minimum: 0, maximum: 2 ** 31 - 1 };
const yes = { type: "boolean" };
const label = { type: "object", additionalProperties: text };
const quantity = { anyOf: [{ type: "integer" }, { type: "string", pattern: "^[0-9.]+(m|[EPTGMk]i?)?$" }] };
const oneOf = (...values: string[]): Schema => ({ enum: values });
const list = (items: Schema, most = 128): Schema => ({ type: "array", items, maxItems: most });
const object = (properties: Record<string, Schema>, ...required: string[]): Schema => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});

const metadata = object({ name, namespace: name, labels: label, annotations: label });
const resources = object({
  limits: { type: "object", additionalProperties: quantity },
  requests: { type: "object", additionalProperties: quantity },
});
const env = list(object({ name, value: text, valueFrom: { type: "object" } }, "name"));
const container = object(
  {
    ...{ name, image: text, command: list(text), args: list(text), workingDir: text, env, resources },
    imagePullPolicy: oneOf("Always", "IfNotPresent", "Never"),
    ports: list(
      object({ containerPort: whole, name, protocol: oneOf("TCP", "UDP", "SCTP") }, "containerPort"),
    ),
    securityContext: object({ runAsUser: whole, runAsGroup: whole, runAsNonRoot: yes, privileged: yes }),
    readinessProbe: object({
      tcpSocket: object({ port: { anyOf: [whole, name] }, host: text }, "port"),
      ...{ initialDelaySeconds: whole, periodSeconds: whole, failureThreshold: whole, timeoutSeconds: whole },
    }),
    volumeMounts: list(object({ name, mountPath: text, subPath: text, readOnly: yes }, "name", "mountPath")),
  },
  "name",
);
const volume = object(
  {
    name,
    persistentVolumeClaim: object({ claimName: name, readOnly: yes }, "claimName"),
    emptyDir: object({ medium: text, sizeLimit: quantity }),
    hostPath: object({ path: text, type: text }, "path"),
  },
  "name",
);
const podTemplate = object({
  metadata,
  spec: object(
    {
      containers: { ...list(container), minItems: 1 },
      initContainers: list(container),
      volumes: list(volume),
      restartPolicy: oneOf("Always", "OnFailure", "Never"),
      nodeSelector: label,
      serviceAccountName: name,
    },
    "containers",
  ),
});

const jobSet = object({
  network: object({ enableDNSHostnames: yes, subdomain: name, publishNotReadyAddresses: yes }),
  successPolicy: object({ operator: oneOf("All", "Any"), targetReplicatedJobs: list(name) }, "operator"),
  failurePolicy: object({ maxRestarts: whole, restartStrategy: oneOf("Recreate", "BlockingRecreate") }),
  replicatedJobs: list(
    object(
      {
        ...{ name, groupName: name, replicas: whole },
        dependsOn: list(object({ name, status: oneOf("Ready", "Complete") }, "name", "status")),
        template: object({
          metadata,
          spec: object(
            {
              template: podTemplate,
              ...{
                parallelism: whole,
                completions: whole,
                backoffLimit: whole,
                activeDeadlineSeconds: whole,
              },
              completionMode: oneOf("Indexed", "NonIndexed"),
            },
            "template",
          ),
        }),
      },
      ...["name", "template"],
    ),
  ),
});

const mpi = object({
  numProcPerNode: whole,
  mpiImplementation: oneOf("OpenMPI", ""),
  sshAuthMountPath: text,
  runLauncherAsNode: yes,
});

const clusterTrainingRuntime = resource("trainer.kubeflow.org/v1alpha1", "ClusterTrainingRuntime", {
  ...object({
    mlPolicy: object({ numNodes: whole, mpi }),
    podGroupPolicy: { type: "object" },
    template: { ...object({ metadata, spec: jobSet }), minProperties: 1 },
  }),
  minProperties: 1,
});

const trainJob = resource(
  "trainer.kubeflow.org/v1alpha1",
  "TrainJob",
  object(
    {
      runtimeRef: object({ name, apiGroup: name, kind: name }, "name"),
      trainer: object({
        ...{ image: { ...text, maxLength: 500 }, command: list(text), args: list(text), env },
        ...{ numNodes: whole, numProcPerNode: whole, resourcesPerNode: resources },
      }),
      initializer: { type: "object" },
      runtimePatches: list({ type: "object", required: ["manager"] }, 16),
      suspend: yes,
      activeDeadlineSeconds: { type: "integer", minimum: 1 },
      managedBy: oneOf("trainer.kubeflow.org/trainjob-controller", "kueue.x-k8s.io/multikueue"),
    },
    "runtimeRef",
  ),
);

const replica = object({
  replicas: whole,
  restartPolicy: oneOf("Always", "OnFailure", "Never", "ExitCode"),
  template: podTemplate,
});

const mpiJob = resource(
  "kubeflow.org/v2beta1",
  "MPIJob",
  object(
    {
      slotsPerWorker: whole,
      waitForWorkers: yes,
      sshAuthMountPath: text,
      mpiImplementation: oneOf("OpenMPI", "Intel"),
      runPolicy: object({
        cleanPodPolicy: oneOf("", "All", "Running", "None"),
        ...{
          ttlSecondsAfterFinished: whole,
          activeDeadlineSeconds: whole,
          backoffLimit: whole,
          suspend: yes,
        },
        schedulingPolicy: { type: "object" },
      }),
      mpiReplicaSpecs: object({ Launcher: replica, Worker: replica }, "Launcher"),
    },
    "mpiReplicaSpecs",
  ),
);

function resource(apiVersion: string, kind: string, spec: Schema): Schema {
  return object(
    { apiVersion: oneOf(apiVersion), kind: oneOf(kind), metadata, spec },
    "apiVersion",
    "kind",
    "spec",
  );
}

export const KUBERNETES_SCHEMAS: Readonly<Record<string, Schema>> = {
  ClusterTrainingRuntime: clusterTrainingRuntime,
  TrainJob: trainJob,
  MPIJob: mpiJob,
};
