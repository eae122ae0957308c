"""Simulation and the real robot: the paper's own Table 4, and what each measure means."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from interactive_action.errors import InteractiveActionError
from interactive_action.scoring.sim_to_real import compare, mmrv, pearson, plot, read_table, table

# Table 4 of Benarous et al. 2025: success rates of RT-1 (Converged), RT-1 (15%), RT-1-X, RT-1 (Begin); open drawer,
# close drawer, average.
REAL = [(0.815, 0.704, 0.519, 0.000), (0.926, 0.889, 0.741, 0.000), (0.870, 0.796, 0.630, 0.000)]
TABLE_4 = {
    "Variant Aggregation": (
        [(0.270, 0.212, 0.069, 0.005), (0.376, 0.323, 0.519, 0.132), (0.323, 0.267, 0.294, 0.069)],
        (0.000, 0.130, 0.083), (0.915, 0.756, 0.964)),
    "Visual Matching": (
        [(0.601, 0.463, 0.296, 0.000), (0.861, 0.667, 0.891, 0.278), (0.730, 0.565, 0.597, 0.139)],
        (0.000, 0.130, 0.083), (0.987, 0.891, 0.972)),
    "Ours": (
        [(0.471, 0.259, 0.180, 0.021), (0.810, 0.619, 0.608, 0.058), (0.640, 0.439, 0.394, 0.040)],
        (0.000, 0.000, 0.000), (0.917, 0.978, 0.966)),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE_4)
@pytest.mark.parametrize("task", range(3))
def test_table_4_of_the_paper(name, task):
    rates, violations, correlations = TABLE_4[name]
    assert mmrv(REAL[task], rates[task]) == pytest.approx(violations[task], abs=0.005)
    assert pearson(REAL[task], rates[task]) == pytest.approx(correlations[task], abs=0.005)


def test_mmrv_is_what_the_worst_choice_costs():
    assert mmrv([0.9, 0.5, 0.1], [0.8, 0.6, 0.4]) == 0
    # 0.9 and 0.5 change places: each of the two has a violation of 0.4, the third has none.
    assert mmrv([0.9, 0.5, 0.1], [0.6, 0.8, 0.4]) == pytest.approx((0.4 + 0.4 + 0) / 3)
    assert mmrv([0.9, 0.5, 0.1], [0.4, 0.6, 0.8]) == pytest.approx((0.8 + 0.4 + 0.8) / 3)


def test_mmrv_is_the_double_loop_that_the_formula_spells():
    random = np.random.default_rng(0)
    real, simulated = random.random((2, 7)).round(1)
    slow = [
        max(abs(real[i] - real[j]) * ((simulated[i] < simulated[j]) != (real[i] < real[j])) for j in range(7))
        for i in range(7)
    ]
    assert mmrv(real, simulated) == pytest.approx(sum(slow) / 7)


def test_pearson_is_one_on_a_line_and_undefined_without_spread():
    assert pearson([0.1, 0.2, 0.4], [0.2, 0.4, 0.8]) == pytest.approx(1)
    assert pearson([0.1, 0.2, 0.4], [0.8, 0.6, 0.2]) == pytest.approx(-1)
    assert pearson([0.1, 0.2, 0.4], [0.5, 0.5, 0.5]) is None


CSV = "policy,real,matched,edited\nA,0.9,0.5,0.8\nB,0.5,0.6,0.4\n\nC,0,0.1,0\n"


def test_a_table_is_read_from_csv_and_from_json_alike():
    policies, real, simulations = read_table(CSV)
    assert (policies, real) == (["A", "B", "C"], [0.9, 0.5, 0.0])
    assert simulations == {"matched": [0.5, 0.6, 0.1], "edited": [0.8, 0.4, 0.0]}
    lines = [
        {"policy": p, "real": r, **{name: rates[i] for name, rates in simulations.items()}}
        for i, (p, r) in enumerate(zip(policies, real))
    ]
    assert read_table(json.dumps(lines)) == (policies, real, simulations)


def test_the_report_names_each_simulation():
    rows = compare(*read_table(CSV))
    assert [row["simulation"] for row in rows] == ["matched", "edited"]
    assert rows[0]["mmrv"] == pytest.approx(0.8 / 3) and rows[1]["mmrv"] == 0
    assert table(rows).splitlines()[1].split() == ["matched", "0.267", f"{rows[0]['pearson_r']:.3f}"]
    flat = compare(["A", "B"], [0.1, 0.2], {"flat": [0.3, 0.3]})
    assert "undefined" in table(flat)


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_a_table_may_come_from_any_system(end):
    assert read_table(CSV.replace("\n", end)) == read_table(CSV)


def test_policies_may_be_called_as_formulas_are():
    assert plot(["$x_{", "B"], [0.1, 0.2], {"$\\frac": [0.3, 0.4]})[:4] == b"\x89PNG"


def test_the_plot_is_an_image():
    with Image.open(io.BytesIO(plot(*read_table(CSV)))) as image:
        assert image.size == (640, 520)


@pytest.mark.parametrize(("text", "sentence"), [
    ("", "0 policies and 0 columns"),
    ("policy,real,sim\nA,0.5,0.4", "1 policies and 3 columns"),
    ("policy,real\nA,0.5\nB,0.4", "2 policies and 2 columns"),
    ("policy,real,sim\nA,0.5,0.4\nB,0.4", "line of 'B' has 2 entries"),
    ("policy,real,sim\nA,0.5,0.4\nB,0.4,high", "'B' in the column 'sim' is 'high'"),
    ("policy,real,sim\nA,0.5,0.4\nB,nan,0.1", "'B' in the column 'real' is 'nan'"),
    ("policy,real,sim,sim\nA,0.5,0.4,1\nB,1,0.1,0", "Two columns have one name"),
    ('[{"policy": "A", "real": 0.1, "sim": 0.2}, {"policy": "B"}]', "object 2 has no 'real'"),
    ("{", "not JSON"),
    ("[" * 100_000, "not JSON"),
    ("{}", "not a list of JSON objects"),
    ("[]", "not a list of JSON objects"),
    ("[[0, 1, 2], [0, 1, 2], [0, 1, 2]]", "not a list of JSON objects"),
    ("[1, 2, 3]", "not a list of JSON objects"),
    ('[{"policy": "A", "real": {}, "sim": 0.2}, {"policy": "B", "real": 1, "sim": 1}]', "'A' in the column 'real' is"),
    ("policy,real,sim\nA,0.5,0.4\nB," + "9" * 200_000, "not CSV: field larger"),
])  # fmt: skip
def test_a_table_that_cannot_be_read_is_a_sentence(text, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        read_table(text)
