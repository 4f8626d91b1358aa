"""English words for what can be asked of a piece."""

from __future__ import annotations

from partimento.tasks.text2midi.lexicon import WordTable, word_set

_TEMPO_AND_MOOD = {
    "tempo_word=very slow": "glacial, slowest, snail paced, at a snails pace, as slow as possible,"
    " crawling, painfully slow, super slow",
    "tempo_word=slow": "slow, slowly, slower, slowish, unhurried, unrushed, leisurely,"
    " slow moving, slowly moving, slow tempo, low tempo, slow paced, sluggish, plodding,"
    " take your time, taking its time, downtempo, down tempo, lazy, ballad tempo",
    "tempo_word=moderate": "moderate, moderate tempo, moderate speed, medium tempo, medium speed,"
    " medium pace, medium paced, moderate pace, moderately paced, at a walking pace,"
    " walking pace, walking tempo, mid paced, middle tempo, easy tempo, normal tempo,"
    " average tempo, steady tempo, neither fast nor slow, neither slow nor fast,"
    " medium fast, not fast and not slow",
    "tempo_word=fast": "fast, fastish, faster, quick, quickly, quicker, brisk, briskly, rapid,"
    " rapidly, speedy, swift, swiftly, fast paced, up tempo, uptempo, fast moving, fast tempo,"
    " high tempo, quick tempo, high speed, nimble, hurried, rushing, racing, galloping, zippy",
    "tempo_word=very fast": "breakneck, fastest, breakneck speed, lightning fast, blazing,"
    " blazingly fast,"
    " blistering, as fast as possible, super fast, at top speed, lightning speed, frenetic,"
    " furiously fast",
    "tempo_word~fast": "sprightly, spry",
    "arousal=high; tempo_word~fast": "lively, peppy, frantic, energetic and fast, frenzied, hectic,"
    " breathless, spirited, vivacious",
    "arousal=high": "energetic, energetically, energy, high energy, lots of energy,"
    " full of energy, exciting, excited, excitement, driving, powerful, intense, agitated,"
    " nervous, restless, vigorous, vigorously, fiery, dramatic, rousing, exhilarating, dynamic,"
    " action packed, action, animated, stirring, wild, epic, heroic, pumped up, hyper,"
    " passionate, stormy, turbulent, urgent, adrenaline, bustling, battle, explosive, pumping",
    "valence=high; arousal=high": "upbeat, up beat, festive, jubilant, triumphant, exuberant,"
    " celebratory, ecstatic, euphoric, elated, party, victorious, thrilling, bubbly, rollicking,"
    " zestful",
    "valence=low; arousal=high": "angry, angrily, furious, aggressive, tense, tension, violent,"
    " rage, anxious, frightening, terrifying, panicked, panic, menacing, suspenseful, suspense,"
    " desperate,"
    " threatening, scary, fierce",
    "valence=high; mode~major": "happy, happily, cheerful, cheerfully, cheery, joyful, joyous,"
    " joyfully, joy, merry, merrily, jolly, glad, gleeful, delighted, jovial, happiness, gay,"
    " happiest, light hearted, lighthearted, uplifting, sunny, happier, feel good",
    "valence=high": "bright, playful, playfully, fun, funny, positive, optimistic, hopeful,"
    " humorous, whimsical, carefree, comical, cute, perky, mischievous, jaunty, heart warming,"
    " heartwarming, silly, smiling, jocular, bouncy and bright, blissful",
    "valence=low; mode~minor": "sad, sadly, sadness, sorrowful, sorrow, melancholic, melancholy,"
    " melancholia, mournful, mourning, gloomy, tragic, depressing, depressed, heartbroken,"
    " heartbreaking, heart broken, grief, grieving, grief stricken, somber, sombre, tearful,"
    " unhappy, despairing, despair, doleful, wistful, woeful, dark, darkly, darker, dreary,"
    " bleak, plaintive, forlorn, weeping, miserable, brooding, lonely, lonesome, sadder,"
    " saddest, gloomiest,"
    " broken hearted, blue mood, downcast, morose, dismal",
    "valence=low": "spooky, eerie, creepy, haunting, ominous, sinister, haunted, ghostly,"
    " grim, foreboding, bitter, horror, macabre, unsettling",
    "valence=low; mode~minor; tempo_word~slow": "lament, elegy, dirge, requiem, funeral, threnody,"
    " elegiac, funereal",
    "style=march; meter~4/4; valence=low; mode~minor; tempo_word~slow": "funeral march,"
    " funeral marches, dead march",
    "arousal=low": "calm, calmly, calming, calmer, calmest, calmness, relaxing, relaxed, relax,"
    " peaceful,"
    " peacefully, peace, serene, serenely, tranquil, gentle, gently, soothing, meditative,"
    " meditation, sleepy, mellow, dreamy, restful, placid, laid back, laidback, tender,"
    " tenderly, contemplative, quietly contemplative, chilled, chill, chilled out, easygoing,"
    " easy going, subdued, reflective, low energy, unexciting, languid, drowsy, hushed and calm,"
    " stillness, hypnotic and calm, lulling, zen, introspective, pensive",
}
_SOUND = {
    "density=sparse": "sparse, sparsely, few notes, very few notes, not many notes,"
    " only a few notes,"
    " a few notes, fewer notes, minimal, minimalist, minimalistic, sparing, uncluttered, spacious,"
    " long notes, lots of space, plenty of space, plenty of rests, lots of rests,"
    " many rests, bare, spare, thinly scored, low density, light texture, lots of silence,"
    " held notes, empty texture, little going on, slow notes, sparse texture, semibreves, minims",
    "density=medium": "medium density, moderate density, moderately dense, medium busy,"
    " moderately busy",
    "density=dense": "dense, densely, busy, many notes, lots of notes, a lot of notes,"
    " rapid runs, fast runs, quick runs, running notes, sixteenth notes, 16th notes,"
    " running sixteenths, semiquavers, dense texture, crowded, full of notes, notey, intricate,"
    " virtuosic, virtuoso, florid, flurry of notes, flurries of notes, continuous runs, runs,"
    " flashy, ornate, tons of notes, plenty of notes, high density, busily, scurrying,"
    " quick notes, fast notes, rapid notes, rapid scales, fast passages, rapid passages,"
    " fast scales, cascading, constant sixteenths, thick texture, nonstop notes, packed,"
    " demisemiquavers, busy texture",
    "register=low": "low register, as low as possible, lower register, lowest register,"
    " low notes, low pitch,"
    " low pitched, lower pitched, deep notes, deep register, low range, lower range, bass register,"
    " low octave, low octaves, lower octaves, deep, low down, low tessitura, low lying,"
    " bottom of the keyboard, low sounds, low sounding, deep sounding, low end, bass heavy,"
    " low part of the keyboard, low voices, low tones, lower notes, bass notes, bass range,"
    " low melody",
    "register=middle": "middle register, mid register, medium register, middle range, mid range,"
    " midrange, middle octave, around middle c, middle of the keyboard, medium range,"
    " tenor register, middle of the piano, middle voices",
    "register=high": "high register, as high as possible, higher register, upper register,"
    " highest register,"
    " high notes, high pitch, high pitched, higher pitched, high range, upper range,"
    " high octave, high octaves, upper octave, upper octaves, treble register, high tessitura,"
    " high lying, shrill, piercing, soprano range, top of the keyboard, high up, higher notes,"
    " soaring high, high voices, high tones, top notes, upper notes, stratospheric, high melody",
    "polyphony=monophonic": "monophonic, monophony, single line, single melody line, one line,"
    " single melodic line, single voice, one voice, solo line, unaccompanied, melody only,"
    " only melody, just a melody, just melody, just the melody, only a melody, melody alone,"
    " one note at a time, single notes, single note melody, no chords, no harmony,"
    " no accompaniment, without accompaniment, without chords, without harmony, monody, unison,"
    " no polyphony, a single melody, one melody, only the melody, no harmonies",
    "polyphony=thin": "thin texture, in two parts, two part, two voice, two voices, bicinium,"
    " thin textured, double stops",
    "polyphony=full": "chords only, only chords, just chords, rich and full, full and rich,"
    " rich chords, full chords, big chords, thick chords, heavy chords,"
    " dense chords, block chords, lush chords, chordal, full harmony, full harmonies,"
    " rich harmony, rich harmonies, lush harmony, lush harmonies, richly harmonised,"
    " richly harmonized, full texture, thick harmony, polyphonic, polyphony, massive chords,"
    " rich harmonic texture, rich texture, full bodied, lush, thickly scored, thick harmonies,"
    " many voices, several voices, lots of chords, full sounding, full sound, close harmony,"
    " warm chords, chord heavy",
    "dynamics=soft": "soft, softly, softer, play it piano, played piano and, quiet, quietly,"
    " quieter, low volume, hushed, whispered,"
    " whispering, whisper, whisper quiet, muted dynamics, faint, barely audible,"
    " soft spoken, delicate dynamics, silently, low in volume, turned down, softest,"
    " at a low volume, hush",
    "dynamics=medium": "medium loud, moderately loud, medium volume, moderate volume,"
    " medium dynamics, moderate dynamics, moderately soft, normal volume, half loud,"
    " medium soft",
    "dynamics=loud": "loud, loudly, louder, high volume, thunderous, thundering, booming,"
    " blaring, deafening, ear splitting, noisy, bombastic, blasting, full volume, loudest,"
    " at the top of its voice, roaring, strong dynamics, earth shaking",
    "articulation=staccato": "short detached notes, detached, detached notes, short notes, choppy,"
    " clipped, spiky, plucked notes, short and crisp, crisp short notes, separated notes, plucky,"
    " crisp notes, crisp articulation, short and detached, well separated, crisp, pointed notes,"
    " short crisp notes",
    "articulation=legato": "smooth, smoothly, flowing, smoothly connected, connected notes,"
    " slurred,"
    " connected, sustained notes, long sustained notes, singing line, lyrical,"
    " seamless, silky",
}
_FORM = {
    "meter=4/4": "common time, quadruple time, quadruple meter, quadruple metre, common meter",
    "meter=2/2": "cut time, cut common, cut common time",
    "meter=3/4": "triple time, triple meter, triple metre, waltz time, waltz rhythm, waltz meter,"
    " waltz feel, three to the bar, minuet time",
    "meter=2/4": "duple time, duple meter, duple metre, polka time",
    "meter=6/8": "compound duple, compound duple time, compound time, jig time, compound meter,"
    " jig rhythm",
    "meter=9/8": "compound triple, slip jig time",
    "mode=minor": "minor key, minor mode, minor tonality, minor scale, minor sounding,"
    " minor chords, aeolian, dorian, phrygian, natural minor, harmonic minor, minor keys",
    "mode=major": "major key, major mode, major tonality, major scale, major sounding,"
    " major chords, ionian, mixolydian, lydian, major keys",
    "style=waltz; meter~3/4": "waltz, walz, waltzing, valse, viennese waltz, landler",
    "style=march; meter~4/4": "march, marching band tune, marching, marching tune, military march,"
    " processional",
    "style=polka; meter~2/4; tempo_word~fast": "polka",
    "style=minuet; meter~3/4": "minuet, menuet, minuetto",
    "style=clog": "clog, clog dance",
    "style=air": "an air, irish air, scottish air, old air, air",
    "style=slow air; tempo_word~slow": "slow air, slow irish air, slow scottish air, lament air",
    "style=lullaby; tempo_word~slow": "lullaby, cradle song, berceuse, bedtime song,"
    " lullabye, bedtime tune",
    "style=hymn": "hymn, hymn tune, church hymn, psalm, hymnal, gospel, gospel hymn, psalm tune",
    "style=chorale": "chorale, chorale style, bach chorale",
    "style=baroque": "baroque, baroque style, baroque era, baroque period",
    "style=classical": "classical, classical style, classical era, viennese classical,"
    " classical period, classicism, classic period",
    "style=romantic": "romantic, romantic style, romantic era, romantic period, late romantic,"
    " early romantic, romanticism",
    "style=renaissance": "renaissance, madrigal, motet, elizabethan, tudor, renaissance style,"
    " pavane, galliard",
    "style=modern": "modern, contemporary, 20th century, twentieth century, modernist, atonal,"
    " avant garde, 21st century, impressionist, modern style",
    "style=folk": "folk, folk tune, folk song, folk music, folk dance, folk melody, folksy,"
    " folksong, traditional tune, traditional song, traditional music, traditional melody,"
    " folky, folklike, trad, folk style, traditional folk, sea shanty, shanty, country dance",
    "style=study": "study, etude, technical exercise, technical study, finger exercise, exercise,"
    " practice piece",
    "style=song": "art song, lied, lieder, art songs, parlour song, parlor song",
}
_INSTRUMENTS = {
    "instruments=piano": "piano, pianos, pianoforte, grand piano, upright piano, solo piano,"
    " keyboard, electric piano, fortepiano, rhodes, pianist, keyboards, honky tonk piano,"
    " ivories, paino, pinao",
    "instruments=harpsichord": "harpsichord, cembalo, clavichord, clavecin, spinet, virginal,"
    " clavinet",
    "instruments=bells": "bell, bells, music box, vibraphone, marimba, xylophone, glockenspiel,"
    " celesta, celeste, chimes, tubular bells, carillon, church bells, handbells, dulcimer, vibes,"
    " steel drum, steel drums, steelpan, hammered dulcimer, hand bells, sleigh bells",
    "instruments=organ": "organ, pipe organ, church organ, hammond, hammond organ, reed organ,"
    " harmonium, organist, electric organ",
    "instruments=accordion": "accordion, accordeon, concertina, squeezebox, harmonica, bandoneon,"
    " melodeon, mouth organ, button accordion",
    "instruments=guitar": "guitar, acoustic guitar, electric guitar, classical guitar, guitarist,"
    " spanish guitar, nylon guitar, nylon string guitar, steel string guitar, lute, ukulele,"
    " mandolin, jazz guitar, gitar, guitare, bouzouki, theorbo, flamenco guitar, vihuela, uke,"
    " fingerstyle guitar,"
    " finger picked guitar, fingerpicked guitar",
    "instruments=bass guitar": "bass guitar, electric bass, bass, fretless bass, slap bass,"
    " synth bass, bassist, bassline",
    "instruments=violin": "violin, fiddle, violinist, fiddler, solo violin, fiddles, vilon, violen",
    "instruments=viola": "viola, solo viola, violist",
    "instruments=cello": "cello, violoncello, solo cello, cellist, chello, celo, celli,"
    " viola da gamba",
    "instruments=double bass": "double bass, contrabass, upright bass, string bass, acoustic bass,"
    " double basses, standup bass, bass viol, stand up bass",
    "instruments=strings": "strings, string section, string orchestra, string ensemble,"
    " orchestral strings, orchestra, symphony orchestra, bowed strings, string pad,"
    " chamber orchestra, orchestral, string instruments",
    "instruments=violin+viola+cello": "string quartet, string trio, quartet of strings",
    "instruments=violin+cello+piano": "piano trio",
    "instruments=flute+oboe+clarinet+bassoon": "woodwinds, woodwind quartet, woodwind, winds,"
    " wind instruments",
    "instruments=flute+oboe+clarinet+bassoon+horn": "wind quintet, woodwind quintet",
    "instruments=harp": "harp, celtic harp, harpist, lyre, irish harp, lever harp",
    "instruments=timpani": "timpani, kettledrum, kettle drum, tympani",
    "instruments=choir": "choir, chorus of voices, choral, satb, voice, vocals, vocal, singer,"
    " soprano, mezzo soprano, tenor, baritone, alto voice, male choir, mixed choir, chorus, chant,"
    " vocal ensemble, a cappella, acapella, a capella, human voice, childrens choir, ttbb, sung,"
    " bass voice, soprano voice, tenor voice, women choir, singers, church choir, boys choir,"
    " humming, cappella choir",
    "instruments=trumpet": "trumpet, cornet, bugle, flugelhorn, muted trumpet, trumpeter,"
    " piccolo trumpet",
    "instruments=trombone": "trombone, sackbut, trombonist, bass trombone",
    "instruments=tuba": "tuba, sousaphone, euphonium",
    "instruments=horn": "horn, french horn, hunting horn, alphorn, horn in f, natural horn",
    "instruments=brass": "brass, brass band, brass section, brass ensemble, brass quintet,"
    " marching band, brass instruments, wind band, low brass, brass quartet, military band",
    "instruments=saxophone": "saxophone, sax, alto sax, tenor sax, soprano sax, baritone sax,"
    " alto saxophone, tenor saxophone, soprano saxophone, baritone saxophone, saxophonist,"
    " saxophone quartet",
    "instruments=oboe": "oboe, english horn, cor anglais, oboist, oboe damore",
    "instruments=bassoon": "bassoon, contrabassoon, bassoonist",
    "instruments=clarinet": "clarinet, bass clarinet, clarinettist, clarinetist, b flat clarinet,"
    " bb clarinet, clarinet in b flat, clarinet in a, clarinet in bb",
    "instruments=flute": "flute, piccolo, alto flute, pan flute, panpipes, pan pipes, panpipe,"
    " flutist, flautist, shakuhachi, bass flute, transverse flute",
    "instruments=recorder": "recorder, treble recorder, descant recorder, soprano recorder,"
    " alto recorder, tenor recorder, bass recorder",
    "instruments=whistle": "whistle, tin whistle, penny whistle, pennywhistle, low whistle,"
    " irish whistle, ocarina, whistling",
    "instruments=banjo": "banjo, banjos",
    "instruments=sitar": "sitar, sitars",
    "instruments=shamisen": "shamisen",
    "instruments=koto": "koto, kotos, shakuhachi koto",
    "instruments=bagpipe": "bagpipe, pipes, pipe band, highland pipes, uilleann pipes, piper,"
    " bag pipes,"
    " bagpipes, great highland bagpipe, smallpipes, musette pipes",
    "instruments=synthesizer": "synthesizer, synth, synthesiser, synth pad, synth lead, synths,"
    " electronic, electronica, chiptune, 8 bit, synth pads, analog synth, synthwave",
    "excluded=drums": "drumless, percussionless",
    "instruments=drums": "drum, drums, drum kit, drum set, drumkit, percussion, snare, snare drum,"
    " cymbal, bodhran, bongo, bongos, tambourine, bass drum, drum beat, percussive drums, congas,"
    " drum machine, hi hat, maracas, castanet, drummer, drumming",
}
_NOT_MEANT = {
    "nothing=here": "deep and meaningful, soft rock, dynamic contrast, dynamic contrasts,"
    " dynamic range, no strings attached, low key, high quality, high school, low quality,"
    " low budget, high spirits, high spirited,"
    " high mass, high drama, low mood, high fantasy, deep breath, deep sleep, deep forest,"
    " deep sea, deep ocean, deep feeling, deeply, deep feelings, deep emotion, deep blue,"
    " deep thought, deep in thought, high stakes, low light, dark chocolate, dark forest,"
    " romantic dinner, romantic evening, romantic date, romantic comedy, romantic movie,"
    " romantic film, romantic scene, romantic mood, romantic night, study music, study session,"
    " study playlist, to study, for study, music to study to, while i study, study beats,"
    " in the air, open air, fresh air, thin air, night air, soft drink, fast food,"
    " in march, march 1, of march, key change, key signature, bass line, walking bass,"
    " bass clef, alberti bass, figured bass, ground bass, bass drop, drum roll, high tea,"
    " inner voice, voice leading, voice over, voiceover, voice of reason, piano roll,"
    " bell curve, brass knuckles, pipe dream, light music, string of, loud and clear,"
    " modern day, modern times, dance party, birthday party, tea party, dinner party,"
    " garden party, search party, third party, fun fair, funfair, blue sky, video recorder,"
    " home key, fun fact, dark room, busy street, busy city, busy day, busy market, busy people,"
    " busy cafe, busy office, quick question, quick request, quiet village,"
    " exercise class, steady pace, peace offering, war and peace, high note ending, on a high note,"
    " smooth jazz, energy drink, action figure, church service, light and dark,"
    " slow motion, fast forward, fast car, fast cars, slow cooker, soft focus, quiet place,"
    " dark ages, dark night, bare feet, chill out zone, horn of plenty, the last reel",
}

ENGLISH = WordTable(
    entries={**_NOT_MEANT, **_TEMPO_AND_MOOD, **_SOUND, **_FORM, **_INSTRUMENTS},
    negators=(
        *("no", "not", "without", "never", "avoid", "avoiding", "except", "except for", "minus"),
        *("exclude", "excluding", "excludes", "dont", "doesnt", "isnt", "shouldnt", "wont"),
        *("cant", "arent", "wouldnt", "anything but", "everything but", "all but"),
        *("nothing", "none of", "leave out", "leaving out", "leave off", "skip", "skipping"),
        *("omit", "omitting", "drop", "remove", "sans", "rather than", "instead of", "nor"),
        *("neither", "other than", "apart from", "lose", "free of", "hate", "hardly", "cannot"),
        *("lacking", "void of", "devoid of", "ditch", "zero", "ban", "instead", "far from"),
        *("stay away from", "steer clear of", "keep out", "cut out", "cut", "didnt"),
    ),
    after_negator=word_set(
        "any the a an at all of being is be it to sound sounding sounds played get go or too very"
        " so overly that use using add adding include including want need put have has play make"
        " making like really particularly especially extremely terribly in on with getting going"
        " feel please should for annoying some this much more even solo my your kind sort like"
        " horrible loud there quite from super exactly necessarily excessively must which"
    ),
    very=word_set(
        "very extremely really super incredibly ultra exceptionally insanely terribly extra"
        " exceedingly intensely painfully ridiculously unbelievably crazy remarkably truly most"
        " extraordinarily exceptionally amazingly awfully hugely"
    ),
    too=word_set(
        "too very so overly that terribly excessively particularly especially extremely super"
        " really much quite exceedingly"
    ),
    less=word_set("less"),
    mild=word_set("moderately medium mezzo reasonably"),
    function_words=word_set(
        "the a an of for with and in to is it that i me my you please piece tune music something"
        " make write compose played like without no not at about this some want need like by on"
        " or but very bars bar notes time key minor major flat sharp"
    ),
    ordinary=word_set(
        "recorded record records recording minute minutes second seconds playing player players"
        " plays composed composer compose composition country counter strange strangely stronger"
        " strength spring singing sings sing sang swing swinging service serious series"
        " festival spirits spirit dynamics accompanied accompany accompaniment accompanying"
        " classic classics character characters children marched marching morning evening"
        " feeling feelings feels feeling sounding sounded sound sounds section sections"
        " ending ended opening opened melody melodies melodic harmony harmonic harmonies rhythm"
        " rhythms rhythmic rhythmical chord chords phrase phrases texture textured theme themes"
        " background scene scenes movie movies film films video videos game games cafe kitchen"
        " beginner beginners student students teacher teaching school lesson lessons practise"
        " practice practicing birthday wedding weddings dinner party parties christmas easter"
        " halloween winter summer autumn dancing dancer dancers dances dance danced ballet"
        " medieval mysterious majestic noble elegant graceful grand stately nostalgic warm warmly"
        " cold beautiful beautifully lovely nice pretty good great simple simply easy difficult"
        " short long light heavy strong weak general generally various variety variation"
        " variations repeated repeating repeat repeats imitation imitating improvised soloist"
        " ensemble orchestrated arranged arrangement version original traditional irish scottish"
        " celtic english french german spanish italian russian jewish klezmer nordic japanese"
        " chinese indian african american latin jazz jazzy blues bluesy rock popular pop tango"
        " prelude preludes fugue fugues sonata sonatas sonatina nocturne nocturnes toccata fantasy"
        " fantasia rondo invention inventions suite suites concerto symphony overture serenade"
        " interlude romance rhapsody impromptu bagatelle scherzo capriccio passacaglia"
        " harmonised harmonized register registers pitch pitched pitches octave octaves"
        " instrument instruments instrumental tonality tempo measure measures meter metre"
        " minored pattern patterns pulse pulses beat beats accent accents groove grooves ground"
        " forest garden village castle pirate pirates knight knights dragon dragons princess"
        " concert theatre cinema documentary commercial advertisement podcast intro outro loop"
        " looping gamers mother father grandmother grandfather daughter friend friends favourite"
        " favorite sailing sailor sailors hunting farewell journey adventure dreams dream"
        " sunrise sunset evening's thunder weather rainy snowy cloudy bright-eyed written writing"
        " perhaps possibly somewhat slightly rather fairly little maybe almost nearly exactly"
        " started starting starts continue continues continuing finished finishing finish"
        " consisting consists containing contains featuring features featured including includes"
        " suitable perfect perfectly thoughtful thinking quality qualities certain certainly"
        " marked marking markings musical musically musician musicians performed performer tender"
        " stringent quartets quartet quintet trio duet duets sextet octet solo soli tutti flavour"
        " flavor brought bringing fasting festively fashioned fashion organised organized organic"
        " organize pipeline whistled horned harping guarded violence violet violets accordance"
        " according accordingly trumped tubular pianistic electronics happening happens happened"
        " cheering charming chamber charmed jolting calmed slowing quickened softened lowered"
        " higher highest lower lowest denser sparser smoother smoothie tensed tenses"
    ),
)
"""The English lexicon."""
