"""The reference page of question files, written from the kinds of questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from computesim.quantities import ENGINES
from computesim.scenario.merge import child_kind, is_branch, parts_of
from computesim.scenario.part import Part
from computesim.scenario.question_fields import ByClass, EngineName, Form, Name, Names, Number, Word
from computesim.scenario.questions import Question
from tools.pages.scenario_format import quantity_text, rows

_HEAD = """\
# Question files

<!-- Written by tools.pages from the questions; a test keeps it current. -->

`simulate`, `capacity`, `plan`, `rl` and `balance` take a question as a YAML file, as options, or as
both: an option says a key otherwise than the file, and `--set traffic.rate=8` says any key. The
tables below list all keys; the help of a command lists those that are options, what people type
every day first.

```yaml
# pool.yaml: computesim simulate pool.yaml --ttft 1s
model: llama-3.1-8b
accelerator: h100-sxm
replicas: 2
traffic: {rate: 8, prompt_tokens: 1_500, output_tokens: 400}
serving:
  prefix_cache: {share: 20 %}
promise: {ttft: 2 s, tpot: 30 ms}
```

```yaml
# service.yaml: computesim capacity service.yaml --set classes.chat.rate=12
model: llama-3.1-8b
accelerators: [h100-sxm, h200-sxm]
classes:
  chat: {rate: 6, prompt_tokens: 900, output_tokens: 250, ttft: 1 s, tpot: 30 ms}
  batch: {rate: 2, output_tokens: 4_000, tpot: 100 ms, priority: 1}
```

```yaml
# job.yaml: computesim plan job.yaml --deadline "60 day"
model: llama-3.1-70b
accelerator: h100-sxm
count: 1_024
tokens: 15e12
```

```yaml
# step.yaml: computesim rl step.yaml --staleness 1 --learner 32
model: qwen2.5-32b
accelerator: a800
count: 128
prompts: 512
group_size: 16
output_tokens: 4_500
max_output_tokens: 20_480
```

```yaml
# skill.yaml: computesim balance skill.yaml --set requests=1e7
skill: aime-2024
target: 75 %
model: llama-3.1-8b
accelerators: [h100-sxm, h200-sxm]
price: 2 USD/h
```

Numbers may carry units, as in [scenario files](scenario-format.md), but hold for all times: no
paths, ranges or sources. Everything that is wrong with a question is told at once, with the file
and line or the option, what is accepted and the near miss. Files that it names lie beside it.
`computesim schema COMMAND` prints the JSON Schema of its questions for your editor.
"""


def question_page(kinds: Mapping[str, type[Question]]) -> str:
    """Return `docs/question-files.md`.

    Parameters
    ----------
    kinds : mapping of str to type of Question
        By the command that asks.
    """
    return "\n".join([_HEAD, *(line for pair in kinds.items() for line in _lines(*pair))])


def _lines(command: str, kind: type[Question]) -> Iterator[str]:
    yield f"## `computesim {command}`\n"
    for key, part in parts_of(kind):
        yield f"### `{key}`\n" if key else ""
        yield f"{(part.__doc__ or '').strip()}\n"
        yield "\n".join(rows(part, partial(_value, part))) + "\n"


def _value(part: type[Part], name: str, field: Any) -> str:
    form = next((one for one in field.metadata if isinstance(one, Form)), None)
    if isinstance(form, ByClass):
        number = _number(form.number)
        return f"{number}, or by class" if form.alone else f"by class: {number}"
    if isinstance(form, Number):
        return _number(form)
    if isinstance(form, Word):
        return ", ".join(f"`{word}`" for word in form.words)
    if isinstance(form, EngineName):
        return ", ".join(f"`{name}`" for name in ENGINES)
    if isinstance(form, Name):
        return f"{'names' if isinstance(form, Names) else 'name'} of {form.table}"
    if is_branch(child_kind(part, name)):
        return "keys"
    return "`true`, `false`" if field.annotation is bool else "text"


def _number(form: Number) -> str:
    words = "whole number" if form.whole else quantity_text(form).split(", ")[0]
    bounds = quantity_text(form).partition(", ")[2]
    return ", ".join(filter(None, (words, "above 0" if form.positive else bounds)))
