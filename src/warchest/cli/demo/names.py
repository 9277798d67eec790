"""Made-up nicknames: two words of the league's own, or syllables, and a number where they would repeat."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_FIRST = _words(
    "Amber Ashen Azure Bold Brave Bright Bronze Calm Cobalt Coral Crimson Dawn Dusk Ember Fabled Fierce Frost Gilded"
    " Golden Grim Hollow Humble Iron Ivory Jade Keen Lone Lucky Lunar Misty Noble North Obsidian Pale Proud Quick Quiet"
    " Rapid Rogue Royal Rusty Scarlet Shadow Sharp Silent Silver Sly Solar Steel Stone Storm Sunken Swift Tidal Umber"
    " Velvet Wandering Wild Winter Wry"
)
_LAST = _words(
    "Anchor Anvil Arrow Badger Banner Bastion Beacon Bear Boar Bolt Bulwark Comet Corsair Crane Crow Drake Eagle Falcon"
    " Ferret Fox Gale Gauntlet Griffin Hammer Hare Harrier Hawk Heron Hound Jackal Kite Knight Lance Lantern Lynx Marten"
    " Mason Moth Otter Owl Oxen Paladin Pike Pilgrim Ranger Raven Rider Rook Saber Scout Shield Smith Sparrow Stag Talon"
    " Tiger Tinker Viper Warden Wolf Wren"
)
_HEADS = _words(
    "Bal Bran Cor Dar Del Eld Fen Gar Hal Ith Jor Kal Lor Mar Nal Or Per Quin Ral Sor Tal Ur Val Wen Yor Zan"
)
_MIDDLES = _words("a e i o u ae ia io an en in ar er or")
_TAILS = _words(
    "dan dor dril gar kas lan len lis mir nor ra reth ric rin ron ros shan tas th thas vek wyn zar"
)


def nicknames(random: Random, *, taken: frozenset[str] = frozenset()) -> Iterator[str]:
    """Without end, each once, none of ``taken``; 3 to 24 letters, digits, ``_`` or ``-``."""
    given = {name.lower() for name in taken}
    while True:
        name = _draw(random)
        while name.lower() in given:
            name = f"{name.rstrip('0123456789')[:20]}{random.randrange(2, 1000)}"
        given.add(name.lower())
        yield name


def _draw(random: Random) -> str:
    style = random.random()
    if style < 0.45:
        return random.choice(_FIRST) + random.choice(("", "", "_", "-")) + random.choice(_LAST)
    if style < 0.6:
        return f"{random.choice(_LAST).lower()}{random.randrange(2, 100)}"
    return random.choice(_HEADS) + random.choice(_MIDDLES) + random.choice(_TAILS)
