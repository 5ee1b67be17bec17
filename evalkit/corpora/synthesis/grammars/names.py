"""Requests, in English, that each hold one name of a contact, a device or a place.

Every third name of each list is held out of training. No word of a held-out name is in another
name, or in a request beside its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evalkit.corpora.synthesis.grammars import requests
from evalkit.corpora.synthesis.sentences import Grammar, Name, phrases


def _words(text: str) -> list[str]:
    return text.split()


FIRST_NAMES = _words("""
    maria aaron abigail adele adrian agnes aidan alana albert alexis alfred amelia amina amos andre
    angela anton april arjun arlo arthur astrid aurora axel barbara basil beatrice benedict bernard
    bertha bianca bjorn bonnie boris brandon brenda bridget bruno byron caleb camilla carlos carmen
    cassandra cecilia cedric celeste chandra chloe clara claude clement colin connor constance
    cora cyrus dahlia damian daphne darius deborah declan deepak delia denise desmond dexter diana
    diego dimitri dolores dominic doris douglas duncan dylan edgar edith edmund eduardo eileen
    elaine elena elias eliza elliot elsa emilio emma enzo erica ernest esther ethan eugene eunice
    evelyn ezra fabian farid fatima felicity fergus fernando fiona flora florence francesca
    frederick gareth gavin geraldine gerard gideon gilbert gina giovanni gladys gloria gordon
    greta griffin guinevere gustavo hamish hannah harold harriet harvey hassan hazel hector
    heidi helena henrietta herbert hilda horace howard hubert hugo humphrey ibrahim ignacio imogen
    india ingrid irene iris isaac isabel isaiah ivan ivy jacob jamal jasmine jasper javier
    jeremy jerome jessica joanna joaquin jocelyn jonah jonathan josephine joshua joyce juanita
    judith julian juliet kamal karim katarina kendra kenneth kieran kiran klaus kumar lakshmi
    lambert lamar laura lavinia leandro leonard leila leopold lester lionel lorenzo louisa lucas
    lucinda ludwig luther lydia mabel madeline magnus malcolm manuel marcus margaret marina marjorie
    marshall martha mateo matilda maurice melanie melissa meredith miguel mildred milo miranda
    mohammed monica morgan muriel myrtle nadia naomi natalie nathaniel nelson nicholas nigel nikhil
    noah nora norman octavia olga oliver omar ophelia orlando oscar otto pablo pamela patricia
    pavel penelope percy petra philippa phoebe phyllis pierre priscilla quentin quincy rachel ramona
    rafael rajesh ralph raymond rebecca reginald renata ricardo rita roberta roderick rodrigo
    roland rosalind rowena roxanne rufus rupert sabrina samuel santiago sebastian
    """)
SURNAMES = _words("""
    abbott abernathy ackerman acosta adeyemi aguilar ahmed albrecht alvarez anderson aldridge
    archer armstrong ashworth atkinson avery babcock baldwin ballard banerjee barlow barrett
    bartlett bauer beaumont becker bellamy bennett bergstrom bianchi blackwell blanchard boateng
    bowman bradshaw brennan briggs brooks buchanan burgess butler cabrera calloway cameron
    campbell cardenas carlisle carver castillo chaudhry chamberlain chandler chavez cisneros
    clayton coleman colombo connolly cordova costello crawford cunningham dalton davenport
    delgado dempsey deshmukh dickinson donovan dubois dunlap eastwood eriksson escobar espinoza
    everett fairbanks farrell faulkner feldman ferrari fitzgerald fleming flores fontaine forsyth
    franklin frazier friedman fuentes gallagher galloway garrison gonzalez goldberg goodwin
    graham greenwood griffiths guerrero gutierrez haddad halloran hamilton hancock hargreaves
    harrington hashimoto hawthorne henderson hernandez hoffman holloway horvath huang hutchinson
    ibarra inglewood iyer jankowski jefferson jenkins jimenez johansson kamara kapoor
    kaufman kavanagh keller kendrick kimura kirkland kobayashi kowalski kruger lancaster larsson
    laurent lavoie lindqvist livingston llewellyn lombardi lopez lockwood lundgren maddox
    maguire maldonado marchetti marquez mathews mazur mccarthy mcdonald mcintyre mckenzie mehta
    mendoza mercado merritt michaels middleton mitchell molina montgomery morales moreau moretti
    morrison mukherjee murakami navarro newcombe nakamura nguyen nicholson nielsen novak oakley
    obrien ochoa okafor oleary olsen ortega osborne pacheco palmer pappas parsons patterson
    pemberton pereira petersen petrov phillips picard pinto poole porter prescott pritchard
    quigley quintero radcliffe ramirez randall rasmussen reeves reynolds richter rinaldi
    robinson rossi rousseau rutherford sakamoto salazar sanderson santana satterfield
    schneider schultz serrano shapiro sheridan silva simmons sinclair skinner slater
    sorensen spencer stanton steiner stephens sterling sullivan sutherland suzuki svensson takahashi
    tanaka templeton thatcher thompson thornton townsend trujillo tucker underhill underwood
    valdez valentine vandermeer vargas vasquez vaughan velasco vickers villanueva vogel
    waddington wagner wakefield wallace walsh watanabe watkins weaver webster weinberg
    whitaker whitfield wilkinson williams winslow wojcik woodward wyatt yamamoto yates yilmaz zapata
    """)
DEVICES = _words("""
    zolvex kavra brimo nemtron lumdex vexta quinlo drazen fenrix halvo jorpod melbo pavtor rinsa
    sorlux talvia ulnix wexlo yarga bolteno cromvi dakota denlo elzara fizbin flindo gavlex
    glenvo gorma hexbo hintra izmo jaxvor jembi kelvora kinlux kordo kripsa lazbo lendra lorvix
    luxora malvo meekro mervix miltra mondox narvo nexby nimbra norlix nuvo obdex olvira ombo
    oskra otrix pelvo pindra plexor podna porzo quabbit quelvo quorra raxo relmi ribnex rondra
    rovix saldo sembra serlix skova slenda solzo spinvo strando sumvex sylbo tamvo tarnix telbra
    tindo tobra torvex trelvo trixby tulmo twindra ubvex umbo urlix valmo vandrix velbo verno
    vimtra vindo vobra vornix wadlo welvex wimbra wolvo xando xelmi yabbo yelvix yondra yulmo
    zabbit zamvo zanlix zebdo zelmo zendra zilbo zimvex zondra zubnix abdo albrix andvo arbex
    baldra belmix bexo bindlo blivex bombra brondo bruvix calbo chimbra clendo covex crandix
    culvo dalbra delvix dimbo dolvex drimbo dunlix duvra elbo embrix enzor fabbix
    """)
TOWNS = _words("""
    alderbury amblecote appledore arkendale ashbourne aylesham balcombe bampton barnstaple bexhill
    bickleigh bideford birkdale bolsover bramcote bridlington brockenhurst burnham buxted caldicot
    camberley castleford chatteris cheddleton chippenham cirencester clitheroe coggeshall congleton
    cranleigh crediton crewkerne cullompton dalbeattie daventry dereham dolgellau dorchester
    droitwich dulverton dunstable easingwold edenbridge egremont ellesmere elmswell evesham
    fakenham falmouth faversham felixstowe frodsham gainsborough garstang gillingham glastonbury
    godalming grantham grimsby guisborough halesworth harpenden haslemere hathersage helmsley
    hexham holmfirth honiton horncastle hungerford ilfracombe ilkeston kelmscott keswick
    kidderminster kirriemuir knaresborough ledbury leominster liskeard ludlow lyndhurst malmesbury
    melksham
    """)
STREETS = _words("""
    abingdon acacia alcott alexandra almond anchor argyle aspen avondale balmoral bayswater
    beechcroft belgrave berwick bluebell bramble broughton brunswick burlington cadogan caledonia
    canterbury cathcart chestnut clarendon claremont clifton coburg collingwood cornwallis crabtree
    cromwell cypress devonshire drummond dryden eaton eglinton elderflower elgin ferncliffe
    finchley foxglove gladstone glencoe granville grosvenor hawkesbury hemlock highfield hollyhock
    huntingdon inverness jubilee juniper kensington kingfisher kitchener laburnum larkspur
    laurel lavender linden lonsdale magnolia marlborough mayflower meadowbank melbourne montrose
    mulberry nightingale nutmeg oleander orchard palmerston partridge pembroke peregrine
    pinewood poplar primrose
    """)
RESTAURANTS = phrases("""
    bella napoli | la cantina | sakura garden | golden lotus | zaytoun | morellis | el farol
    | chez colette | spice bazaar | rusty anvil | taverna kostas | banh mi saigon | casa lupita
    | trattoria gino | coral ginger | copper kettle | tandoori flame | old istanbul
    | pho hanoi | cafe miro | ramen ichiban | osteria volpe | drunken duck | masala junction
    | le petit jardin | wagyu house | pizzeria vesuvio | thai orchid | jade dragon | gyros palace
    | bistro marcel | salty whale | tapas barcelona | kebab express | curry leaf | oyster shack
    | burger barn | noodle emporium | crab cove | wonton empress | falafel oasis | fondue chalet
    | laughing goat | paella pronto | lemongrass | sushi zen | taco loco | velvet truffle
    | wild fennel | mango grove | crispy waffle | hungry otter | smokehouse | olive branch
    | gilded spoon | pickled herring | iron skillet | toasted fig | saffron | sizzling wok
    | maple diner | black pepper | rosemary thyme | cinnamon hearth | tipsy flamingo | juicy lobster
    | emerald bamboo | crimson lantern | frosty penguin | sundown grill | harvest moon
    | twisted pretzel | marble canteen | silver salmon | cobblestone | daily crumb
    | secret pantry | northern plover | mighty moose | lucky cricket | peppermint | brass monkey
    """)
CONTACTS_OF_A_NAME = 3
"""Surnames that each first name goes with, and first names that each surname goes with."""


def _held_out(words: Sequence[str]) -> list[str]:
    return list(words[2::3])


def _others(words: Sequence[str]) -> list[str]:
    return [word for number, word in enumerate(words) if number % 3 < 2]


def _contacts(first: Sequence[str], last: Sequence[str]) -> Iterator[str]:
    """Each of the first names with CONTACTS_OF_A_NAME of the surnames, of which there are as
    many."""
    for turn in range(CONTACTS_OF_A_NAME):
        for number, name in enumerate(first):
            yield f"{name} {last[(number + 1 + turn * len(last) // 3) % len(last)]}"


def _names() -> Iterator[Name]:
    for held_out, part in ((False, _others), (True, _held_out)):
        for contact in _contacts(part(FIRST_NAMES), part(SURNAMES)):
            yield Name(contact, "contact", held_out)
        for words, kind in ((DEVICES, "device"), (TOWNS, "place"), (STREETS, "place"),
                            (RESTAURANTS, "place")):
            for name in part(words):
                yield Name(name, kind, held_out)


NAMES = tuple(_names())


def _slot(kind: str, words: Sequence[str] = ()) -> list[str]:
    """The names of a kind, or ``words`` alone, in brackets."""
    return [f"<{each.name}>" for each in NAMES
            if each.kind == kind and (not words or each.name in words)]


SLOTS = {
    **requests.SLOTS,
    "request": ["{of_contact}", "{of_device}", "{of_place}"],
    "of_contact": phrases("""
        call {contact} | call {contact} {when} | please call {contact} {when}
        | text {contact} that {news} | tell {contact} that {news} | answer {contact} that {news}
        | send a message to {contact} | write an email to {contact} {when}
        | remind me to call {contact} {when} | move the meeting with {contact} to {time}
        | what is the phone number of {contact} | read me the last message from {contact}
        | is {contact} coming {when} | invite {contact} to {event}
        | when is the birthday of {contact}
        | set up a meeting with {contact} {when} | add {contact} to my contacts
        | has {contact} answered my message | play the song that {contact} sent me"""),
    "of_device": phrases("""
        turn {on_off} the {named_device} | turn {on_off} the {named_device} in the {room}
        | please switch {on_off} the {named_device}
        | is the {named_device} in the {room} still {on_off}
        | start the {named_device} at {time} | stop the {named_device}
        | set the {named_device} to {number}
        | pair the {named_device} with the {device} | connect my phone to the {named_device}
        | how much battery has the {named_device} left | where did i leave my {named_device}
        | play {genre} on the {named_device} | update the {named_device} {when}
        | is the {named_device} finished yet | run the {named_device} for {duration}
        | turn the volume of the {named_device} {up_down}
        | set a timer for {duration} on the {named_device}"""),
    "of_place": ["{of_town}", "{of_street}", "{of_restaurant}"],
    "of_town": phrases("""
        what is the weather like in {town} {when} | will it {weather} in {town} {when}
        | how far is {town} from here | how long is the drive to {town}
        | when does the next {transport} leave for {town} | find a hotel in {town} {when}
        | what is the latest {topic} news from {town} | how {adjective} will it be in {town}
        | buy a {transport} ticket to {town} {when}"""),
    "of_street": phrases("""
        take me to {number} {street} {road} | how long is the drive to {street} {road}
        | is there much traffic on {street} {road} | find a pharmacy near {street} {road}
        | does the {transport} stop at {street} {road} | where can i park on {street} {road}
        | send a taxi to {street} {road} at {time}"""),
    "road": phrases("street | road | lane | avenue"),
    "of_restaurant": phrases("""
        book a table at {restaurant} {when} | book a table at {restaurant} for {time}
        | order {food} from {restaurant} | is {restaurant} open {when} | how good is {restaurant}
        | how do i get to {restaurant} | call {restaurant} and book a table
        | remind me of dinner at {restaurant} {when} | show me the menu of {restaurant}"""),
    "contact": _slot("contact"),
    "named_device": _slot("device"),
    "town": _slot("place", TOWNS),
    "street": _slot("place", STREETS),
    "restaurant": _slot("place", RESTAURANTS),
}
GRAMMAR = Grammar(SLOTS, names=NAMES)
