"""What a report says of the sound that came back and of where it was joined in."""

SENTENCES = {
    # -- where the new sound lies
    "no_context": "There is no context to line the new sound up with; it stands where the backend put it.",
    "silent_context": "The context is silent, so there is nothing to line the new sound up with; it stands where the "
    "backend put it.",
    "weak_context": "The context came back so changed that the new sound could not be lined up with it; it stands "
    "where the backend put it and may be off the beat.",
    "contradictory_context": "The context before and after the range came back late by different amounts "
    "({left_ms:.1f} and {right_ms:.1f} ms), so the new sound could not be lined up with either; it stands where the "
    "backend put it.",
    "stretched": "The context came back late by an amount that changes from {left_ms:.2f} to {right_ms:.2f} ms, as "
    "from a clock that runs at another speed; the new sound was stretched to fit.",
    "aligned_by_onsets": "The context came back with another waveform; the new sound was lined up by its onsets, to "
    "about a millisecond.",
    "little_context": "There is less than a second of context to line the new sound up with, and it came back changed; "
    "the new sound may be a little early or late.",
    "repeating_music": "The music repeats itself exactly, so the new sound may be one repeat early or late.",
    "unlike_context": "The context came back changed (correlation {correlation:.2f}), so the new sound may be off the "
    "beat. Listen to the seams, or give it more context.",
    "context_less": "The music around the new part came back with {db:.0f} dB less between {low} and {high} Hz than it "
    "has, so the new part lacks that, too. Another model or service may keep it.",
    "context_more": "The music around the new part came back with {db:.0f} dB more between {low} and {high} Hz than it "
    "has (hiss, hum or distortion), so the new part has that, too. Another model or service may come back clean.",
    "joint_off": "At {time:.2f} s the new sound is {samples:.1f} samples off what it joins.",
    # -- its channels
    "channels_exchanged": "The backend swapped left and right; that was undone.",
    "polarity_inverted": "The backend inverted the polarity; that was undone.",
    "exchanged_and_inverted": "The backend swapped left and right and inverted the polarity; that was undone.",
    "channel_empty": "The backend returned one channel empty; the other one is used for both.",
    "stereo_restored": "The backend changed the stereo image, its balance or its width; that was undone.",
    "channels_apart": "The backend returned left and right {ms:.2f} ms apart, which cannot be undone; the new part "
    "sounds wider or hollow. Another seed or format may come back whole.",
    "mono_render": "The backend returned mono for a stereo track, so the new part is narrower than what is around it.",
    # -- its level
    "level_unsure_soft": "The context came back {wanted_db:.1f} dB too soft, but too changed to be sure of that; "
    "{applied_db:.1f} dB of it were made up. Compare the loudness of the new part with what is around it.",
    "level_unsure_loud": "The context came back {wanted_db:.1f} dB too loud, but too changed to be sure of that; "
    "{applied_db:.1f} dB of it were taken off. Compare the loudness of the new part with what is around it.",
    "level_far_soft": "The context came back {wanted_db:.1f} dB too soft; only {applied_db:.1f} dB of it can be made "
    "up, so the new part is too soft.",
    "level_far_loud": "The context came back {wanted_db:.1f} dB too loud; only {applied_db:.1f} dB of it can be taken "
    "off, so the new part is too loud.",
    # -- its joints
    "seam_louder": "At {time:.2f} s the new part is {db:.1f} dB louder than what it joins. Another seed may come "
    "closer.",
    "seam_softer": "At {time:.2f} s the new part is {db:.1f} dB softer than what it joins. Another seed may come "
    "closer.",
    "seam_jump": "At {time:.2f} s there may be a click: the waveform jumps {times:.1f} times as far as the music does "
    "by itself. A longer crossfade may hide it.",
    "seam_colour": "At {time:.2f} s the sound changes colour {times:.1f} times as much as the music does by itself. "
    "Another seed, or tags closer to the music around it, may help.",
    "seam_wider": "At {time:.2f} s the new part is {db:.1f} dB wider in stereo than what it joins. Another seed may "
    "come closer.",
    "seam_narrower": "At {time:.2f} s the new part is {db:.1f} dB narrower in stereo than what it joins. Another seed "
    "may come closer.",
    "seam_left": "At {time:.2f} s the new part leans {db:.1f} dB further to the left than what it joins. Another seed "
    "may come closer.",
    "seam_right": "At {time:.2f} s the new part leans {db:.1f} dB further to the right than what it joins. Another "
    "seed may come closer.",
    "silent_end": "The track ends in {seconds:.1f} s of silence, so the new music has nothing to go on from. Trim the "
    "silence first, or inpaint a range that begins before it.",
    "silent_start": "The track begins with {seconds:.1f} s of silence, so the new music has nothing to lead into. Trim "
    "the silence first, or inpaint a range that ends after it.",
    "loop_joint": "The track's end does not lead back to its start: the joint stands out {times:.1f} times as much as "
    "the music does by itself. Let a range touch or cross the end, so that the joint is made anew.",
    # -- the new part as a whole
    "range_louder": "From {start:.2f} to {end:.2f} s the new part is at least {db:.1f} dB louder than the music around "
    "it. Another seed may come closer.",
    "range_softer": "From {start:.2f} to {end:.2f} s the new part is at least {db:.1f} dB softer than the music around "
    "it. Another seed may come closer.",
    "range_treble": "From {start:.2f} to {end:.2f} s the new part is duller than the music around it: it has {db:.1f} "
    "dB less treble (above 6 kHz). Another seed or model may be brighter.",
    "range_colour": "From {start:.2f} to {end:.2f} s the new part sounds unlike all the music around it: its spectrum "
    "is {db:.0f} dB off, as that of noise or of other instruments. Another seed, or tags closer to that music, may "
    "help.",
    "range_left": "From {start:.2f} to {end:.2f} s the new part leans at least {db:.1f} dB further to the left than "
    "the music around it. Another seed may come closer.",
    "range_right": "From {start:.2f} to {end:.2f} s the new part leans at least {db:.1f} dB further to the right than "
    "the music around it. Another seed may come closer.",
    "range_narrower": "From {start:.2f} to {end:.2f} s the new part is at least {db:.1f} dB narrower in stereo than "
    "the music around it. Another seed may come closer.",
    "range_silent": "From {start:.2f} to {end:.2f} s the new part is silent. Another seed may play on; or trim it.",
    "range_hole": "At {time:.2f} s the new part drops out for {ms:.0f} ms, which the music around it does not do. "
    "Another seed may play through.",
    "range_click": "At {time:.2f} s there may be a click inside the new part: a jump within a millisecond, which "
    "the music around it does not have. Another seed may be clean.",
    "range_bass": "From {start:.2f} to {end:.2f} s the new part is thinner than the music around it: it has {db:.1f} "
    "dB less bass (below 150 Hz). Another seed or model may have more.",
    "range_clipped": "From {start:.2f} to {end:.2f} s the new part is clipped: {percent:.2f} % of its samples are cut "
    "off. Another seed may be clean.",
    "missing_sound": "The backend returned {seconds:.2f} s less sound than was asked for.",
    "take_short": "Take {take} came back {missing:.1f} s shorter than the {duration} s asked for; its end is silence.",
    "take_cut": "Take {take} is {more:.1f} s longer than the duration of {duration} s, and its end was cut off. Set "
    "duration to {whole} to have all of it.",
    "take_loud": "Take {take} went beyond full scale, so all of it was turned down by {db:.1f} dB; nothing is clipped.",
    # -- sound that cannot be used
    "not_numbers": "The backend returned samples that are not numbers; nothing was changed. Run the model and its VAE "
    "at a higher precision (bf16 or fp32), or use another model.",
    "no_sound": "The backend returned samples up to {peak} times full scale, which is no sound; nothing was changed. "
    "Run the model and its VAE at a higher precision (bf16 or fp32), or use another model.",
    "silent_render": "The backend returned silence; nothing was changed. Try another seed.",
    "too_little_sound": "The backend returned too little sound: {missing} s of the {wanted} s to fill are missing; "
    "nothing was changed.",
}
