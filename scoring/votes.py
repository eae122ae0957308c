"""Human votes: a blinded voting page in one HTML file, and the table of its answers.

The page knows images and prompts, but no method. A key, kept apart, says which method stands where; the hash of the
page's content ties page, key and answers together. The paper does not state intervals or agreement: both are added.

Source: Interactive-Action (anonymous, 2025), Table 2.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from ..errors import InteractiveActionError
from ..files import parse_json, read_text
from .figures import plain_label, png_bytes
from .statistics import fleiss_kappa, percentile_interval, pigeonhole_bootstrap

QUESTIONS = {
    "entity": "Entity: where are the subject and the object drawn best, with nothing missing or distorted?",
    "action": "Action: where do the subject and the object interact most as the words say?",
    "overall": "Overall: which image is best?",
}
METHODS = range(2, 7)  # how many can be compared: the page letters images from A to F
COLORS = ("#4477aa", "#ee6677", "#228833")


def write_page(images: Mapping[str, Any], prompts: Sequence[str], seed: int) -> tuple[str, dict[str, Any]]:
    """Makes a voting page and its key.

    Args:
        images: method -> (groups, H, W, 3) float 0..1, in which the i-th images of all methods make the i-th group; a
            fourth channel is left out.
        prompts: what each group should show.
        seed: of the order of the images within each group.

    Returns:
        The page (HTML) and the key: a dict of ``page`` (the hash), ``methods``, ``prompts`` and ``orders``, where
        ``orders[g][p]`` is the index of the method of the p-th image of group g.

    Raises:
        InteractiveActionError: there are too few or too many methods, or not one image for each prompt.
    """
    sizes = {method: len(batch) for method, batch in images.items()}
    if len(sizes) not in METHODS:
        raise InteractiveActionError(
            f"A voting page compares {METHODS[0]} to {METHODS[-1]} methods, and {len(sizes)} were given. "
            f"Add or leave out methods."
        )
    if set(sizes.values()) != {len(prompts)} or not prompts:
        raise InteractiveActionError(
            f"Each method needs one image for each prompt; there are {len(prompts)} prompts, and images: "
            f"{', '.join(f'{method} {size}' for method, size in sizes.items())}. Give as many of each."
        )
    generator, batches = np.random.default_rng(seed), list(images.values())
    orders = [generator.permutation(len(batches)).tolist() for _ in prompts]
    content = {
        "questions": list(QUESTIONS.values()),
        "groups": [
            {"prompt": prompt, "images": [_data_url(batches[method][group]) for method in order]}
            for group, (prompt, order) in enumerate(zip(prompts, orders))
        ],
    }
    text = json.dumps(content).replace("<", "\\u003c")  # no prompt can end the script that holds it
    digest = hashlib.sha256(text.encode()).hexdigest()
    key = {
        "page": digest,
        "methods": list(images),
        "prompts": list(prompts),
        "orders": orders,
    }
    template = pathlib.Path(__file__).with_name("voting_page.html").read_text(encoding="utf-8")
    return template.replace("{{hash}}", digest).replace("{{page}}", text), key


def _data_url(image: Any) -> str:
    data = io.BytesIO()
    pixels = (np.asarray(image)[..., :3].clip(0, 1) * 255).round().astype(np.uint8)
    Image.fromarray(pixels).save(data, "JPEG", quality=95, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()


def read_key(text: str) -> dict[str, Any]:
    """Returns the key of a page from its JSON text.

    Raises:
        InteractiveActionError: it is none.
    """
    try:
        key = parse_json(text, "the key")
    except InteractiveActionError:
        key = None
    if isinstance(key, dict) and _fits(key):
        return key
    raise InteractiveActionError(
        "This is not the key of a voting page. Name the page as Write Voting Page named it, and leave its .key.json as "
        "it was written."
    )


def _fits(key: Mapping[str, Any]) -> bool:
    """Whether a key has all its parts, and each order is one of all methods."""
    page, methods, prompts, orders = (key.get(name) for name in ("page", "methods", "prompts", "orders"))
    if not (isinstance(methods, list) and isinstance(prompts, list) and isinstance(orders, list)):
        return False
    indices = list(range(len(methods)))
    return (
        all(isinstance(text, str) for text in (page, *methods, *prompts))
        and len(set(methods)) == len(methods) > 1
        and len(orders) == len(prompts) > 0
        and all(isinstance(order, list) and all(type(index) is int for index in order) for order in orders)
        and all(sorted(order) == indices for order in orders)
    )


def read_answer_files(paths: Iterable[pathlib.Path]) -> tuple[dict[str, str], list[str]]:
    """Returns the texts of the files that can be read, by name, and one sentence for each of the others."""
    texts, left_out = {}, []
    for path in paths:
        try:
            texts[path.name] = read_text(path)
        except InteractiveActionError as error:
            left_out.append(f"{path.name} is left out. {error}")
    return texts, left_out


def read_votes(key: Mapping[str, Any], files: Mapping[str, str]) -> tuple[np.ndarray[Any, Any], list[str]]:
    """Reads the answer files of a page. A voter counts once, with the fullest file.

    Args:
        key: of the page.
        files: name -> text.

    Returns:
        The votes, int (voters, groups, questions): the index of the chosen method, -1 where nothing was chosen; and one
        sentence for each file that does not count.
    """
    votes_of_files, left_out = [], []
    for name, text in files.items():
        try:
            voter, answers = _checked_answers(key, text)
        except ValueError as problem:
            left_out.append(f"{name} is left out: {problem}.")
        else:
            votes = [
                [-1 if answer is None else order[answer] for answer in group]
                for group, order in zip(answers, key["orders"])
            ]
            votes_of_files.append((name, voter, votes))
    votes_of_voters: dict[str, tuple[str, list[list[int]]]] = {}
    for name, voter, votes in sorted(votes_of_files, key=lambda file: -(np.array(file[2]) >= 0).sum()):
        if voter in votes_of_voters:
            left_out.append(f"{name} is left out: {votes_of_voters[voter][0]} is of the same voter.")
        else:
            votes_of_voters[voter] = name, votes
    return np.array([votes for _, votes in votes_of_voters.values()], dtype=int), left_out


def _checked_answers(key: Mapping[str, Any], text: str) -> tuple[str, list[list[int | None]]]:
    """(the voter, the answers); a ValueError says what is wrong."""
    try:
        file = parse_json(text, "the file")
    except InteractiveActionError:
        raise ValueError("it is not JSON") from None
    if not isinstance(file, dict) or not isinstance(file.get("voter"), str) or "page" not in file:
        raise ValueError("it is not a file of answers")
    if file["page"] != key["page"]:
        raise ValueError("its answers belong to another page")
    answers, choices = file.get("answers"), (None, *range(len(key["methods"])))
    if not (
        isinstance(answers, list)
        and len(answers) == len(key["orders"])
        and all(isinstance(group, list) and len(group) == len(QUESTIONS) for group in answers)
        and all(answer is None or (type(answer) is int and answer in choices) for group in answers for answer in group)
    ):
        raise ValueError("its answers do not fit the questions of the page")
    if all(answer is None for group in answers for answer in group):
        raise ValueError("it holds no answers")
    return file["voter"], answers


def tally(key: Mapping[str, Any], files: Mapping[str, str], unreadable: Sequence[str] = ()) -> dict[str, Any]:
    """Counts the votes.

    Args:
        key: of the page.
        files: name -> text.
        unreadable: a sentence for each file that could not be read.

    Returns:
        Plain data: ``voters``, ``groups``, ``rows``, ``kappa`` and ``left_out``. A row has ``question``, ``method``,
        ``votes``, ``share`` (of the votes on this question) and ``interval``.

    Raises:
        InteractiveActionError: there are no votes.
    """
    votes, problems = read_votes(key, files)
    left_out = [*unreadable, *problems]
    if not len(votes):
        raise InteractiveActionError(
            " ".join(
                [
                    f"There are no votes to count among {len(files) + len(unreadable)} files.",
                    *left_out,
                    "Collect the files that voters saved from the page.",
                ]
            )
        )
    counts = (votes[..., None] == np.arange(len(key["methods"]))).astype(int)
    bounds, totals = intervals(counts), counts.sum((0, 1))
    rows = [
        {
            "question": question,
            "method": method,
            "votes": int(totals[q, m]),
            "share": float(totals[q, m] / totals[q].sum()) if totals[q].any() else None,
            "interval": bounds[q][m],
        }
        for q, question in enumerate(QUESTIONS)
        for m, method in enumerate(key["methods"])
    ]
    kappa = {question: fleiss_kappa(counts[:, :, q].sum(0)) for q, question in enumerate(QUESTIONS)}
    return {"voters": len(votes), "groups": len(key["orders"]), "rows": rows, "kappa": kappa, "left_out": left_out}


def intervals(counts: np.ndarray[Any, Any], seed: int = 0) -> list[list[list[float] | None]]:
    """Returns the 95 % intervals of the shares, ``[question][method]`` -> [low, high] or None.

    Voters and groups are both resampled: the interval is about other voters and other prompts. One voter with one group
    says nothing.

    Args:
        counts: (voters, groups, questions, methods), 1 for a vote.
        seed: of the resamples.
    """
    voters, groups, questions, methods = counts.shape
    if voters == groups == 1:
        return [[None] * methods] * questions
    sums = pigeonhole_bootstrap(counts, seed)
    bounds = []
    for question in range(questions):
        votes = sums[:, question]
        votes = votes[votes.any(1)]  # a resample may hold no vote where many answers are missing
        shares = votes / votes.sum(1, keepdims=True)
        bounds.append([percentile_interval(share) for share in shares.T])
    return bounds


def table(report: Mapping[str, Any]) -> str:
    """Returns the tally as text: one line a method, one column a question, agreement below, then what was left out."""
    cells: dict[str, list[str]] = {}
    for row in report["rows"]:
        share = "-" if row["share"] is None else f"{row['share']:.1%}"
        bounds = " [{:.1%}, {:.1%}]".format(*row["interval"]) if row["interval"] else ""
        cells.setdefault(row["method"], []).append(share + bounds)
    kappa = ["-" if value is None else f"{value:.2f}" for value in report["kappa"].values()]
    lines = [["method", *QUESTIONS], *([method, *line] for method, line in cells.items()), ["Fleiss' kappa", *kappa]]
    widths = [max(map(len, column)) for column in zip(*lines)]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
    head = f"{report['voters']} voters, {report['groups']} groups; 95 % intervals in brackets"
    return "\n".join([head, *text, *report["left_out"]])


def plot(report: Mapping[str, Any]) -> bytes:
    """Plots the shares of each method by question with their intervals; returns the bytes of a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    methods = list(dict.fromkeys(row["method"] for row in report["rows"]))
    for q, (question, color) in enumerate(zip(QUESTIONS, COLORS)):
        rows = [row for row in report["rows"] if row["question"] == question]
        places = np.arange(len(methods)) + (q - 1) * 0.27
        axes.bar(places, [row["share"] or 0 for row in rows], 0.25, color=color, label=question)
        for place, row in zip(places, rows):
            if row["interval"]:
                axes.plot([place, place], row["interval"], color="black")
    axes.set_xticks(range(len(methods)), [plain_label(method) for method in methods])
    axes.set(ylabel="share of votes", ylim=(0, 1), title=f"{report['voters']} voters, {report['groups']} groups")
    axes.legend()
    return png_bytes(figure)
