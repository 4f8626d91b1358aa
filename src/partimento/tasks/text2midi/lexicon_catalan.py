"""Catalan words for what can be asked of a piece."""

from __future__ import annotations

from partimento.tasks.text2midi.lexicon import WordTable, word_set

_ENTRIES = {
    "nothing=here": "festa major, alta qualitat, clau de fa, clau de sol",
    "tempo_word=very slow": "lentissim(a|s|es|), molt a poc a poc, molt a poc",
    "tempo_word=slow": "lent, lents, lent(a|es), lentament, a poc a poc, pausa(t|da), sense pressa,"
    " tempo lent, ritme lent, reposa(t|da)",
    "tempo_word=moderate": "modera(t|da|ts|des), tempo moderat, temps moderat, velocitat mitjana,"
    " ni lent(a|) ni rapid(a|), ni rapid(a|) ni lent(a|), tempo mitja, moderadament, ritme moderat",
    "tempo_word=fast": "rapid, rapids, rapid(a|es), rapidament, veloc, veloces, de pressa,"
    " depressa, tempo rapid, accelera(t|da), ritme rapid, lleuger i rapid",
    "tempo_word=very fast": "rapidissim(a|s|es|), velocissim(a|), a tota velocitat",
    "arousal=high; tempo_word~fast": "viu, viva, vivac, frenetic, frenetica, mogu(t|da), trepidant",
    "arousal=high": "energic, energic(a|s|ques), energia, amb energia, ple d energia,"
    " plena d energia,"
    " emocionant, potent, intens, intens(a|os|es), dramatic, dramatica, agita(t|da), epic, epica,"
    " heroic, heroica, apassiona(t|da), excitant, anima(t|da|ts|des), inquiet, inquieta",
    "valence=high; arousal=high": "festiu, festiva, festius, festives, triomfal, triomfant,"
    " euforic, euforica, marxos(a|), festa",
    "valence=low; arousal=high": "enfada(t|da), furios, furiosa, agressiu, agressiva, tens, tensa,"
    " amenacador, amenacadora, violent, violenta, rabios, por",
    "valence=high; mode~major": "alegre, alegres, felic, felicos, joios, joiosa, jovial, alegria,"
    " content, contenta, alegrement, joia",
    "valence=high": "llumin(os|osa), jugane(r|ra), diverti(t|da), brillant, optimista, positiu,"
    " positiva, gracios, graciosa",
    "valence=low; mode~minor": "trist, trist(a|os|es), tristesa, malenconic, malenconi(ca|os),"
    " melancolic, melancolica, malenconia, melangia, fosc, fosca, foscos, fosques, ombrivol,"
    " ombrivola, tragic, tragica, doloros, dolorosa, lugubre, planyivol, melangios, melangiosa,"
    " desolat, desolada",
    "valence=low": "inquietant, sinistre, sinistra, fantasmal, tenebros, tenebrosa, esgarrifos",
    "valence=low; mode~minor; tempo_word~slow": "lament, elegia, requiem, funebre, plany",
    "style=march; meter~4/4; valence=low; mode~minor; tempo_word~slow": "marxa funebre",
    "arousal=low": "tranquil, tranquil(la|s), tranquilles, tranquilla, calm(a|at|ada), relaxant,"
    " relaxa(t|da), placid(a|), seren, serena, tendre, tendra, assossega(t|da),"
    " pacific, pacifica, meditatiu, meditativa, delica(t|da), somiador, somiadora, asserena(t|da),"
    " contemplatiu, contemplativa",
    "density=sparse": "poques notes, escas, escassa, esparsa, notes llargues, minimalista,"
    " molt poques notes, espaia(t|da), auster, austera",
    "density=dense": "dens, dens(a|os|es), moltes notes, passatges rapids, escales rapides,"
    " virtuos, virtuosa, virtuosistic, ple de notes, plena de notes, moltissimes notes,"
    " notes rapides, semicorxeres",
    "register=low": "registre greu, registre baix, greu, greus, notes greus, sons greus,"
    " notes baixes, octava baixa",
    "register=middle": "registre mitja, registre central",
    "register=high": "registre agut, registre alt, agut, agud(a|es), aguts, notes agudes,"
    " notes altes,"
    " sons aguts, octava alta",
    "polyphony=monophonic": "monodic, monodica, monofonic, monofonica, una sola veu, a una veu,"
    " sense acompanyament, una sola linia, nomes melodia, nomes la melodia, melodia sola,"
    " una linia melodica, sense acords",
    "polyphony=thin": "a dues parts",
    "polyphony=full": "acords plens, acords rics, rics acords, polifonic, polifonica,"
    " acords densos, harmonia rica, harmonies riques, harmonia plena, a diverses veus",
    "dynamics=soft": "suau, suaus, suaument, fluix, fluixet, baixet, volum baix, silencios,"
    " silenciosa, en veu baixa, suavissim, a cau d orella",
    "dynamics=medium": "volum mitja, mig fort, mezzo forte",
    "dynamics=loud": "fort, fort(a|s|es), sorollos, sorollosa, volum alt, a tot volum, estrident,"
    " fortissim, atronador, atronadora",
    "articulation=staccato": "pica(t|da|ts|des), staccato, notes curtes, notes picades, pizzicato,"
    " notes separades",
    "articulation=legato": "lliga(t|da|ts|des), fluid, fluida, legato, notes lligades, cantabile",
    "meter=4/4": "compas quaternari, quatre per quatre",
    "meter=2/2": "compas partit",
    "meter=3/4": "ternari, ternaria, compas ternari, ritme ternari, ritme de vals, compas de vals",
    "meter=2/4": "binari, binaria, compas binari, ritme binari",
    "mode=minor": "mode menor, tonalitat menor, to menor, en menor, clau menor",
    "mode=major": "mode major, tonalitat major, to major, en major, clau major",
    "style=waltz; meter~3/4": "vals, valsos",
    "style=march; meter~4/4": "marxa, marxes, marxa militar",
    "style=polka; meter~2/4; tempo_word~fast": "polca, polques, polka, polkes",
    "style=minuet; meter~3/4": "minuet, minuets",
    "style=jig; meter~6/8; tempo_word~fast": "giga, gigues, jiga",
    "style=folk; meter~3/4": "jota, jotes, bolero mallorqui",
    "style=folk": "sardana, sardanes, folklore, folclore, folk, popular, populars, tradicional,"
    " tradicionals, canco popular, musica popular, cancons populars, contrapas, ball popular",
    "style=air": "aire irlandes",
    "style=lullaby; tempo_word~slow": "canco de bressol, cancons de bressol, non non, nana,"
    " bressol",
    "style=hymn": "himne, himnes, goigs",
    "style=chorale": "coral, corals",
    "style=baroque": "barroc, barroc(a|s), barroques, estil barroc",
    "style=classical": "classic, classic(a|s), classiques, estil classic, classicisme",
    "style=romantic": "romantic, romantic(a|s), romantiques, estil romantic, romanticisme",
    "style=renaissance": "renaixentista, renaixement, renaixentistes, madrigal",
    "style=modern": "modern, modern(a|s|es), contemporani, contemporania, segle xx",
    "style=study": "estudi, estudis, exercici, exercici tecnic",
    "style=song": "lied",
    "instruments=piano": "piano, pianos, teclat, piano de cua, teclats",
    "instruments=harpsichord": "clavecin, clavicembal, claveci, clavicordi",
    "instruments=bells": "campan(a|es), caixa de musica, vibrafon, xilofon, marimba, celesta,"
    " carillo, campanetes",
    "instruments=organ": "orgue, orgues, orgue d esglesia",
    "instruments=accordion": "acordio, acordions, bandoneo, concertina, harmonica",
    "instruments=guitar": "guitarr(a|es), llaut, mandolin(a|es), guitarra classica,"
    " guitarra espanyola, guitarra electrica, guitarra acustica, ukelele, bandurria",
    "instruments=bass guitar": "baix electric, baix",
    "instruments=violin": "violi, violins",
    "instruments=viola": "viola, violes",
    "instruments=cello": "violoncel, violoncels, cello, viola da gamba",
    "instruments=double bass": "contrabaix, contrabaixos",
    "instruments=strings": "cordes, corda, orquestra, orquestra de corda, orquestra de cordes,"
    " seccio de cordes, instruments de corda",
    "instruments=violin+viola+cello": "quartet de corda, quartet de cordes, trio de corda",
    "instruments=harp": "arpa, arpes",
    "instruments=timpani": "timbales, timbala",
    "instruments=choir": "cor, cors, veu, vocal, soprano, tenor, contralt, veus, cor mixt, cantant",
    "instruments=trumpet": "trompet(a|es), corneta",
    "instruments=trombone": "trombo, trombons",
    "instruments=tuba": "tuba, tubes",
    "instruments=horn": "trompa, trompes",
    "instruments=brass": "metalls, banda, vent metall, cobla de metalls",
    "instruments=saxophone": "saxofon, saxo, saxofons, saxos",
    "instruments=oboe": "oboe, oboes, oboes de cobla, tenora, tible, corn angles",
    "instruments=bassoon": "fagot, fagots",
    "instruments=clarinet": "clarinet, clarinets",
    "instruments=flute": "flaut(a|es), flauti, flauta travessera, flauta de pan",
    "instruments=recorder": "flauta dolca, flautes dolces, flauta de bec",
    "instruments=whistle": "flauta irlandesa, flabiol, xiulet, ocarina",
    "instruments=banjo": "banjo",
    "instruments=bagpipe": "gait(a|es), sac de gemecs, cornamusa",
    "instruments=synthesizer": "sintetitzador, sintetitzadors, electronic, electronica",
    "instruments=drums": "bateria, percussio, tabal, tabals, tambor, tambors, timbal, pandereta,"
    " castanyoles,"
    " bombo,"
    " percussions",
}

CATALAN = WordTable(
    entries=_ENTRIES,
    negators=(
        *("sense", "no", "ni", "gens de", "cap", "excepte", "menys", "llevat de", "evita"),
        *("evitar", "tret de", "res de", "tampoc", "mai", "en lloc de", "en comptes de", "res"),
        *("treu", "a part de"),
    ),
    after_negator=word_set(
        "el la els les un una uns unes de d l massa gaire molt tan que sigui ser vull facis fer"
        " usis usar hi hagi posis posar soni ni i amb excessivament en especialment"
    ),
    very=word_set("molt super extremadament realment ben summament"),
    too=word_set("massa gaire molt tan excessivament especialment"),
    less=word_set("menys"),
    mild=word_set("moderadament mig mitjanament"),
    function_words=word_set(
        "el els les amb de i en un una per a que del al sense molt peca musica compas compassos"
        " major menor vull fes escriu quelcom com entre uns melodia tocat tocada pulsacions minut"
        " no ni gaire massa nomes ball nadala res vull temps canco d l la lo es alguna cosa per"
    ),
    ordinary=word_set(
        "peca musica melodia compas compassos compositor escena pellicula nens ball dansa canco"
        " concert preludi sonata fuga estil temps ritme misterios majestuos solemne tocat"
    ),
)
"""The Catalan lexicon."""
