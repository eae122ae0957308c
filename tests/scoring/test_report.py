"""A report: one page with every number, image and file in it, and nothing else."""

import base64
import io
import json
import pathlib
import random
import re

import numpy
import pytest
import torch
from PIL import Image

from interactive_action.errors import InteractiveActionError
from interactive_action.nodes.write_report import WriteReport, settings_of
from interactive_action.scoring.report import Cell, File, Grid, Plot, Score, Table, data_url, report_page, write_report

IMAGE = torch.full((96, 96, 3), 0.5)
ROWS = [
    {"method": "base", "IAScore": Score(0.25, (0.2, 0.5)), "passed": 0.4},
    {"method": "ours <b>", "IAScore": Score(0.5), "passed": None},
]


def decoded(address):
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


def test_a_table_tells_numbers_and_intervals_and_draws_them_on_one_scale():
    page = report_page("Title", sections=[Table("Scores", ROWS, {"passed": ".0%"}, "a note")])
    assert '<span class="value">0.250</span><span class="interval">0.200 to 0.500</span>' in page
    assert 'data-name="passed">40%</td>' in page and 'data-name="passed">-</td>' in page
    assert "ours &lt;b&gt;" in page and "a note" in page
    # the column reaches to 0.5: 0.25 is half of it, its interval 40 % to all of it
    widths = re.findall(r'class="fill" x="0.00" width="([\d.]+)"', page)
    assert widths == ["50.00", "100.00"]
    assert '<line x1="40.00" x2="100.00"' in page and page.count("<line") == 1


def test_negative_scores_have_bars_left_of_zero():
    page = report_page(
        "Title",
        sections=[
            Table("Scores", [{"method": "a", "score": Score(-0.5, (-1.0, 0.0))}, {"method": "b", "score": Score(1.0)}])
        ],
    )
    # from -1 to 1 zero is at 50, and -0.5 at 25
    assert 'class="fill" x="25.00" width="25.00"' in page and 'class="fill" x="50.00" width="50.00"' in page
    assert ">-</td>" in report_page("Title", sections=[Table("None", [{"method": "a", "score": Score(None)}])])


def test_a_grid_names_method_and_prompt_of_each_image():
    page = report_page(
        "Title",
        sections=[
            Grid("Images", [("a panda & a cup", [Cell("base", [IMAGE], "passed"), Cell("ours", [IMAGE, IMAGE])])])
        ],
    )
    assert page.count('<img src="data:image/png') == 3 and page.count('class="several"') == 1
    assert 'alt="ours: a panda &amp; a cup"' in page and "<small>passed</small>" in page


def test_images_of_any_kind_are_data_url_small():
    tall = torch.zeros(1000, 500, 3)
    assert decoded(data_url(tall)).size == (160, 320) and data_url(tall).startswith("data:image/jpeg")
    assert decoded(data_url(tall, side=None)).size == (500, 1000)
    assert decoded(data_url(numpy.full((96, 96, 3), 7, numpy.uint8))).getpixel((0, 0)) == (7, 7, 7)
    assert decoded(data_url(IMAGE)).getpixel((0, 0)) == (128, 128, 128)
    transparent = torch.cat([IMAGE, torch.zeros(96, 96, 1)], -1)
    assert data_url(transparent) == data_url(IMAGE)
    data = io.BytesIO()
    Image.new("RGBA", (8, 8), "red").save(data, "PNG")
    assert decoded(data_url(data.getvalue())).getpixel((0, 0)) == (255, 0, 0)
    assert data_url(b"<svg xmlns='http://www.w3.org/2000/svg'/>").startswith("data:image/svg+xml")


def test_files_travel_inside_and_settings_are_told():
    page = report_page(
        "Title",
        settings={"Sampler": {"steps": 20, "name": "<ddim>"}},
        files=[File("lift.safetensors", b"\0" * 1500, "a token")],
    )
    address = re.search(r'download="lift.safetensors" href="([^"]+)"', page)[1]
    assert base64.b64decode(address.partition(",")[2]) == b"\0" * 1500
    assert "(1.5 kB)" in page and "<dt>steps</dt><dd>20</dd>" in page and "&lt;ddim&gt;" in page


def test_the_page_asks_nothing_of_the_network_and_no_text_is_filled_in_again(tmp_path):
    write_report(tmp_path / "new" / "report.html", "{{sections}} {{nix}}", "{{contents}}", [Plot("A plot", IMAGE)])
    page = (tmp_path / "new" / "report.html").read_text()
    assert "<h1>{{sections}} {{nix}}</h1>" in page and "<p>{{contents}}</p>" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page) and "url(" not in page and "@import" not in page
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_half_an_emoji_in_a_text_is_written_as_its_code(tmp_path):
    write_report(tmp_path / "report.html", "half \ud83d", "lead")
    assert "<h1>half \\ud83d</h1>" in (tmp_path / "report.html").read_text(encoding="utf-8")


def report_of(count, score=0.5):
    """What IAScore says of ``count`` images of which the first passed."""
    names = ("iascore_cosine", "iascore_2_5", "pass_rate", "both_found", "mean_iou", "cosine_of_passed")
    return json.dumps(
        {
            "how": {"detector": "miniature", "threshold": 0.3, "clip": "miniature"},
            "scores": {"n": count, **dict.fromkeys(names, score)},
            "intervals": {name: [0.1, 0.9] for name in names},
            "images": [{"passed": not place, "cosine": 0.25} for place in range(count)],
        }
    )


def test_the_node_writes_scores_votes_images_and_tokens():
    import folder_paths

    from interactive_action.tokens.token import InteractiveToken
    from interactive_action.tokens.token_file import save_token

    name = f"report-{random.randrange(10**9)}"
    save_token(InteractiveToken("lift-in-report", torch.zeros(1, 128)), folder_paths.get_folder_paths("embeddings")[0])
    images = IMAGE.repeat(3, 1, 1, 1)
    votes = json.dumps(
        {
            "voters": 5,
            "groups": 2,
            "kappa": {"entity": None, "action": 0.25, "overall": 0.5},
            "left_out": [],
            "rows": [
                {"question": question, "method": method, "votes": 5, "share": 0.5, "interval": [0.4, 0.6]}
                for question in ("entity", "action", "overall")
                for method in ("ours", "base")
            ],
        }
    )
    given = dict(
        title="Lifts",
        images_1=images,
        report_1=report_of(3),
        images_2=images,
        methods="ours\nbase",
        prompts="a panda\na panda\na frog",
        save_as=name,
        votes=votes,
        plots=IMAGE[None],
        tokens="<lift-in-report>\n",
    )
    (page,) = WriteReport.execute(**given).result
    assert page == name
    text = pathlib.Path(folder_paths.get_output_directory(), f"{page}.html").read_text(encoding="utf-8")
    assert "detector miniature, threshold 0.3, clip miniature" in text
    assert "5 voters chose among 2 groups" in text and "entity -, action 0.25" in text
    assert "boxes overlap in 1 of 2" in text and "no overlap, cosine 0.25" in text  # the two pandas stand together
    assert 'download="lift-in-report.safetensors"' in text
    assert WriteReport.execute(**given).result == (f"{name}-2",)
    for wrong, said in (
        ({"methods": "ours"}, "2 batches"),
        ({"prompts": "a panda"}, "1 prompts.*ours 3, base 3"),
        ({"tokens": "<nobody>"}, "nobody"),
    ):
        with pytest.raises(InteractiveActionError, match=said):
            WriteReport.execute(**{**given, **wrong})


def test_a_graph_from_the_web_page_travels_inside(monkeypatch):
    import folder_paths
    from comfy_api.latest import io as comfy_io

    hidden = {
        "UNIQUE_ID": "9",
        "PROMPT": {"9": {"class_type": "WriteReport", "inputs": {}}},
        "EXTRA_PNGINFO": {"workflow": {"nodes": []}},
    }
    monkeypatch.setattr(
        WriteReport,
        "hidden",
        comfy_io.HiddenHolder.from_dict({comfy_io.Hidden(name): value for name, value in hidden.items()}),
    )
    (page,) = WriteReport.execute("Title", IMAGE[None], "ours", "a panda", f"graph-{random.randrange(10**9)}").result
    text = pathlib.Path(folder_paths.get_output_directory(), f"{page}.html").read_text(encoding="utf-8")
    address = re.search(r'workflow.json" href="([^"]+)"', text)[1]
    assert json.loads(base64.b64decode(address.partition(",")[2])) == {"nodes": []}


def test_scores_that_were_judged_differently_are_said_to_be():
    from interactive_action.scoring.report_sections import scores_table

    other = json.loads(report_of(1))
    other["how"]["clip"] = "ViT-B-32"
    assert "Judged differently! ours by" in scores_table({"ours": json.loads(report_of(1)), "base": other}).note


def test_settings_are_the_literals_of_what_led_to_the_report():
    graph = {
        "9": {"class_type": "WriteReport", "inputs": {"images_1": ["2", 0], "title": "x"}},
        "2": {
            "class_type": "KSampler",
            "inputs": {"model": ["1", 0], "steps": 20, "seed": 3},
            "_meta": {"title": "Draw"},
        },
        "1": {"class_type": "Load", "inputs": {"name": "sd", "empty": ""}},
        "7": {"class_type": "ExternalSource", "inputs": {"x": 1}},
    }
    assert settings_of(graph, "9") == {"Load": {"name": "sd"}, "Draw": {"steps": 20, "seed": 3}}
    assert list(settings_of(graph, "9")) == ["Load", "Draw"]
