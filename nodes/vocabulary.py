"""Fixed lists of the public contract: backends, versions, variants, languages, keys and metres."""

BACKENDS = ("auto", "local", "runcomfy", "sketch")
VERSIONS = ("auto", "ace-step-1.5", "ace-step")
VARIANTS = ("auto", "turbo", "base", "sft", "xl_turbo", "xl_base", "xl_sft")

# The 51 codes ACE-Step 1.5 was trained with, in upstream's order (constants.py of ACE-Step-1.5).
LANGUAGES = tuple(
    "ar az bg bn ca cs da de el en es fa fi fr he hi hr ht hu id is it ja ko la lt ms ne nl no pa pl pt ro ru "
    "sa sk sr sv sw ta te th tl tr uk ur vi yue zh unknown".split()
)

ROOTS = tuple("C C# Db D D# Eb E F F# Gb G G# Ab A A# Bb B".split())
KEYS = tuple(f"{root} {mode}" for mode in ("major", "minor") for root in ROOTS)
TIME_SIGNATURES = ("2/4", "3/4", "4/4", "6/8")

# Tempo range ACE-Step 1.5 accepts in its metadata (README of ACE-Step-1.5).
MIN_BPM, MAX_BPM = 30, 300
