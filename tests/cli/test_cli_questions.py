"""Question files, and the options that are keys of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import Result

from computesim.cli import balance, capacity, planning, rl, serving
from computesim.cli.asking import QUESTIONS, Alias, question_of
from computesim.scenario.merge import parts_of
from computesim.scenario.questions import Draft, field_of
from computesim.scenario.yaml_loader import read_yaml
from tools.pages.docs import DOCS, pages

Command = Callable[..., Result]
POOL = """\
model: llama-3.1-8b
accelerator: h100-sxm
replicas: 2
seed: 7
layout: {tp: 2}
traffic:
  rate: 480 request/min
  requests: 300
  output_tokens: 0.2 ktoken
  spread: 0.5
serving:
  routing: two-choices
  autoscale: {least: 1, load: 8, startup: 30 s}
  speculation: {drafted: 3, acceptance: 75 %}
promise: {ttft: 5 s, tpot: 100 ms}
timeline: 0.5 min
"""
AS_OPTIONS = (
    "--model", "llama-3.1-8b", "--accelerator", "h100-sxm", "--replicas", 2, "--seed", 7, "--tp", 2,
    "--rate", 8, "--requests", 300, "--output-tokens", 200, "--spread", 0.5, "--routing",
    "two-choices", "--autoscale", "1,8,30s", "--speculate", "3,0.75", "--ttft", "5 s",
    "--tpot", "100 ms", "--timeline", "30 s",
)  # fmt: skip
SERVICE = """\
model: llama-3.1-8b
accelerators: h100-sxm
disaggregated: no
traffic: {requests: 200}
classes:
  chat: {rate: 6, prompt_tokens: 900, output_tokens: 200, ttft: 1 s, tpot: 20 ms}
  batch: {rate: 2, output_tokens: 1_500, tpot: 100 ms, priority: 1}
"""
JOB = """\
model: llama-3.1-70b
accelerator: h100-sxm
count: 1_024
batch_tokens: 8 Mtoken
tokens: 15e12
top: 2
"""
STEP = """\
model: llama-3.1-8b
accelerator: h100-sxm
count: 16
prompts: 32
output_tokens: 0.3 ktoken
max_output_tokens: 1_000
"""
SKILL = """\
skill: aime-2024
target: 75 %
method: single
model: llama-3.1-8b
accelerators: [h100-sxm]
requests: 1e6
price: 2 USD/h
"""


def test_a_file_and_options_ask_the_same(command: Command) -> None:
    Path("pool.yaml").write_text(POOL)
    asked = json.loads(command("simulate", "pool.yaml", "--json").stdout)
    assert asked == json.loads(command("simulate", *AS_OPTIONS, "--json").stdout)
    Path("service.yaml").write_text(SERVICE)
    asked = json.loads(command("capacity", "service.yaml", "--json").stdout)
    chat = "chat:rate=6,prompt=900,output=200,ttft=1 s,tpot=20 ms"
    options = ("--model", "llama-3.1-8b", "--accelerator", "h100-sxm", "--disaggregated", "no",
               "--requests", 200, "--class", chat, "--class",
               "batch:rate=2,output=1500,tpot=100 ms,priority=1")  # fmt: skip
    assert asked == json.loads(command("capacity", *options, "--json").stdout)


def test_a_job_and_a_skill_are_files_or_options(command: Command) -> None:
    Path("job.yaml").write_text(JOB)
    options = ("--accelerator", "h100-sxm", "--count", 1024, "--batch-tokens", 8e6, "--tokens",
               15e12, "--top", 2)  # fmt: skip
    asked = json.loads(command("plan", "job.yaml", "--json").stdout)
    assert asked == json.loads(command("plan", "llama-3.1-70b", *options, "--json").stdout)
    Path("skill.yaml").write_text(SKILL)
    options = ("--method", "single", "--model", "llama-3.1-8b", "--accelerator", "h100-sxm",
               "--requests", "1e6", "--price", "2", "--target", "0.75")  # fmt: skip
    asked = json.loads(command("balance", "skill.yaml", "--json").stdout)
    assert asked == json.loads(command("balance", "aime-2024", *options, "--json").stdout)
    other = command("balance", "skill.yaml", "--set", "method=best_of", "--samples", 2, "--json")
    assert json.loads(other.stdout)["question"]["method"] == "best_of"
    Path("skill.yaml").write_text(SKILL.replace("2 USD/h", "0").replace("single", "singel"))
    told = command("balance", "skill.yaml", code=2).stderr
    assert "skill.yaml:3: method: 'singel'" in told
    assert "skill.yaml:7: price: 0; between 0.0001 and 10000 USD/h" in told


def test_an_option_says_a_key_instead_of_the_file(command: Command) -> None:
    Path("pool.yaml").write_text(POOL)
    ways = (("--rate", "2", "--replicas", 1), ("--set", "traffic.rate=2", "--set", "replicas=1"))
    one, other = (json.loads(command("simulate", "pool.yaml", *w, "--json").stdout) for w in ways)
    assert one == other
    assert one["pool"]["replicas"] == 1
    assert one["requests"]["rate"] == pytest.approx(2.0, rel=0.1)
    Path("service.yaml").write_text(SERVICE)
    asked = json.loads(
        command("capacity", "service.yaml", "--set", "classes.chat.rate=12", "--json").stdout
    )
    assert asked["question"]["rate"] == 14.0


def test_all_faults_of_a_question_come_at_once_with_file_and_line(command: Command) -> None:
    text = POOL.replace("replicas: 2", "replica: 2").replace("30 s}", "30 GB}")
    Path("bad.yaml").write_text(text.replace("llama", "lama").replace("two-choices", "two"))
    told = command("simulate", "bad.yaml", "--rate", 0, "--set", "traffic.turns=3", "--clients", 2,
                   code=2).stderr  # fmt: skip
    assert told.startswith("bad.yaml: 7 faults\n")
    for fault in (
        "bad.yaml:1: model: unknown name 'lama-3.1-8b'; a name from `computesim list models` "
        "(did you mean llama-3.1-8b",
        "bad.yaml:3: replica: unknown key; one of",
        "did you mean replicas",
        "bad.yaml:12: serving.routing: 'two'; one of shortest-queue",
        "bad.yaml:13: serving.autoscale.startup: wrong unit: '30 GB'; a number, or a quantity in s",
        "--rate: traffic.rate: '0'; above 0 request/s",
        "--rate: traffic.rate, traffic.clients: both are given",
        "--clients: traffic.clients, traffic.turns: do not go together",
    ):
        assert fault in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--set", "traffic.rte=8"), "--set: traffic.rte: unknown key 'rte' in traffic"),
        (("--set", "traffic.rate"), "--set: traffic.rate: no `=`"),
        (("--autoscale", "1,8"), "LEAST,LOAD,STARTUP"),
        (("--catalog", "nowhere"), "no folder 'nowhere'"),
        (("nowhere.yaml",), "nowhere.yaml: No such file"),
        (("latin.yaml",), "latin.yaml: (file): not UTF-8 text"),
        (("twice.yaml",), "twice.yaml:2: model: a duplicate key"),
        (("list.yaml",), "keys and values"),
    ],
)
def test_what_is_no_question_is_exit_code_2(
    command: Command, words: tuple[str, ...], told: str
) -> None:
    Path("pool.yaml").write_text(POOL)
    Path("latin.yaml").write_bytes("model: lläma".encode("latin-1"))
    Path("twice.yaml").write_text(f"model: llama-3.1-70b\n{POOL}")
    Path("list.yaml").write_text("- model\n")
    file = () if words[0].endswith(".yaml") else ("pool.yaml",)
    assert told in command("simulate", *file, *words, code=2).stderr


def test_files_of_a_question_lie_beside_it(command: Command) -> None:
    Path("there").mkdir()
    Path("there/requests.csv").write_text(
        "t_s,input_tokens,output_tokens\n" + "".join(f"{n},100,10\n" for n in range(50))
    )
    Path("there/pool.yaml").write_text(
        "model: llama-3.1-8b\naccelerator: h100-sxm\n"
        "traffic: {trace: {file: requests.csv, start: 10 s, end: 0.5 min}}\n"
    )
    asked = json.loads(command("simulate", "there/pool.yaml", "--json").stdout)
    assert asked["requests"]["trace"] == "there/requests.csv"
    assert asked["figures"]["requests"] == 20


@pytest.mark.parametrize("command_name", QUESTIONS)
def test_the_schema_for_editors_accepts_what_is_accepted(
    command: Command, command_name: str
) -> None:
    schema = json.loads(command("schema", command_name).stdout)
    Draft202012Validator.check_schema(schema)
    check = Draft202012Validator(schema)
    text = {"simulate": POOL, "capacity": SERVICE, "plan": JOB, "rl": STEP, "balance": SKILL}
    assert not list(check.iter_errors(read_yaml(text[command_name], "here").data))
    wrong = {
        "plan": {"count": 1.5, "dtype": "fp12"},
        "rl": {"prompts": 1.5, "dtype": "fp12"},
        "balance": {"samples": 1.5, "method": "voting"},
    }.get(command_name, {"traffic": {"rate": -1}, "seed": 1.5})
    places = {tuple(error.path) for error in check.iter_errors({**wrong, "modell": "llama-3.1-8b"})}
    assert places == {(), *((key,) for key in wrong)}
    assert "scenario, simulate, capacity" in command("schema", "verify", code=2).stderr


@pytest.mark.parametrize(
    ("name", "aliases"),
    [("simulate", (*serving.USUAL, *serving.OTHERS)),
     ("capacity", (*capacity.USUAL, *capacity.OTHERS)),
     ("plan", (*planning.USUAL, *planning.OTHERS)),
     ("rl", (*rl.USUAL, *rl.OTHERS)),
     ("balance", (*balance.USUAL, *balance.OTHERS))],
)  # fmt: skip
def test_every_option_says_a_key_and_every_key_is_documented(
    name: str, aliases: tuple[Alias, ...]
) -> None:
    kind = question_of(QUESTIONS[name])
    for alias in aliases:
        assert field_of(kind, alias.key).description
    page = pages()["question-files.md"]()
    assert page == (DOCS / "question-files.md").read_text(encoding="utf-8")
    for _, part in parts_of(kind):
        for key in part.model_fields:
            assert f"| `{key}` |" in page


@pytest.mark.parametrize(("page", "count"), [("question-files.md", 5), ("capacity.md", 2)])
def test_the_examples_of_the_pages_are_questions(page: str, count: int) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == count
    for block in blocks:
        named = {"# pool": "simulate", "# job": "plan", "# step": "rl", "# skill": "balance"}
        name = named.get(block.partition(".")[0], "capacity")
        whole = block if "model:" in block else f"model: qwen3-32b\naccelerators: h20\n{block}"
        Path("question.yaml").write_text(whole)
        asked = Draft(question_of(QUESTIONS[name]), name, Path("question.yaml")).read()
        assert asked.model in whole


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (("simulate", "--model", "llama-3.1-8b", "--model", "llama-2-7b", "--accelerator", "h100"),
         "--model: given 2 times; give it once"),
        (("run", "baseline", "--out", "a", "--out", "b", "--out", "c"), "--out: given 3 times"),
        (("plan", "gpt-3-175b", "--count", 8, "--count", 9), "--count: given 2 times"),
    ],
)  # fmt: skip
def test_an_option_that_is_given_twice_is_refused(
    command: Command, call: tuple[object, ...], told: str
) -> None:
    text = command(*call, code=2, as_typed=True).stderr
    assert f"{call[0]}: 1 fault" in text
    assert told in text


def test_options_that_may_be_repeated_are_not_refused(command: Command) -> None:
    text = command("capacity", "--accelerator", "h100", "--accelerator", "nothing", "--quiet",
                   "--quiet", "--set", "seed=1", "--set", "seed=2", code=2).stderr  # fmt: skip
    assert "given" not in text.replace("not given", "")
    assert "nothing" in text
