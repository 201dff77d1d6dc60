"""What transformers' template environment makes of expressions and whole templates:

    python goldens/make_jinja.py

writes src/templates/jinja/goldens/jinja.json: the variables, and each template with its text or the error it raises.
Also times.json there: Python's strftime of several moments. The clock stands still, and the zone is UTC.
"""

import copy
import json
import os
import time
from datetime import datetime
from pathlib import Path

os.environ["TZ"] = "UTC"
time.tzset()

import transformers
import transformers.utils.chat_template_utils as utils

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "src/templates/jinja/goldens"
NOW = datetime(2026, 1, 31, 15, 4, 5)

# As text: its numbers and the order of its keys are what is tried.
VARIABLES = """{
 "word": "Hello, World", "empty": "", "spaced": "  a b\\tc \\n", "wide": "é😀ß中ǆ", "lines": "one\\ntwo\\r\\n\\nthree\\u2028four",
 "html": "<a href=\\"x\\">R&D 'q'</a>", "n": 7, "minus": -7, "big": 9087654321012345678, "huge": -123456789012345678901234567890,
 "half": 2.5, "whole": 12.0, "zero": -0.0, "small": 1e-7, "large": 1e22, "inf": 1e400, "yes": true, "nil": null,
 "numbers": [3, 1, 2], "words": ["b", "A", "a", "B"], "nothing": [], "mixed": [1, "a", null, 2.0, [1], {"k": 1}],
 "dict": {"b": 1, "a": "x", "2024": 50.0, "7": null}, "deep": {"x": {"y": [1, {"z": "deep"}]}, "0": [[], {}]},
 "rows": [{"n": "b", "v": 2, "g": "X"}, {"n": "A", "v": 10, "g": "x"}, {"n": "c", "v": -1.5, "g": "Y"}, {"n": "a", "v": 2, "g": "y"}],
 "long": "The quick brown fox jumps over the lazy dog -- again, well-known hyphen-ated text and averyveryverylongwordthatdoesnotfit anywhere.",
 "tree": [{"name": "a", "children": [{"name": "b", "children": []}, {"name": "c", "children": [{"name": "d", "children": []}]}]}],
 "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U\\n"}, {"role": "assistant", "content": " A "}]
}"""

EXPRESSIONS = r"""
nil
[n, half, whole, yes, nil, word, [], {}, (), (1,), (1, 2)]
dict
deep
big
huge
[zero, small, large, inf, -inf, 1e16, 1e15, 123456789.123, 1e-4, 1e-5, 5e-324, 1.7976931348623157e308]
wide
[wide, "it's", '"', '\'"', "\x00\x1f\x7f\x85\u2028\ufeff\U000e0001"]
range(3)
range(1, 10, 3)
range(3, 0, -1)|list
range(10)[2:8:2]
range(10)[-1]
dict.keys()
dict.items()
dict.values()|list
namespace(a=1, b='x')
1_000 + 0x1F + 0b11 + 0o17
1_0.2_5e1_0
9007199254740993
big + 1
big * 1000
big * big
huge // 7
huge % 7
huge % -7
-big
big - 1.0
big / 2
big / 3
huge / big
2 ** 100
2 ** 0.5
2 ** -1
-2 ** 2
2 ** 3 ** 2
(2 ** 64) % 10
10 ** 20 // 3
7 // 2
-7 // 2
7 // -2
7 % 3
-7 % 3
7 % -3
7.5 // 2
-7.5 // 2
7.5 % -2
-0.0 % 5
1 / 3
4 / 2
7 / 0
7 // 0
7 % 0.0
yes + 1
yes * 2.5
'ab' * 3
3 * [1, 2]
'a' + 1
'a' ~ 1 ~ 2.0 ~ nil ~ missing ~ [1]
[1] + [2]
[1] + (2,)
(1,) + (2,)
1 + missing
missing.x
missing
missing|length
missing|list
missing is defined
missing == missing
missing == nil
1 < 2 < 3
1 < 3 > 2 == 2
1 == 1.0 == yes
'a' < 'B'
'\uffff' < '\U00010000'
[1, 2] < [1, 3]
[1, 'a'] < [1, 2]
(1, 2) == [1, 2]
nil < 1
big == 9087654321012345678.0
9007199254740993 == 9007199254740992.0
9007199254740993 > 9007199254740992.0
3 in numbers
3.0 in numbers
'ell' in word
1 in word
'b' in dict
2024 in dict
'b' not in dict.keys()
5 in range(0, 10, 5)
nil in mixed
not none
none or 'x'
0 and 1
word if none else 'y'
word if none
word[0]
word[-1]
word[99]
word[1.0]
word[yes]
word[1:4]
word[::-1]
word[-3:]
word[:100:3]
word[5:1]
word[nil:2]
word[::0]
word[0.5:]
word['upper']()
wide[1]
wide[::-1]
wide[1:3]
wide|length
numbers[0]
numbers[-1]
numbers[7]
numbers['0']
numbers[::2]
numbers[5:1:-1]
(1, 2, 3)[1:]
dict['2024']
dict.b
dict[2024]
dict.nope
dict['nope'].x
dict.items
deep.x.y[1].z
deep['x']['y'][-1]['z']
deep.x['y'].0
{'a': 1, 'a': 2}
{1: 'a', yes: 'b', 1.0: 'c'}
{1: 'a'}[yes]
{(1, 2): 'x'}[(1, 2)]
{[1]: 2}
{'items': 1}.items
{'items': 1}['items']
{'update': 1}.update
{'x': 1}.x
{nil: 1, yes: 2, 1.5: 3}|tojson
word.upper()
word.lower().title()
"they're bill's friends from the UK".title()
'ǆ ß ﬁ'.title()
'ßa'.capitalize()
'éÀ'.swapcase()
'ΑΣ'.lower()
'straße'.casefold()
'  x y '.strip() ~ '|' ~ 'xxaxx'.strip('x') ~ '|' ~ 'abcba'.lstrip('ab') ~ '|' ~ 'abcba'.rstrip('ab')
'\x1c\x85 x\ufeff'.strip()
' a  b c '.split()
' a  b c '.split(' ')
' a  b c '.split(nil, 1)
' a  b c '.rsplit(nil, 1)
'a,b,,c'.split(',', 2)
'a,b,,c'.rsplit(',', 2)
'aaa'.rsplit('aa')
'abc'.split('')
lines.splitlines()
lines.splitlines(true)
'a\n'.splitlines()
word.startswith('He')
word.startswith(('x', 'He'))
word.startswith('l', 2, 3)
word.endswith('d')
word.replace('l', 'L')
word.replace('l', 'L', 2)
'abc'.replace('', '-')
'abc'.replace('', '-', 2)
word.find('o')
word.rfind('o')
word.find('o', 5)
word.find('z')
wide.find('中')
word.index('z')
word.count('l')
'aaa'.count('aa')
'abc'.count('')
', '.join(words)
', '.join(numbers)
'-'.join('abc')
'a-b-c'.partition('-')
'a-b-c'.rpartition('-')
'abc'.partition('-')
'42'.zfill(5)
'-42'.zfill(5)
'x'.center(4, '*')
'x'.center(5)
'xy'.center(5)
'x'.ljust(3, '.') ~ 'x'.rjust(3)
'a\tbc\td'.expandtabs(4)
'unhappy'.removeprefix('un').removesuffix('py')
'١٢'.isdigit() ~ '²'.isdigit() ~ '²'.isdecimal() ~ '½'.isnumeric() ~ '一'.isnumeric()
'abc'.isalpha() ~ 'ab1'.isalnum() ~ ''.isalpha() ~ 'é中'.isalpha()
'Ab'.istitle() ~ 'AB'.isupper() ~ 'ab1'.islower() ~ '1'.islower()
' \t'.isspace() ~ ''.isspace() ~ 'a_1'.isidentifier() ~ 'a\n'.isprintable() ~ 'é'.isascii()
'abc'.translate({97: 'X', 98: nil, 99: 100})
word.nope()
numbers.append(4)
numbers.index(1)
numbers.index(9)
numbers.count(1)
numbers.copy()
dict.get('b')
dict.get('nope')
dict.get('nope', 'x')
dict.pop('b')
dict.update({})
dict.copy() == dict
{}.fromkeys([1, 2], 'x')
n.bit_length()
half.is_integer() ~ whole.is_integer()
word.__class__
word|upper|lower
word|capitalize
'hello wORLD-foo (bar) [baz] {x} <y> it\'s'|title
spaced|trim
'xxaxx'|trim('x')
nil|trim
word|replace('l', 1)
word|replace('l', 'L', 1)
word|length
numbers|count
n|length
word|list
word|reverse
numbers|reverse|list
numbers|first
nothing|first
nothing|first is defined
numbers|last
word|last
numbers|map('string')|last
numbers|sort
numbers|sort(reverse=true)
words|sort
words|sort(case_sensitive=true)
words|sort(reverse=true)
rows|sort(attribute='v')|map(attribute='n')|list
rows|sort(attribute='v,n')|map(attribute='n')|list
rows|sort(attribute='g', reverse=true)|map(attribute='n')|join
mixed|sort
words|unique|list
words|unique(case_sensitive=true)|list
rows|unique(attribute='g')|map(attribute='n')|list
[1, 1.0, yes, '1']|unique|list
[[1], [1]]|unique|list
[(1, 'a'), (1, 'a'), (1, 'b')]|unique|list
numbers|min
numbers|max
nothing|max
words|min
rows|max(attribute='v')
numbers|sum
[0.1, 0.2, 0.3]|sum
rows|sum(attribute='v')
rows|sum(attribute='v', start=100)
[[1], [2]]|sum(start=[])
words|sum
numbers|join
numbers|join(', ')
rows|join('-', attribute='n')
dict|dictsort
dict|dictsort(true, 'key', true)
{'a': 2, 'B': 1}|dictsort
{'a': 2, 'B': 1}|dictsort(case_sensitive=true)
{'a': 2, 'B': 1}|dictsort(by='value')
{'a': 2}|dictsort(by='size')
dict|items|list
numbers|items|list
rows|groupby('g')
rows|groupby('g', case_sensitive=true)|map(attribute='grouper')|list
rows|groupby('v')|map(attribute='list')|map('length')|list
rows|groupby('w', default='z')|list
[1, 2, 3, 4, 5, 6, 7]|batch(3)|list
[1, 2, 3, 4, 5, 6, 7]|batch(3, 'x')|list
[1, 2, 3, 4, 5, 6, 7]|slice(3)|list
[1, 2, 3, 4, 5, 6, 7]|slice(3, 'x')|list
rows|map(attribute='n')|list
rows|map(attribute='n.0')|list
rows|map(attribute='w', default='?')|list
rows|map(attribute='w')|list
words|map('upper')|list
words|map('replace', 'a', 'z')|list
words|map('nope')|list
numbers|select('odd')|list
numbers|reject('odd')|list
numbers|select('gt', 1)|list
numbers|select('divisibleby', 3)|list
mixed|select|list
mixed|select('string')|list
rows|selectattr('v', 'gt', 1)|map(attribute='n')|list
rows|selectattr('n', 'in', ['a', 'b'])|list|length
rows|rejectattr('v', 'eq', 2)|map(attribute='n')|list
rows|selectattr('w')|list
rows|selectattr('w', 'defined')|list
rows|selectattr('n', 'nope')|list
'yes' if rows|selectattr('w') else 'no'
missing|selectattr('x')|list
word|default('x')
missing|default('x')
missing|d
''|default('x')
''|default('x', true)
none|default(boolean=true, default_value='y')
'12.5'|int
'12'|int
' 1_000 '|int
'x'|int
'x'|int(-1)
'0x1f'|int(base=16)
'0b11'|int(0, 0)
'z'|int(base=36)
'7'|int(base=1)
'١٢'|int
12.9|int
-12.9|int
inf|int
'inf'|int
nil|int
nil|int(5)
big|int
large|int
'9087654321012345678'|int
'1e3'|float
'nan'|float
'x'|float
'x'|float(1.5)
'1_0.5'|float
big|float
nil|float
42.55|round
42.45|round(1)
2.5|round
3.5|round
-2.5|round
0.5|round
2.675|round(2)
1234.5|round(-2)
n|round
1234|round(-2)
1250|round(-2)
42.55|round(1, 'floor')
42.51|round(1, 'ceil')
42|round(0, 'ceil')
-42.55|round(0, 'floor')
1e300|round(2)
word|round
-7|abs
-2.5|abs
huge|abs
word|abs
[0, 1, 999, 1000, 1500, 1e6, 1e9, 1e24, 1e30]|map('filesizeformat')|list
[1023, 1024, 1536, 1048576]|map('filesizeformat', true)|list
'1000'|filesizeformat
'%s, %s!'|format('a', 'b')
'%s'|format(1, 2)
'%(a)s-%(b)05.1f'|format(a=1, b=2.25)
'%d %i %u %5d|%-5d|%05d|%+d|% d'|format(1, 2.9, yes, 4, 5, 6, 7, 8)
'%x %X %o %#x %#o %08x'|format(255, 255, 8, 255, 8, 255)
'%x'|format(1.5)
'%f %.2f %.0f %e %.3E %g %G'|format(1.5, 2.675, 2.5, 12345.678, 0.00012, 1e20, 1e-10)
'%g %g %g %.3g %#g'|format(100000, 1000000, 0.0001, 1234, 1.5)
'%.0f %.0f %.0f %.1f'|format(0.5, 1.5, 2.5, 0.25)
'%.20f'|format(0.1)
'%10.3s|%-10s|%s'|format('abcdef', 'ab', nil)
'%r %a'|format('é', 'é')
'%c%c'|format(65, 'b')
'%5.1f%%'|format(99.55)
'%*d|%-*d|%.*f'|format(5, 42, 5, 42, 2, 3.14159)
'%d'|format('x')
'%z'|format(1)
'%'|format(1)
'%(a)s'|format(1)
'%s' % 'x'
'%s %s' % (1, 2)
'%s' % [1, 2]
'%(b)s' % dict
'%d' % huge
'%x' % huge
'%.3d|%+.3d' % (5, 5)
'%f' % big
'%s' % inf ~ '%f' % -inf ~ '%5.1f' % inf
'%s %d' % (word,)
'no' % 1
'{} {}'.format(1, 'a')
'{1} {0} {1}'.format(1, 'a')
'{a} {b[0]} {b[x]} {c.real}'.format(a=1, b={'x': 2}, c=3)
'{0.x} {0[y]} {1[0]}'.format({'x': 1, 'y': 2}, [3])
'{} {0}'.format(1)
'{}'.format()
'{nope}'.format(a=1)
'{{}} {{{}}}'.format(1)
'{'.format(1)
'{!r} {!s} {!a}'.format('é', 'é', 'é')
'{:5}|{:<5}|{:>5}|{:^5}|{:*^7}'.format('ab', 'ab', 'ab', 'ab', 'ab')
'{:5}|{:<5}|{:05}|{:+}|{: }|{:,}|{:_}'.format(42, 42, 42, 42, 42, 1234567, 1234567)
'{:b} {:o} {:x} {:X} {:#x} {:#b} {:#010x} {:c} {:n}'.format(5, 8, 255, 255, 255, 5, 255, 65, 7)
'{:,.2f} {:.3} {:.0%} {:.1%} {:e} {:G}'.format(1234567.891, 2.0, 0.255, 0.5, 12345.678, 1e-10)
'{:.2f} {:8.3f}|{:<8.3f}|{:+.1f}|{:08.2f}'.format(2.675, 3.14159, 3.14159, 2.0, -3.14159)
'{} {:} {!s:>5} {:.3}'.format(1.0, 1e16, nil, 'abcdef')
'{:.5} {:.3} {:10} {:g}'.format(123.0, 123.0, 1.5, 1.0)
'{:{}}|{:{w}.{p}f}'.format('a', 4, 3.14159, w=8, p=2)
'{:d}'.format(1.5)
'{:x}'.format('a')
'{:5}'.format(nil)
'{:5}'.format(yes) ~ '{:d}'.format(yes)
'{:,}'.format(huge) ~ '{:>40}'.format(huge)
'{:_x} {:012,}'.format(123456789, 1234)
'{a}'.format_map({'a': 1})
html|e
html|escape|e
html|forceescape
(html|e) ~ '<'
(html|e) + '<'
'<' + ('a'|safe)
('<%s>'|safe) % '<'
('a'|safe) is escaped
html|safe|upper
html|striptags
'<!-- x --><b>a</b>  &lt;b&gt; R&D &#65;'|striptags
word|urlencode
'a/b c&d=é~'|urlencode
{'a b': 'c/d', 'é': 1}|urlencode
[('a', 1), ('b', nil)]|urlencode
n|urlencode
{'class': 'x', 'id': nil, 'n': 1, 'q': '"<'}|xmlattr
{'class': 'x'}|xmlattr(false)
{'a b': 1}|xmlattr
{}|xmlattr
long|truncate(20)
long|truncate(20, true)
long|truncate(20, false, '…')
'foo bar baz qux'|truncate(9)
'foo bar baz qux'|truncate(11)
'foo bar baz qux'|truncate(11, false, '...', 0)
'foo'|truncate(2)
wide|truncate(3, true, '', 0)
long|wordwrap(20)
long|wordwrap(20, false)
long|wordwrap(20, true, ' | ')
long|wordwrap(30, break_on_hyphens=false)
lines|wordwrap(3)
'aaa bbb'|wordwrap(0)
long|wordcount
'a_b c-d é'|wordcount
lines|indent
lines|indent(2, true)
lines|indent('> ', blank=true)
'x'|center(5) ~ '|'
word|string
dict|string
dict|tojson
deep|tojson
deep|tojson(indent=2)
deep|tojson(indent=0)
dict|tojson(indent='\t', sort_keys=true)
dict|tojson(separators=(',', ':'))
dict|tojson(indent=1, separators=(', ', ' : '))
[big, huge, half, whole, zero, small, large, inf, -inf, yes, nil]|tojson
[wide, html, '\u2028\x7f\x00"\\/']|tojson
[wide, html, '\u2028\x7f\x00"\\/']|tojson(ensure_ascii=true)
{'b': 1, 'a': {'d': 1, 'c': 2}}|tojson(sort_keys=true)
{1: 1, 'a': 2}|tojson(sort_keys=true)
{2: 1, 10: 2, 1: 3}|tojson(sort_keys=true)
(1, (2,))|tojson
missing|tojson
range(3)|tojson
dict.items()|tojson
{(1, 2): 3}|tojson
(html|e)|tojson
word|attr('upper')
(word|attr('upper'))()
dict|attr('b')
word|nope
nil is none
n is number and half is float and n is integer and not yes is integer
yes is boolean and yes is true and not n is true
word is string and dict is mapping and numbers is sequence and word is sequence
dict.items() is iterable and dict.items() is sequence
n is iterable
numbers|map('string') is iterable
3 is odd and 4 is even and 9 is divisibleby(3)
-3 is odd
word is odd
'abc' is lower and 'ABC' is upper
'1' is lower
n is eq(7) and n is equalto 7 and n is ne 8 and n == 7.0
n is lt(8) and n is le 7 and n is gt 6 and n is ge 7 and n is lessthan 9 and n is greaterthan 1
n is in [7, 8]
word is in 'xHello, Worldx'
nil is sameas none
nil is sameas nil
'upper' is filter and 'nope' is not filter and 'odd' is test
range is callable
word is nope
n is not defined
lipsum is callable
dict(a=1, b=2)
dict({'a': 1}, b=2)
range(0)|list
range(100001)|list
range(1, 2, 0)|list
range(half)
strftime_now('%d %b %Y')
strftime_now('%-d %B %Y, %e %j %F %T')
raise_exception('no')
"a" 'b' "c"
'\x41\u00e9\U0001F600\101\q\
end'
'\xZ'
[1, 2, 3,]
{'a': 1,}
(1)
()
1,
1, 2
[x for x in numbers]
a b
1 +
"unclosed
"""

TEMPLATES = [
    # white space
    "a\n  {% if true %}\n  b\n  {% endif %}\nc",
    "a\n  {%- if true -%}\n  b\n  {%- endif -%}\nc",
    "a\n  {%+ if true +%}\n  b\n  {%+ endif +%}\nc",
    "a {{- ' b ' -}} c\n  {{ 1 }}\n  {{- 2 }}\n",
    "a\n{# x #}\nb {#- y -#} c\n  {#+ z +#}\nd\n",
    "  {# x #}  y\n  {% set a = 1 %}  z\n",
    "x\n\n",
    "x\r\ny\rz\r\n",
    "{% raw %}\n {{ a }} {% if %}\n{% endraw %}\nb",
    "  {%- raw -%}  {{ a }}  {%- endraw -%}  b",
    "{% raw %}{% endraw %}|{%raw%} {%endraw%}|",
    "{{ '{{' }}{{ '%}' }}{% raw %}{{{% endraw %}",
    "{{'a'}}{#b#}{%if 1%}c{%endif%}",
    "\t{% if true %}\tx\t{% endif %}\t\n",
    "a\u00a0{%- if true %}b{% endif %}",
    # loops
    "{% for x in numbers %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}|{% endfor %}",
    "{% for x in numbers %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }}{{ loop.cycle('o', 'e') }}{% endfor %}",
    "{% for x in [1, 1, 2, 2, 1] %}{{ loop.changed(x) }}{% endfor %}",
    "{% for x in numbers if x > 1 %}{{ loop.index }}/{{ loop.length }}:{{ x }}{{ ',' if not loop.last }}{% else %}none{% endfor %}",
    "{% for x in numbers if x > 5 %}{{ x }}{% else %}none{% endfor %}",
    "{% for a, b in dict.items() %}{{ a }}={{ b }};{% endfor %}",
    "{% for a, b in [(1, 2), [3, 4], 'xy'] %}{{ a }}{{ b }};{% endfor %}",
    "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}",
    "{% for k in dict %}{{ k }} {% endfor %}{% for c in wide %}[{{ c }}]{% endfor %}",
    "{% for x in 5 %}{% endfor %}",
    "{% for x in missing %}a{% else %}b{% endfor %}",
    "{% for x in nil %}a{% endfor %}",
    "{% for x in numbers %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% if x == 2 %}{% break %}{% endif %}{% endfor %}",
    "{% for x in range(5) %}{% for y in range(5) %}{% if y > x %}{% break %}{% endif %}{{ y }}{% endfor %}|{% endfor %}",
    "{% for n in tree recursive %}{{ n.name }}{{ loop.depth }}{% if n.children %}({{ loop(n.children) }}){% endif %}{% endfor %}",
    "{% for x in numbers recursive %}{{ loop(3) }}{% endfor %}",
    "{% for x in numbers %}{{ loop([1]) }}{% endfor %}",
    "{% for x in numbers %}{% for y in [1] %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}",
    "{% for x in numbers|map('string') %}{{ loop.last }}{{ loop.length }} {% endfor %}",
    "{% set g = numbers|map('string') %}{{ g|first }}{{ g|list }}{{ g|list }}",
    "{% for x in [] %}{% endfor %}{{ loop is defined }}{{ x is defined }}",
    "{% for message in messages[1:] %}{{ message.role }}{{ message['content']|trim }}{% endfor %}{{ messages[0]['role'] == 'system' }}",
    # names and scopes
    "{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}",
    "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}",
    "{% set ns = namespace(x=1) %}{% for i in [1, 2] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}{{ ns }}{{ ns.y is defined }}{{ ns['x'] }}",
    "{% set dict.b = 2 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set a, b = b, a %}{{ a }}{{ b }}",
    "{% set a, b = 1 %}",
    "{% set x %}a{{ 1 }}b{% endset %}{{ x }}{{ x is string }}{{ x is escaped }}",
    "{% set x | upper | replace('B', 'C') %}ab{% endset %}{{ x }}",
    "{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% set a = 5 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q is defined }}",
    "{% filter upper|replace('A', 'x') %}abc{% set y = 1 %}{% endfilter %}{{ y is defined }}",
    "{% set range = 5 %}{{ range }}",
    "{% set true = 1 %}",
    "{% if none %}a{% elif 0 %}b{% elif word %}c{% else %}d{% endif %}",
    "{% if not word %}a{% endif %}{{ 'b' if word }}{{ 'c' if not word }}",
    "{% print 1, 'a' %}",
    "{% block a %}x{% set y = 1 %}{% endblock %}{% block b scoped %}z{% endblock b %}{{ y is defined }}",
    "{% for x in numbers %}{% block a scoped %}{{ x }}{% endblock %}{% endfor %}",
    "{% for x in numbers %}{% block a %}{{ x }}{% endblock %}{% endfor %}",
    "{% autoescape false %}{{ html }}{% endautoescape %}",
    # macros
    "{% macro m(a, b=2, c=b) %}{{ a }}{{ b }}{{ c }};{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(c=4, a=5) }}{{ m() }}",
    "{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, b=2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}",
    "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}x{{ word }}{% endcall %}",
    "{% macro m() %}<{{ caller(1, y=2) }}>{% endmacro %}{% call(x, y) m() %}{{ x }}-{{ y }}{% endcall %}",
    "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}",
    "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}",
    "{% macro o() %}o{% endmacro %}{% macro m(a) %}{{ a }}{{ caller() }}{% endmacro %}{% call m(o()) %}y{% endcall %}",
    "{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}",
    "{% macro m() %}{{ later }}{% endmacro %}{% set later = 3 %}{{ m() }}",
    "{% macro m(x) %}{% set y = x %}{{ y }}{% endmacro %}{{ m(1) }}{{ y is defined }}{{ m is callable }}",
    "{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(**{'b': 3}) }}{{ m(*[1], b=2) }}{{ m(1, **{'a': 2}) }}",
    "{% macro m(a=1, b) %}{% endmacro %}",
    "{{ m(1) }}{% macro m(a) %}{% endmacro %}",
    # helpers
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{% set x = c.reset() %}{{ c.next() }}",
    "{% set c = cycler() %}",
    "{% set j = joiner('|') %}{% for x in numbers %}{{ j() }}{{ x }}{% endfor %}{% set k = joiner() %}{{ k() }}a{{ k() }}",
    "{% generation %}a{% set q = 1 %}{% endgeneration %}{{ q is defined }}",
    # errors
    "{% if true %}",
    "{% endif %}",
    "{% nope %}",
    "{% do x %}",
    "{% include 'x' %}",
    "{{ }}",
    "{{ 1 }",
    "{# open",
    "{% raw %} open",
    "{% for x in numbers %}{% endif %}",
    "{% if false %}{{ 1|nope }}{% endif %}ok",
    "{{ 1|nope if false else 2 }}",
    "{% for x in [] %}{{ 1|nope }}{% endfor %}",
    "{{ numbers.append(1) }}",
    "{{ ''.__class__.__mro__ }}",
    "{% set x = raise_exception('stop ' ~ n) %}",
    "{{ word is defined is true }}",
    "{% set x.y = 1 %}",
    "{% break %}",
]

TIMES = [
    datetime(2026, 11, 29, 15, 4, 5, 123000),
    datetime(2026, 1, 1, 0, 0, 0),
    datetime(2027, 1, 3, 12, 30, 59, 999000),
    datetime(2024, 12, 30, 9, 7, 3),
    datetime(2024, 2, 29, 23, 59, 59),
    datetime(2005, 1, 1, 1, 1, 1),
    datetime(2012, 1, 1, 13, 0, 0),
]
DIRECTIVES = "aAbBcCdDeFgGhHIjklmMnprRsStTuUVwWxXyYzZfP%"
FORMATS = [
    *("%" + flag + char for flag in ["", "-", "_", "0", "^", "#"] for char in DIRECTIVES if flag + char not in ("-f",)),
    *("%" + width + char for width in ["5", "05", "-5", "_12", "^10"] for char in "aBdejmHYyp"),
    *("%" + modifier + char for modifier in "EO" for char in "CcxXyYdeHImMSuUVwWBb"),
    "%i %J %K %L %N %Q %v %! %é",
    "100%",
    "%%d %%%d",
    "%d %b %Y|%A %B %-x %H:%M:%S %I%p",
    "%-d/%-m/%y at %-I:%M %p; day %j, week %V of %G",
    "今天是%Y年%m月%d日",
]


def render(source, variables):
    try:
        text = utils._compile_jinja_template(source).render(**copy.deepcopy(variables))
    except Exception as error:
        return {"raises": type(error).__name__}
    if " at 0x" in text:
        return None  # an address
    return {"text": text}


class Clock(datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


def main():
    utils.datetime = Clock
    variables = json.loads(VARIABLES)
    sources = ["{{ " + line + " }}" for line in EXPRESSIONS.strip("\n").replace("\\\nend", "\0").split("\n")]
    sources = [source.replace("\0", "\\\nend") for source in sources] + TEMPLATES
    cases = {source: render(source, variables) for source in sources}
    golden = {
        "transformers": transformers.__version__,
        "variables": VARIABLES,
        "cases": [{"template": source, **found} for source, found in cases.items() if found],
    }
    PLACE.mkdir(exist_ok=True)
    (PLACE / "jinja.json").write_text(json.dumps(golden, ensure_ascii=True, indent=1) + "\n")
    times = {
        "times": [
            {"time": moment.isoformat(), "texts": {text: moment.strftime(text) for text in FORMATS}} for moment in TIMES
        ]
    }
    (PLACE / "times.json").write_text(json.dumps(times, ensure_ascii=True, indent=1) + "\n")
    print(len(golden["cases"]), "cases,", sum("raises" in case for case in golden["cases"]), "raise")


if __name__ == "__main__":
    main()
