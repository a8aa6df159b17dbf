"""Heads: linear, the best ones, folded so that raw evidence goes in."""

import numpy as np
import pytest

pytest.importorskip("torch")

from sklearn.linear_model import LogisticRegression

from pellucid.train.heads import ABSENT, linear, soft_linear


def _data(states: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, states, 60)
    evidence = rng.normal(5.0, 3.0, (60, 2, 8)) + labels[:, None, None] * np.arange(8)
    return evidence.astype(np.float16), labels


@pytest.mark.parametrize("states", [2, 3])
def test_heads_give_the_probabilities_of_scikit_learn(states: int):
    evidence, labels = _data(states)
    weight, bias = linear(evidence, labels, states, 0.1)
    x = evidence.astype(np.float32).reshape(-1, 8)
    logits = x @ weight.numpy() + bias.numpy()
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    z = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-4)
    expected = LogisticRegression(C=0.05, max_iter=200, tol=1e-3).fit(z, np.repeat(labels, 2)).predict_proba(z)
    assert np.abs(p - expected).max() < 1e-3


def test_cases_without_a_label_do_not_count():
    evidence, labels = _data(2)
    some = labels.copy()
    some[40:] = -1
    changed = evidence.copy()
    changed[40:] += 50
    for a, b in zip(linear(evidence, some, 2, 0.1), linear(changed, some, 2, 0.1), strict=True):
        assert np.allclose(a.numpy(), b.numpy())


def test_a_state_that_no_case_has_is_unlikely_but_not_impossible():
    evidence, labels = _data(2)
    _, bias = linear(evidence, labels, 3, 0.1)
    assert bias[2].item() == ABSENT


def test_one_state_alone_gives_a_constant_head():
    evidence, labels = _data(2)
    weight, bias = linear(evidence, np.zeros_like(labels), 2, 0.1)
    assert not weight.any()
    assert bias.tolist() == [0.0, ABSENT]


def test_evidence_scaled_up_is_penalised_as_if_it_were_that_much_larger():
    evidence, labels = _data(2)
    scale = np.array([4.0, *[1.0] * 7], dtype=np.float32)
    weight, bias = linear(evidence, labels, 2, 0.1, scale)
    x = evidence.astype(np.float32).reshape(-1, 8)
    logits = x @ weight.numpy() + bias.numpy()
    z = scale * (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-4)
    expected = LogisticRegression(C=0.05, max_iter=200, tol=1e-3).fit(z, np.repeat(labels, 2)).decision_function(z)
    assert np.abs(logits[:, 1] - logits[:, 0] - expected).max() < 1e-2


@pytest.mark.parametrize("states", [2, 3])
def test_a_head_taught_on_one_answer_each_is_the_head_of_scikit_learn(states: int):
    evidence, labels = _data(states)
    x = evidence.astype(np.float32).reshape(-1, 8)
    weight, bias = soft_linear(evidence, np.eye(states)[labels], 0.1)
    logits = x @ weight.numpy() + bias.numpy()
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    z = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-4)
    model = LogisticRegression(C=0.05, max_iter=500, tol=1e-6).fit(z, np.repeat(labels, 2))
    if states > 2:  # scikit-learn's two-state model penalises one weight, the softmax two
        assert np.abs(p - model.predict_proba(z)).max() < 5e-3
    assert (p.argmax(axis=1) == model.predict(z)).mean() > 0.97


def test_a_head_taught_on_readers_who_disagree_says_how_much():
    rng = np.random.default_rng(1)
    signal = rng.uniform(-2, 2, 400)
    share = 1 / (1 + np.exp(-2 * signal))
    evidence = np.stack([signal, rng.normal(size=400)], axis=1)[:, None].astype(np.float16)
    weight, bias = soft_linear(evidence, np.stack([1 - share, share], axis=1), 100.0)
    odds = evidence[:, 0].astype(np.float64) @ (weight[:, 1] - weight[:, 0]).numpy() + float(bias[1] - bias[0])
    assert np.abs(1 / (1 + np.exp(-odds)) - share).max() < 0.02


def test_cases_that_nobody_rated_do_not_count():
    evidence, labels = _data(2)
    target = np.eye(2)[labels]
    target[40:] = 0
    changed = evidence.copy()
    changed[40:] += 50
    for a, b in zip(soft_linear(evidence, target, 0.1), soft_linear(changed, target, 0.1), strict=True):
        assert np.allclose(a.numpy(), b.numpy(), atol=1e-4)
