"""The report page: whole, safe against hostile words, and readable in a real browser."""

import dataclasses
import html
import io
import re
import shutil
import subprocess
import sys
from functools import partial

import pytest
from PIL import Image

from tasteprint.data.dataset import Count, Summary
from tasteprint.evaluate.results import COMPARED, Figure
from tasteprint.report.html import Axis, write_page
from tasteprint.report.page import (
    CandidateRanking,
    Choice,
    Guidance,
    GuidedPerson,
    GuidedPicture,
    GuidedPrompt,
    LearningPoint,
    Page,
    PersonPage,
    Reason,
    ScoredPicture,
    TasteCard,
)
from tasteprint.simulate.painter import draw_pictures, paint

HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "</style><style>body{display:none}</style>",
    "<!--",
    "{{ 7 * 7 }}{% raw %}",
    "https://example.com/pixel.png",
    "\u202eright to left\u202d forced",
    "קשת בענן فوق البحر",
    "👩‍🚀🦄 a cat in space",
    "\x00\x1b\ud800 broken",
    "",
    "x" * 10_000,
)


Measure = partial(Figure, n=60)

FIGURES = (
    Measure("accuracy.own", 0.7213, 0.691, 0.752),
    Measure("accuracy.no_history", 0.523, 0.5, 0.547),
    Measure("accuracy.other_history", 0.518, 0.49, 0.545),
    Measure("accuracy.population", 0.531, 0.503, 0.56),
    Measure("accuracy.own_only", 0.57, 0.542, 0.598),
    Measure("accuracy.logistic", 0.598, 0.57, 0.626),
    Measure("accuracy.tastes", 0.7, 0.67, 0.73),
    Measure("bound.oracle", 0.862, 0.862, 0.862),
    *(
        Measure(f"bound.bayes.{n}", v, v, v)
        for n, v in zip((0, 1, 2, 4, 8), (0.53, 0.61, 0.67, 0.73, 0.772), strict=True)
    ),
    *(
        Measure(f"accuracy.{n}", v, v - 0.03, v + 0.03)
        for n, v in zip((0, 1, 2, 4, 8), (0.523, 0.58, 0.632, 0.69, 0.721), strict=True)
    ),
    Measure("own_minus_other.8", 0.203, 0.17, 0.237),
    *(Measure(f"top{k}", v, v - 0.03, v + 0.03) for k, v in ((1, 0.51), (2, 0.77), (3, 0.92))),
    Measure("calibration.ece", 0.0213, 0.015, 0.03),
)
BESIDE = (
    Measure("accuracy.posterior", 0.7431, 0.716, 0.769),
    *(
        Measure(f"accuracy.posterior.{n}", v, v - 0.028, v + 0.028)
        for n, v in zip((0, 2, 8, 16), (0.531, 0.651, 0.7431, 0.764), strict=True)
    ),
    Measure("bound.centroid.8", 0.617, 0.61, 0.624),
)
COUNTS = Summary(
    splits={
        "train": Count(240, 7_680, 5_760, 0),
        "validation": Count(30, 960, 720, 2),
        "test": Count(60, 1_920, 1_440, 0),
    },
    rows=8_000,
    dropped={"fewer than 11 liked images": 66, "the same image on both sides": 12, "tie": 0},
    bad_images={"image truncated": 2},
    has_images=True,
    log="votes.csv",
    mapping={},
    settings={},
    seed=0,
    version="1",
)


def pictures(n, size=96, seed=3):
    return [paint(p.subject, p.attributes, p.seed, size) for p in draw_pictures(n, seed)]


def choice(prompt, images, chosen, qs=(None, None)):
    return Choice(prompt, ScoredPicture(images[0], qs[0]), ScoredPicture(images[1], qs[1]), chosen)


def person(user_id="person-0007", prompts=("a picture of a fish",), n=8, seed=3):
    images = pictures(4 * n + 4, seed=seed)
    words = [prompts[i % len(prompts)] for i in range(2 * n)]
    history = tuple(choice(words[i], images[2 * i : 2 * i + 2], i % 2) for i in range(n))
    qs = [(0.91, 0.12), (0.34, 0.77), (0.55, 0.48), (0.5, 0.5), (0.9981, 0.003), (0.2, 0.63)]
    pairs = tuple(
        choice(words[n + i], images[2 * n + 2 * i :][:2], (0, 1, 1, 0, 0, 1)[i % 6], qs[i % 6])
        for i in range(n)
    )
    candidates = tuple(
        ScoredPicture(image, q) for image, q in zip(images[-4:], (0.31, 0.88, 0.12, 0.54), strict=True)
    )
    return PersonPage(user_id, history, pairs, (CandidateRanking(words[0], candidates, 1),))


def tastes(count=3, seed=5):
    images = [ScoredPicture(image) for image in pictures(12 * min(count, 3), seed=seed)]
    parts = [images[12 * (i % 3) :] for i in range(count)]
    return tuple(TasteCard(1 / count, tuple(p[:6]), tuple(p[6:12]), 1500) for p in parts)


def known(page, probabilities=(0.84, 0.16, 0.5), memberships=(0.07, 0.62, 0.31)):
    """A person as the posterior shows them: 84 % sure of the first, as sure of the second, undecided."""
    reasons = (Reason(page.history[0], 0.84), Reason(page.history[1], -0.31))
    pairs = tuple(
        dataclasses.replace(pair, probability=probabilities[i % len(probabilities)], reasons=reasons)
        for i, pair in enumerate(page.pairs)
    )
    return dataclasses.replace(page, pairs=pairs, memberships=memberships)


def both_ways(**changes):
    given = {"figures": (*FIGURES, *BESIDE), "tastes": tastes(), "main": "accuracy.posterior"}
    return full_page(**{"people": (known(person()),), **given, **changes})


PROBABILITIES = ((0.91, 0.32, 0.5), (0.08, 0.88, 0.44), (0.5, 0.21, 0.9994))
"""Row i: of the picture made for person i, how probable it is that each prefers it to the unguided one."""


def guidance(
    prompts=("a house", "a fish"), names=("person-1", "person-2", "person-3"), probabilities=PROBABILITIES
):
    images = [ScoredPicture(image) for image in pictures(12 + 4 * len(prompts), seed=7)]
    people = tuple(GuidedPerson(name, tuple(images[4 * i : 4 * i + 4])) for i, name in enumerate(names))
    made = []
    for row, prompt in enumerate(prompts):
        unguided, *guided = images[12 + 4 * row :][:4]
        made.append(GuidedPrompt(prompt, unguided, tuple(map(GuidedPicture, guided, probabilities))))
    return Guidance(people, tuple(made), 30, 6.5)


def learning(steps=600):
    for step in range(0, steps, 5):
        fall = 0.62 ** (step / 120)
        wave = 0.03 * ((step * 7919 % 101) / 101 - 0.5)
        parts = 0.55 + 0.9 * fall + wave, 0.42 + 0.27 * fall - wave, 0.45 + 0.24 * fall + wave
        accuracy = 0.5 + 0.22 * (1 - fall) + wave if step % 50 == 0 else None
        yield LearningPoint(step, "stage 1" if step < 400 else "stage 2", sum(parts), *parts, accuracy)


def full_page(people=None, **changes):
    page = Page(
        title="tasteprint demo",
        figures=FIGURES,
        learning=tuple(learning()),
        counts=COUNTS,
        settings={"seed": 0, "stage1": {"steps": 400, "lr": 1e-3}, "stage2": {"steps": 200}},
        versions={"tasteprint": "0.1.0", "torch": "2.13.0"},
        seconds={
            "draw the world": 11.3,
            "teach the eye": 38.0,
            "stage 1": 121.4,
            "stage 2": 47.7,
            "evaluate": 20.0,
        },
        commands=("make demo", "tasteprint demo --seed 0 --out runs/demo"),
        seeds=(0,),
        commit="50638ee",
        hardware="2 CPU threads, x86_64",
        about="The people and their pictures are simulated, so that their true taste is known.",
    )
    return dataclasses.replace(page, people=people or (person(),), **changes)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    people = (known(person(user_id=HOSTILE[0] + "u" * 10_000, prompts=HOSTILE, n=len(HOSTILE))),)
    measures = (*FIGURES, Measure(HOSTILE[1], 1.0, 0.0, 2.0))
    words = {text: text for text in HOSTILE}
    counts = dataclasses.replace(COUNTS, dropped=dict.fromkeys(HOSTILE, 1))
    points = [dataclasses.replace(point, stage=HOSTILE[0]) for point in learning()]
    page = full_page(
        people,
        tastes=tastes(),
        guidance=guidance(HOSTILE, (HOSTILE[0], HOSTILE[1] * 100, HOSTILE[2])),
        init_from=HOSTILE[0],
        title=HOSTILE[0],
        commit=HOSTILE[1],
        hardware=HOSTILE[2],
        about=HOSTILE[3],
        commands=HOSTILE,
        figures=measures,
        settings=words,
        versions=words,
        counts=counts,
        learning=points,
        seconds=dict.fromkeys(HOSTILE, 1.0),
    )
    write_page(path, page)
    return path


def chromium(*options, profile):
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("chromium is not installed: `apt-get install chromium` to see the page in a real browser")
    quiet = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    )
    silent = "--disable-component-update --disable-sync --hide-scrollbars"
    command = [program, *quiet.split(), *silent.split(), f"--user-data-dir={profile}", *options]
    return subprocess.run(command, capture_output=True, timeout=120, check=True)


def text_of(path):
    return path.read_text("utf-8")


def test_headline_names_the_result_its_interval_and_the_two_controls(tmp_path):
    write_page(tmp_path / "report.html", full_page())
    headline = re.search(r'class="headline">(.*?)</p>', text_of(tmp_path / "report.html"), re.DOTALL)[1]
    words = html.unescape(re.sub(r"<[^>]+>", "", headline)).replace("\xa0", " ")
    assert "72.1 % of new pairs (95 % interval 69.1 to 75.2)" in words
    assert "against 52.3 % when it sees no history and 51.8 % when it sees another person’s." in words


def test_controls_stand_in_their_order_each_explained(tmp_path):
    write_page(tmp_path / "report.html", full_page())
    text = html.unescape(text_of(tmp_path / "report.html"))
    unmeasured = {"bound.average", "bound.centroid", "accuracy.posterior"}
    places = [
        text.index(COMPARED[name][1].format(model="model")) for name in COMPARED if name not in unmeasured
    ]
    assert places == sorted(places)
    assert all(COMPARED[name][1] not in text for name in unmeasured)


@pytest.mark.parametrize(
    ("difference", "said"), [(0.2, "learned something about the person"), (0.01, "not show")]
)
def test_the_personal_part_is_claimed_only_when_its_interval_is_above_zero(tmp_path, difference, said):
    figures = (FIGURES[0], Measure("own_minus_other.8", difference, difference - 0.05, difference + 0.05))
    write_page(tmp_path / "report.html", full_page(figures=figures))
    assert said in text_of(tmp_path / "report.html")


def test_right_and_wrong_are_said_in_words(tmp_path):
    write_page(tmp_path / "report.html", full_page())
    text = text_of(tmp_path / "report.html")
    verdicts = [
        text.count(said) for said in ("✓ the model is right", "✗ the model is wrong", "= a tie, counts half")
    ]
    assert verdicts == [6, 1, 1]
    assert "New pairs: 6.5 of 8 right" in text


def section(path, title):
    """The words of the section under a heading, tags taken out."""
    part = text_of(path).split(f"<h2>{title}")[1].split("</section>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part)).replace("\xa0", " ").split())


def test_both_ways_stand_side_by_side(tmp_path):
    path = tmp_path / "report.html"
    write_page(path, both_ways())
    head = " ".join(html.unescape(re.sub(r"<[^>]+>", "", text_of(path))).replace("\xa0", " ").split())
    assert "the taste posterior names the picture that this person prefers in 74.3 % of new pairs" in head
    assert "against 53.1 % when it sees no history." in head
    assert "The in-context model, which reads these choices as a conversation, names it in 72.1 %" in head
    compared = section(path, "How good is it, and against what?")
    assert (
        "the in-context model The in-context model, given this person’s own earlier votes. 72.1 %" in compared
    )
    assert compared.index("72.1 %") < compared.index("the taste posterior") < compared.index("74.3 %")
    numbers = section(path, "How much history does it take?")
    assert "1 58.0 % 55.0 to 61.0 61.0 %" in numbers  # one way alone was measured there
    assert "2 65.1 % 62.3 to 67.9 63.2 % 60.2 to 66.2 67.0 %" in numbers
    assert "16 76.4 % 73.6 to 79.2" in numbers


@pytest.mark.parametrize("main", ["accuracy.own", "accuracy.posterior"])
def test_the_way_that_people_are_shown_with_is_marked(tmp_path, main):
    write_page(tmp_path / "report.html", both_ways(main=main))
    rows = dict(
        re.findall(r'<tr class="(main|rival)">\s*<th[^>]*>([^<]*)<', text_of(tmp_path / "report.html"))
    )
    ways = ["the in-context model", "the taste posterior"]
    assert [rows["main"], rows["rival"]] == (ways if main == "accuracy.own" else ways[::-1])


def test_one_way_alone_is_as_it_was(tmp_path):
    write_page(tmp_path / "report.html", full_page())
    text = text_of(tmp_path / "report.html")
    assert "posterior" not in text and "in-context" not in text and 'class="taste"' not in text


def test_a_posterior_without_a_rival_is_named(tmp_path):
    write_page(tmp_path / "report.html", both_ways(figures=FIGURES, main="accuracy.own"))
    text = text_of(tmp_path / "report.html")
    assert "the taste posterior names the picture" in text and "in-context" not in text


def test_tastes_and_memberships(tmp_path):
    write_page(tmp_path / "report.html", both_ways())
    tastes_section = section(tmp_path / "report.html", "What people like, as learned")
    assert "of 1,500 pictures from training" in tastes_section
    assert [tastes_section.count(said) for said in ("33 % of people", "♥︎ likes most", "likes least")] == [
        3,
        3,
        3,
    ]
    memberships = section(tmp_path / "report.html", "What the taste posterior read")
    assert "taste 2 62 % taste 3 31 % taste 1 7 %" in memberships and "the others" not in memberships


def test_of_many_tastes_the_commonest_are_drawn_and_a_person_s_strongest_named(tmp_path):
    memberships = (0.015, 0.015, *[0.0] * 13, 0.39, 0.58)
    page = both_ways(tastes=tastes(17), people=(known(person(), memberships=memberships),))
    write_page(tmp_path / "report.html", page)
    text = text_of(tmp_path / "report.html")
    assert text.count('<li class="taste"') == 12 and "5 rarer ones are not drawn" in text
    words = section(tmp_path / "report.html", "What the taste posterior read")
    assert "taste 17 58 % taste 16 39 % the others 3 %" in words  # 3 % together, none of them 2 % alone
    assert 'href="#taste-17"' not in text


def test_one_single_taste_needs_no_shares(tmp_path):
    write_page(
        tmp_path / "report.html", both_ways(tastes=tastes(1), people=(known(person(), memberships=(1.0,)),))
    )
    text = text_of(tmp_path / "report.html")
    assert "This one was found" in text and "Which of the learned tastes this person has" not in text


def test_a_pair_says_how_sure_and_why(tmp_path):
    write_page(tmp_path / "report.html", both_ways())
    words = section(tmp_path / "report.html", "What the taste posterior read")
    cards = words.split("a picture of a fish")[9:]  # after the eight of the history
    # The second is the pick of pair 2, so it stands on the left, and a reason for it is one for the left.
    assert "✓ right, 84 % sure" in cards[0] and "over +0.8 for the left over +0.3 for the right" in cards[0]
    assert "✓ right, 84 % sure" in cards[1] and "over +0.8 for the right over +0.3 for the left" in cards[1]
    assert "= a tie, counts half" in cards[2] and "sure" not in cards[2]
    assert "Q 0." not in cards[0]


def test_of_every_guided_picture_it_says_what_each_person_thinks(tmp_path):
    write_page(tmp_path / "report.html", both_ways(guidance=guidance()))
    words = section(tmp_path / "report.html", "The same picture, made for each of 3 people")
    assert "Guidance changes the noise, 30 times a little," in words and "No weights change" in words
    assert "A liked, among others person-1 B liked, among others person-2 C liked" in words
    first, second = "guided for A A 91 % B 32 % C 50 %", "guided for B A 8 % B 88 % C 44 %"
    row = f"unguided {first} {second} guided for C A 50 % B 21 % C 99 %"  # 99.94 % is not certain
    assert f"a house {row} a fish {row}" in words
    text = text_of(tmp_path / "report.html")
    assert re.findall(r'<li class="for"><span>(\w)</span>', text) == [*"ABCABC"]
    write_page(tmp_path / "report.html", both_ways())
    assert "unguided" not in text_of(tmp_path / "report.html")


def test_the_model_that_training_continued_from_is_named(tmp_path):
    write_page(tmp_path / "report.html", full_page(init_from="mini"))
    assert "continued from the model mini, on these people’s votes" in section(
        tmp_path / "report.html", "How it learned"
    )
    write_page(tmp_path / "report.html", full_page())
    assert "continued from" not in section(tmp_path / "report.html", "How it learned")


def test_the_probability_of_the_pair_outweighs_q():
    pair = choice("p", (b"", b""), 1, (0.9, 0.2))
    assert pair.predicted == 0 and pair.outcome == 0
    surer = dataclasses.replace(pair, probability=0.3)
    assert surer.predicted == 1 and surer.outcome == 1


def test_every_figure_is_shown_somewhere(tmp_path):
    write_page(tmp_path / "report.html", full_page())
    text = text_of(tmp_path / "report.html")
    further = text[text.index("Further figures (1)") :]
    assert "calibration.ece" in further and "top1" not in further
    assert all(f"{100 * figure.value:.1f}" in text for figure in FIGURES if figure.name != "calibration.ece")


def test_ranking_goes_by_q_and_marks_the_liked_one():
    ranking = person().rankings[0]
    assert [(shown.q, liked) for shown, liked in ranking.ordered] == [
        (0.88, True), (0.54, False), (0.31, False), (0.12, False)
    ]  # fmt: skip


def test_an_empty_page_is_still_a_page(tmp_path):
    write_page(tmp_path / "new" / "report.html", Page("nothing yet", ()))
    text = text_of(tmp_path / "new" / "report.html")
    assert "No accuracy" in text and "nan" not in text.lower()


def test_what_is_not_finite_is_left_out(tmp_path):
    nan = float("nan")
    points = (LearningPoint(0, "stage 1", nan, 0.7, nan, nan, nan), LearningPoint(5, "stage 1", 1e30, 0.6))
    page = full_page(
        figures=(Measure("accuracy.own", 0.7, nan, nan), Measure("accuracy.0", nan, 0.0, 1.0)),
        learning=points,
    )
    write_page(tmp_path / "report.html", page)
    assert not re.search(r"\bnan\b", re.sub(r"base64,[^\"]*", "", text_of(tmp_path / "report.html")))


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.5, 0.72], (0.5, 0.55, 0.6, 0.65, 0.7, 0.75)),
        ([0.0, 600.0], (0, 200, 400, 600)),
        ([0.0, 2.1], (0, 0.5, 1.0, 1.5, 2.0, 2.5)),
        ([7.0], (6.0, 8.0)),
        ([], (0, 0.2, 0.4, 0.6, 0.8, 1.0)),
    ],
)
def test_axis_has_round_ticks_around_all_values(values, ticks):
    axis = Axis.around(values)
    assert axis.ticks == pytest.approx(ticks)
    assert axis.at(ticks[0]) == 0 and axis.at(ticks[-1]) == 100 and axis.at(1e9) == 100


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Choice("p", ScoredPicture(b""), ScoredPicture(b""), 2),
        lambda: ScoredPicture(b"", 1.2),
        lambda: Choice("p", ScoredPicture(b""), ScoredPicture(b""), 0, 1.2),
        lambda: Page("p", (), main="accuracy.8"),
        lambda: Page("p", (), (PersonPage("u", (), memberships=(0.5, 0.5)),)),
        lambda: guidance(names=("one", "two")),
        lambda: guidance(probabilities=((0.1,), (0.2,), (0.3,))),
        lambda: guidance(probabilities=((0.1, 0.2, 1.3), *PROBABILITIES[1:])),
        lambda: CandidateRanking("p", (ScoredPicture(b"", 0.1), ScoredPicture(b"")), 0),
        lambda: CandidateRanking("p", (ScoredPicture(b"", 0.1),), 1),
    ],
)
def test_what_cannot_be_shown_is_refused_in_a_sentence(wrong):
    with pytest.raises(ValueError, match=r"; expected .*: "):
        wrong()


def test_bytes_are_decoded_and_encoded_afresh(tmp_path):
    buffer = io.BytesIO()
    Image.new("RGB", (900, 300), "red").save(buffer, "JPEG", comment=b"secret words")
    pair = choice("p", (buffer.getvalue(), pictures(1)[0]), 0)
    write_page(tmp_path / "report.html", full_page((PersonPage("u", (pair,)),)))
    assert "secret words" not in text_of(tmp_path / "report.html")
    assert len(text_of(tmp_path / "report.html")) < 150_000


def test_a_bad_picture_leaves_the_old_page_and_no_half_of_a_new_one(tmp_path):
    path = tmp_path / "report.html"
    write_page(path, full_page())
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not an image"):
        write_page(path, full_page((PersonPage("u", (choice("p", (b"GIF", b"PNG"), 0),)),)))
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["report.html"]


def test_the_page_refers_to_nothing_outside_itself(hostile):
    text = re.sub(r">[^<]*<", "><", text_of(hostile))  # tags only: words may name any address
    for name, value in re.findall(r'\b(src|href|srcset|action|data|poster|content)="([^"]*)"', text):
        inside = {"src": value.startswith("data:image/"), "href": value.startswith("#taste-")}
        assert inside.get(name, name == "content"), (name, value[:80])
    style = re.search(r"<style>(.*?)</style>", text_of(hostile), re.DOTALL)[1]
    assert "url(" not in style and "@import" not in style
    assert not re.search(r"<(script|link|iframe|object|embed|base|form)\b|\son\w+=|\sstyle=", text)
    assert "default-src 'none'" in text_of(hostile)


def test_page_needs_no_torch():
    code = "import sys, tasteprint.report.page; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_in_a_browser_hostile_words_stay_words_and_the_style_is_let_in(hostile, tmp_path):
    ran = chromium("--enable-logging=stderr", "--dump-dom", hostile.as_uri(), profile=tmp_path / "profile")
    dom, log = ran.stdout.decode("utf-8"), ran.stderr.decode("utf-8", "replace")
    assert "<title>&lt;script&gt;" in dom
    assert "<script" not in dom and "onerror=" not in re.sub(r">[^<]*<", "><", dom)
    assert "&lt;script&gt;document.title='owned'&lt;/script&gt;" in dom
    assert dom.count("<style>") == 1
    assert "Content Security Policy" not in log, log


@pytest.mark.parametrize("width", [1400, 500])
def test_in_a_browser_the_page_has_colour_and_fits(tmp_path, width):
    write_page(tmp_path / "report.html", both_ways(guidance=guidance()))
    shot = tmp_path / "shot.png"
    options = (f"--screenshot={shot}", f"--window-size={width},1200", (tmp_path / "report.html").as_uri())
    chromium(*options, profile=tmp_path / "profile")
    with Image.open(shot) as image:
        assert image.width == width
        assert image.convert("RGB").getpixel((3, 3)) == (250, 249, 246)  # --paper: the style was let in
        assert len(image.convert("RGB").getcolors(1 << 24)) > 200
