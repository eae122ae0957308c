"""Adapters: what they add, what they leave behind, and the names under which their files are read."""

import pytest
import torch

from interactive_action.models.adapters import (
    CROSS_KEYS_AND_VALUES,
    ComposedAdapter,
    LoRA,
    WeightDelta,
    attention_lora,
    auxiliary_lora,
    comfy_key,
    editor_adapter,
    kohya_key,
    weight_delta,
)
from interactive_action.tests.trainers.tiny import TinyEngine
from interactive_action.tests.trainers.tiny_editor import TinyEditor


def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.nn.ModuleDict({"first": torch.nn.Linear(3, 4), "second": torch.nn.Linear(4, 2)})


def output(module):
    return module["second"](torch.tanh(module["first"](torch.eye(3))))


def adapters(module):
    lora = LoRA({"first": module["first"]}, rank=2)
    delta = WeightDelta(module, {"second.weight": "second.weight", "second.bias": "second.bias"})
    return lora, delta, ComposedAdapter(lora, delta)


def random_weights(adapter, seed=0):
    return torch.randn(adapter.size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("which", range(3), ids=["LoRA", "delta", "composed"])
def test_at_its_start_an_adapter_changes_nothing_and_its_size_is_that_of_its_weights(which):
    module = network()
    adapter, before = adapters(module)[which], output(module)
    weights = adapter.start(torch.Generator().manual_seed(0))
    assert weights.shape == (adapter.size,)
    with adapter.active(weights):
        assert torch.equal(output(module), before)


@pytest.mark.parametrize("which", range(3), ids=["LoRA", "delta", "composed"])
def test_after_an_error_the_network_is_the_one_it_was(which):
    module = network()
    adapter, before = adapters(module)[which], output(module)
    parameters = dict(module.named_parameters())
    with pytest.raises(ZeroDivisionError), adapter.active(random_weights(adapter)):
        assert not torch.equal(output(module), before)
        raise ZeroDivisionError
    assert torch.equal(output(module), before)
    assert all(parameter is parameters[name] for name, parameter in module.named_parameters())
    assert not any(part._forward_hooks for part in module.modules())


def test_weights_of_another_length_are_refused_and_nothing_stays_changed():
    module = network()
    before = output(module)
    for adapter in adapters(module):
        with pytest.raises(RuntimeError), adapter.active(torch.zeros(adapter.size + 1)):
            pass
        assert torch.equal(output(module), before)


def test_a_composed_adapter_is_its_parts_one_within_the_other():
    module = network()
    lora, delta, both = adapters(module)
    weights = random_weights(both)
    of_lora, of_delta = weights.split([lora.size, delta.size])
    with lora.active(of_lora), delta.active(of_delta):
        expected = output(module)
    with both.active(weights):
        assert torch.equal(output(module), expected)
    assert both.tensors(weights).keys() == lora.tensors(of_lora).keys() | delta.tensors(of_delta).keys()
    starts = [adapter.start(torch.Generator().manual_seed(1)) for adapter in (lora, delta)]
    assert torch.equal(both.start(torch.Generator().manual_seed(1)), torch.cat(starts))


def test_gradients_reach_the_weights():
    module = network().requires_grad_(False)
    both = adapters(module)[2]
    weights = random_weights(both).requires_grad_()
    with both.active(weights):
        (gradient,) = torch.autograd.grad(output(module).square().sum(), weights)
    assert (gradient != 0).float().mean() > 0.9


def test_a_file_holds_what_is_added():
    module = network()
    _, _, both = adapters(module)
    weights = random_weights(both)
    tensors = both.tensors(weights)
    down, up = (tensors[f"diffusion_model.first.lora_{side}.weight"] for side in ("down", "up"))
    plain = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    with both.active(weights):
        expected = output(module)
    module["first"].weight.data = plain["first.weight"] + up @ down
    module["second"].weight.data = plain["second.weight"] + tensors["diffusion_model.second.diff"]
    module["second"].bias.data = plain["second.bias"] + tensors["diffusion_model.second.diff_b"]
    assert torch.allclose(output(module), expected, atol=1e-5)


def test_tensors_of_a_file_are_copies():
    lora = adapters(network())[0]
    weights = random_weights(lora)
    for tensor in lora.tensors(weights).values():
        tensor.zero_()
    assert weights.all()


def test_names_in_files():
    assert comfy_key("input_blocks.1.1.to_q") == "diffusion_model.input_blocks.1.1.to_q"
    assert kohya_key("down_blocks.0.attn2.to_out.0") == "lora_unet_down_blocks_0_attn2_to_out_0"


def test_an_engine_s_adapters_are_named_as_kohya_names_them_and_the_editor_s_as_comfyui_does():
    engine, editor = TinyEngine(), TinyEditor()
    delta = weight_delta(engine, CROSS_KEYS_AND_VALUES)
    assert set(delta.tensors(delta.start(torch.Generator()))) == {
        f"lora_unet_down_blocks_{i}_attn2_to_{kind}.diff" for i in range(3) for kind in "kv"
    }
    of_attention = attention_lora(engine, 2)
    assert {name.split(".")[0] for name in of_attention.tensors(random_weights(of_attention))} == {
        f"lora_unet_down_blocks_{i}_attn2_to_{kind}" for i in range(3) for kind in "kv"
    }
    of_editor = editor_adapter(editor.module, 2)
    assert all(name.startswith("diffusion_model.") for name in of_editor.tensors(random_weights(of_editor)))


def test_the_auxiliary_lora_is_on_the_projections_in_the_forward_pass_s_order():
    engine = TinyEngine()
    assert list(auxiliary_lora(engine, 1).layers.values()) == engine.attention_projections()
