import { AttuneError } from "../text/errors.ts";
import { writeJson } from "../text/exact_json.ts";
import { freeMarks } from "./content_places.ts";
import type { CallForm, Message } from "./message.ts";
import type { TemplateInput } from "./template.ts";

type Render = (input: TemplateInput) => string;

/**
 * Rows have a call's arguments as an object or as JSON text, and beside it "" or null for a content. Templates are
 * written for one or the other: some add the arguments to a text or look for `content is none`, others write them with
 * `tojson`. As the row has them comes first, as in transformers. Where the template can't write the calls so, or would
 * write JSON text as a string inside of JSON, text is shown as the object that it is, and null as an empty content.
 * @param render of messages whose form is settled; throws when the template can't write them.
 */
export function settleCalls(input: TemplateInput, render: Render): TemplateInput {
  if (!input.messages.some(isUnsettled)) return input;
  const marks = freeMarks(writeJson(input.messages));
  const forms = candidates(input.messages);
  const outcomes = forms.map(() => undefined as Outcome | undefined);
  for (const [i, form] of forms.entries()) {
    outcomes[i] = tryForm(input, form, { marks, render });
    if (outcomes[i] === "written") break;
  }
  const chosen = PREFERRED.map((wanted) => outcomes.indexOf(wanted)).find((at) => at >= 0);
  return inForm(input, chosen === undefined ? PLAIN : forms[chosen]!);
}

const isUnsettled = ({ toolCalls, callForm }: Message): boolean =>
  toolCalls !== undefined && toolCalls.length > 0 && callForm === undefined;

/** "row" is as the row has it. */
interface Form {
  content: "row" | "text" | "null";
  arguments: "row" | "object";
}

/** What most templates are written for. */
const PLAIN: Form = { content: "text", arguments: "object" };

function candidates(messages: readonly Message[]): Form[] {
  const calls = messages.filter(isUnsettled);
  const isText = calls.some(({ toolCalls }) => toolCalls!.some((call) => call.argumentsText !== undefined));
  const isMissing = calls.some(({ missingContent }) => missingContent !== undefined);
  const contents: Form["content"][] = isMissing ? ["row", "text", "null"] : ["text"];
  const ways: Form["arguments"][] = isText ? ["row", "object"] : ["object"];
  return ways.flatMap((way) => contents.map((content) => ({ content, arguments: way })));
}

/** Whether the calls are written; "quoted": their JSON as a string of JSON; "left out": the template doesn't write them. */
type Outcome = "written" | "quoted" | "left out" | "failed";
const PREFERRED: readonly Outcome[] = ["written", "quoted", "left out"];

function tryForm(
  input: TemplateInput,
  form: Form,
  { marks, render }: { marks: readonly [string, string]; render: Render },
): Outcome {
  const { messages } = input;
  const text = attempt(() =>
    render(inForm({ ...input, messages: messages.map((one) => marked(one, marks)) }, form)),
  );
  if (text === undefined) return "failed";
  const calls = messages.flatMap((message) => (isUnsettled(message) ? message.toolCalls! : []));
  if (text.split(marks[0]).length <= calls.length) return "left out";
  if (form.content !== "text" && writesNone(input, form, text, { marks, render })) return "failed";
  if (form.arguments !== "row") return "written";
  const places = text.split(marks[1]).slice(1);
  const texts = calls.flatMap(({ argumentsText }) => (argumentsText === undefined ? [] : [argumentsText]));
  if (places.length < texts.length) return "failed";
  if (text.includes(`"${marks[1]}`)) return "quoted";
  return texts.every((one) => text.includes(marks[1] + one)) ? "written" : "failed";
}

function attempt(render: () => string): string | undefined {
  try {
    return render();
  } catch (error) {
    if (error instanceof AttuneError) return undefined;
    throw error;
  }
}

/** Whether the template writes a content that isn't there as "None", which it wouldn't were it empty. */
function writesNone(
  input: TemplateInput,
  form: Form,
  text: string,
  { marks, render }: { marks: readonly [string, string]; render: Render },
): boolean {
  if (!text.includes("None")) return false;
  const messages = input.messages.map((one) => marked(one, marks));
  const other = attempt(() => render(inForm({ ...input, messages }, { ...form, content: "text" })));
  return other !== undefined && other.split("None").length < text.split("None").length;
}

/** Calls whose names and texts can be found again. */
function marked(message: Message, [name, text]: readonly [string, string]): Message {
  if (!isUnsettled(message)) return message;
  return {
    ...message,
    toolCalls: message.toolCalls!.map((call) => ({
      ...call,
      name: name + call.name,
      ...(call.argumentsText !== undefined && { argumentsText: text + call.argumentsText }),
    })),
  };
}

function inForm(input: TemplateInput, form: Form): TemplateInput {
  return { ...input, messages: input.messages.map((one) => (isUnsettled(one) ? settled(one, form) : one)) };
}

function settled(message: Message, form: Form): Message {
  const { content, missingContent = "text" } = message;
  const own = form.content === "row" ? missingContent : form.content;
  const callForm: CallForm = { content: content === "" ? own : "text", arguments: form.arguments };
  return { ...message, callForm };
}
