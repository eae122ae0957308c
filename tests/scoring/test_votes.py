"""Human votes: a page that does not tell the methods, and a table that can be worked out by hand."""

import json
import random

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.nodes.voting_page import ReadVotes, WriteVotingPage
from interactive_action.scoring import votes
from interactive_action.scoring.statistics import fleiss_kappa

METHODS = ("interactive_action", "textual_inversion", "reversion")
PROMPTS = ["a panda picking up a lemon", "a bear pushing a </script> ball"]
KEY = {"page": "the page", "methods": ["first", "second"], "prompts": PROMPTS, "orders": [[0, 1], [1, 0]]}


def batches(groups=2):
    """One grey a method, so that an image tells whose it is."""
    return {method: torch.full((groups, 8, 8, 3), 0.2 + 0.3 * number) for number, method in enumerate(METHODS)}


def answers(*groups, voter="a", page="the page"):
    return json.dumps({"page": page, "voter": voter, "answers": groups})


def cell(report, question, method):
    (row,) = (row for row in report["rows"] if (row["question"], row["method"]) == (question, method))
    return row


def test_the_page_does_not_tell_the_methods_and_asks_nothing_of_the_network():
    page, key = votes.write_page(batches(), PROMPTS, seed=1)
    assert not [method for method in METHODS if method in page]
    assert "http:" not in page and "https:" not in page
    assert key["methods"] == list(METHODS)
    assert key["page"] in page
    assert page.count("</script>") == 2  # a prompt cannot end the page's own script


def test_the_seed_decides_the_order_and_the_key_knows_it():
    page, key = votes.write_page(batches(20), ["a prompt"] * 20, seed=1)
    assert votes.write_page(batches(20), ["a prompt"] * 20, seed=1) == (page, key)
    _, other_key = votes.write_page(batches(20), ["a prompt"] * 20, seed=2)
    assert other_key["orders"] != key["orders"] and other_key["page"] != key["page"]
    assert len({tuple(order) for order in key["orders"]}) == 6  # every order of three methods is there
    content = json.loads(page.partition(f'data-hash="{key["page"]}">')[2].partition("</script>")[0])
    whose = {votes._data_url(batch[0]): number for number, batch in enumerate(batches().values())}
    assert [[whose[image] for image in group["images"]] for group in content["groups"]] == key["orders"]


def test_images_that_do_not_make_groups_are_refused():
    with pytest.raises(InteractiveActionError, match="2 to 6 methods, and 1"):
        votes.write_page({"alone": torch.zeros(2, 8, 8, 3)}, PROMPTS, seed=0)
    with pytest.raises(InteractiveActionError, match="there are 2 prompts.*reversion 3"):
        votes.write_page({**batches(), "reversion": torch.zeros(3, 8, 8, 3)}, PROMPTS, seed=0)


def test_votes_are_counted_for_the_method_behind_the_image():
    report = votes.tally(KEY, {"a": answers([0, 0, 1], [0, None, 0]), "b": answers([0, 1, 1], [1, None, 0], voter="b")})
    # entity: the image at place 0 of group 2 is the second method's; three of four votes go to the first
    assert (cell(report, "entity", "first")["votes"], cell(report, "entity", "first")["share"]) == (3, 0.75)
    assert (cell(report, "action", "first")["votes"], cell(report, "action", "first")["share"]) == (1, 0.5)
    assert cell(report, "overall", "second")["share"] == 1
    assert cell(report, "overall", "second")["interval"] == [1, 1]
    assert (report["voters"], report["groups"], report["left_out"]) == (2, 2, [])


def test_intervals_are_those_of_the_bootstrap_and_always_the_same():
    # two voters who disagree on one group: a quarter of the resamples each has 0 and 1, so both are in the interval
    files = {name: answers([image] * 3, voter=name) for name, image in (("a", 0), ("b", 1))}
    key = {**KEY, "prompts": PROMPTS[:1], "orders": [[0, 1]]}
    report = votes.tally(key, files)
    assert cell(report, "entity", "first")["interval"] == [0, 1]
    assert votes.tally(key, files) == report
    assert cell(votes.tally(key, {"a": files["a"]}), "entity", "first")["interval"] is None


def test_an_interval_is_about_as_wide_as_theory_says():
    # 400 voters, one group, half of the votes each: 0.5 +- 1.96 * sqrt(0.25 / 400) = 0.5 +- 0.049
    files = {str(number): answers([number % 2] * 3, voter=str(number)) for number in range(400)}
    report = votes.tally({**KEY, "prompts": PROMPTS[:1], "orders": [[0, 1]]}, files)
    assert cell(report, "action", "first")["interval"] == pytest.approx([0.451, 0.549], abs=0.006)


def test_fleiss_kappa_by_hand():
    # P = (1 + 1/3) / 2 = 2/3; p = (4/6, 2/6), so chance is 5/9; (2/3 - 5/9) / (4/9) = 1/4
    assert fleiss_kappa([[3, 0], [1, 2]]) == pytest.approx(0.25)
    assert fleiss_kappa([[2, 0], [0, 2]]) == pytest.approx(1)
    assert fleiss_kappa([[1, 1], [1, 1]]) == pytest.approx(-1)
    # a group with one vote says nothing about agreement
    assert fleiss_kappa([[3, 0], [1, 2], [0, 1]]) == pytest.approx(0.25)
    # nor do voters who all chose the same method everywhere: chance alone would agree as well
    assert fleiss_kappa([[2, 0], [2, 0]]) is None
    assert fleiss_kappa([[1, 0]]) is None


def test_files_that_do_not_count_are_named_and_the_others_counted():
    good = answers([0, 0, 0], [1, 1, 1])
    report = votes.tally(
        KEY,
        {
            "good": good,
            "text": "hello",
            "list": "[]",
            "other": answers([0, 0, 0], [1, 1, 1], voter="b", page="another"),
            "short": answers([0, 0, 0], voter="c"),
            "far": answers([0, 0, 2], [1, 1, 1], voter="d"),
            "bool": answers([0, 0, True], [1, 1, 1], voter="e"),
            "empty": answers([None] * 3, [None] * 3, voter="f"),
            "again": answers([0, None, 0], [1, 1, 1]),
        },
    )
    assert report["voters"] == 1
    assert cell(report, "action", "first")["votes"] == 2
    assert report["left_out"] == [
        "text is left out: it is not JSON.",
        "list is left out: it is not a file of answers.",
        "other is left out: its answers belong to another page.",
        "short is left out: its answers do not fit the questions of the page.",
        "far is left out: its answers do not fit the questions of the page.",
        "bool is left out: its answers do not fit the questions of the page.",
        "empty is left out: it holds no answers.",
        "again is left out: good is of the same voter.",
    ]
    with pytest.raises(InteractiveActionError, match="no votes to count among 1 files.*text is left out"):
        votes.tally(KEY, {"text": "hello"})


NO_KEYS = (
    {"orders": [[0, 0], [1, 0]]},
    {"orders": [[0, 1], [1, True - 1.0]]},
    {"orders": [[0, 1], {"0": 1}]},
    {"orders": [[0, 1]]},
    {"orders": 5},
    {"methods": [1, 2]},
    {"methods": "ab"},
    {"methods": ["first", "first"]},
    {"methods": [["first"], ["second"]]},
    {"prompts": None},
    {"prompts": "ab"},
    {"page": 5},
)


@pytest.mark.parametrize(
    "text", ["hello", "[]", "{}", "5", "[" * 100_000, *(json.dumps({**KEY, **change}) for change in NO_KEYS)]
)
def test_what_is_no_key_is_refused(text):
    with pytest.raises(InteractiveActionError, match="not the key"):
        votes.read_key(text)


def test_a_file_that_cannot_be_read_is_named_and_loses_no_other(tmp_path):
    (tmp_path / "good.json").write_text(answers([0, 0, 0], [1, 1, 1]), encoding="utf-8-sig")
    (tmp_path / "sixteen.json").write_text(answers([0, 0, 0], [1, 1, 1], voter="b"), encoding="utf-16")
    (tmp_path / "latin.json").write_bytes('{"voter": "J\xfcrgen"}'.encode("latin-1"))
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "folder.json").mkdir()
    report = votes.tally(KEY, *votes.read_answer_files(sorted(tmp_path.iterdir())))
    assert report["voters"] == 2
    folder, latin, deep = report["left_out"]
    assert folder.startswith("folder.json is left out. folder.json could not be read")
    assert latin.startswith("latin.json is left out. latin.json is not written in UTF-8")
    assert deep == "deep.json is left out: it is not JSON."


def test_methods_may_be_called_as_formulas_are():
    report = votes.tally({**KEY, "methods": ["$x_{", "$\\frac"]}, {"a": answers([0, 0, 1], [0, None, 0])})
    assert votes.plot(report)[:4] == b"\x89PNG"


def test_transparent_images_make_the_page_of_their_three_channels():
    images = {method: torch.cat([batch, torch.zeros(2, 8, 8, 1)], -1) for method, batch in batches().items()}
    assert votes.write_page(images, PROMPTS, seed=1) == votes.write_page(batches(), PROMPTS, seed=1)


def test_the_nodes_write_a_page_and_read_its_votes():
    import folder_paths

    from interactive_action.files import write_atomically

    name = f"page-{random.randrange(10**9)}"
    images = {f"images_{number}": batch for number, batch in enumerate(batches().values(), 1)}
    written = dict(methods="\n".join(METHODS), prompts="\n".join(PROMPTS), seed=3, save_as=name)
    (page,) = WriteVotingPage.execute(**images, **written).result
    assert page == name
    assert WriteVotingPage.execute(**images, **written).result == (f"{name}-2",)
    with pytest.raises(InteractiveActionError, match="name of its own; 3 batches"):
        WriteVotingPage.execute(**images, **{**written, "methods": "one\none\ntwo"})

    with open(f"{folder_paths.get_output_directory()}/{page}.key.json", encoding="utf-8") as file:
        key = json.load(file)
    ours = [[order.index(0)] * 3 for order in key["orders"]]
    before = ReadVotes.fingerprint_inputs(page=page, folder=name)
    write_atomically(f"{folder_paths.get_input_directory()}/{name}/a.json", answers(*ours, page=key["page"]).encode())
    assert ReadVotes.fingerprint_inputs(page=page, folder=name) != before
    table, report, plot = ReadVotes.execute(
        page, name, answers(*ours, page=key["page"], voter="b") + "\n\nhello"
    ).result
    assert json.loads(report)["voters"] == 2
    assert cell(json.loads(report), "overall", "interactive_action")["share"] == 1
    assert "interactive_action  100.0% [100.0%, 100.0%]" in table
    assert table.splitlines()[-1] == "pasted line 2 is left out: it is not JSON."
    assert plot.shape == (1, 400, 800, 3)
    with pytest.raises(InteractiveActionError, match="no page-of-nobody.key.json"):
        ReadVotes.execute("page-of-nobody", name)
    with pytest.raises(InteractiveActionError):
        ReadVotes.execute(page, "../elsewhere")
