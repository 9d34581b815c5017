"""Make the sounds that the client plays: three soft chimes of two notes each, the same bytes on every machine.

Knows the notes and how a bell fades. Does not know when a sound is played. `--check` compares instead of writing.
"""

import array
import io
import math
import sys
import wave
from pathlib import Path
from typing import NamedTuple

SOUNDS = Path(__file__).resolve().parent.parent / "chatroom" / "sounds"
RATE = 44_100
LOUDNESS = 0.3
ATTACK = 0.006
RELEASE = 0.03
OVERTONES = ((1, 1.0), (2, 0.22), (3, 0.06))
"""Which multiples of a note sound with it, and how loudly: few and soft, a marimba rather than an alarm."""

C5, E5, G5, A5, E6 = 523.25, 659.26, 783.99, 880.00, 1318.51


class Chime(NamedTuple):
    """Two notes, the second beginning while the first still rings."""

    first: float
    second: float
    gap: float
    length: float


CHIMES = {
    "message": Chime(E5, G5, gap=0.06, length=0.20),  # a small step up: somebody said something
    "mention": Chime(A5, E6, gap=0.09, length=0.28),  # a bright fifth up: it is about you
    "direct": Chime(G5, C5, gap=0.10, length=0.28),  # a fifth down, like a name called: it is for you alone
}


def tone(note: float, seconds: float) -> float:
    """One note at a time after it was struck."""
    if seconds < 0:
        return 0.0
    parts = (level * math.sin(2 * math.pi * note * n * seconds) for n, level in OVERTONES)
    return sum(parts) * min(1.0, seconds / ATTACK) * math.exp(-seconds * 16)


def sample(chime: Chime, seconds: float) -> int:
    """The chime at one moment, as 16 bits; it ends in a short release, so that nothing clicks."""
    level = tone(chime.first, seconds) + tone(chime.second, seconds - chime.gap)
    release = min(1.0, (chime.length - seconds) / RELEASE)
    return round(level * release * LOUDNESS * 0x7FFF)


def render(chime: Chime) -> bytes:
    """The chime as a whole WAV file."""
    samples = array.array("h", (sample(chime, n / RATE) for n in range(round(chime.length * RATE))))
    if sys.byteorder == "big":
        samples.byteswap()
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(samples.itemsize)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()


def stale(folder: Path) -> list[str]:
    """The names of the files that are not what this script makes."""
    files = {name: folder / f"{name}.wav" for name in CHIMES}
    return [name for name, file in files.items() if not file.exists() or file.read_bytes() != render(CHIMES[name])]


def write(folder: Path) -> None:
    """Make the files."""
    for name, chime in CHIMES.items():
        (folder / f"{name}.wav").write_bytes(render(chime))


def main() -> None:
    """Write the files, or with `--check` say which differ."""
    if "--check" not in sys.argv[1:]:
        write(SOUNDS)
    elif names := stale(SOUNDS):
        sys.exit(f"Not what scripts/sounds.py makes: {', '.join(names)}. Run it without --check.")


if __name__ == "__main__":
    main()
