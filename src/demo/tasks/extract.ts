import { report } from "../materials.ts";
import { defineTask } from "../task.ts";

const QUESTIONS = [
  { field: "name", question: "Who was it?" },
  { field: "city", question: "In which city was it?" },
  { field: "day", question: "On which day was it?" },
  { field: "things", question: "What things were they?" },
  { field: "number", question: "How many were they?" },
] as const;

export const extract = defineTask({
  name: "extract",
  material: report,
  solve({ text, facts }, random) {
    const { field, question } = random.pick(QUESTIONS);
    return { input: text, field, question, output: facts[field] };
  },
  phrasings: [
    "{question}\n{input}",
    "{input} {question}",
    "Extract the {field} from the text.\n{input}",
    "Find the {field}: {input}",
    "What is the {field} in this sentence?\n{input}",
    "Give me the {field} from this: {input}",
    "Look for the {field} in the text.\n{input}",
    "Tell me the {field}.\n{input}",
    "Write only the {field}: {input}",
  ],
  unseenPhrasings: ["Read the text and give the {field}.\n{input}"],
  titles: ["The {field}", "{field}", "{field} in the report"],
  sentences: [
    "{input} So the {field} was {output}.",
    "{input} {person} noted the {field}: {output}.",
    "{input} | {field} | {output}",
  ],
});
