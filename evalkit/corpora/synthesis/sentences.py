"""Spoken requests to a home assistant, drawn from a grammar.

A phrase may hold ``{slot}``s, each filled by one phrase of that name; numbers are spelled as
words, and there is no punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np

from evalkit.core.errors import ConfigError

_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen",
          "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty"]


def _phrases(text: str) -> list[str]:
    return [" ".join(phrase.split()) for phrase in text.split("|")]


SLOTS = {
    "request": _phrases("""
        turn {on_off} the {room} {device} | turn {on_off} the {device} in the {room}
        | please switch {on_off} the {device} | {dim} the {room} lights to {tens} percent
        | make the {room} lights {colour} | set the {room} lights to {colour}
        | is the {device} in the {room} still {on_off}
        | set a timer for {duration} | start a {food} timer for {duration}
        | how much time is left on the {food} timer | cancel the {food} timer
        | add {duration} to the {food} timer
        | wake me up at {time} | set an alarm for {time} on {day}
        | cancel my {time} alarm | what time is my alarm on {day}
        | play {music} | play some {genre} in the {room} | play {genre} for {duration}
        | put on {music} in the {room}
        | turn the volume {up_down} to {number}
        | what is the weather like in {city} {when} | will it {weather} in {city} {when}
        | do i need {clothing} {when} | how {adjective} will it be {when}
        | what is the temperature in the {room}
        | put {quantity} {food} on the shopping list | add {food} and {food} to my shopping list
        | remove {food} from the shopping list | do we still have {food}
        | how many {food} are on the list
        | send a message to {person} | text {person} that {news} | tell {person} that {news}
        | call {person} {when}
        | remind me to {chore} {when}
        | remind me to {chore} on {day} at {time}
        | set the thermostat to {degrees} degrees | make it {warmer} in the {room}
        | set the {room} to {degrees} degrees at {time} | is the heating {on_off} in the {room}
        | lock the {door} | is the {door} locked | open the {door} at {time}
        | {open_close} the {room} {covering} | {open_close} the {covering} at {time}
        | start the {appliance} at {time} | stop the {appliance} | is the {appliance} finished yet
        | how long is the drive to {place} | when does the next {transport} leave for {place}
        | what is on my calendar {when} | move the meeting with {person} to {time}
        | add {event} to my calendar on {day} | when is {event}
        | what is {number} times {number} | what is {tens} plus {number}
        | how do you cook {food}
        | read me the {topic} news | what is the latest {topic} news from {city}
        | how far is {city} from {city} | what time is it in {city}
        | find my {lost_thing} | where did i leave my {lost_thing}"""),
    "on_off": ["on", "off"],
    "up_down": ["up", "down"],
    "open_close": ["open", "close", "raise", "lower"],
    "dim": ["dim", "brighten", "set", "change"],
    "warmer": _phrases("warmer | cooler | a little warmer | much cooler | two degrees warmer"),
    "room": _phrases("""kitchen | bathroom | bedroom | living room | dining room | hallway
        | garage | office"""),
    "device": _phrases("light | lamp | fan | heater | television | radio | speaker"),
    "colour": _phrases("red | green | blue | yellow | orange | purple"),
    "appliance": _phrases("washing machine | dishwasher | dryer | oven"),
    "door": _phrases("front door | back door | garage door"),
    "covering": _phrases("curtains | blinds | shutters"),
    "food": _phrases("""eggs | milk | bread | butter | cheese | rice | pasta | potatoes
        | carrots | onions | tomatoes | apples"""),
    "quantity": _phrases("two bags of | a box of | three pounds of | a jar of | some more"),
    "genre": _phrases("jazz | rock | classical | country | folk | blues"),
    "music": _phrases("""my morning playlist | the next song | the latest album
        | something relaxing | the song from yesterday | the radio | my favourite singer"""),
    "city": _phrases("london | paris | chicago | dublin | toronto | sydney | boston | denver"),
    "when": _phrases("""today | tomorrow | tonight | this morning | this afternoon
        | this weekend | on {day} | next week | later today | after lunch | before dinner"""),
    "day": _phrases("monday | tuesday | wednesday | thursday | friday | saturday | sunday"),
    "weather": _phrases("rain | snow | freeze | be windy"),
    "clothing": _phrases("an umbrella | a warm coat | my gloves"),
    "adjective": _phrases("hot | cold | quick | short | long | funny"),
    "person": _phrases("""mum | dad | my sister | my brother | grandma | the doctor
        | the plumber | alice"""),
    "news": _phrases("""i am running late | dinner is ready | the train was cancelled
        | i will be home soon | the parcel has arrived | we are out of {food}"""),
    "chore": _phrases("""water the plants | feed the cat | walk the dog | take out the rubbish
        | pay the rent | call {person} | charge my phone"""),
    "place": _phrases("""the airport | the station | work | the nearest pharmacy | the hospital
        | the library | the beach"""),
    "transport": _phrases("bus | train | ferry"),
    "event": _phrases("""a dentist appointment | the birthday party | the school play
        | a football match"""),
    "topic": _phrases("sports | business | science | local"),
    "lost_thing": _phrases("keys | phone | glasses | wallet | tablet"),
    "number": _ONES + _TEENS,
    "tens": ["ten", *_TENS, "sixty", "seventy", "eighty", "ninety"],
    "degrees": [*_TEENS, "twenty", *(f"twenty {digit}" for digit in _ONES), "sixty", "sixty five",
                "sixty eight", "seventy", "seventy two"],
    "duration": _phrases("""{number} minutes | {tens} minutes | {number} seconds | {tens} seconds
        | {number} hours | half an hour | an hour | a quarter of an hour
        | two and a half hours | ninety seconds"""),
    "time": _phrases("""{hour} | {hour} {half_day} | {hour} thirty | {hour} fifteen
        | half past {hour} | quarter past {hour} | quarter to {hour} | noon | midnight
        | {hour} forty five"""),
    "hour": [*_ONES, "ten", "eleven", "twelve"],
    "half_day": _phrases("in the morning | in the evening | o'clock"),
}
_SLOT = re.compile(r"\{(\w+)\}")
MOST_WORDS = 10
FEWEST_WORDS = 3
_MOST_DRAWS = 1000


def distinct_sentences(rng: np.random.Generator, count: int, besides: Iterable[str] = ()
                       ) -> list[str]:
    """``count`` different sentences of FEWEST_WORDS to MOST_WORDS words, none of them in
    ``besides``. Raises ConfigError where the grammar seems to hold too few."""
    sentences: dict[str, None] = {}
    taken = set(besides)
    for _ in range(count):
        sentence = next((s for s in _draws(rng) if s not in sentences and s not in taken), None)
        if sentence is None:
            raise ConfigError(f"the grammar ran out after {len(sentences)} different sentences of "
                              f"the {count} asked for; ask for fewer utterances")
        sentences[sentence] = None
    return list(sentences)


def _draws(rng: np.random.Generator) -> Iterator[str]:
    for _ in range(_MOST_DRAWS):
        sentence = _fill("{request}", rng)
        if FEWEST_WORDS <= len(sentence.split()) <= MOST_WORDS:
            yield sentence


def _fill(phrase: str, rng: np.random.Generator) -> str:
    """``phrase`` with each slot filled by a phrase drawn uniformly."""
    def draw(slot: re.Match[str]) -> str:
        choices = SLOTS[slot[1]]
        return _fill(choices[rng.integers(len(choices))], rng)
    return _SLOT.sub(draw, phrase)
