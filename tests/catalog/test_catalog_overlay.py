"""A user's own tables on top of the shipped ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from computesim.catalog import load_catalog
from computesim.errors import CatalogError

HEADER = "name,parameter,value,unit,low,high,as_of,source,note\n"


def write(folder: Path, table: str, *rows: str, header: str = HEADER) -> None:
    (folder / f"{table}.csv").write_text(header + "\n".join(rows) + "\n", encoding="utf-8")


def test_a_row_replaces_the_shipped_one_and_leaves_the_rest(tmp_path: Path) -> None:
    write(tmp_path, "accelerators", "h100-sxm,tdp,650,W,,,2026,estimate,capped")
    ours = load_catalog(tmp_path)
    assert ours.accelerator("h100").tdp == 650
    assert ours.accelerator("h100").memory_bytes == 80 * 2**30
    assert ours.figure("accelerators", "h100-sxm", "tdp").note == "capped"
    assert load_catalog().accelerator("h100").tdp == 700


def test_a_new_accelerator_with_its_own_source_can_be_used(tmp_path: Path) -> None:
    write(
        tmp_path,
        "accelerators",
        "mychip,peak_bf16,1,PFLOP/s,,,,our-lab,measured",
        "mychip,memory,96,GB,,,,our-lab,",
        "mychip,memory_bandwidth,4,TB/s,,,,our-lab,",
        "mychip,tdp,0.5,kW,0.45,0.6,,our-lab,",
        "mychip,scaleup_bandwidth,300,GB/s,,,,our-lab,one direction",
        "mychip,aliases,mc1;mc-1,list,,,,estimate,",
    )
    write(
        tmp_path,
        "sources",
        "our-lab,Our laboratory,https://example.org,2026-11,measurement",
        header="key,title,url,date,kind\n",
    )
    catalog = load_catalog(tmp_path)
    chip = catalog.accelerator("mc-1")
    assert (chip.tdp, chip.scaleup_bandwidth) == (500, 300e9)
    assert catalog.used() == ("our-lab",)
    assert catalog.source("our-lab").title == "Our laboratory"
    assert catalog.names("accelerators")[-1] == "mychip"


def test_columns_may_be_left_out_and_reordered(tmp_path: Path) -> None:
    write(
        tmp_path, "sites", "estimate,1.3,norway,pue,1", header="source,value,name,parameter,unit\n"
    )
    assert load_catalog(tmp_path).site("norway").pue == 1.3


def test_all_faults_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        "accelerators",
        "gb200,memry,186,GB,,,,estimate,",
        "gb200,memory,186,W,,,,estimate,",
        "gb200,tdp,many,W,,,,estimate,",
        "gb200,price,5,USD,6,7,,estimate,",
        "gb200,nic_bandwidth,5,Gbqs,,,,estimate,",
        "gb200,hbm_stacks,8,1,,,,epoch-ml-hardwar,",
        "gb200,liquid_share,1,1,,,,,",
        "gb200,vendor,7,W,,,,estimate,",
        "gb200,process,,text,,,,estimate,",
        "gb200,scaleup_domain,many,text,,,,estimate,",
        "gb200,peak_fp8,1,PFLOP/s,,,,estimate,",
        "gb200,peak_fp8,2,PFLOP/s,,,,estimate,",
    )
    write(tmp_path, "modles", "x,d_model,1,1,,,,estimate,")
    write(tmp_path, "fabrics", "x,y", header="name,parameter,colour\n")
    write(tmp_path, "sources", "k,Title,,2026,rumour", header="key,title,url,date,kind\n")
    with pytest.raises(CatalogError) as caught:
        load_catalog(tmp_path)
    found = [str(fault) for fault in caught.value.faults]
    for expected in (
        "accelerators.csv:2: gb200.memry: unknown parameter 'memry'",
        "did you mean memory",
        "accelerators.csv:3: gb200.memory: unit 'W'; expected GiB",
        "accelerators.csv:4: gb200.tdp: value 'many'; expected a number",
        "accelerators.csv:5: gb200.price: value 5 outside low 6 and high 7",
        "accelerators.csv:6: gb200.nic_bandwidth: unknown unit 'Gbqs'",
        "accelerators.csv:7: gb200.hbm_stacks: source 'epoch-ml-hardwar'",
        "did you mean epoch-ml-hardware",
        "accelerators.csv:8: gb200.liquid_share: no source",
        "accelerators.csv:9: gb200.vendor: unit 'W'; expected text",
        "accelerators.csv:10: gb200.process: no value",
        "accelerators.csv:11: gb200.scaleup_domain: unit 'text'; expected accelerator",
        "accelerators.csv:13: peak_fp8: given twice",
        "modles.csv: file: unknown table 'modles'",
        "did you mean models",
        "header: columns name, parameter, colour",
        "sources.csv:2: kind: 'rumour'",
    ):
        assert any(expected in line for line in found), (expected, found)
    assert len(found) == 14  # one per faulty row or file


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no folder"):
        load_catalog(tmp_path / "nowhere")


def test_an_edited_overlay_is_read_again(tmp_path: Path) -> None:
    write(tmp_path, "sites", "norway,pue,1.3,1,,,,estimate,")
    assert load_catalog(tmp_path).site("norway").pue == 1.3
    write(tmp_path, "sites", "norway,pue,1.345,1,,,,estimate,")
    assert load_catalog(str(tmp_path)).site("norway").pue == 1.345


def test_a_model_that_cannot_exist_is_refused_with_its_place(tmp_path: Path) -> None:
    write(tmp_path, "models", "llama-3.1-8b,n_layers,0,1,,,,estimate,")
    with pytest.raises(CatalogError, match=r"models\.llama-3\.1-8b: .*n_layers"):
        load_catalog(tmp_path).model("llama-3.1-8b")
