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
