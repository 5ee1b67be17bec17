"""Requests to a home assistant, in English."""

from __future__ import annotations

from evalkit.corpora.synthesis.sentences import Grammar, phrases

_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen",
          "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty"]


SLOTS = {
    "request": phrases("""
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
    "warmer": phrases("warmer | cooler | a little warmer | much cooler | two degrees warmer"),
    "room": phrases("""kitchen | bathroom | bedroom | living room | dining room | hallway
        | garage | office"""),
    "device": phrases("light | lamp | fan | heater | television | radio | speaker"),
    "colour": phrases("red | green | blue | yellow | orange | purple"),
    "appliance": phrases("washing machine | dishwasher | dryer | oven"),
    "door": phrases("front door | back door | garage door"),
    "covering": phrases("curtains | blinds | shutters"),
    "food": phrases("""eggs | milk | bread | butter | cheese | rice | pasta | potatoes
        | carrots | onions | tomatoes | apples"""),
    "quantity": phrases("two bags of | a box of | three pounds of | a jar of | some more"),
    "genre": phrases("jazz | rock | classical | country | folk | blues"),
    "music": phrases("""my morning playlist | the next song | the latest album
        | something relaxing | the song from yesterday | the radio | my favourite singer"""),
    "city": phrases("london | paris | chicago | dublin | toronto | sydney | boston | denver"),
    "when": phrases("""today | tomorrow | tonight | this morning | this afternoon
        | this weekend | on {day} | next week | later today | after lunch | before dinner"""),
    "day": phrases("monday | tuesday | wednesday | thursday | friday | saturday | sunday"),
    "weather": phrases("rain | snow | freeze | be windy"),
    "clothing": phrases("an umbrella | a warm coat | my gloves"),
    "adjective": phrases("hot | cold | quick | short | long | funny"),
    "person": phrases("""mum | dad | my sister | my brother | grandma | the doctor
        | the plumber | alice"""),
    "news": phrases("""i am running late | dinner is ready | the train was cancelled
        | i will be home soon | the parcel has arrived | we are out of {food}"""),
    "chore": phrases("""water the plants | feed the cat | walk the dog | take out the rubbish
        | pay the rent | call {person} | charge my phone"""),
    "place": phrases("""the airport | the station | work | the nearest pharmacy | the hospital
        | the library | the beach"""),
    "transport": phrases("bus | train | ferry"),
    "event": phrases("""a dentist appointment | the birthday party | the school play
        | a football match"""),
    "topic": phrases("sports | business | science | local"),
    "lost_thing": phrases("keys | phone | glasses | wallet | tablet"),
    "number": _ONES + _TEENS,
    "tens": ["ten", *_TENS, "sixty", "seventy", "eighty", "ninety"],
    "degrees": [*_TEENS, "twenty", *(f"twenty {digit}" for digit in _ONES), "sixty", "sixty five",
                "sixty eight", "seventy", "seventy two"],
    "duration": phrases("""{number} minutes | {tens} minutes | {number} seconds | {tens} seconds
        | {number} hours | half an hour | an hour | a quarter of an hour
        | two and a half hours | ninety seconds"""),
    "time": phrases("""{hour} | {hour} {half_day} | {hour} thirty | {hour} fifteen
        | half past {hour} | quarter past {hour} | quarter to {hour} | noon | midnight
        | {hour} forty five"""),
    "hour": [*_ONES, "ten", "eleven", "twelve"],
    "half_day": phrases("in the morning | in the evening | o'clock"),
}
GRAMMAR = Grammar(SLOTS)
