"""Italian words for what can be asked of a piece."""

from __future__ import annotations

from partimento.tasks.text2midi.lexicon import WordTable, word_set

_ENTRIES = {
    "nothing=here": "alta qualita, piano piano piano, alta montagna, chiave di basso, in forte",
    "tempo_word=very slow": "lentissim(o|a|i|e), molto lentamente",
    "tempo_word=slow": "lent(o|a|i|e), lentamente, tempo lento, passo lento, senza fretta,"
    " rallentat(o|a)",
    "tempo_word=moderate": "moderat(o|a|i|e), tempo moderato, tempo medio, andatura media,"
    " ne lent(o|a) ne veloce, ne veloce ne lent(o|a), moderatamente, passo tranquillo,"
    " velocita media",
    "tempo_word=fast": "veloc(e|i), velocemente, rapid(o|a|i|e), rapidamente, svelt(o|a|i|e),"
    " spedit(o|a), tempo veloce, mosso, celere, sostenuto tempo",
    "tempo_word=very fast": "velocissim(o|a|i|e), rapidissim(o|a|i|e), a rotta di collo",
    "arousal=high; tempo_word~fast": "vivac(e|i), frenetic(o|a|i|he), scatenat(o|a), brios(o|a),"
    " vivacemente, concitat(o|a)",
    "arousal=high": "energic(o|a|i|he), energia, piena di energia, pieno di energia, eccitat(o|a),"
    " eccitante, potent(e|i), intens(o|a|i|e), drammatic(o|a|i|he), agitat(o|a), epic(o|a|i|he),"
    " eroic(o|a|i|he), travolgent(e|i), appassionat(o|a|i|e), inquiet(o|a), grintos(o|a)",
    "valence=high; arousal=high": "festos(o|a|i|e), trionfal(e|i), esuberant(e|i), festiv(o|a|i|e),"
    " trionfant(e|i), euforic(o|a)",
    "valence=low; arousal=high": "arrabbiat(o|a|i|e), furios(o|a|i|e), aggressiv(o|a|i|e),"
    " tes(o|a|i|e), minaccios(o|a|i|e), angosciat(o|a), rabbios(o|a), tensione, paura,"
    " violent(o|a)",
    "valence=high; mode~major": "allegr(a|e), felic(e|i), gioios(o|a|i|e), lieta, lieto, liet(i|e),"
    " gioia, spensierat(o|a|i|e), allegria, allegramente, gai(o|a), giocond(o|a), contento",
    "valence=high": "luminos(o|a|i|e), solar(e|i), giocos(o|a|i|e), scherzos(o|a|i|e),"
    " divertent(e|i), ottimist(a|e), buff(o|a|i|e), positiv(o|a)",
    "valence=low; mode~minor": "trist(e|i), triste e, tristezza, malinconic(o|a|i|he), malinconia,"
    " dolent(e|i), cup(o|a|i|e), oscur(o|a|i|e), mest(o|a|i|e), tragic(o|a|i|he),"
    " doloros(o|a|i|e), tetr(o|a|i|e), struggente, melanconic(o|a), nostalgic(o|a) e triste,"
    " disperat(o|a), lugubre, tristemente, addolorat(o|a)",
    "valence=low": "inquietant(e|i), sinistr(o|a|i|e), spettral(e|i), pauros(o|a)",
    "valence=low; mode~minor; tempo_word~slow": "lamento, elegia, requiem, funebre",
    "style=march; meter~4/4; valence=low; mode~minor; tempo_word~slow": "marcia funebre,"
    " marce funebri",
    "arousal=low": "calm(o|a|i|e), tranquill(o|a|i|e), rilassant(e|i), rilassat(o|a), pacific(o|a),"
    " seren(o|a|i|e), pacat(o|a|i|e), tener(o|a|i|e), riposante, quiet(o|a|i|e),"
    " meditativ(o|a|i|e), delicat(o|a|i|e), sognant(e|i), calma e, pace, contemplativ(o|a)",
    "density=sparse": "poche note, rad(o|a|i|e), essenzial(e|i), rarefatt(o|a|i|e), note lunghe,"
    " pochissime note, minimalist(a|e), scarn(o|a), spogli(o|a), spars(o|a|e)",
    "density=dense": "dens(o|a|i|e), molte note, tante note, fitt(o|a|i|e), passaggi rapidi,"
    " virtuosistic(o|a|i|he), scale rapide, pien(o|a) di note, tantissime note, note veloci,"
    " moltissime note, passaggi veloci, scale veloci, semicrome",
    "register=low": "registro grave, registro basso, grav(e|i), note gravi, note basse, tono basso,"
    " suoni gravi, registri gravi, registro profondo, ottava bassa",
    "register=middle": "registro medio, registro centrale, tessitura media",
    "register=high": "registro acuto, registro alto, acut(o|a|i|e), note acute, note alte,"
    " suoni acuti, registri acuti, ottava alta",
    "polyphony=monophonic": "monodic(o|a), monofonic(o|a), una sola voce, a una voce,"
    " non accompagnat(o|a),"
    " senza accompagnamento, una sola linea, sola melodia, solo melodia, solo la melodia,"
    " linea singola, una linea melodica, senza accordi",
    "polyphony=thin": "a due parti",
    "polyphony=full": "accordi pieni, accordi ricchi, ricchi accordi, polifonic(o|a|i|he),"
    " armonia piena, armonie ricche, accordi densi, accordi pesanti, armonia ricca, a piu voci",
    "dynamics=soft": "piano piano, sommess(o|a), sottovoce, a basso volume, volume basso,"
    " silenzios(o|a|i|e), suonato piano, molto piano, pian piano, sussurrat(o|a), soffus(o|a),"
    " pianissimo, leggerissimo, flebile",
    "dynamics=medium": "volume medio, mezzo forte",
    "dynamics=loud": "forte, forti, fortissim(o|a|i|e), rumoros(o|a|i|e), ad alto volume,"
    " fragoros(o|a|i|e),"
    " volume alto, potente e forte, tonant(e|i)",
    "articulation=staccato": "staccat(o|a|i|e), note corte, note staccate, pizzicat(o|i),"
    " note brevi",
    "articulation=legato": "legat(o|a|i|e), fluid(o|a|i|e), scorrevol(e|i), cantabil(e|i),"
    " note legate",
    "meter=4/4": "tempo comune, tempo ordinario",
    "meter=2/2": "tempo tagliato, a cappella breve",
    "meter=3/4": "tempo di valzer, ritmo di valzer, tempo ternario, ritmo ternario, ternari(o|a)",
    "meter=2/4": "tempo binario, ritmo binario, binari(o|a)",
    "mode=minor": "modo minore, tonalita minore, chiave minore, in minore, tono minore,"
    " tonalita minori",
    "mode=major": "modo maggiore, tonalita maggiore, chiave maggiore, in maggiore, tono maggiore",
    "style=waltz; meter~3/4": "valzer, walzer",
    "style=march; meter~4/4": "marcia, marce, marcetta, marcia militare",
    "style=polka; meter~2/4; tempo_word~fast": "polca, polche, polka, polke",
    "style=minuet; meter~3/4": "minuetto, minuetti",
    "style=jig; meter~6/8; tempo_word~fast": "giga, gighe, giga irlandese",
    "style=air": "aria popolare, aria irlandese",
    "style=lullaby; tempo_word~slow": "ninna nanna, ninnananna, ninne nanne, ninnananne, berceuse",
    "style=hymn": "inno, inni, inno sacro",
    "style=chorale": "corale, corali, corale luterano",
    "style=baroque": "barocc(o|a|hi|he), stile barocco",
    "style=classical": "classic(o|a|i|he), stile classico, classicismo",
    "style=romantic": "romantic(o|a|i|he), stile romantico",
    "style=renaissance": "rinascimental(e|i), rinascimento, madrigale",
    "style=modern": "modern(o|a|i|e), contemporane(o|a), novecento",
    "style=folk": "popolar(e|i), folk, folcloristic(o|a), canto popolare, danza popolare,"
    " tradizional(e|i)",
    "style=study": "studio, studi, esercizio, esercizio tecnico",
    "style=song": "lied, romanza da camera",
    "instruments=piano": "piano, pianoforte, pianoforti, tastiera, pianoforte a coda, piani",
    "instruments=harpsichord": "clavicembalo, cembalo, clavicembali, clavicordo, spinetta",
    "instruments=bells": "campan(a|e), carillon, campanelli, vibrafono, xilofono, marimba, celesta",
    "instruments=organ": "organo, organi, organo a canne",
    "instruments=accordion": "fisarmonic(a|he), organetto, bandoneon, armonica",
    "instruments=guitar": "chitarr(a|e), liuto, mandolin(o|i), chitarra classica,"
    " chitarra acustica,"
    " chitarra elettrica, liuti, ukulele",
    "instruments=bass guitar": "basso elettrico, basso",
    "instruments=violin": "violin(o|i)",
    "instruments=viola": "viola, viole",
    "instruments=cello": "violoncell(o|i), viola da gamba",
    "instruments=double bass": "contrabbass(o|i), contrabasso",
    "instruments=strings": "archi, orchestra, orchestra d archi, sezione d archi,"
    " strumenti ad arco",
    "instruments=violin+viola+cello": "quartetto d archi, quartetto di archi, trio d archi",
    "instruments=harp": "arp(a|e)",
    "instruments=timpani": "timpan(o|i)",
    "instruments=choir": "cor(o|i), voce, vocale, soprano, tenore, contralto, coro misto, cantante",
    "instruments=trumpet": "tromb(a|e), cornetta",
    "instruments=trombone": "trombon(e|i)",
    "instruments=tuba": "tuba, tube",
    "instruments=horn": "corn(o|i), corno francese",
    "instruments=brass": "ottoni, banda, banda di ottoni, fiati",
    "instruments=saxophone": "sassofon(o|i), sax, saxofono",
    "instruments=oboe": "oboe, oboi, corno inglese",
    "instruments=bassoon": "fagott(o|i)",
    "instruments=clarinet": "clarinett(o|i), clarino",
    "instruments=flute": "flaut(o|i), ottavino, flauto traverso",
    "instruments=recorder": "flauto dolce, flauti dolci, flauto a becco, flauto diritto",
    "instruments=whistle": "zufolo, fischietto, flauto di latta",
    "instruments=banjo": "banjo",
    "instruments=bagpipe": "cornamus(a|e), zampogn(a|e)",
    "instruments=synthesizer": "sintetizzator(e|i), synth, elettronic(o|a)",
    "instruments=drums": "batteria, percussion(e|i), tambur(o|i), rullante, tamburello",
}

ITALIAN = WordTable(
    entries=_ENTRIES,
    negators=(
        *("senza", "non", "ne", "niente", "nessun", "nessuna", "nessuno", "tranne", "eccetto"),
        *("evita", "evitare", "salvo", "escluso", "esclusi", "esclusa", "invece di", "mai"),
        *("a parte", "tranne che", "fuorche", "togli", "invece che", "piuttosto che", "no"),
    ),
    after_negator=word_set(
        "il lo la i gli le l un uno una di del della dei degli delle troppo molto tanto cosi e"
        " sia essere deve usare usa suoni voglio metti mettere mi piace che particolarmente"
        " troppa troppe troppi eccessivamente in con"
    ),
    very=word_set("molto assai tanto davvero estremamente veramente parecchio"),
    too=word_set("troppo troppa troppi molto tanto cosi eccessivamente particolarmente"),
    less=word_set("meno"),
    mild=word_set("moderatamente mezzo mediamente abbastanza"),
    function_words=word_set(
        "il lo gli per con di e in un una uno che della del dei delle degli da non senza molto"
        " vorrei brano pezzo musica battute tempo maggiore minore scrivi crea voglio suonato"
        " no solo niente qualcosa circa tra fra melodia sul sulla al"
        " alla d nel nella battiti minuto"
    ),
    ordinary=word_set(
        "brano pezzo musica melodia tonalita battuta battute compositore scena film bambini"
        " danza ballo canzone concerto preludio sonata fuga stile tempo ritmo circa maestoso"
        " solenne misterios suonato suonata scritto veloce"
    ),
)
"""The Italian lexicon."""
