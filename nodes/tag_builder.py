"""TagBuilder: tags in the order ACE-Step likes, each once, with a hint when they contradict each other."""

from comfy_api.v0_0_2 import io

from .comfyui.inputs import CATEGORY
from .comfyui.rendering_node import UI_KEY
from .request.values import choice, tempo, text
from .words.tags import contradictions, holds_a_tag, join_tags, split_tags
from .words.vocabulary import KEYS, LANGUAGE_NAMES, LANGUAGES, MAX_BPM, MIN_BPM, TIME_SIGNATURES

NODE = "TagBuilder"
INSTRUMENTAL_TAGS = ("instrumental", "no vocals")


class TagBuilder(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TagBuilder",
            display_name="Tag Builder",
            category=CATEGORY,
            description="Put tags for ACE-Step together from groups: genre, mood, instruments, vocals, tempo, key. "
            "Repeated tags are dropped; contradictions are pointed out, never forbidden.",
            search_aliases=["tags", "prompt builder", "music style", "genre", "style tags", "ace step"],
            inputs=[
                _group("genre", "Style of the music.", "lo-fi hip-hop, jazz"),
                _group("mood", "How it should feel.", "mellow, dreamy"),
                _group("instruments", "What plays, and how.", "rhodes piano, soft drums, upright bass"),
                _group("vocals", "Who sings, and how. Leave blank when it does not matter.", "female vocal, breathy"),
                _group("extra", "Anything else: production, era, use, place.", "vinyl crackle, seamless loop"),
                io.Int.Input(
                    "bpm",
                    default=0,
                    min=0,
                    max=MAX_BPM,
                    tooltip=f"Tempo in beats a minute, {MIN_BPM} to {MAX_BPM}; 0 leaves it to the model.",
                ),
                io.Combo.Input(
                    "key",
                    options=["none", *KEYS],
                    default="none",
                    tooltip="Key of the music; none leaves it to the model.",
                ),
                io.Combo.Input(
                    "time_signature",
                    options=["none", *TIME_SIGNATURES],
                    default="none",
                    tooltip="Metre; none leaves it to the model.",
                ),
                io.Combo.Input(
                    "language",
                    options=["none", *LANGUAGES],
                    default="none",
                    tooltip="Language of the vocals, written as a tag such as 'japanese vocal'.",
                ),
                io.Boolean.Input(
                    "instrumental", default=False, tooltip="Adds 'instrumental, no vocals', so that nobody sings."
                ),
            ],
            outputs=[
                io.String.Output("tags", display_name="tags", tooltip="Comma-separated tags for an ACE-Step node."),
                io.Int.Output("bpm", display_name="bpm", tooltip="The tempo as a number, 0 for none."),
            ],
            has_intermediate_output=True,
        )  # fmt: skip

    @classmethod
    def execute(
        cls, genre, mood, instruments, vocals, extra, bpm, key, time_signature, language, instrumental
    ) -> io.NodeOutput:
        groups = {"genre": genre, "mood": mood, "instruments": instruments, "vocals": vocals, "extra": extra}
        tags = [tag for name, value in groups.items() for tag in split_tags(text(NODE, name, value))]
        beats = tempo(NODE, bpm)
        if beats:
            tags.append(f"{beats} BPM")
        for name, value, options in (("key", key, KEYS), ("time_signature", time_signature, TIME_SIGNATURES)):
            if choice(NODE, name, value, ("none", *options)) != "none":
                tags.append(value)
        if choice(NODE, "language", language, ("none", *LANGUAGES)) in LANGUAGE_NAMES:
            tags.append(f"{LANGUAGE_NAMES[language]} vocal")
        if instrumental:
            tags += INSTRUMENTAL_TAGS
        joined = join_tags(tags)
        hints = (
            list(contradictions(joined))
            if holds_a_tag(joined)
            else ["There are no tags yet; fill in at least one group."]
        )
        return io.NodeOutput(joined, beats, ui={UI_KEY: [{"tags": joined, "warnings": hints}]})


def _group(name: str, tooltip: str, example: str) -> io.String.Input:
    return io.String.Input(
        name, default="", placeholder=example, tooltip=f"{tooltip} Comma-separated, for example: {example}."
    )
