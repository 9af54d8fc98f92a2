"""The language of a product's text, by its commonest words: for slices of a report, not for models.

Identifiers of many languages are good, and take 75 to 100 MB; a report asks for less: which of
the marketplace's main languages a text is in, or its script, or that it is too short to tell.
"""

import re
import unicodedata
from collections import Counter
from typing import Final

UNCLEAR: Final = "unclear"
"""A text too short, or too mixed, to tell its language."""

_MOST_CHARACTERS = 2_000
_WORD = re.compile(r"[^\W\d_]+")
_TAG_OR_ENTITY = re.compile(r"<[^<>]{0,200}>|&#?\w{1,10};")

# Function words, and what titles say of a thing. Single letters are left out: they are sizes.
_LATIN: Final = {
    "fr": """à au aux avec ce ces cette dans de des du elle en est et être il ils la le les leur
        ne nous ou où par pas plus pour qui sa sans se ses son sont sous sur très un une vos votre
        vous neuf lot jeu état qualité noir blanc rouge bleu vert gris jaune pièces""",
    "en": """all an and are as at be by can for from has have in is it its no not of on or our
        that the their these this to up very we will with without you your new set size quality
        black white red blue green grey yellow pieces""",
    "de": """als am an auf aus bei das dem den der des die durch ein eine einem einen einer es für
        ihr im in ist mit nach nicht nur oder ohne sehr sich sie sind und vom von wie wird zu zum
        zur neu größe qualität schwarz weiß rot blau grün grau gelb stück""",
    "es": """al como con de del el en es esta este la las lo los más muy no para por que se sin
        su sus un una nuevo nueva calidad negro blanco rojo azul verde gris amarillo piezas""",
    "it": """ai al alla che come con da dal dei del della delle di gli il in la le lo nel nella
        non per più senza si sono su sul tra un una uno nuovo nuova qualità nero bianco rosso blu
        verde grigio giallo pezzi""",
    "pt": """ao aos as com como da das de do dos em mais na não no nos os ou para pela pelo por
        que se sem seu sua um uma novo nova qualidade preto branco vermelho azul verde peças""",
    "nl": """aan als bij de deze dit een en er het in is met naar niet nog of om ook op te tot uit
        van voor wordt zijn zonder zeer nieuw zwart wit rood blauw groen grijs geel stuks""",
}
_LANGUAGES_OF: Final = {
    word: tuple(name for name, words in _LATIN.items() if word in words.split())
    for words in _LATIN.values()
    for word in words.split()
}
_SCRIPTS: Final = {
    "CYRILLIC": "Cyrillic",
    "GREEK": "Greek",
    "ARABIC": "Arabic",
    "HEBREW": "Hebrew",
    "CJK": "Chinese or Japanese",
    "HIRAGANA": "Chinese or Japanese",
    "KATAKANA": "Chinese or Japanese",
    "HANGUL": "Korean",
    "THAI": "Thai",
    "DEVANAGARI": "Devanagari",
}


def language_of(title: str, description: str) -> str:
    """The text's language (`fr`, `en`, `de`, `es`, `it`, `pt`, `nl`), its script where that is not
    Latin, or UNCLEAR.

    A language needs more of its common words in the text than any other; a word that several share
    counts for each of them.

    >>> language_of("Carnet A5 à couverture rigide", ""), language_of("LAMPE LED", "12 V")
    ('fr', 'unclear')
    >>> language_of("Chair", "<p>for the garden, with cushion</p>"), language_of("Книга", "")
    ('en', 'Cyrillic')
    """
    text = _TAG_OR_ENTITY.sub(" ", f"{title} {description}"[:_MOST_CHARACTERS])
    words = _WORD.findall(text.casefold())
    script = _script_of(words)
    if script is not None:
        return script
    votes = Counter(name for word in words for name in _LANGUAGES_OF.get(word, ()))
    best = votes.most_common(2)
    if not best or (len(best) == 2 and best[0][1] == best[1][1]):
        return UNCLEAR
    return best[0][0]


def _script_of(words: list[str]) -> str | None:
    """The script of most words; None for the Latin one."""
    foreign = [word for word in words if not word.isascii()]
    scripts = Counter(
        _SCRIPTS.get(unicodedata.name(word[0], "").partition(" ")[0]) for word in foreign
    )
    scripts[None] += len(words) - len(foreign)
    return scripts.most_common(1)[0][0]
