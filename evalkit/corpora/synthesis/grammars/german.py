"""Requests to a home assistant, in German."""

from __future__ import annotations

from evalkit.corpora.synthesis.sentences import Grammar, phrases

_DIGITS = ["zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]
_TO_TWENTY = ["zehn", "elf", "zwölf", "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn",
              "achtzehn", "neunzehn", "zwanzig"]
SLOTS = {
    "request": phrases("""
        schalte {device} {in_room} {on_off} | mach {device} {in_room} {on_off}
        | schalte bitte {device} {on_off} | ist {a_device} {in_room} noch {on_off}
        | dimme das licht {in_room} auf {tens} prozent | mach das licht {in_room} {colour}
        | stell einen timer auf {duration} | stell für {food} einen timer auf {duration}
        | wie lange läuft der timer für {food} noch | lösche den timer für {food}
        | verlängere den timer um {duration}
        | weck mich {on_day} um {time} | stell einen wecker auf {time}
        | lösche {on_day} den wecker um {time} | wann klingelt {on_day} mein wecker
        | spiel {music} | spiel {genre} {in_room} | spiel {duration} lang {genre}
        | spiel {in_room} bitte {music} | stell die lautstärke auf {number}
        | wie wird das wetter {when} in {city} | {weather} es {when} in {city}
        | brauche ich {when} {clothing} | wie {adjective} wird es {when} in {city}
        | wie warm ist es {in_room}
        | setz {food} und {food} auf die einkaufsliste | streich {food} von der einkaufsliste
        | setz {quantity} {food} auf die liste | haben wir noch {food}
        | schick {to_person} eine nachricht | schreib {to_person} {news} | sag {to_person} {news}
        | ruf {when} {person} an
        | erinnere mich {when} an {thing} | erinnere mich {on_day} um {time} an {thing}
        | stell den thermostat auf {degrees} grad | mach es {in_room} {warmer}
        | heiz {room} um {time} auf {degrees} grad | ist die heizung {in_room} {on_off}
        | schließ die {door} ab | ist die {door} abgeschlossen | öffne die {door} um {time}
        | {open_close} die {covering} {in_room} | {open_close} die {covering} um {time}
        | starte {appliance} um {time} | stopp {appliance} sofort | ist {an_appliance} schon fertig
        | wie lange dauert die fahrt {to_place} | wann fährt {transport} {to_place}
        | was steht {when} im kalender | verschieb das treffen mit {to_person} auf {time}
        | trag {event} {on_day} in den kalender ein | wann ist {an_event}
        | was ist {number} mal {number} | was ist {tens} plus {number} | wie kocht man {food}
        | lies mir die nachrichten aus {topic} vor | was gibt es neues aus {city}
        | wie weit ist es von {city} nach {city} | wie spät ist es in {city}
        | such {lost_thing} | wo habe ich {lost_thing} gelassen"""),
    "on_off": ["an", "aus"],
    "open_close": phrases("öffne | schließ | senk | heb"),
    "warmer": phrases("wärmer | kühler | etwas wärmer | viel kühler | zwei grad wärmer"),
    "room": phrases("""die küche | das bad | das schlafzimmer | das wohnzimmer | das esszimmer
        | den flur | das büro"""),
    "in_room": phrases("""in der küche | im bad | im schlafzimmer | im wohnzimmer | im esszimmer
        | im flur | in der garage | im büro | im gästezimmer"""),
    "device": phrases("""das licht | die lampe | die heizung | das radio | den ventilator
        | den fernseher | den lautsprecher"""),
    "a_device": phrases("""das licht | die lampe | die heizung | das radio | der ventilator
        | der fernseher | der lautsprecher"""),
    "colour": phrases("rot | grün | blau | gelb | weiß | violett"),
    "appliance": phrases("""die waschmaschine | die spülmaschine | den trockner | den ofen
        | den staubsauger"""),
    "an_appliance": phrases("""die waschmaschine | die spülmaschine | der trockner | der ofen
        | der staubsauger"""),
    "door": phrases("haustür | hintertür | kellertür | balkontür"),
    "covering": phrases("vorhänge | rollläden | jalousien"),
    "food": phrases("""eier | milch | brot | butter | käse | reis | nudeln | kartoffeln | möhren
        | zwiebeln | tomaten | äpfel | klöße"""),
    "quantity": phrases("zwei packungen | ein kilo | eine dose | etwas | mehr"),
    "genre": phrases("jazz | rock | klassik | schlager | volksmusik | blues"),
    "music": phrases("""meine liste für morgens | das nächste lied | das neueste album
        | etwas ruhiges | das lied von gestern | das radio | meine lieblingssängerin"""),
    "city": phrases("""berlin | münchen | köln | hamburg | zürich | wien | düsseldorf | lübeck
        | gießen"""),
    "when": phrases("""heute | morgen | heute abend | morgen früh | heute nachmittag
        | am wochenende | {on_day} | übermorgen | später | nächste woche | nach dem essen"""),
    "on_day": phrases("""am montag | am dienstag | am mittwoch | am donnerstag | am freitag
        | am samstag | am sonntag"""),
    "weather": phrases("regnet | schneit | friert | stürmt"),
    "clothing": phrases("einen schirm | einen warmen mantel | meine handschuhe | eine mütze"),
    "adjective": phrases("heiß | kalt | windig | schwül"),
    "person": phrases("""mama | papa | meine schwester | meinen bruder | oma | die ärztin
        | den klempner | jürgen"""),
    "to_person": phrases("""mama | papa | meiner schwester | meinem bruder | oma | der ärztin
        | dem klempner | jürgen"""),
    "news": phrases("""dass ich später komme | dass das essen fertig ist | dass der zug ausfällt
        | dass ich bald zu hause bin | dass das paket da ist | dass {food} fehlen"""),
    "thing": phrases("""die pflanzen | die katze | den hund | den müll | die miete | das paket
        | die wäsche | den schlüssel"""),
    "to_place": phrases("""zum flughafen | zum bahnhof | zur arbeit | zur apotheke
        | ins krankenhaus | in die bücherei | an den see | zum fußballplatz"""),
    "transport": phrases("der nächste bus | der nächste zug | die nächste fähre"),
    "event": phrases("""den zahnarzt | die geburtstagsfeier | die schulaufführung
        | das fußballspiel"""),
    "an_event": phrases("""der zahnarzt | die geburtstagsfeier | die schulaufführung
        | das fußballspiel"""),
    "topic": phrases("sport | wirtschaft | wissenschaft | politik"),
    "lost_thing": phrases("""meine schlüssel | mein telefon | meine brille | meine geldbörse
        | mein tablet"""),
    "number": [*_DIGITS, *_TO_TWENTY],
    "tens": phrases("""zehn | zwanzig | dreißig | vierzig | fünfzig | sechzig | siebzig | achtzig
        | neunzig"""),
    "degrees": [*_TO_TWENTY, "einundzwanzig", "zweiundzwanzig", "dreiundzwanzig",
                "vierundzwanzig", "fünfundzwanzig"],
    "duration": phrases("""{number} minuten | {tens} minuten | {number} sekunden | {tens} sekunden
        | {number} stunden | eine halbe stunde | eine stunde | eine viertelstunde
        | zweieinhalb stunden"""),
    "time": phrases("""ein uhr | {hour} uhr | halb {hour} | viertel nach {hour} | viertel vor {hour}
        | {hour} uhr dreißig | {hour} uhr fünfzehn | zehn nach {hour} | fünf vor {hour}"""),
    "hour": [*_DIGITS, "zehn", "elf", "zwölf"],
}
GRAMMAR = Grammar(SLOTS, language="de")
