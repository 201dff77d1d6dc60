"""Renders conversations with real chat templates as transformers' apply_chat_template does:

    python goldens/make_chat_templates.py

reads src/templates/goldens/*.jinja (see SOURCES.md there) and writes chat_templates.json beside them. The
tokenizer is goldens/models/llama-gqa's with each template's special tokens added. The clock stands still.
"""

import hashlib
import json
import re
from datetime import datetime
from pathlib import Path

import transformers
import transformers.utils.chat_template_utils as utils

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "src/templates/goldens"
TOKENIZER = ROOT / "goldens/models/llama-gqa"
NOW = datetime(2026, 1, 31, 15, 4, 5)

MISTRAL = ["[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"]
MISTRAL += ["[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CONTENT]", "[CALL_ID]", "[ARGS]", "[THINK]", "[/THINK]", "[IMG]"]
# bos and eos of the models these templates belong to, and what their templates' patterns don't show
TOKENS = {
    "apertus": ("<s>", "<|assistant_end|>", []),
    "format-ernie4_5": ("<s>", "</s>", ["<|begin_of_sentence|>"]),
    "format-exaone4": ("[BOS]", "[|endofturn|]", ["[|user|]", "[|assistant|]", "[|system|]", "[|tool|]"]),
    "format-glm4": (None, "<|endoftext|>", ["<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"]),
    "format-hunyuan": ("<｜hy_begin▁of▁sentence｜>", "<｜hy_place▁holder▁no▁2｜>", []),
    "granite": ("<|end_of_text|>", "<|end_of_text|>", []),
    "ministral3": ("<s>", "</s>", MISTRAL),
    "mistral": ("<s>", "</s>", MISTRAL),
    "olmo3": (None, "<|endoftext|>", []),
    "seed_oss": ("<seed:bos>", "<seed:eos>", ["<seed:tool_call>", "</seed:tool_call>", "<seed:think>", "</seed:think>"]),
    "smollm3": (None, "<|im_end|>", []),
    "cohere": ("<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", []),
    "deepseek": ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", []),
    "gemma4": ("<bos>", "<eos>", ["<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>", "<|tool_response>", "<tool_response|>"]),
    "gemma": ("<bos>", "<eos>", ["<start_of_turn>", "<end_of_turn>"]),
    "glm": (None, "<|endoftext|>", []),
    "gptoss": ("<|startoftext|>", "<|return|>", []),
    "idefics3": ("<|begin_of_text|>", "<end_of_utterance>", []),
    "lfm2": ("<|startoftext|>", "<|im_end|>", []),
    "llama3": ("<|begin_of_text|>", "<|eot_id|>", []),
    "phi3": ("<s>", "<|endoftext|>", []),
    "named-llama3": ("<|begin_of_text|>", "<|eot_id|>", []),
    "named-gemma": ("<bos>", "<eos>", ["<start_of_turn>", "<end_of_turn>"]),
    "named-chatml": (None, "<|im_end|>", []),
    "named-": ("<s>", "</s>", []),
    "qwen": (None, "<|im_end|>", []),
    "nemotron": (None, "<|im_end|>", []),
    "muse": (None, "<|endoftext|>", []),
}
SPECIAL = re.compile(r"<\|[\w ]+\|>|<｜[^｜]+｜>")

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather of a city: \"now\" & <here>, 天气",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "A city"},
                    "days": {"type": "integer", "enum": [1, 3, 7]},
                },
                "required": ["city"],
            },
        },
    }
]


def user(content):
    return {"role": "user", "content": content}


def assistant(content, **more):
    return {"role": "assistant", "content": content, **more}


def call(name, arguments, id):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(content):
    return {"role": "tool", "content": content, "name": "get_weather", "tool_call_id": "abcdef123"}


SYSTEM = {"role": "system", "content": "You are kind.\nBe brief."}
CALL = assistant("", tool_calls=[call("get_weather", {"city": "Zürich <1>", "days": 3, "deep": {"a": [1, 2.5, None, True]}}, "abcdef123")])
CALLED = [user("Weather in Zürich?"), CALL, tool('{"sky": "clear ☀"}'), assistant("It is clear ☀.")]
THOUGHT = assistant("Four.", reasoning_content="Two and two.\nThat is four.")

CONVERSATIONS = {
    "question": {"messages": [user("Say hi.")]},
    "single": {"messages": [user("Say hi."), assistant("Hi there!")]},
    "multi": {"messages": [user("Hi"), assistant("Hello."), user("2 + 2?"), assistant("4"), user("Sure?"), assistant("Yes.")]},
    "multi-question": {"messages": [user("Hi"), assistant("Hello."), user("2 + 2?")]},
    "system": {"messages": [SYSTEM, user("Hi"), assistant("Hello."), user("Bye"), assistant("Bye!")]},
    "system-question": {"messages": [SYSTEM, user("Hi")]},
    "chinese": {"messages": [{"role": "system", "content": "你是一个助手。"}, user("你好，世界"), assistant("你好！很高兴见到你。"), user("再见"), assistant("再见。")]},
    "emoji": {"messages": [user("👩‍👩‍👧 🎉?"), assistant("🎉🇨🇭 é ✓"), user("😀"), assistant("👍")]},
    "empty": {"messages": [user(""), assistant("Well?")]},
    "spaces": {"messages": [user("  a \n"), assistant("\n  b\tc \n\n"), user("d "), assistant(" e")]},
    "markup": {"messages": [user("<b>'\"&\\ {{ x }} {% if %}"), assistant("a < b && \"c\" 'd' \\n")]},
    "thinking": {"messages": [user("2 + 2?"), assistant("<think>\nTwo and two.\n</think>\n\nFour."), user("Sure?"), assistant("<think>\nHm.\n</think>\n\nYes.")]},
    "reasoning": {"messages": [user("2 + 2?"), THOUGHT, user("Sure?"), assistant("Yes.", reasoning_content="Hm.")]},
    "tools-question": {"messages": [SYSTEM, user("Weather?")], "tools": TOOLS},
    "tools": {"messages": CALLED, "tools": TOOLS},
    "tools-system": {"messages": [SYSTEM, *CALLED, user("Thanks"), assistant("Welcome.")], "tools": TOOLS},
    "tools-called": {"messages": CALLED[:2], "tools": TOOLS},
    "tools-two": {
        "messages": [user("Both?"), assistant("Let me see.", tool_calls=[call("get_weather", {"city": "A"}, "abcdef123"), call("get_weather", {}, "abcdef124")]), tool("1"), tool("2"), assistant("Done.")],
        "tools": TOOLS,
    },
    "starts-with-assistant": {"messages": [assistant("Hello!"), user("Hi"), assistant("How are you?")]},
}


class Clock(datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


def tokens_of(name, source):
    bos, eos, more = next(tokens for prefix, tokens in TOKENS.items() if name.startswith(prefix))
    found = [*SPECIAL.findall(source), *more, *filter(None, [bos, eos])]
    return bos, eos, sorted(set(found))


def load(name, source):
    bos, eos, added = tokens_of(name, source)
    tokenizer = transformers.AutoTokenizer.from_pretrained(TOKENIZER)
    tokenizer.add_special_tokens({"additional_special_tokens": added})
    tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token = bos, eos, "<|endoftext|>"
    if name == "format-ernie4_5":
        tokenizer.cls_token = "<|begin_of_sentence|>"
    tokenizer.chat_template = source
    return tokenizer, added


def render(tokenizer, conversation):
    prompted = conversation["messages"][-1]["role"] != "assistant"
    try:
        text = tokenizer.apply_chat_template(**asked(conversation), add_generation_prompt=prompted, tokenize=False)
    except Exception as error:
        return {"raises": type(error).__name__}
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    same = tokenizer.apply_chat_template(**asked(conversation), add_generation_prompt=prompted, return_dict=False)
    assert ids == same
    return {"text": text, "ids": hashlib.sha256(json.dumps(ids, separators=(",", ":")).encode()).hexdigest()[:16]}


def asked(conversation):
    return {"conversation": conversation["messages"], "tools": conversation.get("tools")}


def main():
    utils.datetime = Clock
    templates = {}
    for path in sorted(PLACE.glob("*.jinja")):
        source = path.read_text()
        tokenizer, added = load(path.stem, source)
        special = {key: value for key, value in tokenizer.special_tokens_map.items() if isinstance(value, str)}
        rendered = {name: render(tokenizer, conversation) for name, conversation in CONVERSATIONS.items()}
        ids = {token: tokenizer.convert_tokens_to_ids(token) for token in added}
        templates[path.stem] = {"special": special, "added": ids, "rendered": rendered}
    golden = {
        "transformers": transformers.__version__,
        "now": NOW.isoformat(),
        "tokenizer": str(TOKENIZER.relative_to(ROOT)),
        "conversations": CONVERSATIONS,
        "templates": templates,
    }
    (PLACE / "chat_templates.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")
    for name, template in templates.items():
        raises = [key for key, value in template["rendered"].items() if "raises" in value]
        print(name, "raises for", ", ".join(raises) or "none")


if __name__ == "__main__":
    main()
