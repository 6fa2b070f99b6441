"""run, compare, report, sources: what they print and what they leave behind."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import Result

from computesim import load_results, load_scenario
from computesim.report.tables import SUMMARY_VARIABLES

Command = Callable[..., Result]
TEN_FAULTS = Path(__file__).parents[1] / "scenario" / "data" / "ten_faults.yaml"
SHORT = ("--set", "horizon.last_year=2025")
HEAVY = ("pandas", "matplotlib", "plotly", "scipy.stats", "scipy.optimize")


def only_folder(out: str = "out") -> Path:
    (folder,) = Path(out).iterdir()
    return folder


def test_a_run_leaves_results_report_and_charts(command: Command, minimal: str) -> None:
    text = command("run", minimal, *SHORT, "--charts", "svg").stdout
    folder = only_folder()
    scenario = load_scenario(minimal, ["horizon.last_year=2025"])
    assert folder.name == f"minimal-{scenario.hash[:8]}"
    for name in ("results.parquet", "results.csv", "manifest.json", "report.html"):
        assert (folder / name).stat().st_size > 0
        assert name in text
    assert (folder / "charts" / "compute-by-workload.svg").read_text().lstrip().startswith("<?xml")
    assert not list(folder.rglob(".*")), "a draft is left"


def test_the_summary_names_what_was_asked_and_what_does_not_fit(
    command: Command, minimal: str
) -> None:
    text = command("run", minimal, *SHORT).stdout
    results = load_results(only_folder())
    for word in ("H100-equivalents", "accelerators", "TWh", "transceivers", "$", "2024", "2025"):
        assert word in text
    for workload in ("Pretraining", "RL post-training", "CoT inference", "Other inference"):
        assert f"\n{workload}" in text
    outside = [a for a in results.manifest["anchors"] if not a["within"]]
    assert text.count("OUTSIDE") == len(outside) > 0  # a made-up world is not ours
    assert "inputs are estimates" in text
    assert all(f"Warning: {w}" in text for w in results.manifest["warnings"][:8])


def test_a_second_run_gives_the_same_bits(command: Command, minimal: str) -> None:
    command("run", minimal, *SHORT)
    first = (only_folder() / "results.csv").read_bytes()
    command("run", minimal, *SHORT, "--quiet")
    assert (only_folder() / "results.csv").read_bytes() == first


def test_quiet_prints_the_folder_and_nothing_else(command: Command, minimal: str) -> None:
    result = command("run", minimal, *SHORT, "--quiet")
    assert result.stdout == f"{only_folder()}\n"
    assert result.stderr == ""


def test_json_of_a_run_agrees_with_its_files(command: Command, minimal: str) -> None:
    data = json.loads(command("run", minimal, *SHORT, "--json").stdout)
    results = load_results(data["folder"])
    assert data["hash"] == results.manifest["hash"]
    assert {Path(f) for f in data["files"]} == {f for f in only_folder().rglob("*") if f.is_file()}
    for _, name in SUMMARY_VARIABLES:
        if name in results:
            found = data["variables"][name]
            assert found["total"] == {str(y): v for y, v in results.series(name).items()}
            parts = sum(part.get("2024", 0.0) for part in found["parts"].values())
            assert found["total"]["2024"] == pytest.approx(parts, rel=1e-9)


def test_set_changes_the_answer_and_the_folder(command: Command, minimal: str) -> None:
    twice = ("--set", "products.chat.requests_per_user_per_day=7.4")
    one = json.loads(command("run", minimal, *SHORT, "--json").stdout)
    two = json.loads(command("run", minimal, *SHORT, *twice, "--json").stdout)
    assert one["folder"] != two["folder"]
    tokens = [run["variables"]["Tokens"]["total"]["2024"] for run in (one, two)]
    assert tokens[1] == pytest.approx(2 * tokens[0])  # 3.7 requests a day before


def test_the_seed_is_part_of_the_scenario(command: Command, minimal: str) -> None:
    data = json.loads(command("run", minimal, *SHORT, "--seed", 7, "--json").stdout)
    assert data["seed"] == 7
    assert load_results(data["folder"]).manifest["scenario"]["simulation"]["seed"] == 7


def test_ten_faults_come_at_once_and_nothing_is_written(command: Command) -> None:
    result = command("run", TEN_FAULTS, code=2)
    assert "10 faults" in result.stderr
    for line in (3, 8, 9, 10, 12, 13, 14, 19, 25):
        assert f"ten_faults.yaml:{line}: " in result.stderr
    assert "did you mean reasoning_share" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "baselin"), "did you mean baseline?"),
        (("run", "baseline", "--set", "products.chat.usrs=1"), "did you mean users?"),
        (("run", "baseline", "--set", "nonsense"), "key=value"),
        (("run", "baseline", "--charts", "gif"), "svg, png, pdf"),
        (("run", "baseline", "--catalog", "nowhere"), "no folder 'nowhere'"),
        (("run", "baseline", "--seed", "-1"), "--seed"),
        (("run", "baseline", "--colour"), "No such option"),
        (("compare", "baseline"), "two scenarios or more"),
        (("compare", "baseline", "baselin"), "did you mean baseline?"),
        (("report", "."), "no results here"),
    ],
)
def test_wrong_input_says_what_is_accepted(
    command: Command, arguments: tuple[str, ...], told: str
) -> None:
    assert told in command(*arguments, code=2).stderr
    assert not list(Path().iterdir())


def test_a_place_that_cannot_be_written_is_told_before_the_work(
    command: Command, minimal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("file").write_text("not a folder")
    monkeypatch.setattr("computesim.pipeline.project", lambda *_: pytest.fail("worked in vain"))
    assert "file" in command("run", minimal, "--out", "file/out", code=2).stderr


def test_an_interruption_is_one_line(
    command: Command, minimal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("computesim.pipeline.project", interrupted)
    assert command("run", minimal, code=130).stderr == "interrupted\n"


def test_nothing_heavy_is_imported_by_a_run(command: Command, minimal: str) -> None:
    command("run", minimal, *SHORT)  # so that every cell is known
    code = (
        "import sys\nfrom computesim.cli import main\n"
        f"sys.argv = {['computesim', 'run', minimal, *SHORT, '--quiet']!r}\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_report_is_made_again_from_saved_results(command: Command, minimal: str) -> None:
    command("run", minimal, *SHORT)
    page = only_folder() / "report.html"
    before = page.read_text()
    page.unlink()
    data = json.loads(command("report", only_folder(), "--json").stdout)
    assert page.read_text() == before
    assert str(page) in data["files"]


def test_a_comparison_holds_scenarios_against_the_first(command: Command, minimal: str) -> None:
    command("run", minimal, *SHORT)
    Path("twice.yaml").write_text(
        f"extends: {minimal}\nhorizon: {{last_year: 2025}}\n"
        "products: {chat: {requests_per_user_per_day: 7.4}}\n"
    )
    compared = ("compare", only_folder(), "twice.yaml")
    data = json.loads(command(*compared, "--out", "cmp", "--json").stdout)
    assert data["scenarios"] == ["minimal", "twice"]
    assert data["variables"]["Tokens"]["ratios"]["twice"]["2025"] == pytest.approx(2.0)
    with Path("cmp/compare.csv").open() as file:
        rows = {(r["variable"], r["year"]): r for r in csv.DictReader(file)}
    row = rows["Tokens|CoT inference|Answer", "2024"]
    assert float(row["value"]) == pytest.approx(2 * float(row["reference"]))
    assert float(row["ratio"]) == pytest.approx(2.0)
    assert row["scenario"] == "twice"
    assert "<html" in Path("cmp/compare.html").read_text()[:200]
    lines = command(*compared).stdout.splitlines()
    ratio = next(n for n, line in enumerate(lines) if line.startswith("Tokens")) + 3
    assert lines[ratio].split() == ["twice", "÷", "minimal", "2.00", "2.00"]


def test_sources_of_a_scenario_and_of_its_results_are_the_same(
    command: Command, minimal: str
) -> None:
    of_scenario = json.loads(command("sources", minimal, *SHORT, "--json").stdout)
    command("run", minimal, *SHORT)
    of_results = json.loads(command("sources", only_folder(), "--json").stdout)
    assert of_scenario == of_results
    assert 0 < of_results["estimates"] < of_results["inputs"]
    text = command("sources", only_folder()).stdout
    for source in of_results["sources"]:
        assert source["title"] in text
        assert source["key"] in text
    assert f"{of_results['estimates']} of {of_results['inputs']} inputs" in text


def test_a_product_whose_name_holds_a_dot_is_run_and_explained(
    command: Command, minimal: str, tmp_path: Path
) -> None:
    from computesim import load_scenario

    product = next(iter(load_scenario(minimal).products))
    path = tmp_path / "named.yaml"
    whole = yaml.safe_load(Path(minimal).read_text(encoding="utf-8"))
    whole["products"]["gpt-4.1"] = whole["products"][product]
    path.write_text(yaml.safe_dump(whole), encoding="utf-8")
    folder = Path(
        command("run", path, "--out", tmp_path, "--quiet", "--set", "horizon.last_year=2025")
        .stdout.strip().splitlines()[-1]
    )  # fmt: skip
    assert (folder / "results.csv").exists()
    assert '""gpt-4.1""' in (folder / "tables" / "audit_trail.csv").read_text(encoding="utf-8")


def test_results_are_saved_before_anything_explains_them(
    command: Command, minimal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no trail")

    monkeypatch.setattr("computesim.study.explain.kept.audit", broken)
    monkeypatch.setattr("computesim.study.explain.kept._digest", lambda *_: tmp_path.name)
    with pytest.raises(RuntimeError, match="no trail"):
        command("run", minimal, "--out", tmp_path, "--set", "horizon.last_year=2025", code=1)
    assert list(tmp_path.glob("*/results.csv"))
    assert list(tmp_path.glob("*/manifest.json"))
