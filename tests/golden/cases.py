"""What is asked of the command line, and with which input files.

A case is named once and for all: its stored output stays as it is where options are
renamed or replaced, and only its arguments here are edited.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
SMALL = TESTS / "data" / "small.yaml"
RAN = "{ran}"  #: stands for the folder that `run small.yaml` has written


@dataclass(frozen=True)
class Case:
    """One call of the command line.

    Parameters
    ----------
    name : str
        The stored output is called so.
    arguments : tuple of str
        In a folder that holds what `write_inputs` writes; `{ran}` is a folder of results.
    code : int
        The exit code that is right.
    slow : bool
        Whether it is left to the slow tests.
    writes : str
        Folder whose files are stored as hashes, beside what is printed.
    """

    name: str
    arguments: tuple[str, ...]
    code: int = 0
    slow: bool = False
    writes: str = ""


_REPEATABLE = ("--set", "--accelerator")


def _once(words: tuple[str, ...]) -> tuple[str, ...]:
    """Give the words with each option as it is given last, but for those that may be repeated."""
    again = {
        place
        for place, word in enumerate(words)
        if word.startswith("--") and word not in _REPEATABLE and word in words[place + 1 :]
    }
    return tuple(w for n, w in enumerate(words) if n not in again and n - 1 not in again)


def _pair(name: str, line: str, code: int = 0, slow: bool = False) -> Iterator[Case]:
    """Give the case as text and as JSON; blanks separate words, `␣` is one within a word."""
    words = _once(tuple(word.replace("␣", " ") for word in line.split()))
    yield Case(name, words, code, slow)
    yield Case(f"{name}.json", (*words, "--json"), code, slow)


_POOL = ("simulate --model llama-3.1-8b --accelerator h100-sxm --requests 300 "
         "--output-tokens 200 --spread 0.5")  # fmt: skip
_LEVEL = "capacity --model llama-3.1-8b --accelerator h100-sxm --requests 200 --output-tokens 200"
_PROMISE = "--ttft 2␣s --tpot 20␣ms"
_RL = ("rl llama-3.1-8b --accelerator h100-sxm -n 16 --prompts 32 --output-tokens 300 "
       "--max-output 1000")  # fmt: skip
_SKILL = "balance aime-2024 --model llama-3.1-8b --accelerator h100-sxm --requests 1e6"
_JOB = "plan llama-3.1-70b --accelerator h100-sxm"

_POLICY = (
    "labs.lab.policy={kind: least_cost, skill: aime-2024, target: 0.75, products: {chat: 0.2}}"
)

#: what the small world lacks: name of the case, and the entry that brings it
_OTHERWISE = {
    "run-policy": _POLICY,
    "run-regions": "regions.shares={hyperscale-us: 0.7, norway: 0.3}",
    "run-replications": "simulation.replications=2",
    "run-limits": "limits.facility_power=8 MW",
    "run-price": "products.chat.price={follows: software, reference_year: 2025, elasticity: 0.5}",
    "run-bass": "products.coding={users: null, diffusion: {law: bass, ceiling: 5e7, "
    "innovation: 0.005, imitation: 1.6, launch: 2024}}",
    "run-search": "labs.lab.post_training.search={method: beam, depth: 4, branching: 4, width: 2}",
}

#: name, words, exit code; each is asked as text and as JSON, in the default suite
_QUICK = (
    ("validate", "validate small.yaml", 0),
    ("validate-faults", "validate faulty.yaml", 2),
    ("show", "show small.yaml", 0),
    ("show-branch", "show baseline products.chat", 0),
    ("sources", "sources small.yaml", 0),
    ("list", "list", 0),
    ("list-scenarios", "list scenarios", 0),
    ("list-accelerators", "list accelerators", 0),
    ("list-h100", "list accelerators h100-sxm", 0),
    ("list-models", "list models", 0),
    ("list-deepseek", "list models deepseek-v3", 0),
    ("bill", "bill small.yaml", 0),
    ("bill-chinese", "bill small.yaml --chinese", 0),
    ("bill-folder", f"bill {RAN}", 0),
    ("sources-folder", f"sources {RAN}", 0),
    ("compare", f"compare {RAN} twice.yaml", 0),
    ("backcast", "backcast small.yaml", 1),
    ("explain-energy", "explain small.yaml Energy|Other␣inference 2026 --depth 30", 0),
    ("explain-rl", "explain small.yaml Power|Provisioned|RL␣post-training 2026 --depth 30", 0),
    ("explain-tokens", "explain small.yaml Tokens|CoT␣inference|Answer 2025 --depth 30", 0),
    ("explain-capital", "explain small.yaml Capex 2026 --depth 8 --notes", 0),
    ("explain-pattern", "explain small.yaml Energy|*inference 2025 --depth 4", 0),
    ("explain-emissions", "explain small.yaml Emissions|Pretraining 2025 --depth 30", 0),
    ("verify-training", "verify training", 0),
    ("verify-network", "verify network", 0),
    ("verify-serving", "verify serving", 0),
    ("verify-quality", "verify quality", 0),
    ("plan", f"{_JOB} --count 512 --batch-tokens 8e6 --top 30", 0),
    ("plan-run", f"{_JOB} --count 1024 --tokens 15e12 --top 5", 0),
    ("plan-schedule", f"{_JOB} --count 2048 --tokens 15e12 --batch-schedule llama-3-405b", 0),
    ("plan-deadline", f"{_JOB} --tokens 15e12 --deadline 60␣day --batch-tokens 16e6 --top 2", 0),
    ("plan-offload", f"{_JOB} --count 8 --batch-tokens 1e6", 0),
    ("plan-unfit", f"{_JOB} --count 8 --batch-tokens 1e6 --offload never", 1),
    ("plan-experts", "plan deepseek-v3 --accelerator h800-sxm --count 2048 --dtype fp8", 0),
    ("plan-layout", f"{_JOB} --count 512 --batch-tokens 8e6 --tp 4 --pp 4 --top 5", 0),
    ("plan-layout-faults", f"{_JOB} --count 512 --batch-tokens 8e6 --tp 3 --pp 4 --vp 8 --ep 2", 2),
    ("rl", f"{_RL} --steps 20 --verifier-seconds 2", 0),
    ("rl-ahead", f"{_RL} --staleness 2 --learner 4 --rollout 12 --reference", 0),
    ("rl-faults", f"{_RL} --learner 12 --rollout 8 --tp-rollout 3", 2),
    ("simulate", f"{_POOL} --rate 8 --ttft 5␣s --tpot 100␣ms", 0),
    ("simulate-missed", f"{_POOL} --rate 2 --tpot 1us", 1),
    ("simulate-clients", f"{_POOL} --clients 6 --think 1␣s --replicas 1", 0),
    ("simulate-sessions", f"{_POOL} --turns 4 --think 2␣s --rate 4", 0),
    ("simulate-samples", f"{_POOL} --samples 4 --rate 0.5", 0),
    ("simulate-search", f"{_POOL} --search 4,2,2 --rate 0.2 --requests 40", 0),
    ("simulate-speculate", f"{_POOL} --rate 8 --speculate 3,0.7", 0),
    ("simulate-apart",
     f"{_POOL} --rate 20 --prompt-tokens 4000 --replicas 2 --prefill-replicas 2", 0),
    ("simulate-recompute", f"{_POOL} --rate 400 --requests 2000 --output-tokens 4000 "
     "--replicas 1 --when-full recompute", 0),
    ("simulate-swap", f"{_POOL} --rate 400 --requests 2000 --output-tokens 4000 "
     "--replicas 1 --when-full swap", 0),
    ("simulate-autoscale", f"{_POOL} --rate 2 --ttft 60␣ms --autoscale 1,4,30s", 0),
    ("simulate-failures",
     f"{_POOL} --rate 2 --ttft 60␣ms --replicas 1 --mtbf 20s --repair 4s", 1),
    ("simulate-priority", f"{_POOL} --trace kinds.csv --rate 2000 --replicas 1 "
     "--priority chat=0,batch=1 --ttft chat=1min,batch=1us", 1),
    ("simulate-talk", f"{_POOL} --trace talk.csv", 0),
    ("simulate-prefixes", f"{_POOL} --trace blocks.jsonl --replicas 1 --prefix-cache 150␣MB", 0),
    ("simulate-routing", f"{_POOL} --rate 30 --routing two-choices --burstiness 2", 0),
    ("simulate-shared", f"{_POOL} --rate 30 --routing shared-queue", 0),
    ("simulate-simpy", f"{_POOL} --rate 8 --kernel simpy", 0),
    ("simulate-timeline", f"{_POOL} --rate 8 --timeline 5␣s", 0),
    ("simulate-experts", "simulate --model deepseek-v3 --accelerator h800-sxm --ep 32 "
     "--requests 200 --rate 20 --ttft 2s --tpot 50ms", 0),
    ("capacity", f"{_LEVEL} --rate 60 {_PROMISE}", 0),
    ("capacity-highest", f"{_LEVEL} --replicas 4 {_PROMISE} --tp 1 --disaggregated no", 0),
    ("capacity-check", f"{_LEVEL} --rate 500 --replicas 1 --tp 1 {_PROMISE} "
     "--disaggregated no", 1),
    ("capacity-clients", f"{_LEVEL} --clients 64 --think 5␣s {_PROMISE} --disaggregated no", 0),
    ("capacity-classes", f"{_LEVEL} --classes classes.yaml", 0),
    ("capacity-trace", f"{_LEVEL} --trace steady.csv --rate 200 {_PROMISE}", 0),
    ("capacity-pareto", f"{_LEVEL} --accelerator b200-sxm --pareto", 0),
    ("balance", f"{_SKILL} --method single --target 75%", 0),
    ("balance-budget", f"{_SKILL} --method single --budget 30000␣USD", 0),
    ("balance-power", f"{_SKILL} --method single --objective power --target 75%", 0),
    ("balance-flop", f"{_SKILL} --method single --objective flop --target 75%", 0),
    ("balance-two", f"{_SKILL} --method single --target 75% --accelerator h200-sxm", 0),
    ("trace", "trace kinds.csv", 0),
    ("trace-span", "trace talk.csv --from 5␣s --to 20␣s --rate 2", 0),
    ("trace-prefixes", "trace blocks.jsonl", 0),
)  # fmt: skip

#: the same, in the slow tests
_SLOW = (
    ("verify-rl", "verify rl", 0),
    ("verify-kernels", "verify kernels", 0),
    ("verify-queueing", "verify queueing", 0),
    ("plan-scaling", f"{_JOB} --scaling", 0),
    ("balance-best-of", f"{_SKILL} --method best_of --samples 3 --target 75%", 0),
    ("balance-consensus", f"{_SKILL} --target 80%", 0),
    ("balance-scenario", "balance least-cost", 0),
    ("bill-baseline", "bill baseline", 0),
    ("backcast-baseline", "backcast baseline --tolerate 99", 0),
    ("compare-shipped", "compare baseline short-cot", 0),
    ("show-baseline", "show baseline", 0),
    ("sources-baseline", "sources baseline", 0),
    ("explain-baseline-energy", "explain baseline Energy|Other␣inference 2023 --depth 6", 0),
    ("explain-baseline-compute", "explain baseline Accelerators|Required 2030 --depth 4", 0),
    ("explain-limits", "explain every-limit Power|Facility 2030 --depth 4", 0),
    ("explain-policy", "explain least-cost Tokens|CoT␣inference 2028 --depth 5", 0),
)


def _all() -> Iterator[Case]:
    """Give every case in the order in which it is asked."""
    yield Case("run", ("run", "small.yaml", "--out", "printed"))
    yield Case("run.json", ("run", "small.yaml", "--out", "printed", "--charts", "svg", "--json"),
               writes="printed")  # fmt: skip
    yield Case("report.json", ("report", RAN, "--json"))
    yield Case("schema.json", ("schema",))
    yield Case("init", ("init", "mine"), writes="mine.yaml")
    yield Case("compare-files", ("compare", RAN, "twice.yaml", "--out", "compared"),
               writes="compared")  # fmt: skip
    yield Case("backcast-files", ("backcast", "small.yaml", "--out", "backcast"), code=1,
               writes="backcast", slow=True)  # fmt: skip
    yield Case("balance-files", (*_SKILL.split(), "--method", "single", "--target", "75%",
               "--out", "balance"), writes="balance", slow=True)  # fmt: skip
    yield Case("simulate-files", (*_POOL.split(), "--rate", "8", "--timeline", "5 s", "--out",
               "timeline", "--charts", "svg"), writes="timeline")  # fmt: skip
    yield Case("simulate-steps", _once((*_POOL.split(), "--requests", "30", "--rate", "20",
               "--chrome-trace", "steps/steps.json")), writes="steps")  # fmt: skip
    yield Case("trace-written", ("trace", "kinds.csv", "--write", "traces/part.csv",
               "--synthetic", "traces/like.csv"), writes="traces")  # fmt: skip
    yield Case("explain-table", ("explain", "small.yaml", "Power|Facility", "2026", "--csv",
               "trail/trail.csv"), writes="trail")  # fmt: skip
    yield Case("limited.json", ("run", "small.yaml", "--set", "supply.hbm=1e4", "--set",
               "supply.packaging=1e9", "--out", "limited", "--json"), writes="limited")  # fmt: skip
    for name, entry in _OTHERWISE.items():
        yield Case(f"{name}.json", ("run", "small.yaml", "--set", entry, "--out", name, "--json"),
                   writes=name)  # fmt: skip
    yield from _pair("balance-labs", f"balance small.yaml --set {_POLICY.replace(' ', '␣')}")
    for name, line, code in _QUICK:
        yield from _pair(name, line, code)
    for name, line, code in _SLOW:
        yield from _pair(name, line, code, slow=True)


CASES: dict[str, Case] = {case.name: case for case in _all()}


def write_inputs(folder: Path) -> None:
    """Write the files that cases read.

    Parameters
    ----------
    folder : Path
        Where the cases are asked.
    """
    shutil.copy(SMALL, folder / "small.yaml")
    shutil.copy(TESTS / "scenario" / "data" / "ten_faults.yaml", folder / "faulty.yaml")
    (folder / "twice.yaml").write_text(
        "extends: small.yaml\nname: twice\nproducts: {chat: {requests_per_user_per_day: 8}}\n"
    )
    (folder / "classes.yaml").write_text(
        "chat: {rate: 6, prompt: 900, output: 200, ttft: 1 s, tpot: 20 ms}\n"
        "batch: {rate: 2, output: 1500, tpot: 100 ms, priority: 1}\n"
    )
    tables = {
        "kinds": ("kind", (f"{n // 40},400,60,{'batch' if n % 2 else 'chat'}"
                           for n in range(1500))),
        "talk": ("session,think_seconds", (f"{n},{100 * (n % 3 + 1)},400,{n // 3},0.5"
                                           for n in range(30))),
        "steady": ("", (f"{n / 20},{400 + n % 50},{60 + n % 9}" for n in range(400))),
    }  # fmt: skip
    for name, (columns, rows) in tables.items():
        head = ",".join(filter(None, ("t_s,input_tokens,output_tokens", columns)))
        (folder / f"{name}.csv").write_text("\n".join([head, *rows]) + "\n")
    blocks = (
        {"timestamp": 2000 * n, "input_length": 1100, "output_length": 20,
         "hash_ids": [n % 4, 10 + n % 4, 100 + n]} for n in range(40)
    )  # fmt: skip
    (folder / "blocks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in blocks))
    for name in ("traces", "steps", "trail"):
        (folder / name).mkdir(exist_ok=True)
