"""Words of the synthetic marketplace: short lists of our own, by category or family and language.

A language that lacks a category's words borrows the English ones, as sellers do.
"""

from typing import Final

LANGUAGES: Final = ("fr", "en", "de", "es", "it")

_CATEGORY_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "10": (
        "roman poche thriller occasion policier nouvelles récit polar broché tome recueil jaquette",
        "paperback novel thriller used mystery stories bestseller",
        "Taschenbuch Krimi gebraucht Erzählung Bestseller Roman",
        "novela bolsillo usado relato",
        "romanzo tascabile usato racconto",
    ),
    "40": (
        "jeu-vidéo cartouche disque niveau manche pixel aventure course combat plateforme import",
        "video-game cartridge racing fighting platformer retro",
        "Videospiel Modul Rennspiel Kampfspiel Sammlung",
        "videojuego cartucho carreras lucha",
        "videogioco cartuccia corse lotta",
    ),
    "50": (
        "manette casque-gamer chargeur-manette câble souris clavier housse micro volant",
        "controller headset charger gamepad keyboard mousepad grip",
        "Controller Headset Ladekabel Tastatur Maus Tasche",
        "mando auriculares cargador teclado",
        "joypad cuffie caricatore tastiera",
    ),
    "60": (
        "console portable-rétro station-de-jeu pack-console borne émulateur hdmi-console slim",
        "console handheld arcade-stick bundle-console retro-station",
        "Spielkonsole Handheld Konsolenpaket Retrokonsole",
        "consola portátil recreativa",
        "console-fissa portatile cabinato",
    ),
    "1140": (
        "figurine statuette résine buste collector peluche-héros socle porte-clés diorama",
        "figure statue bust collectible keyring vinyl-figure",
        "Sammelfigur Statue Büste Schlüsselanhänger Harz",
        "figura estatua llavero resina",
        "statuina busto portachiavi resina",
    ),
    "1160": (
        "carte booster deck holo rare-holo blister édition-cartes pochette-cartes illustrateur",
        "card booster-pack deck holographic foil trading-card",
        "Sammelkarte Booster Kartendeck Glanzkarte Display",
        "carta sobre-cartas mazo holográfica",
        "carta-rara busta mazzo olografica",
    ),
    "1180": (
        "miniature-wargame armée-plomb escouade peinture-figurine régiment socle-rond gobelin",
        "wargame miniature squad regiment warband terrain",
        "Tabletop Zinnfigur Regiment Trupp Gelände",
        "miniatura ejército escuadra",
        "soldatini esercito plotone",
    ),
    "1280": (
        "jouet peluche poupée voiturette éveil hochet-jouet camion dînette xylophone toupie robot",
        "toy plush doll truck spinning-top playset robot",
        "Spielzeug Plüschtier Puppe Lastwagen Kreisel Roboter",
        "juguete peluche muñeca camión",
        "giocattolo bambola camioncino trottola",
    ),
    "1281": (
        "jeu-de-société dés plateau pions puzzle stratégie-famille casse-tête dominos cartes-quiz",
        "board-game dice puzzle family-game tokens brainteaser",
        "Brettspiel Würfel Puzzle Familienspiel Spielfiguren",
        "juego-de-mesa dados rompecabezas fichas",
        "gioco-da-tavolo dadi rompicapo pedine",
    ),
    "1300": (
        "maquette drone hélicoptère-rc échelle circuit-rail locomotive avion-rc servomoteur",
        "scale-model drone rc-car locomotive brushless chassis",
        "Modellbau Drohne Lokomotive Ferngesteuert Fahrgestell",
        "maqueta dron locomotora teledirigido",
        "modellino drone locomotiva telecomandato",
    ),
    "1301": (
        "perles tricot laine scrapbooking pelote aiguilles fil-à-broder ruban tampon-encreur",
        "beads yarn knitting scrapbook embroidery ribbon",
        "Perlen Wolle Stricken Stickgarn Bastelset",
        "cuentas lana punto bordado",
        "perline lana uncinetto ricamo",
    ),
    "1302": (
        "trampoline raquette déguisement-enfant trottinette arc ballon patins masque-plongée",
        "trampoline racket costume scooter kite skates",
        "Trampolin Schläger Kostüm Roller Drachen",
        "trampolín raqueta disfraz patinete",
        "trampolino racchetta costume monopattino",
    ),
    "1320": (
        "poussette biberon bébé couche siège-auto turbulette tétine gigoteuse bavoir babyphone",
        "stroller baby-bottle pacifier bib nursery carrier",
        "Kinderwagen Babyflasche Schnuller Lätzchen Wickeltasche",
        "cochecito biberón chupete babero",
        "passeggino ciuccio bavaglino fasciatoio",
    ),
    "1560": (
        "canapé table-basse étagère commode matelas chaise buffet armoire bureau-bois tabouret",
        "sofa coffee-table shelf wardrobe mattress stool sideboard",
        "Sofa Couchtisch Regal Kommode Matratze Hocker",
        "sofá estantería cómoda colchón",
        "divano scaffale cassettiera materasso",
    ),
    "1920": (
        "housse-de-couette drap oreiller plaid taie couverture linge coussin couvre-lit percale",
        "duvet-cover pillowcase bedsheet blanket cushion quilt",
        "Bettwäsche Kissenbezug Laken Decke Spannbetttuch",
        "funda-nórdica sábana almohada manta",
        "copripiumino lenzuolo federa coperta",
    ),
    "1940": (
        "biscuits café-grains thé-vert confiture chocolat-noir épices bonbons miel sirop nouilles",
        "biscuits coffee-beans tea jam chocolate spices",
        "Kekse Kaffeebohnen Tee Marmelade Gewürze",
        "galletas café mermelada especias",
        "biscotti caffè marmellata spezie",
    ),
    "2060": (
        "guirlande tableau vase bougie horloge sticker-mural tapis rideau lampe-déco sapin",
        "garland canvas vase candle wall-clock curtain rug",
        "Lichterkette Wandbild Vase Kerze Vorhang Teppich",
        "guirnalda jarrón vela cortina",
        "ghirlanda quadro candela tenda",
    ),
    "2220": (
        "chien chat croquettes laisse litière aquarium collier-chien niche griffoir gamelle",
        "dog cat kibble leash litter harness",
        "Hund Katze Leine Futternapf Kratzbaum Geschirr",
        "perro gato correa arenero",
        "cane gatto guinzaglio lettiera",
    ),
    "2280": (
        "magazine revue numéro hebdo journal mensuel gazette parution couverture-presse hors-série",
        "magazine issue weekly newspaper monthly periodical",
        "Zeitschrift Ausgabe Wochenblatt Illustrierte Heft",
        "revista número semanario periódico",
        "rivista numero settimanale giornale",
    ),
    "2403": (
        "bd manga album-bd intégrale essai guide-pratique manuel lot-livres cuisine-livre",
        "comic manga hardcover handbook cookbook graphic-novel",
        "Comic Manga Bildband Ratgeber Kochbuch",
        "cómic manga manual tapa-dura",
        "fumetto manga manuale copertina-rigida",
    ),
    "2462": (
        "lot-jeux pack-jeux lot-console bundle collection-jeux lot-manettes coffret-jeux dualpack",
        "games-bundle lot-of-games console-lot double-pack collection",
        "Spielepaket Konsolenset Spielesammlung Doppelpack",
        "lote-juegos pack-consola colección",
        "lotto-giochi pacchetto raccolta",
    ),
    "2522": (
        "cahier stylo classeur agenda carnet feutres trousse papier-a4 enveloppe gomme surligneur",
        "notebook pen binder planner marker envelope",
        "Notizbuch Kugelschreiber Ordner Terminplaner Umschlag",
        "cuaderno bolígrafo carpeta sobre",
        "quaderno penna raccoglitore busta-lettere",
    ),
    "2582": (
        "parasol salon-de-jardin transat hamac tonnelle balancelle voile-ombrage bain-de-soleil",
        "parasol deckchair hammock gazebo garden-set awning",
        "Sonnenschirm Liegestuhl Hängematte Pavillon Gartenmöbel",
        "sombrilla tumbona hamaca cenador",
        "ombrellone sdraio amaca gazebo",
    ),
    "2583": (
        "piscine pompe-filtration liner chlore robot-piscine skimmer bâche-bulles échelle-piscine",
        "pool skimmer chlorine filter-pump pool-cover liner",
        "Pool Filterpumpe Chlor Skimmer Poolabdeckung Sandfilter",
        "piscina depuradora cloro cubierta-piscina",
        "piscina-rigida filtro cloro copertura-piscina",
    ),
    "2585": (
        "tondeuse perceuse tronçonneuse sécateur tuyau-arrosage taille-haie visseuse brouette",
        "lawnmower drill chainsaw pruner hose trimmer",
        "Rasenmäher Bohrmaschine Kettensäge Gartenschere Schlauch",
        "cortacésped taladro motosierra manguera",
        "tosaerba trapano motosega cesoie",
    ),
    "2705": (
        "livre-ancien reliure gravure édition-originale cuir-relié mémoires in-octavo histoire",
        "antiquarian leather-bound engraving first-edition treatise memoirs",
        "Antiquariat Ledereinband Kupferstich Erstausgabe Abhandlung",
        "libro-antiguo grabado encuadernado tratado",
        "libro-antico incisione rilegato trattato",
    ),
    "2905": (
        "jeu-pc téléchargement clé-cd dvd-rom simulation-pc code-activation extension-pc windows",
        "pc-game download cd-key dvd-rom simulator expansion",
        "PC-Spiel Aktivierungscode Simulator Erweiterung Download",
        "juego-pc descarga simulador",
        "gioco-pc chiave-cd simulatore",
    ),
}

_FAMILY_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "books": (
        "livre édition auteur volume pages français collection illustré",
        "book edition author volume pages illustrated",
        "Buch Ausgabe Autor Band Seiten",
        "libro edición autor páginas",
        "libro edizione autore pagine",
    ),
    "gaming": (
        "jeu joueur gamer console pc édition officiel pad",
        "game player console edition official gaming",
        "Spiel Spieler Konsole Edition offiziell",
        "juego jugador consola edición",
        "gioco giocatore console edizione",
    ),
    "play": (
        "jeu enfant collection set cadeau anniversaire fille garçon",
        "kids gift set collection birthday game",
        "Kinder Geschenk Set Sammlung Geburtstag",
        "niños regalo juego colección",
        "bambini regalo gioco collezione",
    ),
    "home": (
        "maison chambre salon coton pratique rangement décoration cuisine",
        "home bedroom cotton storage kitchen decor",
        "Haus Schlafzimmer Baumwolle Küche Deko",
        "casa dormitorio algodón cocina",
        "casa camera cotone cucina",
    ),
    "garden": (
        "jardin extérieur terrasse été kit imperméable acier robuste",
        "garden outdoor patio summer kit waterproof",
        "Garten draußen Terrasse Sommer wasserdicht",
        "jardín exterior terraza verano",
        "giardino esterno terrazza estate",
    ),
}


def _by_language(words: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {
        language: tuple(listed.split()) for language, listed in zip(LANGUAGES, words, strict=True)
    }


CATEGORY_WORDS: Final = {code: _by_language(words) for code, words in _CATEGORY_WORDS.items()}
FAMILY_WORDS: Final = {family: _by_language(words) for family, words in _FAMILY_WORDS.items()}
