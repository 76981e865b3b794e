"""What a report says besides its numbers: a code with values, and the sentence for it.

``audio/`` and ``run/`` decide what is to be said and name it by its code; the words are here, and in the page's own
languages in js/strings/. Whoever adds a code adds it in both places.
"""

from dataclasses import dataclass
from typing import Union

Value = Union[float, int, str, "Remark"]

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
    # -- how it was asked for
    "seed_folded": "{name} {given} lies outside 0 to {most}, so {seed} was used, its remainder.",
    # -- RunComfy
    "sent_as_wav": "The sound was sent as WAV: as FLAC it was refused before anything was charged ({why}).",
    "setting_without_effect": "{name} {value} has no effect on RunComfy, which uses its own recipe.",
    "part_without_effect": "The connected {name} has no effect on RunComfy, which uses its own.",
    "own_lyrics": "Lyrics are blank: RunComfy's model writes its own words. Write [inst] for no vocals.",
    "fetched": "Request {id} was fetched, not bought: it is not charged again.",
    "fetched_run": "This is the run of request {id}, of seed {seed} and with batch_size {takes}. The node's batch_size "
    "and seed are ignored.",
    "fetched_takes": "This is the run of request {id}, of seed {seed}: takes {named} of {takes}. The node's batch_size "
    "and seed are ignored.",
    "fetched_unknown_run": "The run of request {id} is not in this computer's journal, so the seeds in this report are "
    "the node's.",
    "fetched_other_source": "The source is not the one that the fetched run was made from; its sound is put in all the "
    "same.",
    "fetched_other_model": "Request {id} was made by another model than this node has now.",
    "fetched_other_part": "Request {id} was made from another part of the source, or another source, than this node "
    "has now.",
    "fetched_other_range": "Request {id} was made with another range or extension than this node has now.",
    "fetched_other_words": "Request {id} was made from other tags, lyrics, seed or duration than this node has now.",
    "rendered_by_another": "Request {id} was sent to {asked}, and RunComfy rendered it by {model}.",
    "dearer": "Request {id} cost {cost}, more than its estimate of {estimate}.",
    "cost_in_part": "RunComfy reported the cost of {known} of {of} requests only: {usd} so far.",
    # -- RunComfy: while a call is under way, and what Stop came to
    "shared": "Another run is submitting the same request; it is shared.",
    "sent_again": "RunComfy does not take the request just now; it is sent again in {wait} s.",
    "left_alone": "Stopped while a paid request was being submitted; its answer is awaited in the background, "
    "recorded, and the request is then cancelled. Whether it is charged is not known yet: see ComfyUI's log.",
    "stopped_before": "Stopped before this call was submitted.",
    "complete_already": "Request {id} is already complete and is charged. Set resume_request_id to {id}, or queue the "
    "same again, to fetch it without a new charge.",
    "cancelled_waiting": "Request {id} was cancelled while it was still waiting.",
    "runs_on": "Request {id} is already running or complete: it cannot be cancelled any more and will be charged. Set "
    "resume_request_id to {id}, or queue the same again, to fetch it without a new charge.",
    "runs_on_unrecorded": "Request {id} is already running or complete: it cannot be cancelled any more and will be "
    "charged. Set resume_request_id to {id} (write it down: it could not be recorded) to fetch it without a new "
    "charge.",
    "cancel_not_known": "It is not known whether request {id} was cancelled: it may complete and be charged.",
    "cancel_unknown": "It is not known whether request {id} was cancelled: it may complete and be charged. Set "
    "resume_request_id to {id}, or queue the same again, to fetch it without a new charge.",
    "cancel_unknown_unrecorded": "It is not known whether request {id} was cancelled: it may complete and be charged. "
    "Set resume_request_id to {id} (write it down: it could not be recorded) to fetch it without a new charge.",
    "resume_by_id": "Set resume_request_id to {id}, or queue the same again, to fetch it without a new charge.",
    "resume_by_id_unrecorded": "Set resume_request_id to {id} (write it down: it could not be recorded) to fetch it "
    "without a new charge.",
    "then_resume": "Then set resume_request_id to {id} to fetch it without a new charge.",
    # -- RunComfy: a whole run that was stopped, or that the journal remembers
    "run_free": "Nothing was charged.",
    "run_cost": "Charged: {usd}.",
    "run_cost_open": "Charged: {usd}, and perhaps {more} more of what is unknown.",
    "run_delivered": "Delivered: {requests}.",
    "run_running": "Running or complete when it was stopped, so charged: {requests}.",
    "run_accepted": "Accepted and never fetched: {requests}.",
    "run_unknown": "Outcome unknown, perhaps charged: {requests}.",
    "run_failed": "Failed at RunComfy: {requests}.",
    "run_cancelled": "Cancelled while waiting, not charged: {requests}.",
    "run_unanswered": "Sent without an answer so far, perhaps charged: {count} of the requests. Account lists what is "
    "known of them later.",
    "run_resume": "Resume fetches what is paid for, without a new charge.",
    "run_rest": "Queue the same again with seed {seed} to have the rest as well: only that is bought.",
    # -- RunComfy: what is missing from a run that is fetched
    "left_out": "Left out: {why}",
    "left_out_call": "{requests}: {why}",
    "same_goes": "The same goes for request {ids}.",
    "never_accepted": "RunComfy never accepted a request for it.",
    "render_cancelled": "RunComfy reports that request {id} was cancelled.",
    "render_failed": "RunComfy reports that request {id} failed.",
    "render_failed_saying": "RunComfy reports that request {id} failed (it says: {words}).",
    "reported_cost": "It reports a cost of {usd}.",
    "missing_anew_all": "To have what is missing, clear resume_request_id and queue the settings of that run: with the "
    "token in use all of it is then bought, for about {usd}.",
    "missing_asked_again": "What cannot be used is asked for again when you queue again; if it stays so, clear "
    "resume_request_id and change the seed to have it rendered anew, at a new charge.",
    "missing_anew": "To have what is missing, clear resume_request_id and queue the settings of that run with seed "
    "{seed}: what is missing is then bought, for about {usd}, and the rest is fetched without a new charge.",
    # -- RunComfy: the journal
    "journal_locked": "The journal {path} has been locked by another process for {waited} s; queue again in a moment.",
    "journal_unwritable": "The journal of paid requests {path} cannot be written ({why}). Make that folder writable "
    "for ComfyUI and see that its disk is not full.",
    "journal_newer": "The journal {path} was written by a newer version of this pack; update the pack.",
    "journal_unreadable": "The journal of paid requests {path} cannot be read, so it cannot be checked what is already "
    "paid for and nothing more is submitted. Repair the file, or move it away to start a new one (the ids in it stay "
    "fetchable by resume_request_id).",
    # -- the pack's routes
    "not_own_page": "This may only be asked from ComfyUI's own page.",
    "unknown_page": "This may only be asked from ComfyUI's own page. This page is at {page}, which this ComfyUI does "
    "not know as its own: if it is, start ComfyUI with the environment variable {setting}.",
    "unknown_page_and_setting": "This may only be asked from ComfyUI's own page. This page is at {page}, which this "
    "ComfyUI does not know as its own: if it is, start ComfyUI with the environment variable {setting} ({unreadable} "
    "in it now is no origin).",
    # -- several, and what has no code
    "joined": "{first} {then}",
    "text": "{text}",
}


@dataclass(frozen=True)
class Remark:
    """One thing to say. values: sorted (name, value) pairs, whole enough to write the sentence in any language."""

    code: str
    values: tuple[tuple[str, Value], ...] = ()

    def sentence(self) -> str:
        return SENTENCES[self.code].format(**dict(self.values))

    def number(self, name: str) -> float:
        """The value of that name, which is a number."""
        value = dict(self.values)[name]
        if not isinstance(value, (float, int)):
            raise TypeError(f"{name} of {self.code} is no number")
        return float(value)

    __str__ = sentence  # where it is a value of another one

    def as_dict(self) -> dict:
        """For JSON: what ``codes`` of a report holds."""
        values = {name: value.as_dict() if isinstance(value, Remark) else value for name, value in self.values}
        return {"code": self.code, "values": values}


def remark(code: str, **values: Value) -> Remark:
    """A remark; numbers are rounded to what its sentence shows, so that equal ones are said once."""
    rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in values.items()}
    return Remark(code, tuple(sorted(rounded.items())))


def directed(more: str, less: str, db: float, **values: Value) -> Remark:
    """``more`` when ``db`` is positive, else ``less``: the code tells the direction, and ``db`` how far."""
    return remark(more if db > 0 else less, db=abs(db), **values)


def joined(*remarks: Remark) -> Remark:
    """Several remarks as one."""
    first, *others = remarks
    return remark("joined", first=first, then=joined(*others)) if others else first


def as_remark(said: "Remark | str | Exception") -> Remark:
    """A remark: of an error its own where it has one, and of a sentence that has no code one that says so."""
    if isinstance(said, Exception):
        said = getattr(said, "said", None) or str(said)
    return said if isinstance(said, Remark) else remark("text", text=said)
