"""What listings of any category say: adjectives, colours, promises and sentences, by language."""

from dataclasses import dataclass
from typing import Final


def _words(listed: str) -> tuple[str, ...]:
    return tuple(listed.split())


@dataclass(frozen=True)
class Phrases:
    """Generic wording of one language; sentences have the fields noun, family, brand, adjective,
    colour, number and width."""

    adjectives: tuple[str, ...]
    colours: tuple[str, ...]
    promises: tuple[str, ...]
    sentences: tuple[str, ...]


PHRASES: Final[dict[str, Phrases]] = {
    "fr": Phrases(
        adjectives=_words(
            "neuf grand petit léger solide élégant moderne vintage original complet universel "
            "réglable pliable qualité premium résistant compact authentique rare classique"
        ),
        colours=_words("noir blanc rouge bleu vert gris beige rose jaune marron"),
        promises=(
            "livraison rapide",
            "envoi soigné",
            "très bon état",
            "lot de 2",
            "pas cher",
            "idée cadeau",
            "haute qualité",
            "comme neuf",
            "stock en France",
            "occasion",
        ),
        sentences=(
            "Ce modèle {adjective} de {brand} convient à tous les usages.",
            "{noun} {adjective}, coloris {colour}, vendu avec sa notice.",
            "Expédié sous {number} jours dans un emballage protégé.",
            "Dimensions : {number} x {width} cm, poids {number} g.",
            "N'hésitez pas à nous contacter pour toute question avant l'achat.",
            "Voir photos pour l'état exact de l'article « {family} ».",
            "L'essentiel du {noun} d'après {brand} : {adjective} & {colour}.",
            "Couleur {colour}, finition {adjective}, garantie {number} mois.",
            "Produit conforme aux normes européennes, référence {brand} {number}.",
            "Idéal pour offrir à un amateur de {family} ou de {noun}.",
        ),
    ),
    "en": Phrases(
        adjectives=_words(
            "new large small light sturdy elegant modern vintage original complete universal "
            "adjustable foldable premium durable compact authentic rare classic handmade"
        ),
        colours=_words("black white red blue green grey beige pink yellow brown"),
        promises=(
            "fast delivery",
            "free shipping",
            "very good condition",
            "pack of 2",
            "best price",
            "gift idea",
            "high quality",
            "like new",
            "in stock",
            "brand new",
        ),
        sentences=(
            "This {adjective} model by {brand} suits every use.",
            "{noun}, {adjective}, in {colour}, sold with its manual.",
            "Shipped within {number} days in safe packaging.",
            "Size: {number} x {width} cm, weight {number} g.",
            "Don't hesitate to contact us with any question before buying.",
            "See pictures for the exact condition of the item ({family}).",
            "All you expect of a {noun} from {brand}: {adjective} & {colour}.",
            "Colour {colour}, {adjective} finish, {number} months warranty.",
        ),
    ),
    "de": Phrases(
        adjectives=_words(
            "neu groß klein leicht stabil elegant modern vintage original komplett universal "
            "verstellbar faltbar hochwertig robust kompakt echt selten klassisch"
        ),
        colours=_words("schwarz weiß rot blau grün grau beige rosa gelb braun"),
        promises=(
            "schneller Versand",
            "sehr guter Zustand",
            "2er Set",
            "günstig",
            "Geschenkidee",
            "wie neu",
            "auf Lager",
        ),
        sentences=(
            "Dieses Modell von {brand} ist {adjective} und passt immer.",
            "{noun}, {adjective}, Farbe {colour}, mit Anleitung.",
            "Versand innerhalb von {number} Tagen, sicher verpackt.",
            "Maße: {number} x {width} cm, Gewicht {number} g.",
            "Bei Fragen zu {family} schreiben Sie uns gern an.",
            "Farbe {colour}, {adjective}, {number} Monate Garantie.",
        ),
    ),
    "es": Phrases(
        adjectives=_words(
            "nuevo grande pequeño ligero sólido elegante moderno original completo universal "
            "ajustable plegable calidad compacto auténtico raro clásico"
        ),
        colours=_words("negro blanco rojo azul verde gris beige rosa amarillo marrón"),
        promises=("envío rápido", "buen estado", "pack de 2", "barato", "idea de regalo"),
        sentences=(
            "Este modelo {adjective} de {brand} sirve para todo.",
            "{noun} {adjective}, color {colour}, con manual.",
            "Enviado en {number} días en un embalaje seguro.",
            "Medidas: {number} x {width} cm, peso {number} g.",
            "Consulte las fotos para ver el estado ({family}).",
        ),
    ),
    "it": Phrases(
        adjectives=_words(
            "nuovo grande piccolo leggero solido elegante moderno originale completo universale "
            "regolabile pieghevole qualità compatto autentico raro classico"
        ),
        colours=_words("nero bianco rosso blu verde grigio beige rosa giallo marrone"),
        promises=("spedizione veloce", "ottimo stato", "set da 2", "economico", "idea regalo"),
        sentences=(
            "Questo modello {adjective} di {brand} va bene per tutto.",
            "{noun} {adjective}, colore {colour}, con istruzioni.",
            "Spedito in {number} giorni con imballo sicuro.",
            "Misure: {number} x {width} cm, peso {number} g.",
            "Vedi le foto per lo stato dell'articolo ({family}).",
        ),
    ),
}
