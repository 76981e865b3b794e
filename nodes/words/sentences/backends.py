"""What is said of sketch and of the models on this machine."""

SENTENCES = {
    # -- settings of the local models
    "only_v15": "{name} {value} is ignored: it is for ACE-Step 1.5, and version is ace-step.",
    "plan_filled": "The tags do not name all that a plan begins with, so the song is planned at {bpm} BPM with {beats} "
    "beats a bar, which is usual for them; name tempo and metre in the tags to choose.",
    "cover_unplanned": "A cover is made without planning, so planning on is ignored.",
    "reference_short": "The reference is {seconds:.1f} s long; of the {duration} s asked for the rest is made without "
    "it.",
    # -- sketch
    "sketch": "This is sketch, not ACE-Step.",
    "sketch_ignores": "Sketch ignores {names}.",
    "loop_tempo": "The loop plays at {bpm} BPM instead of {asked}, so that {bars} whole bars fill {duration} s.",
    # -- the local models
    "lyrics_times": "The times of an LRC file in the lyrics would be sung, so they were taken off.",
    "lyrics_markdown": "Markdown in the lyrics would be sung, so it was taken off.",
    "no_lyrics": "There are no lyrics to sing, so the music is made instrumental.",
    "run_as_turbo": "Nothing says whether {name} is turbo, base or sft, so it is run as turbo; set variant, or rename "
    "its file.",
    "few_steps": "{steps} steps are few for {title}; use 0 for its own recipe, or 32 and more.",
    "shift_ignored": "The connected model sets a shift of {shift}, which is ignored: v1 runs with the noise levels of "
    "its own pipeline.",
    "own_guidance": "The connected model brings a guidance rule of its own, which is used instead of ACE-Step's.",
    "strength_too_small": "strength is {strength}, too little for a single one of {steps} steps: nothing changed.",
    "hardly_guided": "At strength {strength} v1 runs no guided step, so tags and lyrics hardly count; use 0.6 or more.",
    "language_not_sung": "ACE-Step v1 does not sing {language}; it knows {known}. The lyrics are taken as their script "
    "suggests; version ace-step-1.5 knows more languages.",
    "lyrics_unread": "ACE-Step v1 cannot read {unknown} of {all} pieces of the lyrics; set language, write them in "
    "Latin letters, or set version to ace-step-1.5.",
    "asked_for_cover": "The connected clip cannot be given the task's instruction ({error}), so it was asked for a "
    "cover.",
    "told_by_template": "With recipe comfyui the model is told {told}, as in ComfyUI's templates, as the tags do not "
    "say.",
    "tags_too_long": "The tags make a text of {length} tokens; {title} was trained on {limit} at most, so it may not "
    "follow all of them. Shorten the tags.",
    "lyrics_too_long": "The lyrics make a text of {length} tokens; {title} was trained on {limit} at most, so it may "
    "not follow all of them. Shorten the lyrics.",
}
