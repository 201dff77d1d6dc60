import { expect, test } from "vitest";
import { AttuneError, partsOf, withPlace, withProblems } from "./errors.ts";

const fault = {
  code: "training.wrong-value",
  place: "recipe.yaml: training.epochs",
  expected: "a number above 0",
  got: '"three"',
  wayOut: "Write it as 3",
};

test("the text is made from the parts", () => {
  const error = new AttuneError(fault);
  expect(error).toMatchObject(fault);
  expect(error.message).toBe(
    'recipe.yaml: training.epochs: expected a number above 0, got "three". Write it as 3.',
  );
});

test("what is wrong stands before what was expected", () => {
  const error = new AttuneError({ code: "x", place: "a.json", problem: "it is cut", expected: "}" });
  expect(error.message).toBe("a.json: it is cut; expected }");
});

test("several faults are listed, the many shortened", () => {
  const faults = Array.from({ length: 12 }, (_, i) => ({
    code: "row",
    place: `row ${i}`,
    problem: "is empty",
  }));
  const { message, faults: kept } = new AttuneError({ code: "rows", problem: "rows can't be used", faults });
  expect(kept).toHaveLength(12);
  expect(message.split("\n")).toEqual([
    "rows can't be used",
    ...faults.slice(0, 10).map(({ place }) => `  ${place}: is empty`),
    "  and 2 more",
  ]);
});

test("what a file holds can't make a message long", () => {
  const { message } = new AttuneError({ code: "x", place: "a".repeat(1e6), got: "b".repeat(1e6) });
  expect(message.length).toBeLessThan(700);
});

test("a place around an error keeps its parts, and moves its faults along", () => {
  const inner = new AttuneError({
    ...fault,
    faults: [{ code: "y", place: `${fault.place}: 2`, problem: "odd" }],
  });
  const error = withPlace(inner, "run");
  expect(error).toMatchObject({ ...fault, place: `run: ${fault.place}` });
  expect(error.message).toBe(`run: ${inner.message}`);
  expect(withPlace(new AttuneError({ code: "x", problem: "cut" }), "a.json").message).toBe("a.json: cut");
});

test("its parts make the same error again, as in another thread", () => {
  const error = new AttuneError(withProblems({ code: "x", place: "a" }, ["one", "two"]));
  const copy = new AttuneError(structuredClone(partsOf(error)));
  expect(copy).toEqual(error);
  expect(copy.message).toBe("a\n  one\n  two");
});

test("one problem is the error's own", () => {
  const own = withProblems({ code: "x", place: "a", problem: "several are wrong" }, ["one is wrong"]);
  expect(new AttuneError(own).message).toBe("a: one is wrong");
});
