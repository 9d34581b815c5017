"""Text that is out to get the terminal that it is shown on: controls, escapes, turned directions, towers of marks."""

CONTROLS = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))
SEQUENCES = (
    "\x1b[2J\x1b[H\x1b[31m\x1b[?1049h\x1b[?1000h\x1b[3J\x1b[6n\x1bc\x1b(0"  # CSI
    "\x1b]0;owned\x07\x1b]2;owned\x1b\\\x1b]4;1;rgb:ff/00/00\x07\x1b]52;c;b3duZWQ=\x07\x1b]8;;http://evil\x1b\\"  # OSC
    "\x1bP+q544e\x1b\\\x1b_Gf=24;AAAA\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\"  # DCS, APC, PM, SOS
    "\x9b31m\x9d0;owned\x9c\x90q\x9c"  # the same in eight bits
)
BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
INVISIBLE = "\u200b\u2060\ufeff\u00ad\u180e\u2061\u2062\u2063\u2064\ufff9\ufffb\u2028\u2029\U000e0041\u115f\u3164\u2800"
ZALGO = "e" + "\u0301" * 500
HOSTILE = f"evil{CONTROLS}{SEQUENCES}{BIDI}{INVISIBLE}{ZALGO}end"
