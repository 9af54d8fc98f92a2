"""Titles and descriptions as sellers write them: several languages, HTML, typos, references."""

import html
import string
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from ml.simulation.categories import BY_CODE
from ml.simulation.lexicon import Lexicon
from ml.simulation.phrases import PHRASES, Phrases
from ml.simulation.sellers import Seller
from ml.simulation.vocabulary import FAMILY_WORDS

MAX_TITLE = 250
MAX_DESCRIPTION = 12_451
_TITLE_LENGTH = (4.14, 0.42)  # log-normal, characters: mean 69
_NOUNS_OF_A_TITLE = (1, 1, 2, 2, 3)
_DESCRIPTION_LENGTH = (5.52, 0.85)  # log-normal, characters: mean 350, and HTML comes on top


@dataclass(frozen=True, kw_only=True)
class TextDifficulty:
    """Shares of products whose text misleads or says little; they bound what a text model can do.

    mistaken: written in the words of a category it is confused with. vague: a title with words of
    the family only; the description says more in half of these. The defaults put TF-IDF +
    LinearSVC at a weighted F1 of 0.80-0.90 with 2,000 to 10,000 products.
    """

    mistaken_share: float = 0.045
    vague_share: float = 0.085


@dataclass(frozen=True)
class Topic:
    """What one listing talks about: the words it draws on, and how plainly it names them."""

    code: str
    language: str
    title_is_vague: bool
    description_is_vague: bool


def choose_topic(rng: Random, code: str, seller: Seller, difficulty: TextDifficulty) -> Topic:
    """The topic of a new listing of a category."""
    foreign = rng.random() < seller.foreign_share
    mistaken = rng.random() < difficulty.mistaken_share
    vague = rng.random() < difficulty.vague_share
    return Topic(
        code=rng.choice(BY_CODE[code].confused_with) if mistaken else code,
        language=seller.second_language if foreign else "fr",
        title_is_vague=vague,
        description_is_vague=vague and rng.random() < 0.5,
    )


def write_title(rng: Random, topic: Topic, seller: Seller, lexicon: Lexicon) -> str:
    """A title of at most MAX_TITLE characters."""
    phrases = PHRASES[topic.language]
    nouns = [
        _noun(rng, topic, lexicon, vague=topic.title_is_vague)
        for _ in range(rng.choice(_NOUNS_OF_A_TITLE))
    ]
    names = list(_names(rng, topic, lexicon, vague=topic.title_is_vague))
    parts = nouns + names if rng.random() < seller.noun_first_share else names + nouns
    target = rng.lognormvariate(*_TITLE_LENGTH)
    length = sum(map(len, parts)) + len(parts)
    while length < target:
        word = _filler(rng, topic, phrases)
        parts.append(word)
        length += len(word) + 1
    title = " ".join(_with_typos(rng, parts, seller.typo_share))
    if rng.random() < seller.upper_share:
        title = title.upper()
    if rng.random() < seller.entity_share * 0.3:
        title = _with_entities(title)
    return title[:MAX_TITLE].strip()


def write_description(rng: Random, topic: Topic, seller: Seller, lexicon: Lexicon) -> str:
    """A description of at most MAX_DESCRIPTION characters; empty when the seller leaves it out."""
    if rng.random() < seller.missing_description_share:
        return ""
    target = rng.lognormvariate(*_DESCRIPTION_LENGTH)
    sentences: list[str] = []
    length = 0
    while length < target:
        sentence = _sentence(rng, topic, lexicon)
        sentences.append(" ".join(_with_typos(rng, sentence.split(" "), seller.typo_share)))
        length += len(sentence) + 1
    if rng.random() < seller.entity_share:
        sentences = [_with_entities(sentence) for sentence in sentences]
    text = _as_html(rng, sentences) if rng.random() < seller.html_share else " ".join(sentences)
    return text[:MAX_DESCRIPTION]


def _noun(rng: Random, topic: Topic, lexicon: Lexicon, *, vague: bool) -> str:
    """A word for the product; early words of the lists are commoner."""
    source = FAMILY_WORDS[BY_CODE[topic.code].family] if vague else lexicon.nouns[topic.code]
    words = source[topic.language]
    return words[int(len(words) * rng.random() ** 1.5)]


def _names(rng: Random, topic: Topic, lexicon: Lexicon, *, vague: bool) -> Iterator[str]:
    """Brand and series; a vague listing has only such as the whole family uses."""
    if rng.random() < 0.6:
        own = not vague and rng.random() < 0.6
        yield rng.choice((lexicon.own_brands if own else lexicon.family_brands)[topic.code])
    if rng.random() < 0.5:
        own = not vague and rng.random() < 0.4
        yield rng.choice((lexicon.own_series if own else lexicon.family_series)[topic.code])


def _filler(rng: Random, topic: Topic, phrases: Phrases) -> str:
    """A further part of a title: family word, adjective, colour, promise, size or reference."""
    kind = rng.random()
    if kind < 0.3:
        return rng.choice(FAMILY_WORDS[BY_CODE[topic.code].family][topic.language])
    if kind < 0.55:
        return rng.choice(phrases.adjectives)
    if kind < 0.7:
        return rng.choice(phrases.colours)
    if kind < 0.82:
        return rng.choice(phrases.promises)
    if kind < 0.92:
        return f"{rng.randint(2, 200)}{rng.choice(('cm', ' cm', 'mm', 'g', 'x30', 'x60'))}"
    return _reference(rng)


def _reference(rng: Random) -> str:
    """A product reference such as `KX-4711` or a 13-digit article number."""
    if rng.random() < 0.3:
        return str(rng.randrange(3 * 10**12, 10**13))
    letters = "".join(rng.choices(string.ascii_uppercase, k=2))
    return f"{letters}{rng.choice(('-', '', ' '))}{rng.randint(10, 9999)}"


def _sentence(rng: Random, topic: Topic, lexicon: Lexicon) -> str:
    phrases = PHRASES[topic.language]
    family_words = FAMILY_WORDS[BY_CODE[topic.code].family][topic.language]
    sentence = rng.choice(phrases.sentences).format(
        noun=_noun(rng, topic, lexicon, vague=topic.description_is_vague or rng.random() < 0.6),
        family=rng.choice(family_words),
        brand=rng.choice(lexicon.family_brands[topic.code]),
        adjective=rng.choice(phrases.adjectives),
        colour=rng.choice(phrases.colours),
        number=rng.randint(2, 60),
        width=rng.randint(2, 200),
    )
    return sentence[0].upper() + sentence[1:]


def _as_html(rng: Random, sentences: list[str]) -> str:
    """The sentences as paragraphs, a list, or lines with breaks."""
    layout = rng.randrange(3)
    if layout == 0:
        return "".join(f"<p>{sentence}</p>" for sentence in sentences)
    if layout == 1:
        return "<ul>" + "".join(f"<li>{sentence}</li>" for sentence in sentences) + "</ul>"
    return "<br />".join(f"<b>{sentences[0]}</b>" if i == 0 else s for i, s in enumerate(sentences))


_ENTITIES = {
    ord(char): f"&{name};"
    for char, name in (
        ("é", "eacute"),
        ("è", "egrave"),
        ("à", "agrave"),
        ("ô", "ocirc"),
        ("ê", "ecirc"),
        ("ü", "uuml"),
        ("ä", "auml"),
    )
}


def _with_entities(text: str) -> str:
    """Accents, quotes and ampersands as HTML entities, as some sellers' tools export them."""
    return html.escape(text).translate(_ENTITIES)


def _with_typos(rng: Random, words: list[str], share: float) -> list[str]:
    """Some of the longer words with a letter lost, doubled or swapped with the next one."""
    return [
        _misspell(rng, word) if len(word) > 4 and rng.random() < share else word for word in words
    ]


def _misspell(rng: Random, word: str) -> str:
    at = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(3)
    if kind == 0:
        return word[:at] + word[at + 1 :]
    if kind == 1:
        return word[:at] + word[at] + word[at:]
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
