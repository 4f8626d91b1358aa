"""Spanish words for what can be asked of a piece."""

from __future__ import annotations

from partimento.tasks.text2midi.lexicon import WordTable, word_set

_ENTRIES = {
    "nothing=here": "alta calidad, clave de fa, clave de sol, paz mundial",
    "tempo_word=very slow": "lentisim(o|a|os|as), muy despacio, lentisimamente",
    "tempo_word=slow": "lent(o|a|os|as), lentamente, despacio, pausad(o|a), sin prisa, tempo lento,"
    " tiempo lento, reposad(o|a), ritmo lento",
    "tempo_word=moderate": "moderad(o|a|os|as), tempo moderado, tiempo moderado, tempo medio,"
    " velocidad media, ni lent(o|a) ni rapid(o|a), ni rapid(o|a) ni lent(o|a), ritmo moderado,"
    " medio tiempo,"
    " moderadamente",
    "tempo_word=fast": "rapid(o|a|os|as), rapidamente, veloz, veloces, ligero y rapido,"
    " tempo rapido,"
    " deprisa, acelerad(o|a), ritmo rapido, aprisa",
    "tempo_word=very fast": "rapidisim(o|a|os|as), velocisim(o|a), a toda velocidad",
    "arousal=high; tempo_word~fast": "viv(o|a|os|as), vivaz, frenetic(o|a|os|as), trepidante,"
    " movid(o|a|os|as)",
    "arousal=high": "energic(o|a|os|as), energia, con energia, llen(o|a) de energia, emocionante,"
    " potente, intens(o|a|os|as), dramatic(o|a|os|as), agitad(o|a), epic(o|a|os|as),"
    " heroic(o|a|os|as), apasionad(o|a), excitante, animad(o|a|os|as), inquiet(o|a)",
    "valence=high; arousal=high": "festiv(o|a|os|as), triunfal, triunfante, euforic(o|a),"
    " exultante,"
    " fiesta, marchos(o|a)",
    "valence=low; arousal=high": "enfadad(o|a), furios(o|a|os|as), agresiv(o|a|os|as),"
    " tens(o|a|os|as), amenazador(a|), violent(o|a), rabios(o|a), tension, miedo, angustios(o|a)",
    "valence=high; mode~major": "alegre, alegres, feliz, felices, gozos(o|a), jovial, alegria,"
    " content(o|a), dichos(o|a), alegremente, jubilos(o|a)",
    "valence=high": "luminos(o|a), jugueton(a|), divertid(o|a|os|as), brillante, optimista,"
    " gracios(o|a), positiv(o|a), esperanzador(a|)",
    "valence=low; mode~minor": "triste, tristes, tristeza, melancolic(o|a|os|as), melancolia,"
    " sombri(o|a|os|as), oscur(o|a|os|as), tragic(o|a|os|as), doloros(o|a), lugubre, llorosa,"
    " apenad(o|a), desolad(o|a), deprimente, desgarrador(a|), tetric(o|a), afligid(o|a)",
    "valence=low": "inquietante, siniestr(o|a|os|as), fantasmal, tenebros(o|a), terrorific(o|a)",
    "valence=low; mode~minor; tempo_word~slow": "lamento, elegia, requiem, funebre",
    "style=march; meter~4/4; valence=low; mode~minor; tempo_word~slow": "marcha funebre",
    "arousal=low": "tranquil(o|a|os|as), calmad(o|a), relajante, relajad(o|a), apacible, calma,"
    " seren(o|a|os|as), tiern(o|a|os|as), placid(o|a), sosegad(o|a), pacific(o|a),"
    " meditativ(o|a), delicad(o|a), sonador(a|), contemplativ(o|a), en paz, relajacion",
    "density=sparse": "pocas notas, escas(o|a), espars(o|a), dispers(o|a), notas largas,"
    " minimalista,"
    " muy pocas notas, espacios(o|a), despojad(o|a), austera",
    "density=dense": "dens(o|a|os|as), muchas notas, carrerillas, escalas rapidas, pasajes rapidos,"
    " virtuos(o|a|os|as), virtuosistic(o|a), llen(o|a) de notas, muchisimas notas, recargad(o|a),"
    " notas rapidas, semicorcheas",
    "register=low": "registro grave, registro bajo, grave, graves, notas graves, sonidos graves,"
    " notas bajas, octava baja, tono grave",
    "register=middle": "registro medio, registro central",
    "register=high": "registro agudo, registro alto, agud(o|a|os|as), notas agudas, notas altas,"
    " sonidos agudos, octava alta, tono agudo",
    "polyphony=monophonic": "monodic(o|a), monofonic(o|a), una sola voz, a una voz,"
    " sin acompanamiento, una sola linea, solo melodia, solo la melodia, una linea melodica,"
    " sola melodia, melodia sola, sin acordes",
    "polyphony=thin": "a dos partes",
    "polyphony=full": "acordes llenos, acordes ricos, ricos acordes, polifonic(o|a|os|as),"
    " acordes densos, armonia rica, armonias ricas, acordes pesados, armonia llena, a varias voces",
    "dynamics=soft": "suave, suaves, suavemente, flojo, flojito, bajito, volumen bajo,"
    " silencios(o|a),"
    " susurrad(o|a), en voz baja, bajo volumen, suavecito, suavisim(o|a), muy piano",
    "dynamics=medium": "volumen medio, medio fuerte, mezzo forte",
    "dynamics=loud": "fuerte, fuertes, ruidos(o|a), volumen alto, a todo volumen, estruendos(o|a),"
    " atronador(a|), alto volumen, fortisim(o|a)",
    "articulation=staccato": "picad(o|a|os|as), staccato, notas cortas, notas picadas, pizzicato,"
    " notas separadas",
    "articulation=legato": "ligad(o|a|os|as), fluid(o|a|os|as), legato, notas ligadas, cantabile",
    "meter=4/4": "compasillo, compas de compasillo, cuatro por cuatro",
    "meter=2/2": "compas partido, compas alla breve",
    "meter=3/4": "ternari(o|a), compas ternario, ritmo ternario, ritmo de vals, tiempo de vals,"
    " compas de vals",
    "meter=2/4": "binari(o|a), compas binario, ritmo binario",
    "mode=minor": "modo menor, tonalidad menor, tono menor, en menor, clave menor",
    "mode=major": "modo mayor, tonalidad mayor, tono mayor, en mayor, clave mayor",
    "style=waltz; meter~3/4": "vals, valses",
    "style=march; meter~4/4": "marcha, marchas, marcha militar, pasodoble",
    "style=polka; meter~2/4; tempo_word~fast": "polca, polcas, polka, polkas",
    "style=minuet; meter~3/4": "minueto, minuetos, minue, minuet",
    "style=jig; meter~6/8; tempo_word~fast": "jiga, jigas, giga, gigas",
    "style=folk; meter~3/4": "jota, jotas, fandango, seguidilla, seguidillas",
    "style=folk": "sardana, sardanas, folclore, folclorica, folclorico, folk, popular, tradicional,"
    " cancion popular, musica popular, danza popular, tradicionales, populares, munera, muineira",
    "style=air": "aire, aire irlandes",
    "style=lullaby; tempo_word~slow": "cancion de cuna, nana, canciones de cuna, nanas, arrullo",
    "style=hymn": "himno, himnos",
    "style=chorale": "coral, corales, coral luterano",
    "style=baroque": "barroc(o|a|os|as), estilo barroco",
    "style=classical": "clasic(o|a|os|as), estilo clasico, clasicismo",
    "style=romantic": "romantic(o|a|os|as), estilo romantico, romanticismo",
    "style=renaissance": "renacentista, renacimiento, renacentistas, madrigal,"
    " villancico renacentista",
    "style=modern": "modern(o|a|os|as), contemporane(o|a), siglo xx",
    "style=study": "estudio, estudios, ejercicio, ejercicio tecnico",
    "style=song": "lied",
    "instruments=piano": "piano, pianos, teclado, piano de cola, teclados",
    "instruments=harpsichord": "clave, clavecin, clavicordio, clavicembalo, clavecines",
    "instruments=bells": "campan(a|as), caja de musica, vibrafono, xilofono, marimba, celesta,"
    " carillon, campanillas",
    "instruments=organ": "organo, organos, organo de iglesia",
    "instruments=accordion": "acordeon, acordeones, bandoneon, concertina, armonica",
    "instruments=guitar": "guitarr(a|as), laud, mandolin(a|as), guitarra clasica,"
    " guitarra espanola, guitarra electrica, guitarra acustica, bandurria, vihuela, ukelele",
    "instruments=bass guitar": "bajo, bajo electrico, bajos",
    "instruments=violin": "violin, violines",
    "instruments=viola": "viola, violas",
    "instruments=cello": "violonchelo, chelo, violoncelo, chelos, violonchelos, cello,"
    " viola da gamba",
    "instruments=double bass": "contrabajo, contrabajos",
    "instruments=strings": "cuerdas, cuerda, orquesta, orquesta de cuerda, orquesta de cuerdas,"
    " seccion de cuerdas, instrumentos de cuerda",
    "instruments=violin+viola+cello": "cuarteto de cuerda, cuarteto de cuerdas, trio de cuerda",
    "instruments=harp": "arpa, arpas",
    "instruments=timpani": "timbales, timbal",
    "instruments=choir": "coro, coros, voz, vocal, soprano, tenor, contralto, voces, coro mixto,"
    " cantante",
    "instruments=trumpet": "trompet(a|as), corneta, clarin",
    "instruments=trombone": "trombon, trombones",
    "instruments=tuba": "tuba, tubas",
    "instruments=horn": "trompa, trompas, corno frances",
    "instruments=brass": "metales, banda, viento metal, banda de musica, metal",
    "instruments=saxophone": "saxofon, saxo, saxofones, saxos, saxofono",
    "instruments=oboe": "oboe, oboes, corno ingles",
    "instruments=bassoon": "fagot, fagotes",
    "instruments=clarinet": "clarinete, clarinetes",
    "instruments=flute": "flaut(a|as), flautin, flauta travesera, flauta de pan, quena",
    "instruments=recorder": "flauta dulce, flautas dulces, flauta de pico",
    "instruments=whistle": "flauta irlandesa, silbato, ocarina, chiflo",
    "instruments=banjo": "banjo",
    "instruments=bagpipe": "gait(a|as), cornamusa",
    "instruments=synthesizer": "sintetizador, sintetizadores, electronic(o|a)",
    "instruments=drums": "bateria, percusion, tambor, tambores, percusiones, caja clara, pandereta,"
    " castanuelas, bombo",
}

SPANISH = WordTable(
    entries=_ENTRIES,
    negators=(
        *("sin", "no", "ni", "nada de", "excepto", "menos", "salvo", "evita", "evitar", "tampoco"),
        *("nunca", "ningun", "ninguna", "ninguno", "en vez de", "en lugar de", "nada", "quita"),
        *("cualquier cosa menos", "aparte de", "sino"),
    ),
    after_negator=word_set(
        "el la los las un una unos unas de del demasiado muy tan que sea ser quiero uses usar use"
        " pongas poner debe haya hay tenga excesivamente demasiada demasiadas demasiados ni y con"
        " especialmente particularmente en suene"
    ),
    very=word_set("muy super extremadamente realmente bien sumamente"),
    too=word_set("demasiado demasiada demasiados demasiadas muy tan excesivamente especialmente"),
    less=word_set("menos"),
    mild=word_set("moderadamente medio medianamente"),
    function_words=word_set(
        "el los las con de y en un una para por que del al sin muy pieza musica compas compases"
        " no ni quiere suene mayor menor quiero hazme escribe algo como entre unos melodia tocado"
        " tocada su mi es"
        " pulsaciones minuto tiempo cancion lo"
    ),
    ordinary=word_set(
        "pieza musica melodia compas compases compositor escena pelicula ninos baile danza cancion"
        " concierto preludio sonata fuga estilo tiempo ritmo misterios majestuos solemne tocado"
        " tocada escrita"
    ),
)
"""The Spanish lexicon."""
