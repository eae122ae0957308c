"""The page's languages: complete, as the schemas are now, and shown."""

import json
import re

import pytest

from interactive_action.tools.dev import locales
from interactive_action.tools.dev.browser import Browser

SCHEMAS = locales.node_schemas()
REMEDY = "run `python . tools.dev.locales`, and add what it lists to tools/dev/translations"


@pytest.mark.parametrize("language", locales.LANGUAGES)
def test_every_sentence_of_every_node_is_translated(language):
    known = locales.translations(language)
    missing = [sentence for sentence in locales.sentences(SCHEMAS) if sentence not in known]
    assert missing == [], REMEDY


def test_the_files_are_those_of_the_schemas_as_they_are_now():
    for path, text in locales.files(SCHEMAS).items():
        assert path.is_file(), REMEDY
        assert path.read_text(encoding="utf-8") == text, f"{path.name} of {path.parent.name}: {REMEDY}"


@pytest.mark.parametrize("language", locales.LANGUAGES)
def test_a_translation_keeps_placeholders_words_in_brackets_and_file_names(language):
    kept = re.compile(r"<[^<>\s]+>|\{\w+\}|\.\w{2,11}\b|models/\w+|output/\w+")
    for english, sentence in locales.translations(language).items():
        assert set(kept.findall(sentence)) == set(kept.findall(english)), english


def test_chinese_is_chinese_and_ends_as_chinese_does():
    for english, sentence in locales.translations("zh").items():
        if english.endswith(".") and " " in english:
            assert re.search(r"[\u4e00-\u9fff]", sentence), english
            assert sentence.endswith("。"), english


def test_what_the_page_takes_for_a_message_is_written_as_a_literal():
    assert locales._message("at {x} | a@b") == "at {'{'}x{'}'} {'|'} a{'@'}b"


@pytest.mark.parametrize("language", locales.LANGUAGES)
def test_a_help_page_of_a_language_is_of_a_node_and_has_its_title(language):
    titles = {schema.node_id: locales.translations(language)[schema.display_name] for schema in SCHEMAS}
    pages = {path.parent.name: path.read_text(encoding="utf-8") for path in locales.HELP_PAGES.glob(f"*/{language}.md")}
    assert pages
    for name, page in pages.items():
        assert page.split("\n")[0] == f"# {titles[name]}"


@pytest.mark.parametrize("language", locales.LANGUAGES)
def test_every_input_that_a_help_page_explains_is_an_input_of_the_node(language):
    for schema in SCHEMAS:
        known = {text for name, entry in locales.inputs_of(schema.inputs) for text in (name, entry.display_name)}
        path = locales.HELP_PAGES / schema.node_id / f"{language}.md"
        if path.is_file():
            heads = re.findall(r"^- (.+?)\uff1a|^\| ([a-z_、]+) \|", path.read_text(encoding="utf-8"), re.MULTILINE)
            named = {word.strip("*") for head in heads for word in "".join(head).split("、")}
            assert {word for word in named if re.fullmatch(r"[\w\s-]+", word) and word.isascii()} <= known, (
                schema.node_id
            )


def test_a_sentence_that_changes_is_missing_until_it_is_translated_anew():
    class Schema:
        node_id, display_name, category, description = "New", "Export Token", "Interactive Action/tokens", "Changed."
        inputs = outputs = ()

    known = locales.translations("zh")
    assert [text for text in locales.sentences([Schema]) if text not in known] == ["Changed."]


@pytest.mark.browser
def test_the_page_shows_chinese_titles_inputs_and_descriptions(server):
    with Browser() as browser:
        browser.open_comfyui(server.address)
        served = json.loads(server.client().get("/api/i18n"))
        page = server.client().get("/extensions/interactive-action/docs/InteractiveTokenLoader/zh.md")
        assert page.decode().startswith("# 交互词元加载器")
        assert served["zh"]["nodeDefs"]["InteractiveTokenLoader"]["display_name"] == "交互词元加载器"
        browser.evaluate("app.extensionManager.setting.set('Comfy.Locale', 'zh').then(() => 0)")
        browser.open_comfyui(server.address)
        node = "(node => { app.graph.add(node); return node })(LiteGraph.createNode('InteractiveActionCaptionImages'))"
        shown = browser.evaluate(
            f"(node => [node.title, ...node.inputs.map(input => input.localized_name ?? input.label)])({node})"
        )
        assert shown[0].startswith("描述图像")
        assert "图像" in shown
        browser.evaluate("app.extensionManager.setting.set('Comfy.Locale', 'en').then(() => 0)")
