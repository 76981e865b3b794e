"""What is said of how something was asked for."""

SENTENCES = {
    "seed_folded": "{name} {given} lies outside 0 to {most}, so {seed} was used, its remainder.",
    # -- a value of any input
    "of_node": "{node}: {said}",
    "no_number": "{node}: {name} is {value}; it must be a number from {low} to {high}.",
    "no_whole_number": "{node}: {name} is {value}; it must be a whole number from {low} to {high}.",
    "out_of_range": "{node}: {name} is {value}; {low} to {high} is allowed.",
    "with_unit": "{value} {unit}",
    "huge_number": "a number of thousands of digits",
    "tempo_too_slow": "{node}: bpm is {bpm}; 0 (none) or {least} to {most} is allowed.",
    "not_yes_or_no": "{node}: {name} is {value}; it must be true or false.",
    "no_option": "{node}: {name} is {value}; choose one of {options}.",
    "no_text": "{node}: {name} is {kind}; it must be text.",
    "half_character": "{node}: {name} holds half of a character, such as half an emoji, at place {place}; it must be "
    "whole text: delete the character there and type it again.",
    "no_tags": "{node}: tags is empty; describe the music with at least one comma-separated tag, for example: lo-fi "
    "hip-hop, mellow, rhodes piano, 75 BPM.",
    # -- inputs that do not go together
    "reference_not_for_backend": "{node}: reference is connected, but backend is {backend}, which takes no other "
    "sound; set backend to local with ACE-Step 1.5, or disconnect reference.",
    "reference_not_for_version": "{node}: reference is connected, but version is ace-step, which takes no other sound; "
    "set version to auto or ace-step-1.5, or disconnect reference.",
    "nothing_to_add": "{node}: extend_before_duration and extend_after_duration are both 0 s, so there is nothing to "
    "add; set at least one of them, up to {most} s.",
    "loop_extended_before": "{node}: extend_before_duration is {before} s, but with loop the new part leads from the "
    "track's end back to its start; set extend_before_duration to 0 and use extend_after_duration.",
    "id_missing": "{node}: resume_request_id has a comma with no id before or after it; give ids separated by single "
    "commas.",
    "id_twice": "{node}: resume_request_id names {id} twice; give each id once.",
    # -- time ranges
    "no_time_range": "{where} is {value}; it must be a TIME_RANGE: connect the time_range output of a TimeRange node.",
    "no_anchor": "{node}: {name} is {value}; choose start or end.",
    "no_seconds": "{node}: {name} is {value}; it must be a number of seconds from 0 to {most}.",
    "past_the_end": "{node}: {name} is {time}, but the audio is {length} s long; 0 to {most} s is allowed.",
    "range_empty": "{node}: {end} is the same as {start}; move one of them.",
    "range_short": "{node}: the range from {start} to {end} is {length} s long; at least {least} s is needed.",
    "range_backwards": "{node}: {end} must be later than {start}; exchange them, or turn on loop, with which the range "
    "goes on across the track's end.",
    "loop_without_rest": "{node}: the ranges leave {rest} s of the track for the loop to lead back to; leave at least "
    "{least} s.",
    "time_from_start": "{time} s",
    "time_before_end": "{time} s before the end",
    "edge": "{name} ({time})",
    "edge_at": "{name} ({time}, which is {at} s)",
}
