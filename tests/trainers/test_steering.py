"""The steering loss, 000 Eq. 5."""

import math

import pytest
import torch

from interactive_action.trainers.steering import content_words, steering_by_encoder, steering_loss


def slow_steering_loss(v, positives, negatives, gamma):
    """Eq. 5 as it is printed, term by term, with cosines."""

    def term(word):
        cosine = sum(a * b for a, b in zip(v.tolist(), word.tolist())) / (v.norm().item() * word.norm().item())
        return math.exp(cosine / gamma)

    positive = sum(term(word) for word in positives)
    negative = sum(term(word) for word in negatives)
    return -math.log(positive / (positive + negative))


def test_one_positive_ahead_and_one_negative_across_give_the_hand_worked_value():
    loss = steering_loss(torch.tensor([1.0, 0.0]), torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), gamma=1.0)
    assert loss.item() == pytest.approx(-math.log(math.e / (math.e + 1)))


@pytest.mark.parametrize("gamma", [0.07, 0.5])
def test_it_equals_the_sum_written_out_term_by_term(gamma):
    generator = torch.Generator().manual_seed(1)
    v, *words = torch.randn(9, 5, generator=generator)
    positives, negatives = torch.stack(words[:3]), torch.stack(words[3:])
    assert steering_loss(v, positives, negatives, gamma).item() == pytest.approx(
        slow_steering_loss(v, positives, negatives, gamma), rel=1e-4
    )


def test_only_directions_count():
    generator = torch.Generator().manual_seed(2)
    v, positives, negatives = torch.randn(6, 4, generator=generator).split([1, 2, 3])
    v = v[0]
    assert steering_loss(3 * v, 0.1 * positives, 7 * negatives, 1.0).item() == pytest.approx(
        steering_loss(v, positives, negatives, 1.0).item(), rel=1e-5
    )


def test_without_negatives_there_is_nothing_to_steer_from():
    assert steering_loss(torch.randn(4), torch.randn(2, 4), torch.empty(0, 4)).item() == 0


def test_the_gradient_agrees_with_finite_differences():
    generator = torch.Generator().manual_seed(3)
    v = torch.randn(6, generator=generator, dtype=torch.float64, requires_grad=True)
    positives, negatives = torch.randn(2, 4, 6, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: steering_loss(x, positives, negatives), v)


def test_a_step_against_the_gradient_turns_v_towards_the_positives():
    v = torch.tensor([1.0, 1.0], requires_grad=True)
    positive, negative = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    steering_loss(v, positive, negative).backward()
    stepped = v.detach() - 0.1 * v.grad
    assert stepped[0] > stepped[1]


def test_negatives_are_the_prompts_other_words_without_function_words_and_the_placeholder():
    assert content_words("A photo of a robot arm <v*> the red cube in a studio", "<v*>") == (
        "photo",
        "robot",
        "arm",
        "red",
        "cube",
        "studio",
    )


def test_encoders_of_different_size_are_steered_each_by_itself():
    """The first is where it should be, the second where it should not: the mean of Eq. 5 in each."""
    v, positive, negative = (torch.tensor(numbers) for numbers in ([1.0, 0, 0, 9], [[2.0, 0, 5, 0]], [[0.0, 3, 0, 7]]))
    of_first, of_second = math.log(1 + math.exp(-1)), math.log(1 + math.exp(1))
    loss = steering_by_encoder(v, positive, negative, 1.0, (2, 2), (True, True))
    assert loss.item() == pytest.approx((of_first + of_second) / 2)
    alone = steering_by_encoder(v, positive, negative, 1.0, (2, 2), (False, True))
    assert alone.item() == pytest.approx(of_second)
