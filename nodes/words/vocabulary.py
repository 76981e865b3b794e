"""Fixed lists of the public contract: backends, versions, variants, languages, keys and metres."""

BACKENDS = ("auto", "local", "runcomfy", "sketch")
VERSIONS = ("auto", "ace-step-1.5", "ace-step")
KEEPS = ("all", "best")
RECIPES = ("upstream", "comfyui")
PLANNINGS = ("auto", "on", "off")
REFERENCE_USES = ("timbre", "cover")
SURROUNDINGS = ("hold", "balanced", "free")
VARIANTS = ("auto", "turbo", "base", "sft", "xl_turbo", "xl_base", "xl_sft")

# The 51 codes ACE-Step 1.5 was trained with, in upstream's order (constants.py of ACE-Step-1.5).
LANGUAGES = (
    "ar", "az", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fr", "he", "hi", "hr",
    "ht", "hu", "id", "is", "it", "ja", "ko", "la", "lt", "ms", "ne", "nl", "no", "pa", "pl", "pt", "ro",
    "ru", "sa", "sk", "sr", "sv", "sw", "ta", "te", "th", "tl", "tr", "uk", "ur", "vi", "yue", "zh", "unknown",
)  # fmt: skip

ROOTS = ("C", "C#", "Db", "D", "D#", "Eb", "E", "F", "F#", "Gb", "G", "G#", "Ab", "A", "A#", "Bb", "B")
KEYS = tuple(f"{root} {mode}" for mode in ("major", "minor") for root in ROOTS)
TIME_SIGNATURES = ("2/4", "3/4", "4/4", "6/8")

# Tempo range ACE-Step 1.5 accepts in its metadata (README of ACE-Step-1.5).
MIN_BPM, MAX_BPM = 30, 300

# English names of the languages, as they are written among tags; "unknown" names none.
LANGUAGE_NAMES = {
    "ar": "arabic", "az": "azerbaijani", "bg": "bulgarian", "bn": "bengali", "ca": "catalan", "cs": "czech",
    "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish", "fa": "persian",
    "fi": "finnish", "fr": "french", "he": "hebrew", "hi": "hindi", "hr": "croatian", "ht": "haitian creole",
    "hu": "hungarian", "id": "indonesian", "is": "icelandic", "it": "italian", "ja": "japanese", "ko": "korean",
    "la": "latin", "lt": "lithuanian", "ms": "malay", "ne": "nepali", "nl": "dutch", "no": "norwegian",
    "pa": "punjabi", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sa": "sanskrit",
    "sk": "slovak", "sr": "serbian", "sv": "swedish", "sw": "swahili", "ta": "tamil", "te": "telugu",
    "th": "thai", "tl": "tagalog", "tr": "turkish", "uk": "ukrainian", "ur": "urdu", "vi": "vietnamese",
    "yue": "cantonese", "zh": "chinese",
}  # fmt: skip
