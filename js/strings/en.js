export default {
  "range.title": "Time range",
  "range.stage": "Time range on the waveform",
  "range.tools": "Listen, snap and zoom",
  "range.play": "Play the range",
  "range.stop": "Stop",
  "range.playStart": "Play 2 seconds around the start",
  "range.playEnd": "Play 2 seconds around the end",
  "range.nothingToPlay": "Nothing to play yet: connect Load Audio, or preview the sound upstream and run once",
  "range.unplayable": "The browser cannot play this file.",
  "range.loop": "Loop the range (L)",
  "range.keys":
    "Space: play from the cursor or stop. Enter: play the range. L: loop it. Click: set the cursor. Shift + click: extend the range. Escape: cancel a drag. Arrows: 0.1 s, with Shift 1 s, with Alt 0.01 s. , and .: to the next beat, with Shift bar. + and −: zoom. Double click: zoom to the range",
  "range.snap": "Snap",
  "range.snapFound.beats": "Snap to the beats found in the sound, {bpm} BPM (hold Alt to move freely)",
  "range.snapFound.bars": "Snap to the bars found in the sound, {bpm} BPM (hold Alt to move freely)",
  "range.snapEven.beats": "Snap to beats at {bpm} BPM from the start of the track (hold Alt to move freely)",
  "range.snapEven.bars": "Snap to bars of four beats at {bpm} BPM from the start of the track (hold Alt to move freely)",
  "range.snapZero": "Snap to zero crossings (hold Alt to move freely)",
  "range.snapNothing": "Nothing to snap to: no beats are found; set bpm, or choose the track in Load Audio",
  "range.snapTo.beats": "Snaps to beats. Press to change",
  "range.snapTo.bars": "Snaps to bars. Press to change",
  "range.snapTo.crossings": "Snaps to zero crossings. Press to change",
  "range.zoomIn": "Zoom in (Ctrl + wheel)",
  "range.zoomOut": "Zoom out (Ctrl + wheel)",
  "range.showRange": "Zoom to the range",
  "range.showWhole": "Show the whole track",
  "range.start": "Start of the range",
  "range.end": "End of the range",
  "range.both": "Whole range",
  "range.fromStart": "{time} from the start",
  "range.beforeEnd": "{time} before the end",
  "time.seconds": "{seconds} seconds",
  "time.minute": "1 minute {seconds} seconds",
  "time.minutes": "{minutes} minutes {seconds} seconds",
  "range.spoken": "{start} to {end}, {length}",
  "range.spokenAcross": "{start} across the track's end to {end}, {length}",
  "range.length": "{seconds} s",
  "range.theEnd": "end",
  "range.linked": "Decided by a connected node",
  "range.runOnce": "Preview the sound upstream and run once to see its waveform",
  "range.loading": "Reading {file} …",
  "range.loadingShare": "Reading {file} … {percent} %",
  "range.failed": "{file} could not be read: {problem}",
  "range.pastEnd": "The range lies past the end: the track is {length} long",
  "range.empty": "The range ends where it starts",
  "range.crosses": "Goes on across the track's end: for an edit with loop",
  "range.unlooped": "The range ends before it starts: exchange the two, or turn on loop to go on across the track's end",
  "range.short": "The range is shorter than 0.05 s",

  "status.title": "Status",
  "status.copy": "Copy id",
  "status.copied": "Copied",
  "status.copyByHand": "Copy by hand: the browser allows it only over https",
  "status.resume": "Resume",
  "status.resume.about": "Fill in the ids of this run: the next queue fetches it instead of buying it again",
  "status.resumeNot": "Clear resume",
  "status.resumeNot.about": "Empty resume_request_id, so that the next queue renders anew",
  "status.account": "Account",
  "backend.local": "Local",
  "backend.runcomfy": "RunComfy",
  "backend.sketch": "Sketch",
  "backend.auto.about": "auto is local and never spends money",
  "backend.local.about": "Your GPU, with the weights in ComfyUI's model folders",
  "backend.runcomfy.about": "RunComfy's servers, charged by the second",
  "backend.sketch.about": "A plain synthesiser to try a graph for free; not ACE-Step",
  "model.none": "No ACE-Step model installed",
  "model.notThis": "{name} is not installed",
  "model.parts": "Parts that the connected model needs are not installed",
  "model.connected": "connected model",
  "model.running": "Getting {title}: {percent} %",
  "model.checking": "Getting {title}: checking it",
  "model.paused": "{title}: download paused at {percent} %",
  "model.failed": "{title}: download stopped at {percent} %",
  "offer.title": "Ways to run this node",
  "offer.get": "Get the model",
  "offer.get.about": "See which files there are and download them into ComfyUI's model folders",
  "offer.download": "Show the download",
  "offer.runcomfy": "Use RunComfy",
  "offer.runcomfy.about": "Sets backend to runcomfy: their servers, charged by the second; the price shows before you run",
  "offer.sketch": "Try with sketch",
  "offer.sketch.about": "Sets backend to sketch: a plain synthesiser, not ACE-Step, to try the graph at once and for free",
  "track.choose": "Choose a track in Load Audio",
  "track.connect": "Connect a track from Load Audio",
  "track.missing": "{file} is not on the server. Choose a track in Load Audio",
  "track.example": "Use an example track",
  "track.example.about": "Puts 30 seconds made by sketch into ComfyUI's input folder and chooses them",
  "track.failed": "No example track",
  "state.failed": "Failed",
  "state.stopped": "Stopped",
  "state.done": "Done in {seconds} s",
  "state.running": "Running",
  "state.position": "position {position}",
  "state.next": "next in line",
  "state.preparing": "Preparing",
  "state.submitting": "Submitting",
  "state.in_queue": "In queue",
  "state.pending": "In queue",
  "state.waiting": "Waiting",
  "state.retrying": "Retrying",
  "state.starting": "Starting",
  "state.in_progress": "Rendering",
  "state.processing": "Rendering",
  "state.downloading": "Downloading",
  "state.delivered": "Delivered",
  "state.cancelling": "Cancelling",
  "state.cancelled": "Cancelled",
  "state.unknown": "Outcome unknown",
  "state.gone": "No longer at RunComfy",
  "state.charged": "Charged",
  "state.asking for the price": "Asking for the price",
  "state.loading": "Loading the model",
  "state.encoding": "Encoding",
  "state.decoding": "Decoding",
  "state.sampling": "Sampling",
  "state.reading tags and lyrics": "Reading tags and lyrics",
  "money.cost": "cost {usd}",
  "money.live": "live price",
  "money.list": "list price",
  "money.fetched": "no new charge",
  "money.unit": "{words} per second of audio, {source}; how many seconds is known once it runs",
  "ignored.runcomfy": "RunComfy uses its own recipe and model",
  "ignored.sketch": "sketch is a plain synthesiser without models",
  "ignored.local": "only RunComfy charges and can resume",
  "ignored.variant": "for version ace-step-1.5 only",
  "ignored.timbre": "only a cover has a strength",
  "recipe.upstream": "ACE-Step's recipe",
  "recipe.comfyui": "ComfyUI's recipe",
  "note.ignored": "{name} has no effect: {reason}",
  "note.sketch": "This is sketch, a free synthesiser, not ACE-Step",
  "note.referenceIsLocal": "reference is for ACE-Step 1.5 on your GPU: set backend to local, or disconnect it",
  "note.editsAreV1": "RunComfy hosts edits for ace-step only: set version to auto or ace-step",
  "note.tooLong": "At most {longest} s can be made here: shorten duration, or use ACE-Step 1.5 locally",
  "note.sketchResumes": "Only RunComfy can resume a request: clear resume_request_id or set backend to runcomfy",
  "note.resuming": "Fetches {ids}: nothing is bought; seed and batch_size are not used",
  "note.seedCharged": "Seed −1: charged on every queue",
  "note.instrumental": "No lyrics: the music will be instrumental",
  "note.ownLyrics": "No lyrics: the model writes its own; [inst] for none",
  "note.paidBefore": "Last paid run of this node: {when}, seed {seed}.",
  "note.noToken": "No RunComfy token yet: open Account",
  "note.testServer": "Test server {address}: nothing is charged for real",
  "backend.open": "Decided in the run",
  "backend.open.about": "Another node decides backend; only the run can tell",
  "note.muted": "Muted: this node does not run",
  "note.bypassed": "Bypassed: this node does not run",
  "note.unsettled": "Known only in the run: {names}",
  "money.about": "≈ {usd}",
  "money.atMost": "up to {usd}",
  "money.perhaps": "{amount} on RunComfy",
  "limit.stops": "This run stops before anything is sent",
  "limit.mayStop": "This run may stop before anything is sent",
  "limit.none": "max_cost_usd is 0, which allows no paid run",
  "limit.node": "{stops}: {usd} is above max_cost_usd, {most}",
  "limit.ceiling": "{stops}: {usd} is above the account's ceiling of {ceiling} per prompt",
  "limit.together":
    "With the other RunComfy nodes here it is {all}, above the account's ceiling of {ceiling} per prompt: some of them will stop before anything is sent",
  "limit.openNode": "Change max_cost_usd",
  "limit.openCeiling": "Change the ceiling",
  "seam.title": "Seams",
  "seam.level": "level {db} dB",
  "seam.jump": "jump {jump}",
  "seam.colour": "colour {db} dB",
  "seam.play": "Play around it",
  "verdict.good": "good",
  "verdict.fair": "fair",
  "verdict.poor": "poor",
  "said.no_context": "There is no context to line the new sound up with; it stands where the backend put it.",
  "said.silent_context":
    "The context is silent, so there is nothing to line the new sound up with; it stands where the backend put it.",
  "said.weak_context":
    "The context came back so changed that the new sound could not be lined up with it; it stands where the backend put it and may be off the beat.",
  "said.contradictory_context":
    "The context before and after the range came back late by different amounts ({left_ms} and {right_ms} ms), so the new sound could not be lined up with either; it stands where the backend put it.",
  "said.stretched":
    "The context came back late by an amount that changes from {left_ms} to {right_ms} ms, as from a clock that runs at another speed; the new sound was stretched to fit.",
  "said.aligned_by_onsets":
    "The context came back with another waveform; the new sound was lined up by its onsets, to about a millisecond.",
  "said.little_context":
    "There is less than a second of context to line the new sound up with, and it came back changed; the new sound may be a little early or late.",
  "said.repeating_music": "The music repeats itself exactly, so the new sound may be one repeat early or late.",
  "said.unlike_context":
    "The context came back changed (correlation {correlation}), so the new sound may be off the beat. Listen to the seams, or give it more context.",
  "said.context_less":
    "The music around the new part came back with {db} dB less between {low} and {high} Hz than it has, so the new part lacks that, too. Another model or service may keep it.",
  "said.context_more":
    "The music around the new part came back with {db} dB more between {low} and {high} Hz than it has (hiss, hum or distortion), so the new part has that, too. Another model or service may come back clean.",
  "said.joint_off": "At {time} s the new sound is {samples} samples off what it joins.",
  "said.channels_exchanged": "The backend swapped left and right; that was undone.",
  "said.polarity_inverted": "The backend inverted the polarity; that was undone.",
  "said.exchanged_and_inverted": "The backend swapped left and right and inverted the polarity; that was undone.",
  "said.channel_empty": "The backend returned one channel empty; the other one is used for both.",
  "said.stereo_restored": "The backend changed the stereo image, its balance or its width; that was undone.",
  "said.channels_apart":
    "The backend returned left and right {ms} ms apart, which cannot be undone; the new part sounds wider or hollow. Another seed or format may come back whole.",
  "said.mono_render":
    "The backend returned mono for a stereo track, so the new part is narrower than what is around it.",
  "said.level_unsure_soft":
    "The context came back {wanted_db} dB too soft, but too changed to be sure of that; {applied_db} dB of it were made up. Compare the loudness of the new part with what is around it.",
  "said.level_unsure_loud":
    "The context came back {wanted_db} dB too loud, but too changed to be sure of that; {applied_db} dB of it were taken off. Compare the loudness of the new part with what is around it.",
  "said.level_far_soft":
    "The context came back {wanted_db} dB too soft; only {applied_db} dB of it can be made up, so the new part is too soft.",
  "said.level_far_loud":
    "The context came back {wanted_db} dB too loud; only {applied_db} dB of it can be taken off, so the new part is too loud.",
  "said.seam_louder": "At {time} s the new part is {db} dB louder than what it joins. Another seed may come closer.",
  "said.seam_softer": "At {time} s the new part is {db} dB softer than what it joins. Another seed may come closer.",
  "said.seam_jump":
    "At {time} s there may be a click: the waveform jumps {times} times as far as the music does by itself. A longer crossfade may hide it.",
  "said.seam_colour":
    "At {time} s the sound changes colour {times} times as much as the music does by itself. Another seed, or tags closer to the music around it, may help.",
  "said.seam_wider":
    "At {time} s the new part is {db} dB wider in stereo than what it joins. Another seed may come closer.",
  "said.seam_narrower":
    "At {time} s the new part is {db} dB narrower in stereo than what it joins. Another seed may come closer.",
  "said.seam_left":
    "At {time} s the new part leans {db} dB further to the left than what it joins. Another seed may come closer.",
  "said.seam_right":
    "At {time} s the new part leans {db} dB further to the right than what it joins. Another seed may come closer.",
  "said.silent_end":
    "The track ends in {seconds} s of silence, so the new music has nothing to go on from. Trim the silence first, or inpaint a range that begins before it.",
  "said.silent_start":
    "The track begins with {seconds} s of silence, so the new music has nothing to lead into. Trim the silence first, or inpaint a range that ends after it.",
  "said.loop_joint":
    "The track's end does not lead back to its start: the joint stands out {times} times as much as the music does by itself. Let a range touch or cross the end, so that the joint is made anew.",
  "said.range_louder":
    "From {start} to {end} s the new part is at least {db} dB louder than the music around it. Another seed may come closer.",
  "said.range_softer":
    "From {start} to {end} s the new part is at least {db} dB softer than the music around it. Another seed may come closer.",
  "said.range_treble":
    "From {start} to {end} s the new part is duller than the music around it: it has {db} dB less treble (above 6 kHz). Another seed or model may be brighter.",
  "said.range_bass":
    "From {start} to {end} s the new part is thinner than the music around it: it has {db} dB less bass (below 150 Hz). Another seed or model may have more.",
  "said.range_colour":
    "From {start} to {end} s the new part sounds unlike all the music around it: its spectrum is {db} dB off, as that of noise or of other instruments. Another seed, or tags closer to that music, may help.",
  "said.range_left":
    "From {start} to {end} s the new part leans at least {db} dB further to the left than the music around it. Another seed may come closer.",
  "said.range_right":
    "From {start} to {end} s the new part leans at least {db} dB further to the right than the music around it. Another seed may come closer.",
  "said.range_narrower":
    "From {start} to {end} s the new part is at least {db} dB narrower in stereo than the music around it. Another seed may come closer.",
  "said.range_silent": "From {start} to {end} s the new part is silent. Another seed may play on; or trim it.",
  "said.range_click":
    "At {time} s there may be a click inside the new part: a jump within a millisecond, which the music around it does not have. Another seed may be clean.",
  "said.range_hole":
    "At {time} s the new part drops out for {ms} ms, which the music around it does not do. Another seed may play through.",
  "said.range_clipped":
    "From {start} to {end} s the new part is clipped: {percent} % of its samples are cut off. Another seed may be clean.",
  "said.missing_sound": "The backend returned {seconds} s less sound than was asked for.",
  "said.take_short": "Take {take} came back {missing} s shorter than the {duration} s asked for; its end is silence.",
  "said.take_cut":
    "Take {take} is {more} s longer than the duration of {duration} s, and its end was cut off. Set duration to {whole} to have all of it.",
  "said.seed_folded": "{name} {given} lies outside 0 to {most}, so {seed} was used, its remainder.",
  "said.sent_as_wav": "The sound was sent as WAV: as FLAC it was refused before anything was charged ({why}).",
  "said.take_loud": "Take {take} went beyond full scale, so all of it was turned down by {db} dB; nothing is clipped.",
  "said.only_v15": "{name} {value} is ignored: it is for ACE-Step 1.5, and version is ace-step.",
  "said.plan_filled":
    "The tags do not name all that a plan begins with, so the song is planned at {bpm} BPM with {beats} beats a bar, which is usual for them; name tempo and metre in the tags to choose.",
  "said.cover_unplanned": "A cover is made without planning, so planning on is ignored.",
  "said.reference_short": "The reference is {seconds} s long; of the {duration} s asked for the rest is made without it.",
  "said.sketch": "This is sketch, not ACE-Step.",
  "said.sketch_ignores": "Sketch ignores {names}.",
  "said.loop_tempo": "The loop plays at {bpm} BPM instead of {asked}, so that {bars} whole bars fill {duration} s.",
  "said.lyrics_times": "The times of an LRC file in the lyrics would be sung, so they were taken off.",
  "said.lyrics_markdown": "Markdown in the lyrics would be sung, so it was taken off.",
  "said.no_lyrics": "There are no lyrics to sing, so the music is made instrumental.",
  "said.run_as_turbo":
    "Nothing says whether {name} is turbo, base or sft, so it is run as turbo; set variant, or rename its file.",
  "said.few_steps": "{steps} steps are few for {title}; use 0 for its own recipe, or 32 and more.",
  "said.shift_ignored":
    "The connected model sets a shift of {shift}, which is ignored: v1 runs with the noise levels of its own pipeline.",
  "said.own_guidance": "The connected model brings a guidance rule of its own, which is used instead of ACE-Step's.",
  "said.strength_too_small": "strength is {strength}, too little for a single one of {steps} steps: nothing changed.",
  "said.hardly_guided":
    "At strength {strength} v1 runs no guided step, so tags and lyrics hardly count; use 0.6 or more.",
  "said.language_not_sung":
    "ACE-Step v1 does not sing {language}; it knows {known}. The lyrics are taken as their script suggests; version ace-step-1.5 knows more languages.",
  "said.lyrics_unread":
    "ACE-Step v1 cannot read {unknown} of {all} pieces of the lyrics; set language, write them in Latin letters, or set version to ace-step-1.5.",
  "said.asked_for_cover":
    "The connected clip cannot be given the task's instruction ({error}), so it was asked for a cover.",
  "said.told_by_template":
    "With recipe comfyui the model is told {told}, as in ComfyUI's templates, as the tags do not say.",
  "said.tags_too_long":
    "The tags make a text of {length} tokens; {title} was trained on {limit} at most, so it may not follow all of them. Shorten the tags.",
  "said.lyrics_too_long":
    "The lyrics make a text of {length} tokens; {title} was trained on {limit} at most, so it may not follow all of them. Shorten the lyrics.",
  "said.setting_without_effect": "{name} {value} has no effect on RunComfy, which uses its own recipe.",
  "said.part_without_effect": "The connected {name} has no effect on RunComfy, which uses its own.",
  "said.own_lyrics": "Lyrics are blank: RunComfy's model writes its own words. Write [inst] for no vocals.",
  "said.fetched": "Request {id} was fetched, not bought: it is not charged again.",
  "said.fetched_run":
    "This is the run of request {id}, of seed {seed} and with batch_size {takes}. The node's batch_size and seed are ignored.",
  "said.fetched_takes":
    "This is the run of request {id}, of seed {seed}: takes {named} of {takes}. The node's batch_size and seed are ignored.",
  "said.fetched_unknown_run":
    "The run of request {id} is not in this computer's journal, so the seeds in this report are the node's.",
  "said.fetched_other_source":
    "The source is not the one that the fetched run was made from; its sound is put in all the same.",
  "said.fetched_other_model": "Request {id} was made by another model than this node has now.",
  "said.fetched_other_part":
    "Request {id} was made from another part of the source, or another source, than this node has now.",
  "said.fetched_other_range": "Request {id} was made with another range or extension than this node has now.",
  "said.fetched_other_words": "Request {id} was made from other tags, lyrics, seed or duration than this node has now.",
  "said.rendered_by_another": "Request {id} was sent to {asked}, and RunComfy rendered it by {model}.",
  "said.dearer": "Request {id} cost {cost}, more than its estimate of {estimate}.",
  "said.cost_in_part": "RunComfy reported the cost of {known} of {of} requests only: {usd} so far.",
  "said.shared": "Another run is submitting the same request; it is shared.",
  "said.sent_again": "RunComfy does not take the request just now; it is sent again in {wait} s.",
  "said.left_alone":
    "Stopped while a paid request was being submitted; its answer is awaited in the background, recorded, and the request is then cancelled. Whether it is charged is not known yet: see ComfyUI's log.",
  "said.stopped_before": "Stopped before this call was submitted.",
  "said.complete_already":
    "Request {id} is already complete and is charged. Set resume_request_id to {id}, or queue the same again with seed {seed}, to fetch it without a new charge.",
  "said.cancelled_waiting": "Request {id} was cancelled while it was still waiting.",
  "said.runs_on":
    "Request {id} is already running or complete: it cannot be cancelled any more and will be charged. Set resume_request_id to {id}, or queue the same again with seed {seed}, to fetch it without a new charge.",
  "said.runs_on_unrecorded":
    "Request {id} is already running or complete: it cannot be cancelled any more and will be charged. Set resume_request_id to {id} (write it down: it could not be recorded) to fetch it without a new charge.",
  "said.cancel_not_known": "It is not known whether request {id} was cancelled: it may complete and be charged.",
  "said.cancel_unknown":
    "It is not known whether request {id} was cancelled: it may complete and be charged. Set resume_request_id to {id}, or queue the same again with seed {seed}, to fetch it without a new charge.",
  "said.cancel_unknown_unrecorded":
    "It is not known whether request {id} was cancelled: it may complete and be charged. Set resume_request_id to {id} (write it down: it could not be recorded) to fetch it without a new charge.",
  "said.resume_by_id":
    "Set resume_request_id to {id}, or queue the same again with seed {seed}, to fetch it without a new charge.",
  "said.resume_by_id_unrecorded":
    "Set resume_request_id to {id} (write it down: it could not be recorded) to fetch it without a new charge.",
  "said.then_resume": "Then set resume_request_id to {id} to fetch it without a new charge.",
  "said.run_free": "This run added no charge.",
  "said.run_cost": "Charged: {usd}.",
  "said.run_cost_open": "Charged: {usd}, and perhaps {more} more of what is unknown.",
  "said.run_cost_perhaps": "Perhaps charged: {usd} for what is unknown.",
  "said.run_delivered": "Delivered: {requests}.",
  "said.run_running": "Running or complete when it was stopped, so charged: {requests}.",
  "said.run_accepted": "Accepted and never fetched: {requests}.",
  "said.run_unknown": "Outcome unknown, perhaps charged: {requests}.",
  "said.run_failed": "Failed at RunComfy, perhaps charged: {requests}.",
  "said.run_failed_priced": "Failed at RunComfy: {requests}.",
  "said.run_gone": "No longer at RunComfy or struck off, perhaps charged: {requests}.",
  "said.run_gone_priced": "No longer at RunComfy or struck off: {requests}.",
  "said.run_cancelled": "Cancelled while waiting, not charged: {requests}.",
  "said.run_cancelled_priced": "Cancelled, and yet with a cost: {requests}.",
  "said.run_unanswered":
    "Sent without an answer so far, perhaps charged: {count} of the requests. Account lists what is known of them later.",
  "said.run_resume": "Resume fetches what is paid for, without a new charge.",
  "said.run_rest": "Queue the same again with seed {seed} to have the rest as well: only that is bought.",
  "said.run_other_token":
    "It was not bought with the RunComfy token in use: queueing the same again with this one would buy all of it anew.",
  "said.run_resume_other_token":
    "Resume fetches what is paid for, without a new charge, with the token that bought it or another of its account.",
  "said.joined": "{first} {then}",
  "said.left_out": "Left out: {why}",
  "said.left_out_call": "{requests}: {why}",
  "said.same_goes": "The same goes for request {ids}.",
  "said.never_accepted": "RunComfy never accepted a request for it.",
  "said.never_answered":
    "Its request was sent to {model} at {when} and the outcome is unknown: it may have been accepted and charged. Look in the list of generations in your RunComfy account (runcomfy.com): if it is there, set resume_request_id to its id.",
  "said.not_held": "The journal does not hold its request, which may have been paid for.",
  "said.render_cancelled": "RunComfy reports that request {id} was cancelled.",
  "said.render_failed": "RunComfy reports that request {id} failed.",
  "said.render_failed_saying": "RunComfy reports that request {id} failed (it says: {words}).",
  "said.reported_cost": "It reports a cost of {usd}.",
  "said.missing_anew_all":
    "To have what is missing, clear resume_request_id and queue the settings of that run: with the token in use all of it is then bought, for about {usd}.",
  "said.missing_asked_again":
    "What cannot be used is asked for again when you queue again; if it stays so, clear resume_request_id and change the seed to have it rendered anew, at a new charge.",
  "said.missing_anew":
    "To have what is missing, clear resume_request_id and queue the settings of that run with seed {seed}: what is missing is then bought, for about {usd}, and the rest is fetched without a new charge.",
  "said.journal_locked":
    "The journal {path} has been locked by another process for {waited} s; try again in a moment.",
  "said.journal_unwritable":
    "The journal of paid requests {path} cannot be written ({why}). Make that folder writable for ComfyUI and see that its disk is not full.",
  "said.journal_newer": "The journal {path} was written by a newer version of this pack; update the pack.",
  "said.journal_unreadable":
    "The journal of paid requests {path} cannot be read, so it cannot be checked what is already paid for and nothing more is submitted. Repair the file, or move it away to start a new one (the ids in it stay fetchable by resume_request_id).",
  "said.journal_full":
    "The journal {path} holds {count} paid requests that were never fetched, and no more are submitted until some are. Fetch them by resume_request_id or by queueing their workflows again, each with the seed it had, or strike them off in the account dialog.",
  "said.journal_vanished":
    "The journal of paid requests {path} was deleted, moved or replaced while ComfyUI ran: {count} that it held are missing, and what they paid for would be bought again. Put the file back; or queue again to go on without it.",
  "said.journal_vanished_with_ids":
    "The journal of paid requests {path} was deleted, moved or replaced while ComfyUI ran: {count} that it held are missing, and what they paid for would be bought again. Put the file back; or queue again to go on without it (resume_request_id still fetches {ids}).",
  "said.file_locked": "The file {path} is locked by another process.",
  "said.file_locked_for_now": "The file {path} is locked by another process; queue again in a moment.",
  "said.file_damaged": "The file {path} is damaged; delete it and queue again.",
  "said.file_unreadable": "The file {path} cannot be read; make it readable for ComfyUI or delete it.",
  "said.folder_unusable":
    "The folder {folder} cannot be used ({why}); RunComfy runs need it for their record of paid requests. Make it writable for ComfyUI.",
  "said.key_missing":
    "The file {path} is missing, without which this computer cannot tell what of the journal of paid requests {journal} is your account's. Put it back, or move the journal away to start a new one (the ids in it stay fetchable by resume_request_id).",
  "said.settings_unreadable":
    "The account settings {path} cannot be read, so the ceiling per prompt is not known and nothing is bought. Set the ceiling again in the account dialog, or delete the file to go back to {usd}.",
  "said.no_whole_path": "{variable} is {value}; it must be the whole path of a folder.",
  "said.folder_handed_out":
    "{variable} names {folder}, whose files ComfyUI hands out to anyone who asks; name a folder outside ComfyUI's input, output, temp and user folders.",
  "said.folder_is_file": "{variable} names {folder}, which is a file; name a folder.",
  "said.journal_left_behind":
    "{variable} names {folder}, but the journal of paid requests still lies in {usual}, so what it holds would be bought again. Move the files of that folder to the new one.",
  "said.other_environment":
    "{variable} is {value}, and this pack talks to RunComfy's production servers only; remove it to use those.",
  "said.no_loopback_address":
    "{variable} is set, but not to the address of a server on this machine; it may only be a loopback address such as http://127.0.0.1:8765. Correct it, or remove it to use RunComfy.",
  "said.httpx_missing":
    "Backend runcomfy needs the Python package httpx, which is not installed. Install it into ComfyUI's Python with: python -m pip install httpx (then restart ComfyUI).",
  "said.connection_settings":
    "The connection to RunComfy cannot be set up with this computer's settings: check HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE (a SOCKS proxy needs: python -m pip install 'httpx[socks]').",
  "said.not_signed_in":
    "{node}: backend runcomfy needs a RunComfy API token and none is set. Save one in the node's account dialog, or set RUNCOMFY_API_TOKEN, or run `runcomfy login`; or choose backend local or sketch, which cost nothing.",
  "said.token_unusable":
    "The RunComfy token from {source} is not usable: a token is 1 to 4096 visible ASCII characters without spaces. Copy it again from your RunComfy account.",
  "said.saved_here": "saved in ComfyUI",
  "said.account_dialog": "the account dialog",
  "said.save_valid_token": "Save a valid one in the account dialog.",
  "said.log_in_again": "Run `runcomfy login` again, or save a valid one in the account dialog, which goes before it.",
  "said.set_valid_token":
    "Set {variable} to a valid one and start again, or save a valid one in the account dialog, which goes before it.",
  "said.save_that_token": "Save that account's token in the account dialog.",
  "said.log_in_there":
    "Run `runcomfy login` with that account, or save that account's token in the account dialog, which goes before it.",
  "said.set_that_token":
    "Set {variable} to that account's token and start again, or save that account's token in the account dialog, which goes before it.",
  "said.price_of": "the price of {model}",
  "said.status_of": "the status of request {id}",
  "said.result_of": "the result of request {id}",
  "said.submission_to": "the submission to {model}",
  "said.cancel_of": "the cancel of request {id}",
  "said.rendered_file": "the rendered file",
  "said.the_request": "request {id}",
  "said.token_rejected": "RunComfy rejected the token ({source}) when asked for {what} ({how}){words}.",
  "said.of_another_account":
    "RunComfy says that {thing} belongs to another account than the token in use ({source}; {how}){words}.",
  "said.balance_exhausted": "Your RunComfy balance is exhausted ({how}){words}. Add funds on runcomfy.com.",
  "said.not_known_there": "RunComfy does not know {thing} ({how}){words}.",
  "said.too_busy": "RunComfy is too busy for {what} ({how}){words}. Try again in a moment.",
  "said.has_a_problem": "RunComfy has a problem with {what} ({how}){words}. Try again later.",
  "said.not_followed": "RunComfy answered {what} with {how}, which is not followed.",
  "said.request_refused": "RunComfy refused {what} ({how}){words}.",
  "said.later_or_update": "Try again later; if it stays so, this pack needs an update.",
  "said.http_status": "HTTP {status}",
  "said.http_error": "HTTP {status}, error {error}",
  "said.it_says": " (it says: {words})",
  "said.answer_unreadable": "RunComfy's answer to {what} cannot be read. Try again later.",
  "said.unreachable": "RunComfy could not be reached for {what} ({error}). Check the connection and try again.",
  "said.outcome_unknown":
    "It is not known whether RunComfy accepted the request sent to {model} at {when} ({why}), so it was not sent again. Look in {where} whether it is there; it may be charged.",
  "said.connection_failed": "the connection failed: {error}",
  "said.answer_without_id": "the answer has no usable request id",
  "said.answer_was": "the answer was {how}{words}",
  "said.your_generations": "the list of generations in your RunComfy account (runcomfy.com)",
  "said.queue_again_twice":
    "If it is there, set resume_request_id to its id; if it is not, queue again twice with seed {seed}: the first run stops to ask you once more, and the second submits it anew.",
  "said.not_recorded_either": "That could not be recorded either.",
  "said.accepted_unrecorded":
    "RunComfy accepted request {id}, which may be charged, but it could not be recorded. Write the id down: resume_request_id fetches it without a new charge.",
  "said.sent_before":
    "The same request was already sent to {model} at {when} and its outcome is unknown: it may have been accepted and charged. Look in the list of generations in your RunComfy account (runcomfy.com): if it is there, set resume_request_id to its id. If it is not, queue again with seed {seed}: it is then submitted anew.",
  "said.sent_before_failed": "The same was sent at {when} as request {id}, which failed there.",
  "said.sent_before_cancelled": "The same was sent at {when} as request {id}, which was cancelled there.",
  "said.sent_before_gone":
    "The same was sent at {when} as request {id}, which is not to be had from RunComfy any more.",
  "said.rendered_anew": "Queue again with seed {seed} to have it rendered anew, at a new charge.",
  "said.stays_without_result":
    "RunComfy has been calling request {id} {state} for {seconds} s without giving its result.",
  "said.stays_without_state": "RunComfy has given no state of request {id} for {seconds} s.",
  "said.stays_in_unknown_state":
    "RunComfy has been giving request {id} the state {state} for {seconds} s, which this pack does not know.",
  "said.rendered_by_foreign": "Request {id} was rendered by {model}, not by {asked}.",
  "said.delivered_too_little":
    "RunComfy delivered {there} s of sound where {wanted} s were asked for, so it cannot be put into the track.",
  "said.delivered_files": "RunComfy delivered {count} files where one is expected{words}.",
  "said.address_unreadable": "RunComfy delivered an address that cannot be read; it is not fetched{words}.",
  "said.foreign_address":
    "RunComfy delivered a file at {address}, which is not one of RunComfy's own hosts; it is not fetched{words}.",
  "said.file_not_downloaded": "The file could not be downloaded ({error}).",
  "said.file_not_there": "The rendered file is not at its address (HTTP {status}).",
  "said.file_not_just_now": "The host of the rendered file cannot send it just now (HTTP {status}).",
  "said.file_refused": "The host of the rendered file refused to send it ({how}){words}.",
  "said.file_undecodable": "The file RunComfy delivered ({size} bytes) is {why}.",
  "said.file_unusable": "The file RunComfy delivered {why}.",
  "said.larger_than": "is larger than {size} MiB",
  "said.packed_otherwise": "is packed in another way than with gzip, once",
  "said.broken_gzip": "is broken gzip",
  "said.then_queue_again": "Then queue again with seed {seed}.",
  "said.no_longer_there": "It cannot be fetched any more.",
  "said.file_may_come":
    "Request {id} stays in the journal. Set resume_request_id to {id} to try once more and buy nothing; or queue again with seed {seed}: if the file is still missing then, the render is bought again.",
  "said.or_rendered_here": "Or {another_seed} to have it rendered for the account in use, at a charge.",
  "said.if_it_fails_again": "If that fails in the same way, {another_seed} to have it rendered anew, at a new charge.",
  "said.change_seed": "change the seed",
  "said.clear_and_change_seed": "clear resume_request_id and change the seed",
  "said.free_with_this_token":
    "(Queueing the same again with seed {seed} is free with this token only: to another one it would be a new request.)",
  "said.fetch_from_journal":
    "Request {id} is in the journal: set resume_request_id to {id}, or queue the same again with seed {seed}, to fetch it without a new charge.",
  "said.fetch_again": "Set resume_request_id to {id} again to fetch it without a new charge.",
  "said.fetch_with_that_token":
    "Request {id} was bought with another RunComfy token: sign in with that one and set resume_request_id to {id} to fetch it without a new charge.",
  "said.of_another_token": "It was bought with another RunComfy token: sign in with that one to fetch it.",
  "said.check_id": "Check the id, and that the token is of the account that bought it.",
  "said.not_on_resume":
    "Nothing is bought on resume: to have it rendered anew, at a new charge, clear resume_request_id and queue the settings of that run with seed {seed}.",
  "said.takes_failed": "{count} of {of} takes failed.",
  "said.kept":
    "Paid for and kept: {requests}. Queue the same again with seed {seed}: these are fetched without a new charge and only what is missing is bought.",
  "said.kept_for_that_token":
    "Paid for and kept: {requests}. With another token, resume_request_id fetches these without a new charge; queueing the same again would buy them anew.",
  "said.kept_to_be_fetched": "There to be fetched again, without a new charge: {requests}.",
  "said.price_per_second": "{usd} per second of audio",
  "said.price_per_output": "{usd} per output",
  "said.no_usable_price": "RunComfy gave no usable price for {model}, so the request is not submitted.",
  "said.unknown_unit":
    "RunComfy prices {model} by a unit this pack does not know, so the cost cannot be estimated and the request is not submitted. Update the pack.",
  "said.estimated_one": "This run is estimated at {usd} (1 request at {price})",
  "said.estimated": "This run is estimated at {usd} ({count} requests at {price})",
  "said.no_paid_run": "{estimate}, but max_cost_usd 0 allows no paid run; stopped before submitting.",
  "said.above_max_cost":
    "{estimate}, above its max_cost_usd of {most}; stopped before submitting. Raise max_cost_usd, or ask for fewer takes or less sound.",
  "said.next_above_max_cost":
    "{spent} of this run is spent or on its way, and another request for {usd} ({price}) would go above its max_cost_usd of {most}; it is not submitted. Raise max_cost_usd to have it.",
  "said.above_ceiling":
    "{estimate}, above the account's ceiling of {most} per prompt; stopped before submitting. Raise the ceiling in the account dialog, or queue less at a time.",
  "said.above_ceiling_together":
    "{estimate} on top of {others} for the prompt's other runs, above the account's ceiling of {most} per prompt; stopped before submitting. Raise the ceiling in the account dialog, or queue less at a time.",
  "said.next_above_ceiling":
    "{spent} of this run is spent or on its way, and another request for {usd} ({price}) would go above the account's ceiling of {most} per prompt; it is not submitted. Raise the ceiling in the account dialog to have it.",
  "said.next_above_ceiling_together":
    "{spent} of this run is spent or on its way, {others} is set aside for the prompt's other runs, and another request for {usd} ({price}) would go above the account's ceiling of {most} per prompt; it is not submitted. Raise the ceiling in the account dialog to have it.",
  "said.edits_are_v1":
    "{node}: version is {version}, but RunComfy hosts edits for ace-step only. Set version to auto or ace-step, or set backend to local to edit with ace-step-1.5.",
  "said.too_long_for_runcomfy":
    "{node}: {field} is {seconds} s; RunComfy makes at most {most} s in one request. Set it to {most} or less, or set backend to local (ACE-Step 1.5 makes up to 600 s).",
  "said.sound_of_request": "the sound of one request",
  "said.request_too_large":
    "the part of the source to send makes a request of {size} MiB; RunComfy takes at most {most} MiB. Set context_seconds lower, or split the range.",
  "said.no_request_id":
    "{node}: resume_request_id holds {id}, which is not a RunComfy request id; an id has 1 to 128 letters, digits, - and _, and several are separated by commas.",
  "said.ids_of_different_runs":
    "{node}: resume_request_id names requests of different runs ({ids}); give one id, it stands for its whole run.",
  "said.ids_not_of_all":
    "{node}: resume_request_id holds {count} ids that this computer's journal does not know as one run, and this node needs {needed}, one for each request ({size}).",
  "said.run_of_another_size":
    "{node}: the run of request {id} had {then}, but this node has {now} now. Give it the source and the ranges of that run, or clear resume_request_id.",
  "said.run_size": "{items} × {takes} × {parts}",
  "said.one_item": "1 item",
  "said.several_items": "{count} items",
  "said.one_take": "1 take",
  "said.several_takes": "{count} takes",
  "said.one_part": "1 part",
  "said.several_parts": "{count} parts",
  "said.of_another_node": "{node}: request {id} is of another kind of node ({kind}); resume it there.",
  "said.a_generated_track": "generated track",
  "said.an_inpaint": "inpaint",
  "said.an_outpaint": "outpaint",
  "said.body_no_json": "The body must be JSON.",
  "said.body_too_long": "The body is larger than {most} bytes.",
  "said.body_unreadable": "The body is not readable JSON.",
  "said.body_no_object": "The body must be a JSON object.",
  "said.no_choice": "{name} is {value}; choose one of {options}.",
  "said.account_files_unusable": "The account's files on the server cannot be used ({why}).",
  "said.token_missing": "token is missing; it must be text.",
  "said.no_token": "No RunComfy token is set.",
  "said.token_accepted": "RunComfy accepts the token ({source}).",
  "said.no_ceiling": "ceiling_usd is {value}; it must be a number from 0 to {most} US dollars.",
  "said.edit_not_hosted": "RunComfy hosts {task} for {version} only; set version to auto or {version}.",
  "said.workflow_missing": "workflow is missing; it must be the id of a workflow.",
  "said.keys_missing": "keys is missing; it must be a list of journal keys.",
  "said.names_no_text": "subfolder and filename must be text.",
  "said.no_such_file": "the {folder} folder has no such file.",
  "said.file_unopened": "it cannot be opened.",
  "said.bpm_unusable": "bpm is {value}; it must be 0 or a number from {least} to {most}.",
  "said.example_unwritable": "The example track cannot be written to {folder} ({why}).",
  "said.no_sockets": "connected must be a list of the sockets in use, out of {options}.",
  "said.plan_of_nothing": "plan: seconds is 0; a track has some length.",
  "said.plan_without_task": "plan: task is {value}; choose inpaint or outpaint.",
  "said.plan_without_ranges": "plan: ranges must be a list of [start, end] pairs in seconds.",
  "said.plan_of_whole_loop": "plan: the ranges leave nothing of the track for the loop to lead back to.",
  "said.plan_range_empty": "plan: the range {start} to {end} s is empty or lies past the end of the track.",
  "said.not_own_page": "This may only be asked from ComfyUI's own page.",
  "said.unknown_page":
    "This may only be asked from ComfyUI's own page. This page is at {page}, which this ComfyUI does not know as its own: if it is, start ComfyUI with the environment variable {setting}.",
  "said.unknown_page_and_setting":
    "This may only be asked from ComfyUI's own page. This page is at {page}, which this ComfyUI does not know as its own: if it is, start ComfyUI with the environment variable {setting} ({unreadable} in it now is no origin).",
  "said.of_node": "{node}: {said}",
  "said.no_number": "{node}: {name} is {value}; it must be a number from {low} to {high}.",
  "said.no_whole_number": "{node}: {name} is {value}; it must be a whole number from {low} to {high}.",
  "said.out_of_range": "{node}: {name} is {value}; {low} to {high} is allowed.",
  "said.with_unit": "{value} {unit}",
  "said.huge_number": "a number of thousands of digits",
  "said.tempo_too_slow": "{node}: bpm is {bpm}; 0 (none) or {least} to {most} is allowed.",
  "said.not_yes_or_no": "{node}: {name} is {value}; it must be true or false.",
  "said.no_option": "{node}: {name} is {value}; choose one of {options}.",
  "said.no_text": "{node}: {name} is {kind}; it must be text.",
  "said.half_character":
    "{node}: {name} holds half of a character, such as half an emoji, at place {place}; it must be whole text: delete the character there and type it again.",
  "said.no_tags":
    "{node}: tags is empty; describe the music with at least one comma-separated tag, for example: lo-fi hip-hop, mellow, rhodes piano, 75 BPM.",
  "said.reference_not_for_backend":
    "{node}: reference is connected, but backend is {backend}, which takes no other sound; set backend to local with ACE-Step 1.5, or disconnect reference.",
  "said.reference_not_for_version":
    "{node}: reference is connected, but version is ace-step, which takes no other sound; set version to auto or ace-step-1.5, or disconnect reference.",
  "said.nothing_to_add":
    "{node}: extend_before_duration and extend_after_duration are both 0 s, so there is nothing to add; set at least one of them, up to {most} s.",
  "said.loop_extended_before":
    "{node}: extend_before_duration is {before} s, but with loop the new part leads from the track's end back to its start; set extend_before_duration to 0 and use extend_after_duration.",
  "said.id_missing":
    "{node}: resume_request_id has a comma with no id before or after it; give ids separated by single commas.",
  "said.id_twice": "{node}: resume_request_id names {id} twice; give each id once.",
  "said.no_time_range":
    "{where} is {value}; it must be a TIME_RANGE: connect the time_range output of a TimeRange node.",
  "said.no_anchor": "{node}: {name} is {value}; choose start or end.",
  "said.no_seconds": "{node}: {name} is {value}; it must be a number of seconds from 0 to {most}.",
  "said.past_the_end": "{node}: {name} is {time}, but the audio is {length} s long; 0 to {most} s is allowed.",
  "said.range_empty": "{node}: {end} is the same as {start}; move one of them.",
  "said.range_short": "{node}: the range from {start} to {end} is {length} s long; at least {least} s is needed.",
  "said.range_backwards":
    "{node}: {end} must be later than {start}; exchange them, or turn on loop, with which the range goes on across the track's end.",
  "said.loop_without_rest":
    "{node}: the ranges leave {rest} s of the track for the loop to lead back to; leave at least {least} s.",
  "said.time_from_start": "{time} s",
  "said.time_before_end": "{time} s before the end",
  "said.edge": "{name} ({time})",
  "said.edge_at": "{name} ({time}, which is {at} s)",
  "said.audio_empty":
    "{node}: {field} is empty; connect a node that gives sound (a video without a sound track gives none).",
  "said.no_audio": "{node}: {field} is {kind}, not AUDIO with a waveform and a sample_rate; connect an AUDIO output.",
  "said.audio_shape": "{node}: {field} has a waveform of shape {shape}; it must be [batch, channels, samples].",
  "said.audio_without_samples": "{node}: {field} holds no samples (shape {shape}); give it at least some sound.",
  "said.audio_channels":
    "{node}: {field} has {channels} channels; 1 (mono) or 2 (stereo) are allowed: mix it down first.",
  "said.audio_type": "{node}: {field} has samples of type {type}; they must be floating point between -1 and 1.",
  "said.no_sample_rate": "{node}: {field} has the sample_rate {rate}; it must be a whole number of Hz.",
  "said.sample_rate_out_of_range": "{node}: {field} has the sample_rate {rate} Hz; {least} to {most} Hz is allowed.",
  "said.audio_not_numbers":
    "{node}: {field} has a sample that is not a number at {at} s (NaN or infinite); repair the node that made it.",
  "said.audio_batch":
    "{node}: {field} is a batch of {count} sounds; it must be one, so set batch_size to 1 on the node that makes them, or take one out of the batch.",
  "said.no_resampler":
    "Nothing can change a sample rate here: this ComfyUI has no resampler of its own and torchaudio cannot be loaded ({error}). Update ComfyUI, or install the torchaudio that fits its PyTorch.",
  "said.file_empty": "it is empty.",
  "said.file_without_track": "it has no sound track.",
  "said.file_without_sample": "it holds no sound.",
  "said.file_unread": "it is not sound that can be read.",
  "said.file_unread_for": "it is not sound that can be read ({error}).",
  "said.unknown_format": "neither MP3, FLAC, WAV, Ogg, AAC, MP4 nor WebM",
  "said.without_sound": "a file without any sound in it",
  "said.broken_file": "a broken {format} file",
  "said.several_tracks": "a file with {count} sound tracks instead of one",
  "said.unknown_codec": "a file with sound of the kind {codec}, which is not decoded",
  "said.many_channels": "a file with {channels} channels; at most {most} can be used",
  "said.unusable_rate": "a file at {rate} Hz, which is no usable sample rate",
  "said.changing_kind": "a file whose sample rate or channels change on the way",
  "said.too_long": "longer than {most} s, the most that is taken of {rate} Hz {kind}",
  "said.kind_mono": "mono",
  "said.kind_stereo": "stereo",
  "said.kind_channels": "{channels} channels",
  "said.file_not_numbers": "a file with samples that are not numbers (NaN or infinite)",
  "said.cut_off": "cut off after {there} s of {announced} s",
  "said.no_sound":
    "The backend returned samples up to {peak} times full scale, which is no sound; nothing was changed. Run the model and its VAE at a higher precision (bf16 or fp32), or use another model.",
  "said.not_numbers":
    "The backend returned samples that are not numbers; nothing was changed. Run the model and its VAE at a higher precision (bf16 or fp32), or use another model.",
  "said.silent_render": "The backend returned silence; nothing was changed. Try another seed.",
  "said.too_little_sound":
    "The backend returned too little sound: {missing} s of the {wanted} s to fill are missing; nothing was changed.",
  "said.sketch_resumes":
    "{node}: resume_request_id is {ids}, but only RunComfy can resume a request; set backend to runcomfy, or clear resume_request_id.",
  "said.longer_than_model":
    "{node}: {seconds} s are asked for; {title} makes at most {most} s in one piece, so ask for {most} s or less.",
  "said.longer_with_v15": "ACE-Step 1.5 makes up to 600 s.",
  "said.turbo_guidance":
    "{node}: guidance is {guidance}, but turbo models are made to run at 1 and anything else ruins their sound; set guidance to 0 (the model's own), or variant to base or sft.",
  "said.assumed_turbo_guidance":
    "{node}: guidance is {guidance}, but turbo models are made to run at 1 and anything else ruins their sound; set guidance to 0 (the model's own), or variant to base or sft, if that is what the connected or renamed model is.",
  "said.reference_not_for_model":
    "{node}: reference is connected, but {title} would run, which takes no other sound; install or connect ACE-Step 1.5, or disconnect reference.",
  "said.reference_silent": "{node}: reference is silent; connect one that sounds, or disconnect it.",
  "said.unknown_comfyui":
    "This version of ComfyUI runs ACE-Step 1.5 in a way this pack does not know: {lacking}. Update the pack, or use a version of ComfyUI that its README names.",
  "said.network_lacks": "its network has no {names}",
  "said.method_lacks": "its {method} takes no {names}",
  "said.source_unseen":
    "Something on the connected model runs ACE-Step 1.5's network in a way that never shows it the source of an edit; take the node that changes the model out, or connect another model.",
  "said.memory_short": "There was not enough memory for {doing}, even with everything else unloaded.",
  "said.less_at_once": "Use a shorter duration or less context, another variant, or start ComfyUI with --lowvram.",
  "said.memory_short_for_vae":
    "There is not enough memory for the VAE of {title}, not even for {frames} frames at a time. Close other programs that use the GPU, or start ComfyUI with --cpu-vae.",
  "said.part_not_numbers":
    "{part} {source} made values that are not numbers, in {precision}; nothing was changed. {remedy} Another seed does not help.",
  "said.part_network": "The network",
  "said.part_text_encoder": "The text encoder",
  "said.part_vae": "The VAE",
  "said.of_files": "of {files}",
  "said.of_connected": "that is connected",
  "said.get_file_again": "The file is damaged, incomplete or not what its name says: get it again, or another one.",
  "said.connect_another": "Its file or what was done to it is at fault: connect another one.",
  "said.float32_or_file":
    "Start ComfyUI with {option} to run it in float32; if that is no better, the file is damaged, incomplete or not what its name says: get it again, or another one.",
  "said.float32_or_another":
    "Start ComfyUI with {option} to run it in float32; if that is no better, its file or what was done to it is at fault: connect another one.",
  "said.model_missing": "{title} is not installed.",
  "said.model_incomplete": "{title} is not installed completely (found only {names}).",
  "said.files_to_get":
    "Two ways forward: let Get the model on the node download them, or put these files in place, free but for the download, and press R in ComfyUI: {files}.",
  "said.files_to_put":
    "Two ways forward: put these files in place, free but for the download, and press R in ComfyUI: {files}.",
  "said.file_to_put": "{name} ({size}) in {folder}",
  "said.file_to_replace":
    "{name} ({size}) in {folder}, in place of the one there, which is incomplete or something else",
  "said.own_file_to_put":
    "a file with {variant} in its name (about 5 GB; ComfyUI offers xl_sft ready-made) in {folder}",
  "said.listed": "{first}; {then}",
  "said.files_at": "ComfyUI's own ACE-Step templates offer them; they are at {site}.",
  "said.or_unplanned": "Or set planning to off, which needs no language model: all else is there.",
  "said.lm_of_xl":
    "ComfyUI's templates run XL with qwen_4b_ace15.safetensors (about 8.4 GB in {folder}), which is taken before the 1.7B one when it is there.",
  "said.file_to_move":
    "You have {name} already, but ComfyUI cannot load it all from where it is: move it from {here} to {there}.",
  "said.file_is_part": "{name} in {folder} is part {number} of {count}; ComfyUI needs one file with all of it.",
  "said.file_is_piece": "{name} in {folder} is only a part of a network; ComfyUI needs one file with all of it.",
  "said.needs_gguf_loader":
    "You have {name}, which only other loaders read: load it with a GGUF loader, such as those of the pack ComfyUI-GGUF, and connect that to {socket}.",
  "said.needs_other_loader":
    "You have {name}, which only other loaders read: load it with ComfyUI's loader for it and connect that to {socket}.",
  "said.or_runcomfy":
    "Or set backend to runcomfy, which needs no GPU and costs about {price} a second of audio ({minute_price} a minute, list price).",
  "said.or_sketch": "To try the graph for free without ACE-Step, set backend to sketch.",
  "said.model_not_ace_step":
    "{node}: model is {kind}, not ACE-Step; connect an ACE-Step model, or nothing to use the one in the model folders.",
  "said.clip_not_of_v1":
    "{node}: clip is not the text encoder of {title}; load it from the all-in-one file with Load Checkpoint, or connect nothing to use the one in the model folders.",
  "said.clip_not_of_v15":
    "{node}: clip is not the text encoder of {title}; load qwen_0.6b_ace15 and qwen_1.7b_ace15 with DualCLIPLoader, type ace, or connect nothing to use the one in the model folders.",
  "said.vae_not_of_model":
    "{node}: vae is not the VAE of {title}; connect the one that belongs to it, or nothing to use the one in the model folders.",
  "said.model_of_other_version":
    "{node}: version is {version}, but the connected model is {title}; set version to auto or {right}, or connect another model.",
  "said.not_loaded":
    "ComfyUI could not load {names} ({error}). The file may be damaged or incomplete: compare its size with the one where you got it, and download it again.",
  "said.both": "{first} and {then}",
  "said.other_download": "{running} is being downloaded; wait for it or pause it, then get {wanted}.",
  "said.disk_too_small":
    "{wanted} are to be downloaded and the disk with {folder} has {free} free; free some space, then get the model again.",
  "said.disk_full":
    "The disk with {folder} is full; free some space, then get the model again: it goes on from where it was.",
  "said.folder_unwritable":
    "{folder} cannot be written ({why}); let ComfyUI's user write there, then get the model again.",
  "said.file_in_the_way":
    "{path} exists, is not incomplete, and so is not overwritten; move it away or rename it, then get the model again.",
  "said.downloaded_by_another":
    "Another ComfyUI is downloading {name} into {folder} right now; wait for that one, or pause it there.",
  "said.not_the_file":
    "What came as {name} is not the official file ({what}) and was removed; get the model again. If it happens again, something on the way changes it: check HF_ENDPOINT and the proxy.",
  "said.of_other_length": "it does not end where it should",
  "said.of_other_digest": "its SHA-256 is {digest}",
  "said.by_hand": "or put {name} into {folder} yourself ({url})",
  "said.hub_offline": "HF_HUB_OFFLINE is set, so nothing is downloaded; unset it and restart ComfyUI, {by_hand}.",
  "said.hub_unsafe":
    "{host} sends the download of {name} on to a {scheme} address, which is not safe, so it was not followed; check HF_ENDPOINT and the proxy.",
  "said.strange_scheme": "strange",
  "said.hub_other_size":
    "{host} has another {name} ({size} bytes) than the official one these nodes know; update the ACE-Step nodes, check HF_ENDPOINT, {by_hand}.",
  "said.hub_other_digest":
    "{host} has another {name} (SHA-256 {digest}) than the official one these nodes know; update the ACE-Step nodes, check HF_ENDPOINT, {by_hand}.",
  "said.hub_without_file": "{host} has no {path} (HTTP 404); check HF_ENDPOINT, update the ACE-Step nodes, {by_hand}.",
  "said.hub_refuses":
    "{host} does not hand out {path} (HTTP {status}): it asks for an account there, or a proxy refuses it; set HF_TOKEN, check HF_ENDPOINT and the proxy, {by_hand}.",
  "said.hub_answers":
    "{host} answers with HTTP {status} for {name}; wait a little, then get the model again: it goes on from where it was.",
  "said.hub_line_failed":
    "The line to {host} failed while {name} was being downloaded ({why}); check the network, the proxy and HF_ENDPOINT, then get the model again: it goes on from where it was.",
  "said.hub_library_missing":
    "huggingface_hub, which ComfyUI requires, cannot be imported ({error}); install it with ComfyUI's Python (python -m pip install huggingface_hub) and restart ComfyUI, {by_hand}.",
  "said.hub_library_unknown":
    "huggingface_hub {version} has no http_get, which these nodes download with; update the ACE-Step nodes, {by_hand}.",
  "said.model_installed": "{title} is installed.",
  "said.download_failed": "The download failed unexpectedly ({error}); see ComfyUI's log.",
  "call.item": "item {number}",
  "call.take": "take {number}",
  "call.part": "part {number}",
  "compare.title": "Before and after",
  "compare.play": "Play",
  "compare.before": "Before",
  "compare.after": "After",
  "compare.loop": "Loop the edit",
  "compare.keys": "L: loop the edit. A: before it. B: after it",
  "compare.seek": "Position",
  "compare.take": "Take",
  "compare.takeName": "Take {number}",
  "server.restart": "The server does not know this page's pack yet: restart ComfyUI",
  "dialog.close": "Close",
  "models.title": "Get an ACE-Step model",
  "models.about":
    "The files go into ComfyUI's model folders on the machine it runs on. Nothing is downloaded before you press Download.",
  "models.choose": "Model",
  "models.recommended": "Recommended",
  "models.installed": "Installed",
  "models.turbo": "Fast, in 8 steps. The one to begin with",
  "models.base": "Slower, follows the tags more closely",
  "models.xl_turbo": "Larger and fast; needs twice the GPU memory",
  "models.xl_base": "Larger, follows the tags more closely; needs twice the GPU memory",
  "models.xl_sft": "Larger, tuned for sound; needs twice the GPU memory",
  "models.v1": "The first version; one file, up to 240 s",
  "models.file": "File",
  "models.size": "Size",
  "models.folder": "Folder",
  "models.fileThere": "there already",
  "models.licence": "Licence",
  "models.from": "From",
  "models.room": "Free disk space",
  "models.roomShort": "{room}, too little",
  "models.roomUnknown": "not known",
  "models.get": "Download {size}",
  "models.continue": "Continue, {size} to go",
  "models.pause": "Pause",
  "models.cancel": "Cancel",
  "models.progress": "Progress of the download",
  "models.amount": "{done} of {total}, {percent} %",
  "models.speed": "{rate}/s, {left} left",
  "models.running": "Downloading {file}. It goes on when you close this window.",
  "models.checking": "Checking {file} …",
  "models.paused": "Paused. What is there is kept.",
  "models.other": "{title} is being downloaded; one at a time.",
  "models.there": "Installed: nothing to download.",
  "account.title": "RunComfy account",
  "account.reading": "Asking the server …",
  "account.token": "API token",
  "account.tokenAbout":
    "Kept in a private file of this ComfyUI server and used by everyone who uses it. It is never shown again, and never part of a workflow. You find it in your profile on runcomfy.com.",
  "account.save": "Save",
  "account.check": "Check",
  "account.clear": "Forget the saved token",
  "account.configured": "A token is set: {source}",
  "account.savedHere": "saved in ComfyUI",
  "account.unusable": "The token ({source}) cannot be used",
  "account.none": "No token is set. Only backend runcomfy needs one.",
  "account.saved": "Saved.",
  "account.cleared": "Forgotten.",
  "account.empty": "Paste a token first.",
  "account.ceiling": "Most one prompt may cost, in US dollars",
  "account.ceilingAbout":
    "Summed over all nodes and takes of a prompt. A workflow cannot raise it; max_cost_usd on a node can only lower it. 0 allows no paid run.",
  "account.saveCeiling": "Set",
  "account.ceilingSaved": "Ceiling set.",
  "account.requests": "Paid requests",
  "account.noRequests": "None yet.",
  "account.copyId": "Copy id",
  "account.settle": "Settle",
  "account.settleAbout": "Its outcome is unknown. Settle it once you have looked it up in your RunComfy account.",
  "account.open": "Account …",
  "request.sending": "outcome unknown",
  "request.unknown": "outcome unknown",
  "request.accepted": "accepted",
  "request.delivered": "delivered",
  "request.failed": "failed",
  "request.cancelled": "cancelled",
  "request.refused": "refused",
  "request.gone": "no longer at RunComfy",
  "tags.title": "Tags",
  "tags.genre": "Genre",
  "tags.mood": "Mood",
  "tags.instruments": "Instruments",
  "tags.vocals": "Vocals",
  "tags.extra": "Extra",
  "tags.placeholder": "Type a tag, or paste a list",
  "tags.found": "Matching tags",
  "tags.browse": "Show all of {group}",
  "tags.leaveGroup": "{group} only; press to search all groups",
  "tags.random": "Random {group}",
  "tags.addOwn": "Add “{tag}”",
  "tags.chip": "{tag}. Delete removes it, Alt and arrows move it",
  "tags.remove": "Remove {tag}",
  "tags.linked": "from a connected node",
  "tags.also": "Also: {tags}",
  "tags.asText": "Show the text fields of the groups",
  "hint.vocals": "No vocals are asked for, and {tag}: keep one of them",
  "hint.bpms": "Several tempos ({values}): the first one is used",
  "hint.keys": "Several keys ({values}): the first one is used",
  "hint.metres": "Several metres ({values}): the first one is used",
  "kind.pop": "Pop",
  "kind.rock": "Rock",
  "kind.metal": "Metal",
  "kind.hipHop": "Hip-hop",
  "kind.electronic": "Electronic",
  "kind.ambient": "Ambient",
  "kind.jazz": "Jazz",
  "kind.soul": "Soul and funk",
  "kind.blues": "Blues",
  "kind.folk": "Folk and country",
  "kind.classical": "Classical",
  "kind.screen": "Screen and stage",
  "kind.world": "Around the world",
  "kind.other": "Other",
  "kind.bright": "Bright",
  "kind.calm": "Calm",
  "kind.sad": "Sad",
  "kind.dark": "Dark",
  "kind.strong": "Strong",
  "kind.love": "Love",
  "kind.groove": "Groove and colour",
  "kind.keys": "Keys",
  "kind.guitars": "Guitars and plucked",
  "kind.bass": "Bass",
  "kind.drums": "Drums and percussion",
  "kind.strings": "Strings",
  "kind.brass": "Brass and saxophones",
  "kind.woodwinds": "Woodwinds",
  "kind.bells": "Bells and mallets",
  "kind.synths": "Synths and electronics",
  "kind.voice": "Who sings",
  "kind.delivery": "How",
  "kind.tone": "Tone",
  "kind.treatment": "Treatment",
  "kind.sound": "Sound and mix",
  "kind.era": "Era",
  "kind.use": "Use",
  "kind.form": "Form and rhythm",
  "kind.place": "Place and season",
};
