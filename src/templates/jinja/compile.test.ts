import { describe, expect, test } from "vitest";
import type { Json } from "../../text/exact_json.ts";
import { compileJinja } from "./compile.ts";
import { TemplateError } from "./error.ts";
import { fromJson } from "./from_json.ts";
import type { Value } from "./value.ts";

const render = (source: string, variables: Record<string, unknown> = {}, marks?: [string, string]) =>
  compileJinja(source).render(
    new Map(
      Object.entries(variables).map(([name, value]): [string, Value] => [name, fromJson(value as Json)]),
    ),
    marks,
  );

/** Each result is jinja2 3.1's, in transformers' environment. */
describe("as jinja2", () => {
  test.each([
    [
      "{{ none }} {{ true }} {{ [1, 'a', none, 2.0] }} {{ {'a': (1,)} }}",
      "None True [1, 'a', None, 2.0] {'a': (1,)}",
    ],
    ["{{ 7 / 2 }} {{ 4 / 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 3 }} {{ 1e16 }}", "3.5 2.0 -4 2 8 1e+16"],
    ["{{ 'a' ~ 1 ~ none ~ missing }}", "a1None"],
    ["{{ 1 < 2 < 3 }} {{ 3 in [1, 3] }} {{ 'b' not in 'abc' }} {{ not 1 == 2 }}", "True True False True"],
    [
      "{{ '\\nab\\n'.strip('\\n') }}|{{ 'xxay'.lstrip('x') }}|{{ ' a b  c '.split() }}",
      "ab|ay|['a', 'b', 'c']",
    ],
    ["{{ 'a</t>b</t>c'.split('</t>')[-1] }} {{ 'a-b-c'.rsplit('-', 1) }}", "c ['a-b', 'c']"],
    ["{{ '😀é'|length }} {{ '😀ab'[1:] }} {{ [1,2,3][::-1] }} {{ 'abc'[-1] }}", "2 ab [3, 2, 1] c"],
    ["{% for i in range(3) %}{{ i }}{% if i == 1 %}{% continue %}{% endif %},{% endfor %}", "0,12,"],
    ["{% for i in range(9) %}{{ i }}{% if i == 1 %}{% break %}{% endif %}{% endfor %}", "01"],
    ["{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}", "231"],
    [
      "{% set ns = namespace(x=1) %}{% for i in [1, 2] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}",
      "4",
    ],
    [
      "{% for x in [3, 1, 2] if x > 1 %}{{ loop.index }}/{{ loop.length }}{{ ',' if not loop.last }}{% endfor %}",
      "1/2,2/2",
    ],
    [
      "{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %}{% for x in [] %}{% else %}none{% endfor %}",
      "a=1none",
    ],
    ["{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(b=1, a=3) }}", "1231"],
    ["{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}x{% endcall %}", "<x>"],
    ["{% set x | upper %}ab{% endset %}{{ x }}{% filter trim %} c {% endfilter %}", "ABc"],
    ["{{ {'a': 'é<', 'b': [1, {}]} | tojson }}", '{"a": "é<", "b": [1, {}]}'],
    ["{{ {'a': [1]} | tojson(indent=2) }}", '{\n  "a": [\n    1\n  ]\n}'],
    [
      "{{ {'b': 1, 'a': 'é'} | tojson(ensure_ascii=true, sort_keys=true, separators=(',', ':')) }}",
      '{"a":"\\u00e9","b":1}',
    ],
    ["{{ [{'r': 'a'}, {'r': 'b'}] | selectattr('r', 'equalto', 'b') | map(attribute='r') | list }}", "['b']"],
    [
      "{{ missing is defined }} {{ 1 is string }} {{ {} is mapping }} {{ 'a' is not none }}",
      "False False True True",
    ],
    ["{{ missing | default('x') }} {{ '' | default('y', true) }} {{ 'a\\nb' | indent(2) }}", "x y a\n  b"],
    ["{{ '%s-%d' | format('a', 3) }} {{ '{} {x}'.format(1, x=2) }}", "a-3 1 2"],
    ["{{ {'items': 1}['items'] }} {{ {'items': 1}.items() | list }}", "1 [('items', 1)]"],
    ["a\n  {% if true %}\n  b\n  {% endif %}\nc {#- x -#} d", "a\n  b\ncd"],
    ["{% raw %}{{ x }}{% endraw %}{{ 'a' if false }}", "{{ x }}"],
  ])("%s", (source, expected) => {
    expect(render(source)).toBe(expected);
  });
});

test("{% generation %} is marked where one asks, and is nothing otherwise", () => {
  const source = "a {% generation %}b{% endgeneration %} c";
  expect(render(source)).toBe("a b c");
  expect(render(source, {}, ["<", ">"])).toBe("a <b> c");
});

describe("a hostile template", () => {
  test.each([
    [
      "loops without end",
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
      /steps/,
    ],
    ["recurses without end", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", /too deeply/],
    ["makes a text of any size", "{{ 'a' * 999999999999 }}", /more than/],
    ["makes a list of any size", "{{ [1] * 999999999999 }}", /more than/],
    [
      "doubles a text",
      `{% set n = namespace(x='aaaaaaaa') %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}`,
      /more than/,
    ],
    ["nests without end", `{{ ${"(".repeat(5000)}1${")".repeat(5000)} }}`, /nested too deeply/],
    ["reads constructors", "{{ ''.constructor.constructor('return 1')() }}", /undefined/],
    ["reads prototypes", "{{ {}.__proto__.polluted }}", /undefined/],
    ["changes its data", "{{ messages.append(1) }}", /can't be called/],
    ["calls nothing", "{{ nothing() }}", /nothing can't be called: it is an undefined value/],
    ["asks for another file", "{% include 'x' %}", /line 1: unknown tag {% include %}/],
    ["isn't closed", "a\n{% if true %}", /unexpected the end, expected {% endif %}/],
    ["has an unknown filter", "{{ 1 | nope }}", /no filter named nope/],
  ])("that %s fails in bounded time", (_, source, message) => {
    expect(() => render(source, { messages: [] })).toThrow(TemplateError);
    expect(() => render(source, { messages: [] })).toThrow(message);
  });
});

describe("a hostile template is refused before JavaScript fails, and in bounded work", () => {
  /** Does `next` to n.x, which begins as `start`, so many times. */
  const grow = (start: string, next: string, times: number) =>
    `{% set n = namespace(x=${start}) %}{% for i in range(${times}) %}{% set n.x = ${next} %}{% endfor %}`;
  /** What the template says, once: it may take a second. */
  const failureOf = (source: string): string => {
    try {
      return render(source);
    } catch (error) {
      expect(error).toBeInstanceOf(TemplateError);
      return (error as Error).message;
    }
  };
  const many = (times: number, body: string) => `{% for i in range(${times}) %}${body}{% endfor %}`;

  test.each<[string, string, RegExp]>([
    ["a step that is no whole number", "{{ [1, 2, 3][::0.000000001] }}", /whole numbers, got a float/],
    ["a bound that is no number", "{{ [1, 2, 3]['a':] }}", /whole numbers, got a string/],
    [
      "a list in itself twice, again and again, as text",
      `${grow("[1]", "[n.x, n.x]", 60)}{{ n.x }}`,
      /steps/,
    ],
    ["the same as JSON", `${grow("[1]", "[n.x, n.x]", 60)}{{ n.x | tojson }}`, /steps/],
    ["the same as a key", `${grow("(1,)", "(n.x, n.x)", 60)}{{ {n.x: 1} }}`, /steps|more than/],
    ["lists a hundred thousand deep", `${grow("[1]", "[n.x]", 90_000)}{{ n.x }}`, /nested too deeply/],
    ["a namespace in itself", "{% set n = namespace() %}{% set n.x = n %}{{ n }}", /nested too deeply/],
    ["a list that doubles", grow("[1]", "n.x + n.x", 99), /list of more than/],
    ["many long texts", grow("[]", "n.x + ['é' * 1000000]", 9999), /steps/],
    [
      "parts of a long list",
      `{% set l = range(100000) | list %}${many(99_999, "{% set x = l[i:] %}")}`,
      /steps/,
    ],
    ["the end of a long text", `{% set l = '😀' * 99999 %}${many(99_999, "{% set x = l[-1] %}")}`, /steps/],
    ["sorting", many(9999, "{% set x = range(100000) | sort(reverse=true) %}"), /steps/],
    ["looking for what nearly is there", "{{ ('b' ~ 'a' * 100000) in ('a' * 9000000) * 7 }}", /steps/],
    ["a power of a power", "{{ 9 ** (9 ** 9) }}", /bits/],
    ["a wide format", "{{ '%999999999d' % 1 }}", /text of more than/],
    ["many fields", "{{ ('%%' * 10000000) % () }}", /steps/],
    ["a wide line", "{{ 'a\\nb' | indent(999999999) }}", /text of more than/],
    ["a wide level of JSON", "{{ [[1]] | tojson(indent=99999999) }}", /text of more than/],
    ["rows of any size", "{{ [1] | batch(99999999, 0) | list }}", /list of more than/],
    ["slices of any number", "{{ [1] | slice(99999999) | list }}", /steps/],
    [
      "macros that call each other twice",
      "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}",
      /too deeply/,
    ],
    ["a long chain", `{{ ${"1 + ".repeat(40_000)}1 }}`, /nested too deeply/],
    ["many filters", `{{ a${" | e".repeat(40_000)} }}`, /nested too deeply/],
    ["more source than any template has", " ".repeat(2 ** 20 + 1), /more than 1048576 characters/],
    ["digits without end", `{{ ${"1".repeat(100_000)} }}`, /more than 4300 digits/],
  ])("%s", (_, source, message) => {
    const start = process.cpuUsage().user;
    expect(failureOf(source)).toMatch(message);
    expect(process.cpuUsage().user - start).toBeLessThan(10_000_000); // μs; without bounds it takes minutes
  });

  test("unique of a hundred thousand is a matter of moments", () => {
    expect(render("{{ range(100000) | unique | list | length }}")).toBe("100000");
  });

  test("a long conversation may use more", () => {
    const messages = Array.from({ length: 1000 }, (_, i) => ({
      role: "user",
      content: `message ${i} `.repeat(50),
    }));
    const source =
      "{% for m in messages %}{% for o in messages if o.content == m.content %}{{ o.content | trim | length }}{% endfor %}{% endfor %}";
    expect(render(source, { messages }).length).toBe(3000);
  });
});

test.each([
  "{{ [1] | random }}",
  "{{ 'a' | urlize }}",
  "{{ [1] | pprint }}",
  "{{ lipsum() }}",
  "{{ 'a'.encode() }}",
])("%s makes no sense in a prompt, and is refused by name", (source) =>
  expect(() => render(source)).toThrow(/(random|urlize|pprint|lipsum|encode).* isn't supported/),
);

test("what a generator gives is gone, and it is true when it gave nothing", () => {
  expect(render("{% set g = [1] | select('gt', 5) %}{{ 'y' if g }}{{ g | list }}")).toBe("y[]");
  expect(() => render("{{ [1] | map('string') }}")).toThrow(
    "a generator can't be written as text; put | list",
  );
});
