"""Requests to a home assistant, in Spanish."""

from __future__ import annotations

from evalkit.corpora.synthesis.sentences import Grammar, phrases

_DIGITS = ["dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"]
_TO_TWENTY = ["diez", "once", "doce", "trece", "catorce", "quince", "dieciséis", "diecisiete",
              "dieciocho", "diecinueve", "veinte"]
SLOTS = {
    "request": phrases("""
        {on_off} {device} {in_room} | {on_off} {device} {of_room}
        | por favor {on_off} {device} | {dim} las luces {of_room} al {tens} por ciento
        | pon las luces {of_room} en {colour}
        | sigue {switched_device} {in_room} | está {switched_device} {of_room}
        | pon un temporizador de {duration} | pon un temporizador de {duration} para {food}
        | cuánto tiempo queda para {food} | cancela el temporizador de {duration}
        | añade {duration} al temporizador
        | despiértame {at_time} | pon una alarma {at_time} {on_day}
        | cancela la alarma {of_day} {at_time} | qué alarmas tengo {on_day}
        | pon {music} | pon {genre} {in_room} | pon {genre} durante {duration}
        | pon {music} {in_room} | {turn} el volumen al {number}
        | qué tiempo hará en {city} {when} | va a {weather} en {city} {when}
        | necesito {clothing} {when} | qué temperatura hay {in_room}
        | añade {food} y {food} a la lista | quita {food} de la lista de la compra
        | pon {quantity} {bare_food} en la lista | dónde puedo comprar {food}
        | envía un mensaje a {person} | escribe a {person} que {news} | dile a {person} que {news}
        | llama a {person} {when}
        | recuérdame {chore} {when} | recuérdame {chore} {on_day} {at_time}
        | pon el termostato a {degrees} grados | quiero {degrees} grados {in_room} {at_time}
        | haz que esté {warmer} {in_room} | está encendida la calefacción {of_room}
        | cierra la puerta {door} con llave | está cerrada la puerta {door}
        | abre la puerta {door} {at_time}
        | {open_close} {covering} {of_room} | {open_close} {covering} {at_time}
        | pon en marcha {appliance} {at_time} | para {appliance} ahora | ha terminado ya {appliance}
        | cuánto se tarda en llegar {to_place} | cuándo sale el próximo {transport} {to_place}
        | qué tengo en la agenda {when} | cambia la reunión con {person} {at_time}
        | apunta {event} en la agenda {on_day} | cuándo es {event}
        | cuánto es {number} por {number} | cuánto es {tens} más {number}
        | cómo se preparan {plural_food}
        | léeme las noticias de {topic} | qué noticias de {topic} hay en {city}
        | a qué distancia está {city} de {city} | qué hora es en {city}
        | busca {lost_thing} | dónde he dejado {lost_thing}"""),
    "on_off": ["enciende", "apaga"],
    "dim": ["baja", "sube", "pon"],
    "turn": ["baja", "sube"],
    "open_close": ["abre", "cierra", "sube", "baja"],
    "warmer": phrases("más caliente | más fresco | un poco más caliente | mucho más fresco"),
    "device": phrases("""la luz | la lámpara | la televisión | la radio | el ventilador
        | el calentador | el altavoz"""),
    "switched_device": phrases("""encendida la luz | encendida la lámpara | apagada la televisión
        | encendida la radio | encendido el ventilador | apagado el calentador
        | encendido el altavoz"""),
    "in_room": phrases("""en la cocina | en el baño | en el dormitorio | en el salón
        | en el comedor | en el pasillo | en el garaje | en la oficina | en el jardín"""),
    "of_room": phrases("""de la cocina | del baño | del dormitorio | del salón | del comedor
        | del pasillo | del garaje | de la oficina | del jardín"""),
    "colour": phrases("rojo | verde | azul | amarillo | naranja | morado"),
    "appliance": phrases("la lavadora | el lavavajillas | la secadora | el horno | la aspiradora"),
    "door": phrases("principal | trasera | del garaje | del jardín"),
    "covering": phrases("las cortinas | las persianas | los toldos"),
    "food": phrases("el pan | la leche | el queso | el arroz | la mantequilla | {plural_food}"),
    "plural_food": phrases("""los huevos | las patatas | las zanahorias | las cebollas
        | los tomates | las manzanas | las piñas | los champiñones"""),
    "bare_food": phrases("arroz | queso | pan | azúcar | jamón | café"),
    "quantity": phrases("dos paquetes de | medio kilo de | un poco de | bastante | más"),
    "genre": phrases("""jazz | rock | flamenco | salsa | música clásica
        | música de los años ochenta"""),
    "music": phrases("""mi lista de la mañana | la siguiente canción | el último disco
        | algo tranquilo | la canción de ayer | la radio | mi canción favorita"""),
    "city": phrases("""madrid | sevilla | bogotá | lima | córdoba | parís | londres | málaga
        | la coruña"""),
    "when": phrases("""hoy | mañana | esta noche | esta mañana | esta tarde | este fin de semana
        | {on_day} | pasado mañana | más tarde | la semana que viene | después de comer"""),
    "on_day": phrases("""el lunes | el martes | el miércoles | el jueves | el viernes | el sábado
        | el domingo"""),
    "of_day": phrases("""del lunes | del martes | del miércoles | del jueves | del viernes
        | del sábado | del domingo"""),
    "weather": phrases("llover | nevar | helar | hacer viento | hacer frío"),
    "clothing": phrases("un paraguas | un abrigo | los guantes | la bufanda"),
    "person": phrases("""mamá | papá | mi hermana | mi hermano | la abuela | la médica | mi tío
        | begoña | josé"""),
    "news": phrases("""llego tarde | la cena está lista | el tren se ha cancelado
        | pronto estaré en casa | ha llegado el paquete | no queda {bare_food}"""),
    "chore": phrases("""regar las plantas | dar de comer al gato | pasear al perro
        | sacar la basura | pagar el alquiler | cargar el móvil | limpiar el desagüe
        | llamar a {person}"""),
    "to_place": phrases("""al aeropuerto | a la estación | al trabajo | a la farmacia
        | al hospital | a la biblioteca | a la playa | a la montaña"""),
    "transport": phrases("autobús | tren | ferri"),
    "event": phrases("""la cita con el dentista | la fiesta de cumpleaños | el partido de fútbol
        | la función del colegio"""),
    "topic": phrases("deportes | economía | ciencia | política"),
    "lost_thing": phrases("""mis llaves | mi teléfono | mis gafas | mi cartera | mi tableta
        | mi pingüino de peluche"""),
    "number": [*_DIGITS, *_TO_TWENTY],
    "tens": phrases("""diez | veinte | treinta | cuarenta | cincuenta | sesenta | setenta | ochenta
        | noventa"""),
    "degrees": [*_TO_TWENTY, "veintiún", "veintidós", "veintitrés", "veinticuatro",
                "veinticinco"],
    "duration": phrases("""{number} minutos | {tens} minutos | {number} segundos | {tens} segundos
        | {number} horas | media hora | una hora | un cuarto de hora | dos horas y media"""),
    "at_time": phrases("""a la una | a la una y media | a las {hour} | a las {hour} y media
        | a las {hour} y cuarto | a las {hour} menos cuarto | a las {hour} y {minutes}
        | a las {hour} de la {half_day} | al mediodía | a medianoche"""),
    "hour": [*_DIGITS, "diez", "once", "doce"],
    "minutes": phrases("cinco | diez | veinte | veinticinco"),
    "half_day": ["mañana", "tarde"],
}
GRAMMAR = Grammar(SLOTS, language="es")
