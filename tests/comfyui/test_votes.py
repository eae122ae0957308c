"""The voting page in a real Chromium: votes are cast by mouse and by keyboard, saved, and read back."""

import json
import time

import pytest
import torch

from interactive_action.scoring import votes
from interactive_action.tools.dev.browser import Browser

METHODS = ("interactive_action", "textual_inversion", "reversion")
PROMPTS = ["a panda picking up a lemon", "a bear pushing a ball"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """(the page's file, its key)"""
    images = {method: torch.full((2, 64, 64, 3), 0.2 + 0.3 * number) for number, method in enumerate(METHODS)}
    page, key = votes.write_page(images, PROMPTS, seed=5)
    path = tmp_path_factory.mktemp("votes") / "votes.html"
    path.write_text(page, encoding="utf-8")
    return path, key


@pytest.fixture
def browser(written, tmp_path):
    with Browser(width=360, height=740) as browser:
        browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
        open_page(browser, written)
        yield browser


def open_page(browser, written):
    browser.call("Page.navigate", url=written[0].as_uri())
    browser.wait("location.protocol === 'file:' && document.readyState === 'complete'")


def press(browser, key, code, text=""):
    for kind in ("keyDown", "keyUp"):
        browser.call(
            "Input.dispatchKeyEvent",
            type=kind,
            key=key,
            code=key if key != " " else "Space",
            windowsVirtualKeyCode=code,
            **({"text": text} if kind == "keyDown" and text else {}),
        )


def saved_files(folder, count):
    deadline = time.monotonic() + 20
    while len(files := sorted(folder.glob("*.json"))) < count and time.monotonic() < deadline:
        time.sleep(0.1)
    return {file.name: file.read_text() for file in files}


def test_votes_are_cast_saved_and_read_back(browser, written, tmp_path):
    key = written[1]
    assert browser.evaluate("save.disabled")
    for group, order in enumerate(key["orders"]):
        for question in range(3):
            browser.evaluate(f"document.getElementsByName('{group}-{question}')[{order.index(question)}].click()")
    open_page(browser, written)  # a voter comes back later: the answers are still there
    assert browser.evaluate("document.querySelectorAll('input:checked').length") == 6
    assert browser.evaluate("save.textContent") == "Save my answers (6 of 6)"
    browser.evaluate("save.click()")
    report = votes.tally(key, saved_files(tmp_path, 1))
    won = {row["question"]: row["method"] for row in report["rows"] if row["share"] == 1}
    assert won == dict(zip(votes.QUESTIONS, METHODS))


def test_the_keyboard_is_enough(browser, written, tmp_path):
    key = written[1]
    press(browser, "Tab", 9)
    press(browser, " ", 32, " ")  # the first image of the first question
    press(browser, "Tab", 9)
    press(browser, " ", 32, " ")
    press(browser, "ArrowRight", 39)  # and the second of the second
    for _ in range(5):
        press(browser, "Tab", 9)
    assert browser.evaluate("document.activeElement.id") == "save"
    press(browser, "Enter", 13, "\r")
    (file,) = saved_files(tmp_path, 1).values()
    assert json.loads(file)["answers"] == [[0, 1, None], [None, None, None]]
    assert not [method for method in METHODS if method in file]
    assert json.loads(file)["page"] == key["page"]


def test_it_fits_a_phone_and_shows_its_images(browser):
    assert browser.evaluate("document.documentElement.scrollWidth <= 360")
    assert browser.evaluate("Math.min(...Array.from(document.images, image => image.naturalWidth))") == 64
    assert browser.evaluate("Math.min(...Array.from(document.querySelectorAll('label'), l => l.offsetHeight))") >= 40
