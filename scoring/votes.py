"""Human votes: a blinded voting page in one HTML file, and the table of its answers (Interactive Action, Table 2).

The page knows images and prompts, but no method. A key, kept apart, says which method stands where; the hash of the
page's content ties page, key and answers together. The paper does not state intervals or agreement: both are added.
"""

import base64
import hashlib
import io
import json
import pathlib

import numpy as np
from PIL import Image

from ..errors import InteractiveActionError

QUESTIONS = {
    "entity": "Entity: where are the subject and the object drawn best, with nothing missing or distorted?",
    "action": "Action: where do the subject and the object interact most as the words say?",
    "overall": "Overall: which image is best?",
}
METHODS = range(2, 7)  # how many can be compared: the page letters images from A to F
COLORS = ("#4477aa", "#ee6677", "#228833")


def write_page(images, prompts, seed):
    """The voting page and its key.

    images: method -> (groups, H, W, 3) float 0..1, in which the i-th images of all methods make the i-th group;
    prompts: what each group should show; seed: of the order of the images within each group.
    Returns the page (HTML) and the key: a dict of ``page`` (the hash), ``methods``, ``prompts`` and ``orders``, where
    ``orders[g][p]`` is the index of the method of the p-th image of group g.
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
    random, batches = np.random.default_rng(seed), list(images.values())
    orders = [random.permutation(len(batches)).tolist() for _ in prompts]
    content = {
        "questions": list(QUESTIONS.values()),
        "groups": [
            {"prompt": prompt, "images": [_embedded(batches[method][group]) for method in order]}
            for group, (prompt, order) in enumerate(zip(prompts, orders))
        ],
    }
    text = json.dumps(content).replace("<", "\\u003c")  # no prompt can end the script that holds it
    key = {
        "page": hashlib.sha256(text.encode()).hexdigest(),
        "methods": list(images),
        "prompts": list(prompts),
        "orders": orders,
    }
    template = pathlib.Path(__file__).with_name("voting_page.html").read_text(encoding="utf-8")
    return template.replace("{{hash}}", key["page"]).replace("{{page}}", text), key


def _embedded(image):
    data = io.BytesIO()
    pixels = (np.asarray(image).clip(0, 1) * 255).round().astype(np.uint8)
    Image.fromarray(pixels).save(data, "JPEG", quality=95, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()


def read_key(text):
    """The key of a page from its JSON text; raises InteractiveActionError if it is none."""
    try:
        key = json.loads(text)
        all_methods = list(range(len(key["methods"])))
        fits = [sorted(order) == all_methods for order in key["orders"]]
        if isinstance(key["page"], str) and all(fits) and len(fits) == len(key["prompts"]) > 0:
            return key
    except (ValueError, TypeError, KeyError):
        pass
    raise InteractiveActionError(
        "This is not the key of a voting page. Name the page as Write Voting Page named it, and leave its .key.json as "
        "it was written."
    )


def read_votes(key, files):
    """What the answer files of a page say.

    files: name -> text. Returns the votes, int (voters, groups, questions): the index of the chosen method, -1 where
    nothing was chosen; and one sentence for each file that does not count. A voter counts once, with the fullest file.
    """
    read, left_out = [], []
    for name, text in files.items():
        try:
            voter, answers = _checked_answers(key, text)
        except ValueError as problem:
            left_out.append(f"{name} is left out: {problem}.")
        else:
            read.append(
                (
                    name,
                    voter,
                    [
                        [-1 if answer is None else order[answer] for answer in group]
                        for group, order in zip(answers, key["orders"])
                    ],
                )
            )
    counted = {}
    for name, voter, votes in sorted(read, key=lambda file: -(np.array(file[2]) >= 0).sum()):
        if voter in counted:
            left_out.append(f"{name} is left out: {counted[voter][0]} is of the same voter.")
        else:
            counted[voter] = name, votes
    return np.array([votes for _, votes in counted.values()], dtype=int), left_out


def _checked_answers(key, text):
    try:
        file = json.loads(text)
    except ValueError:
        raise ValueError("it is not JSON") from None
    if not isinstance(file, dict) or not isinstance(file.get("voter"), str) or "page" not in file:
        raise ValueError("it is not a file of answers")
    if file["page"] != key["page"]:
        raise ValueError("its answers belong to another page")
    answers, allowed = file.get("answers"), (None, *range(len(key["methods"])))
    if not (
        isinstance(answers, list)
        and len(answers) == len(key["orders"])
        and all(isinstance(group, list) and len(group) == len(QUESTIONS) for group in answers)
        and all(answer is None or (type(answer) is int and answer in allowed) for group in answers for answer in group)
    ):
        raise ValueError("its answers do not fit the questions of the page")
    if all(answer is None for group in answers for answer in group):
        raise ValueError("it holds no answers")
    return file["voter"], answers


def tally(key, files):
    """The table of the votes as plain data: ``voters``, ``groups``, ``rows``, ``kappa`` and ``left_out``.

    A row has ``question``, ``method``, ``votes``, ``share`` (of the votes on this question) and ``interval``.
    """
    votes, left_out = read_votes(key, files)
    if not len(votes):
        raise InteractiveActionError(
            " ".join(
                [
                    f"There are no votes to count among {len(files)} files.",
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


def intervals(counts, seed=0, resamples=2000):
    """95 % percentile intervals of the shares: ``[question][method]`` -> [low, high], or None.

    counts: (voters, groups, questions, methods), 1 for a vote. Voters and groups are both resampled (the pigeonhole
    bootstrap, Owen 2007): the interval is about other voters and other prompts. One voter with one group says nothing.
    """
    voters, groups, questions, methods = counts.shape
    if voters == groups == 1:
        return [[None] * methods] * questions
    random = np.random.default_rng(seed)
    of_voters = random.multinomial(voters, [1 / voters] * voters, resamples)
    of_groups = random.multinomial(groups, [1 / groups] * groups, resamples)
    by_group = (of_voters @ counts.reshape(voters, -1)).reshape(resamples, groups, -1)
    sums = np.einsum("sg,sgk->sk", of_groups, by_group).reshape(resamples, questions, methods)
    found = []
    for sample in sums.transpose(1, 0, 2):
        drawn = sample[sample.any(1)]  # a resample may hold no vote where many answers are missing
        bounds = np.percentile(drawn / drawn.sum(1, keepdims=True), [2.5, 97.5], axis=0).T if len(drawn) else None
        found.append([None] * methods if bounds is None else bounds.tolist())
    return found


def fleiss_kappa(counts):
    """Agreement of voters beyond chance (Fleiss 1971): 1 is perfect, 0 is chance. None if it is not defined.

    counts: (groups, methods), how many chose each. Groups with fewer than two votes say nothing about agreement and do
    not count; the others may have different numbers of votes, each taken with its own, and weigh the same.
    """
    counts = np.asarray(counts, dtype=float)
    counts = counts[counts.sum(1) >= 2]
    if not len(counts):
        return None
    sizes = counts.sum(1)
    observed = ((counts * (counts - 1)).sum(1) / (sizes * (sizes - 1))).mean()
    expected = ((counts.sum(0) / counts.sum()) ** 2).sum()
    return None if expected == 1 else float((observed - expected) / (1 - expected))


def table(report):
    """The tally as text: one line a method, one column a question, agreement below, then what was left out."""
    cells = {}
    for row in report["rows"]:
        share = "-" if row["share"] is None else f"{row['share']:.1%}"
        bounds = " [{:.1%}, {:.1%}]".format(*row["interval"]) if row["interval"] else ""
        cells.setdefault(row["method"], []).append(share + bounds)
    kappa = ["-" if value is None else f"{value:.2f}" for value in report["kappa"].values()]
    lines = [["method", *QUESTIONS], *([method, *line] for method, line in cells.items()), ["Fleiss' kappa", *kappa]]
    widths = [max(map(len, column)) for column in zip(*lines)]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
    return "\n".join(
        [
            f"{report['voters']} voters, {report['groups']} groups; 95 % intervals in brackets",
            *text,
            *report["left_out"],
        ]
    )


def plot(report):
    """The shares of each method by question with their intervals, as the bytes of a PNG."""
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
    axes.set_xticks(range(len(methods)), methods)
    axes.set(ylabel="share of votes", ylim=(0, 1), title=f"{report['voters']} voters, {report['groups']} groups")
    axes.legend()
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=100)
    return data.getvalue()
