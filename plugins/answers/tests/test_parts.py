"""Loss, mining, ranking by words, index, threshold and metrics, each by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

import ft
from ft_answers.catalogue import Catalogue, Known
from ft_answers.index import Index, best
from ft_answers.loss import contrast
from ft_answers.mining import mine
from ft_answers.scoring import baseline_values, place, trouble, values_of
from ft_answers.search import Search
from ft_answers.settings import AnswersConfig
from ft_answers.threshold import choose
from ft_answers.vectors import find_pooling
from ft_answers.words import tf_idf


def vectors(count: int, seed: int = 0) -> torch.Tensor:
    return normalize(torch.randn(count, 8, generator=torch.Generator().manual_seed(seed)), dim=-1)


def loss(own: list[int], right: list[list[int]], mined: list[int] = [], **more: Any) -> Any:  # noqa: B006
    questions = vectors(len(own)).requires_grad_()
    kinds = vectors(10, 1)
    numbers = torch.tensor([*own, *mined])
    given: dict[str, Any] = {"scale": 5.0, "symmetric": False, **more}
    each = contrast(questions, kinds[numbers], numbers, torch.tensor(right), **given)
    return each, questions, kinds


def test_a_batch_of_different_answers_is_the_plain_cross_entropy() -> None:
    each, questions, kinds = loss([1, 2, 3], [[1], [2], [3]])
    scores = 5 * questions @ kinds[[1, 2, 3]].T
    aims = torch.arange(3)
    torch.testing.assert_close(each, cross_entropy(scores, aims, reduction="none"))
    both, *_ = loss([1, 2, 3], [[1], [2], [3]], symmetric=True)
    back = cross_entropy(scores.T, aims, reduction="none")
    torch.testing.assert_close(both, (each + back) / 2)


@pytest.mark.parametrize("symmetric", [False, True])
def test_other_questions_for_the_same_answer_are_no_wrong_ones(symmetric: bool) -> None:
    each, questions, _ = loss([1, 1, 2], [[1], [1], [2]], symmetric=symmetric)
    alone, *_ = loss([1, 2], [[1], [2]], symmetric=False)
    if not symmetric:
        # As if its answer stood in the batch once.
        torch.testing.assert_close(each[0], alone[0])
    # The gradient of the first question's loss does not push the second one away.
    each[0].backward()
    assert questions.grad is not None
    assert bool((questions.grad[1] == 0).all())


def test_another_right_answer_of_a_question_is_no_wrong_one() -> None:
    one, *_ = loss([1, 2, 3], [[1, 3], [2, 0], [3, 0]])
    without, *_ = loss([1, 2], [[1], [2]])
    torch.testing.assert_close(one[0], without[0])


def test_mined_answers_count_for_all_and_questions_without_an_answer_for_none() -> None:
    each, questions, kinds = loss([1, 2], [[1], [2]], mined=[3, 0])
    scores = 5 * questions @ kinds[[1, 2, 3]].T
    torch.testing.assert_close(each, cross_entropy(scores, torch.arange(2), reduction="none"))
    each, *_ = loss([0, 2], [[0], [2]])
    assert each[0] == 0
    each, *_ = loss([0], [[0]], symmetric=True)
    assert each.tolist() == [0]


def test_only_answers_of_train_are_mined_and_none_that_may_be_right() -> None:
    answers = np.eye(6, dtype=np.float32)
    question = np.array([[1.0, 0.99, 0.9, 0.8, 0.7, 0.1]], np.float32)
    allowed = np.array([True, True, True, False, True, True])

    def draw(row: int) -> np.random.Generator:
        return np.random.default_rng(row)

    found = mine(question, answers, [[0]], allowed, 2, 0.05, draw)
    # 1 is too near, 3 is an answer of another split alone.
    assert set(found[0]) <= {2, 4, 5}
    assert len(set(found[0])) == 2
    assert mine(question, answers, [[0, 2]], allowed, 4, 0.05, draw)[0].tolist().count(-1) == 2
    assert mine(question, answers, [[]], allowed, 2, 0.05, draw).tolist() == [[-1, -1]]


def test_equal_scores_do_not_flatter() -> None:
    ids = ["a", "b", "c"]
    assert place(ids, [0.9, 0.5, 0.1], "b", 3) == 2
    assert place(ids, [0.5, 0.5, 0.1], "a", 3) == 2
    assert place(ids, [0.5, 0.5, 0.5], "a", 9) == np.inf  # the tie may go on beyond the list
    assert place(ids, [0.5, 0.5, 0.5], "a", 3) == 3
    assert place(ids, None, "b", 9) == 2
    assert place(ids, None, "d", 9) == np.inf
    nothing = baseline_values(lambda q: np.zeros((len(q), 20)), ["who"], [[0]], 10)
    assert not nothing.any()


def test_metrics_are_those_of_another_library() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for _ in range(20):
        scores, gold = rng.random(10), rng.random(10) < 0.3
        if not gold.any():
            continue
        order = np.argsort(-scores)
        ranks = [float(np.flatnonzero(order == k)[0] + 1) for k in np.flatnonzero(gold)]
        *_, ndcg = values_of([ranks], 10)[0]
        assert ndcg == pytest.approx(metrics.ndcg_score([gold.astype(int)], [scores]))
    assert values_of([[2.0], [np.inf], [4.0, 1.0]], 10)[:, 3].tolist() == [0.5, 0, 1]


def test_the_threshold_answers_as_many_as_the_precision_allows() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    right = np.array([True, True, False, True, False])
    assert choose(scores, right, 0.75) == (pytest.approx(0.55), 0.75)
    assert choose(scores, right, 1.0) == (pytest.approx(0.75), 1.0)
    assert choose(scores, right, 0.5) == (-1.0, 0.6)
    assert choose(scores, ~right, 0.9).precision < 0.9
    # Between equal scores there is no threshold.
    assert choose(np.array([0.5, 0.5]), np.array([True, False]), 0.9) == (-1.0, 0.5)


def test_the_score_of_an_answer_is_that_of_its_nearest_entry(monkeypatch: Any) -> None:
    rng = np.random.default_rng(0)
    made = rng.normal(size=(30, 4)).astype(np.float32)
    sizes = [3] * 10
    index = Index(made, sizes, 1000)
    asked = rng.normal(size=(5, 4)).astype(np.float32)
    wanted = (asked @ made.T).reshape(5, 10, 3).max(-1)
    monkeypatch.setattr("ft_answers.index.CELLS", 60)  # two questions at a time
    numbers, scores = index.search(asked, 4)
    np.testing.assert_array_equal(numbers, np.argsort(-wanted, axis=1)[:, :4])
    np.testing.assert_allclose(scores, np.sort(wanted)[:, ::-1][:, :4], rtol=1e-5)
    np.testing.assert_allclose(index.scores_of(asked[0], [7, 2]), wanted[0, [7, 2]], rtol=1e-5)
    assert best(np.array([[1.0, 2.0, 2.0]]), 2)[0].tolist() == [[1, 2]]


def test_many_vectors_are_searched_by_faiss_or_it_is_said_that_it_is_not_there(
    monkeypatch: Any,
) -> None:
    rng = np.random.default_rng(0)
    made = rng.normal(size=(300, 8)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    exact = Index(made, [2] * 150, 1000)
    assert exact.note is None
    with monkeypatch.context() as patch:
        patch.setattr("ft_answers.index.find_spec", lambda name: None)
        assert "faiss" in str(Index(made, [2] * 150, 100).note)
    pytest.importorskip("faiss")
    near = Index(made, [2] * 150, 100)
    assert "HNSW" in str(near.note)
    (one, _), (other, _) = (index.search(made[:20], 5) for index in (near, exact))
    same = np.mean([len(set(a) & set(b)) / 5 for a, b in zip(one, other, strict=True)])
    assert same > 0.9


def test_words_rank_as_they_should() -> None:
    texts = ["a cat sat", "the dog", "a dog and a cat and a cow", ""]
    for ranking in (ft.BM25(texts).scores, tf_idf(texts)):
        scores = ranking(["Dog?", "cow", "unknown"])
        assert scores.shape == (3, 4)
        assert scores[0].argmax() == 1  # the shorter of two with the word
        assert scores[1].argmax() == 2
        assert not scores[2].any()
    assert tf_idf([""])(["a"]).tolist() == [[0]]


def test_ranks_of_bm25_and_of_the_model_decide_together() -> None:
    texts = ["red boat", "green car", "blue hat", "old tree"]
    catalogue = Catalogue(tuple(Known(str(k), text) for k, text in enumerate(texts)))
    index = Index(np.eye(4, dtype=np.float32), [1] * 4, 10)
    asked = np.array([[0.9, 0.8, 0.7, 0.6]], np.float32)
    plain, mixed = (
        Search(catalogue, index, AnswersConfig(mix=mix), None)(asked, ["a hat"])[0]
        for mix in ("none", "bm25")
    )
    assert plain.numbers == [0, 1, 2, 3]
    # The third of the model is the first of BM25, which has no rank for the others.
    assert mixed.numbers == [2, 0, 1, 3]
    assert mixed.scores[0] == pytest.approx(1 / 63 + 1 / 61)
    assert mixed.score == pytest.approx(0.7)


def test_confusable_answers_and_those_that_no_question_reaches() -> None:
    catalogue = Catalogue(tuple(Known(one, f"text {one}", 1) for one in "abcd"))
    mixed, lost = trouble(catalogue, [["a"], ["b"], ["b"], []], ["a", "a", "a", "c"])
    assert mixed.rows == (("b", "text b", "a", "text a", 2),)
    assert lost.rows == (("b", "text b", 2, 1),)
    assert "2 of all 4 answers come first for no question" in lost.note


def test_the_models_own_pooling_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "1_Pooling"
    assert find_pooling(str(tmp_path)) == "mean"
    folder.mkdir()
    for text, found in (
        ('{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}', "cls"),
        ('{"pooling_mode": "mean"}', "mean"),
    ):
        (folder / "config.json").write_text(text)
        assert find_pooling(str(tmp_path)) == found
    (folder / "config.json").write_text('{"pooling_mode_max_tokens": true}')
    with pytest.raises(Exception, match="another pooling than mean or cls"):
        find_pooling(str(tmp_path))
