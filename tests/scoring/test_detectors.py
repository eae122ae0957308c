"""The real loaders and the real architectures, small and untrained: what matters is that the same code reads them."""

import json

import pytest
import torch
from transformers import (
    CLIPTokenizer,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessor,
    Owlv2Processor,
)

from interactive_action.errors import InteractiveActionError
from interactive_action.scoring.detectors import ZeroShotDetector, load_detector
from interactive_action.tests.scoring import tiny_judges


@pytest.fixture(scope="module")
def owlv2(tmp_path_factory):
    folder = tmp_path_factory.mktemp("owlv2")
    torch.manual_seed(0)
    letters = [chr(c) for c in range(97, 123)]
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=16)
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = Owlv2Config(
        text_config={**small, "vocab_size": len(words), "bos_token_id": 52, "eos_token_id": 53},
        vision_config={**small, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    Owlv2ForObjectDetection(config).save_pretrained(folder)
    Owlv2Processor(Owlv2ImageProcessor(size={"height": 32, "width": 32}), tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def grounding_dino(tmp_path_factory):
    return tiny_judges.grounding_dino(tmp_path_factory.mktemp("grounding_dino"), ("panda", "robot", "arm"), seed=0)


@pytest.mark.parametrize("kind", ["owlv2", "grounding_dino"])
class TestAnyDetector:
    @pytest.fixture
    def folder(self, kind, request):
        return request.getfixturevalue(kind)

    def test_boxes_lie_in_the_image_and_bear_the_names_that_were_asked(self, folder):
        torch.manual_seed(1)
        found = load_detector(folder, 0.0).detect(torch.rand(3, 48, 64, 3), ["panda", "robot arm"])
        assert len(found) == 3 and any(found)
        for box in (box for boxes in found for box in boxes):
            assert box["label"] in ("panda", "robot arm") and 0 <= box["score"] <= 1
            assert box["x"] >= 0 and box["y"] >= 0 and box["width"] > 0 and box["height"] > 0
            assert box["x"] + box["width"] <= 64.001 and box["y"] + box["height"] <= 48.001

    def test_a_batch_sees_what_each_image_alone_shows(self, folder):
        torch.manual_seed(2)
        detector, images = load_detector(folder, 0.0), torch.rand(2, 40, 40, 3)
        labels = [["panda", "robot arm"], ["robot arm", "panda"]]
        together = detector.detect(images, labels)
        alone = [detector.detect(images[i : i + 1], labels[i])[0] for i in range(2)]
        for one, other in zip(together, alone):
            assert [box["label"] for box in one] == [box["label"] for box in other]
            assert [box["x"] for box in one] == pytest.approx([box["x"] for box in other], abs=1e-2)

    def test_images_may_be_asked_for_different_numbers_of_names(self, folder):
        found = load_detector(folder, 0.0).detect(torch.rand(2, 40, 40, 3), [["panda"], ["robot arm", "panda"]])
        assert {box["label"] for box in found[0]} <= {"panda"}

    def test_nothing_passes_the_highest_threshold(self, folder):
        assert load_detector(folder, 1.0).detect(torch.rand(2, 40, 40, 3), ["panda"]) == [[], []]

    def test_a_full_stop_in_a_name_is_an_error(self, folder):
        with pytest.raises(InteractiveActionError, match="full stop"):
            load_detector(folder, 0.1).detect(torch.rand(1, 40, 40, 3), ["a panda."])


def test_of_boxes_on_one_thing_one_stays(owlv2):
    detector = load_detector(owlv2, 0.1)
    boxes = torch.tensor([[0.0, 0, 20, 20], [1, 0, 21, 20], [0, 0, 20, 19.9], [30, 30, 40, 40]])
    scores = torch.tensor([[0.9, 0.1], [0.8, 0.1], [0.1, 0.7], [0.1, 0.6]])  # panda, panda, "lemon" on the panda, lemon
    kept = detector._choose(boxes, scores, ["panda", "lemon"], 48, 48)
    assert [(box["label"], box["x"]) for box in kept] == [("panda", 0), ("lemon", 30)]


def test_a_missing_folder_is_a_sentence(tmp_path):
    with pytest.raises(InteractiveActionError, match="could not be loaded.*Give a folder"):
        load_detector(tmp_path / "nothing", 0.3)


def test_weights_that_would_have_to_be_unpickled_are_refused(owlv2, tmp_path):
    for file in owlv2.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InteractiveActionError, match="could not be loaded"):
        load_detector(tmp_path, 0.3)


def test_a_model_of_another_kind_is_a_sentence(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(InteractiveActionError, match="could not be loaded"):
        load_detector(tmp_path, 0.3)


def test_the_detector_says_what_it_is(owlv2):
    detector = load_detector(owlv2, 0.25)
    assert isinstance(detector, ZeroShotDetector)
    assert (detector.name, detector.threshold) == (str(owlv2), 0.25)
