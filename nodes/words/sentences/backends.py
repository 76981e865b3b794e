"""What is said of sketch and of runs on this machine."""

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
    "sketch_resumes": "{node}: resume_request_id is {ids}, but only RunComfy can resume a request; set backend to "
    "runcomfy, or clear resume_request_id.",
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
    # -- what the local models do not do
    "longer_than_model": "{node}: {seconds} s are asked for; {title} makes at most {most} s in one piece, so ask for "
    "{most} s or less.",
    "longer_with_v15": "ACE-Step 1.5 makes up to 600 s.",
    "turbo_guidance": "{node}: guidance is {guidance}, but turbo models are made to run at 1 and anything else ruins "
    "their sound; set guidance to 0 (the model's own), or variant to base or sft.",
    "assumed_turbo_guidance": "{node}: guidance is {guidance}, but turbo models are made to run at 1 and anything else "
    "ruins their sound; set guidance to 0 (the model's own), or variant to base or sft, if that is what the connected "
    "or renamed model is.",
    "reference_not_for_model": "{node}: reference is connected, but {title} would run, which takes no other sound; "
    "install or connect ACE-Step 1.5, or disconnect reference.",
    "reference_silent": "{node}: reference is silent; connect one that sounds, or disconnect it.",
    # -- what ends a run of theirs
    "unknown_comfyui": "This version of ComfyUI runs ACE-Step 1.5 in a way this pack does not know: {lacking}. Update "
    "the pack, or use a version of ComfyUI that its README names.",
    "network_lacks": "its network has no {names}",
    "method_lacks": "its {method} takes no {names}",
    "source_unseen": "Something on the connected model runs ACE-Step 1.5's network in a way that never shows it the "
    "source of an edit; take the node that changes the model out, or connect another model.",
    "memory_short": "There was not enough memory for {doing}, even with everything else unloaded.",
    "less_at_once": "Use a shorter duration or less context, another variant, or start ComfyUI with --lowvram.",
    "memory_short_for_vae": "There is not enough memory for the VAE of {title}, not even for {frames} frames at a "
    "time. Close other programs that use the GPU, or start ComfyUI with --cpu-vae.",
    "part_not_numbers": "{part} {source} made values that are not numbers, in {precision}; nothing was changed. "
    "{remedy} Another seed does not help.",
    "part_network": "The network",
    "part_text_encoder": "The text encoder",
    "part_vae": "The VAE",
    "of_files": "of {files}",
    "of_connected": "that is connected",
    "get_file_again": "The file is damaged, incomplete or not what its name says: get it again, or another one.",
    "connect_another": "Its file or what was done to it is at fault: connect another one.",
    "float32_or_file": "Start ComfyUI with {option} to run it in float32; if that is no better, the file is damaged, "
    "incomplete or not what its name says: get it again, or another one.",
    "float32_or_another": "Start ComfyUI with {option} to run it in float32; if that is no better, its file or what "
    "was done to it is at fault: connect another one.",
}
