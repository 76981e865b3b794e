"""What is said of requests to RunComfy: what became of them, what they cost, and what to do next."""

SENTENCES = {
    # -- how a request went that ended well
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
    # -- while a call is under way, and what Stop came to
    "shared": "Another run is submitting the same request; it is shared.",
    "sent_again": "RunComfy does not take the request just now; it is sent again in {wait} s.",
    "left_alone": "Stopped while a paid request was being submitted; its answer is awaited in the background, "
    "recorded, and the request is then cancelled. Whether it is charged is not known yet: see ComfyUI's log.",
    "stopped_before": "Stopped before this call was submitted.",
    "complete_already": "Request {id} is already complete and is charged. Set resume_request_id to {id}, or queue the "
    "same again with seed {seed}, to fetch it without a new charge.",
    "cancelled_waiting": "Request {id} was cancelled while it was still waiting.",
    "runs_on": "Request {id} is already running or complete: it cannot be cancelled any more and will be charged. Set "
    "resume_request_id to {id}, or queue the same again with seed {seed}, to fetch it without a new charge.",
    "runs_on_unrecorded": "Request {id} is already running or complete: it cannot be cancelled any more and will be "
    "charged. Set resume_request_id to {id} (write it down: it could not be recorded) to fetch it without a new "
    "charge.",
    "cancel_not_known": "It is not known whether request {id} was cancelled: it may complete and be charged.",
    "cancel_unknown": "It is not known whether request {id} was cancelled: it may complete and be charged. Set "
    "resume_request_id to {id}, or queue the same again with seed {seed}, to fetch it without a new charge.",
    "cancel_unknown_unrecorded": "It is not known whether request {id} was cancelled: it may complete and be charged. "
    "Set resume_request_id to {id} (write it down: it could not be recorded) to fetch it without a new charge.",
    "resume_by_id": "Set resume_request_id to {id}, or queue the same again with seed {seed}, to fetch it without a "
    "new charge.",
    "resume_by_id_unrecorded": "Set resume_request_id to {id} (write it down: it could not be recorded) to fetch it "
    "without a new charge.",
    "then_resume": "Then set resume_request_id to {id} to fetch it without a new charge.",
    # -- a whole run that was stopped, or that the journal remembers
    "run_free": "This run added no charge.",
    "run_cost": "Charged: {usd}.",
    "run_cost_open": "Charged: {usd}, and perhaps {more} more of what is unknown.",
    "run_cost_perhaps": "Perhaps charged: {usd} for what is unknown.",
    "run_delivered": "Delivered: {requests}.",
    "run_running": "Running or complete when it was stopped, so charged: {requests}.",
    "run_accepted": "Accepted and never fetched: {requests}.",
    "run_unknown": "Outcome unknown, perhaps charged: {requests}.",
    "run_failed": "Failed at RunComfy, perhaps charged: {requests}.",
    "run_failed_priced": "Failed at RunComfy: {requests}.",
    "run_gone": "No longer at RunComfy or struck off, perhaps charged: {requests}.",
    "run_gone_priced": "No longer at RunComfy or struck off: {requests}.",
    "run_cancelled": "Cancelled while waiting, not charged: {requests}.",
    "run_cancelled_priced": "Cancelled, and yet with a cost: {requests}.",
    "run_unanswered": "Sent without an answer so far, perhaps charged: {count} of the requests. Account lists what is "
    "known of them later.",
    "run_resume": "Resume fetches what is paid for, without a new charge.",
    "run_rest": "Queue the same again with seed {seed} to have the rest as well: only that is bought.",
    "run_other_token": "It was not bought with the RunComfy token in use: queueing the same again with this one would "
    "buy all of it anew.",
    "run_resume_other_token": "Resume fetches what is paid for, without a new charge, with the token that bought it or "
    "another of its account.",
    # -- what is missing from a run that is fetched
    "left_out": "Left out: {why}",
    "left_out_call": "{requests}: {why}",
    "same_goes": "The same goes for request {ids}.",
    "never_accepted": "RunComfy never accepted a request for it.",
    "never_answered": "Its request was sent to {model} at {when} and the outcome is unknown: it may have been accepted "
    "and charged. Look in the list of generations in your RunComfy account (runcomfy.com): if it is there, set "
    "resume_request_id to its id.",
    "not_held": "The journal does not hold its request, which may have been paid for.",
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
    # -- the journal
    "journal_locked": "The journal {path} has been locked by another process for {waited} s; try again in a moment.",
    "journal_unwritable": "The journal of paid requests {path} cannot be written ({why}). Make that folder writable "
    "for ComfyUI and see that its disk is not full.",
    "journal_newer": "The journal {path} was written by a newer version of this pack; update the pack.",
    "journal_unreadable": "The journal of paid requests {path} cannot be read, so it cannot be checked what is already "
    "paid for and nothing more is submitted. Repair the file, or move it away to start a new one (the ids in it stay "
    "fetchable by resume_request_id).",
    "journal_full": "The journal {path} holds {count} paid requests that were never fetched, and no more are submitted "
    "until some are. Fetch them by resume_request_id or by queueing their workflows again, each with the seed it "
    "had, or strike them off in the account dialog.",
    "journal_vanished": "The journal of paid requests {path} was deleted, moved or replaced while ComfyUI ran: {count} "
    "that it held are missing, and what they paid for would be bought again. Put the file back; or queue again to go "
    "on without it.",
    "journal_vanished_with_ids": "The journal of paid requests {path} was deleted, moved or replaced while ComfyUI "
    "ran: {count} that it held are missing, and what they paid for would be bought again. Put the file back; or queue "
    "again to go on without it (resume_request_id still fetches {ids}).",
    # -- the other files
    "file_locked": "The file {path} is locked by another process.",
    "file_locked_for_now": "The file {path} is locked by another process; queue again in a moment.",
    "file_damaged": "The file {path} is damaged; delete it and queue again.",
    "file_unreadable": "The file {path} cannot be read; make it readable for ComfyUI or delete it.",
    "folder_unusable": "The folder {folder} cannot be used ({why}); RunComfy runs need it for their record of paid "
    "requests. Make it writable for ComfyUI.",
    "key_missing": "The file {path} is missing, without which this computer cannot tell what of the journal of paid "
    "requests {journal} is your account's. Put it back, or move the journal away to start a new one (the ids in it "
    "stay fetchable by resume_request_id).",
    "settings_unreadable": "The account settings {path} cannot be read, so the ceiling per prompt is not known and "
    "nothing is bought. Set the ceiling again in the account dialog, or delete the file to go back to {usd}.",
    # -- the settings of this computer
    "no_whole_path": "{variable} is {value}; it must be the whole path of a folder.",
    "folder_handed_out": "{variable} names {folder}, whose files ComfyUI hands out to anyone who asks; name a folder "
    "outside ComfyUI's input, output, temp and user folders.",
    "folder_is_file": "{variable} names {folder}, which is a file; name a folder.",
    "journal_left_behind": "{variable} names {folder}, but the journal of paid requests still lies in {usual}, so what "
    "it holds would be bought again. Move the files of that folder to the new one.",
    "other_environment": "{variable} is {value}, and this pack talks to RunComfy's production servers only; remove it "
    "to use those.",
    "no_loopback_address": "{variable} is set, but not to the address of a server on this machine; it may only be a "
    "loopback address such as http://127.0.0.1:8765. Correct it, or remove it to use RunComfy.",
    "httpx_missing": "Backend runcomfy needs the Python package httpx, which is not installed. Install it into "
    "ComfyUI's Python with: python -m pip install httpx (then restart ComfyUI).",
    "connection_settings": "The connection to RunComfy cannot be set up with this computer's settings: check "
    "HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE (a SOCKS proxy needs: python -m pip install 'httpx[socks]').",
    # -- the token
    "not_signed_in": "{node}: backend runcomfy needs a RunComfy API token and none is set. Save one in the node's "
    "account dialog, or set RUNCOMFY_API_TOKEN, or run `runcomfy login`; or choose backend local or sketch, which cost "
    "nothing.",
    "token_unusable": "The RunComfy token from {source} is not usable: a token is 1 to 4096 visible ASCII characters "
    "without spaces. Copy it again from your RunComfy account.",
    "saved_here": "saved in ComfyUI",
    "account_dialog": "the account dialog",
    "save_valid_token": "Save a valid one in the account dialog.",
    "log_in_again": "Run `runcomfy login` again, or save a valid one in the account dialog, which goes before it.",
    "set_valid_token": "Set {variable} to a valid one and start again, or save a valid one in the account dialog, "
    "which goes before it.",
    "save_that_token": "Save that account's token in the account dialog.",
    "log_in_there": "Run `runcomfy login` with that account, or save that account's token in the account dialog, which "
    "goes before it.",
    "set_that_token": "Set {variable} to that account's token and start again, or save that account's token in the "
    "account dialog, which goes before it.",
    # -- what RunComfy is asked for; each is a part of a sentence
    "price_of": "the price of {model}",
    "status_of": "the status of request {id}",
    "result_of": "the result of request {id}",
    "submission_to": "the submission to {model}",
    "cancel_of": "the cancel of request {id}",
    "rendered_file": "the rendered file",
    "the_request": "request {id}",
    # -- why it is not given
    "token_rejected": "RunComfy rejected the token ({source}) when asked for {what} ({how}){words}.",
    "of_another_account": "RunComfy says that {thing} belongs to another account than the token in use ({source}; "
    "{how}){words}.",
    "balance_exhausted": "Your RunComfy balance is exhausted ({how}){words}. Add funds on runcomfy.com.",
    "not_known_there": "RunComfy does not know {thing} ({how}){words}.",
    "too_busy": "RunComfy is too busy for {what} ({how}){words}. Try again in a moment.",
    "has_a_problem": "RunComfy has a problem with {what} ({how}){words}. Try again later.",
    "not_followed": "RunComfy answered {what} with {how}, which is not followed.",
    "request_refused": "RunComfy refused {what} ({how}){words}.",
    "later_or_update": "Try again later; if it stays so, this pack needs an update.",
    "http_status": "HTTP {status}",
    "http_error": "HTTP {status}, error {error}",
    "it_says": " (it says: {words})",
    "answer_unreadable": "RunComfy's answer to {what} cannot be read. Try again later.",
    "unreachable": "RunComfy could not be reached for {what} ({error}). Check the connection and try again.",
    # -- a request whose outcome is not known, or bad
    "outcome_unknown": "It is not known whether RunComfy accepted the request sent to {model} at {when} ({why}), so it "
    "was not sent again. Look in {where} whether it is there; it may be charged.",
    "connection_failed": "the connection failed: {error}",
    "answer_without_id": "the answer has no usable request id",
    "answer_was": "the answer was {how}{words}",
    "your_generations": "the list of generations in your RunComfy account (runcomfy.com)",
    "queue_again_twice": "If it is there, set resume_request_id to its id; if it is not, queue again twice with seed "
    "{seed}: the first run stops to ask you once more, and the second submits it anew.",
    "not_recorded_either": "That could not be recorded either.",
    "accepted_unrecorded": "RunComfy accepted request {id}, which may be charged, but it could not be recorded. Write "
    "the id down: resume_request_id fetches it without a new charge.",
    "sent_before": "The same request was already sent to {model} at {when} and its outcome is unknown: it may have "
    "been accepted and charged. Look in the list of generations in your RunComfy account (runcomfy.com): if it is "
    "there, set resume_request_id to its id. If it is not, queue again with seed {seed}: it is then submitted anew.",
    "sent_before_failed": "The same was sent at {when} as request {id}, which failed there.",
    "sent_before_cancelled": "The same was sent at {when} as request {id}, which was cancelled there.",
    "sent_before_gone": "The same was sent at {when} as request {id}, which is not to be had from RunComfy any more.",
    "rendered_anew": "Queue again with seed {seed} to have it rendered anew, at a new charge.",
    # -- a request that was accepted and gives no sound
    "stays_without_result": "RunComfy has been calling request {id} {state} for {seconds} s without giving its result.",
    "stays_without_state": "RunComfy has given no state of request {id} for {seconds} s.",
    "stays_in_unknown_state": "RunComfy has been giving request {id} the state {state} for {seconds} s, which this "
    "pack does not know.",
    "rendered_by_foreign": "Request {id} was rendered by {model}, not by {asked}.",
    "delivered_too_little": "RunComfy delivered {there} s of sound where {wanted} s were asked for, so it cannot be "
    "put into the track.",
    "delivered_files": "RunComfy delivered {count} files where one is expected{words}.",
    "address_unreadable": "RunComfy delivered an address that cannot be read; it is not fetched{words}.",
    "foreign_address": "RunComfy delivered a file at {address}, which is not one of RunComfy's own hosts; it is not "
    "fetched{words}.",
    "file_not_downloaded": "The file could not be downloaded ({error}).",
    "file_not_there": "The rendered file is not at its address (HTTP {status}).",
    "file_not_just_now": "The host of the rendered file cannot send it just now (HTTP {status}).",
    "file_refused": "The host of the rendered file refused to send it ({how}){words}.",
    "file_undecodable": "The file RunComfy delivered ({size} bytes) is {why}.",
    "file_unusable": "The file RunComfy delivered {why}.",
    "larger_than": "is larger than {size} MiB",
    "packed_otherwise": "is packed in another way than with gzip, once",
    "broken_gzip": "is broken gzip",
    # -- what to do about such a request
    "then_queue_again": "Then queue again with seed {seed}.",
    "no_longer_there": "It cannot be fetched any more.",
    "file_may_come": "Request {id} stays in the journal. Set resume_request_id to {id} to try once more and buy "
    "nothing; or queue again with seed {seed}: if the file is still missing then, the render is bought again.",
    "or_rendered_here": "Or {another_seed} to have it rendered for the account in use, at a charge.",
    "if_it_fails_again": "If that fails in the same way, {another_seed} to have it rendered anew, at a new charge.",
    "change_seed": "change the seed",
    "clear_and_change_seed": "clear resume_request_id and change the seed",
    "free_with_this_token": "(Queueing the same again with seed {seed} is free with this token only: to another one it "
    "would be a new request.)",
    "fetch_from_journal": "Request {id} is in the journal: set resume_request_id to {id}, or queue the same again with "
    "seed {seed}, to fetch it without a new charge.",
    "fetch_again": "Set resume_request_id to {id} again to fetch it without a new charge.",
    "fetch_with_that_token": "Request {id} was bought with another RunComfy token: sign in with that one and set "
    "resume_request_id to {id} to fetch it without a new charge.",
    "of_another_token": "It was bought with another RunComfy token: sign in with that one to fetch it.",
    "check_id": "Check the id, and that the token is of the account that bought it.",
    "not_on_resume": "Nothing is bought on resume: to have it rendered anew, at a new charge, clear resume_request_id "
    "and queue the settings of that run with seed {seed}.",
    # -- a run of which something failed
    "takes_failed": "{count} of {of} takes failed.",
    "kept": "Paid for and kept: {requests}. Queue the same again with seed {seed}: these are fetched without a new "
    "charge and only what is missing is bought.",
    "kept_for_that_token": "Paid for and kept: {requests}. With another token, resume_request_id fetches these without "
    "a new charge; queueing the same again would buy them anew.",
    "kept_to_be_fetched": "There to be fetched again, without a new charge: {requests}.",
    # -- the price and the limits
    "price_per_second": "{usd} per second of audio",
    "price_per_output": "{usd} per output",
    "no_usable_price": "RunComfy gave no usable price for {model}, so the request is not submitted.",
    "unknown_unit": "RunComfy prices {model} by a unit this pack does not know, so the cost cannot be estimated and "
    "the request is not submitted. Update the pack.",
    "estimated_one": "This run is estimated at {usd} (1 request at {price})",
    "estimated": "This run is estimated at {usd} ({count} requests at {price})",
    "no_paid_run": "{estimate}, but max_cost_usd 0 allows no paid run; stopped before submitting.",
    "above_max_cost": "{estimate}, above its max_cost_usd of {most}; stopped before submitting. Raise max_cost_usd, or "
    "ask for fewer takes or less sound.",
    "next_above_max_cost": "{spent} of this run is spent or on its way, and another request for {usd} ({price}) would "
    "go above its max_cost_usd of {most}; it is not submitted. Raise max_cost_usd to have it.",
    "above_ceiling": "{estimate}, above the account's ceiling of {most} per prompt; stopped before submitting. Raise "
    "the ceiling in the account dialog, or queue less at a time.",
    "above_ceiling_together": "{estimate} on top of {others} for the prompt's other runs, above the account's ceiling "
    "of {most} per prompt; stopped before submitting. Raise the ceiling in the account dialog, or queue less at a "
    "time.",
    "next_above_ceiling": "{spent} of this run is spent or on its way, and another request for {usd} ({price}) would "
    "go above the account's ceiling of {most} per prompt; it is not submitted. Raise the ceiling in the account dialog "
    "to have it.",
    "next_above_ceiling_together": "{spent} of this run is spent or on its way, {others} is set aside for the prompt's "
    "other runs, and another request for {usd} ({price}) would go above the account's ceiling of {most} per prompt; it "
    "is not submitted. Raise the ceiling in the account dialog to have it.",
    # -- what RunComfy does not do
    "edits_are_v1": "{node}: version is {version}, but RunComfy hosts edits for ace-step only. Set version to auto or "
    "ace-step, or set backend to local to edit with ace-step-1.5.",
    "too_long_for_runcomfy": "{node}: {field} is {seconds} s; RunComfy makes at most {most} s in one request. Set it "
    "to {most} or less, or set backend to local (ACE-Step 1.5 makes up to 600 s).",
    "sound_of_request": "the sound of one request",
    "request_too_large": "the part of the source to send makes a request of {size} MiB; RunComfy takes at most {most} "
    "MiB. Set context_seconds lower, or split the range.",
    # -- the ids that a user types in
    "no_request_id": "{node}: resume_request_id holds {id}, which is not a RunComfy request id; an id has 1 to 128 "
    "letters, digits, - and _, and several are separated by commas.",
    "ids_of_different_runs": "{node}: resume_request_id names requests of different runs ({ids}); give one id, it "
    "stands for its whole run.",
    "ids_not_of_all": "{node}: resume_request_id holds {count} ids that this computer's journal does not know as one "
    "run, and this node needs {needed}, one for each request ({size}).",
    "run_of_another_size": "{node}: the run of request {id} had {then}, but this node has {now} now. Give it the "
    "source and the ranges of that run, or clear resume_request_id.",
    "run_size": "{items} × {takes} × {parts}",
    "one_item": "1 item",
    "several_items": "{count} items",
    "one_take": "1 take",
    "several_takes": "{count} takes",
    "one_part": "1 part",
    "several_parts": "{count} parts",
    "of_another_node": "{node}: request {id} is of another kind of node ({kind}); resume it there.",
    "a_generated_track": "generated track",
    "an_inpaint": "inpaint",
    "an_outpaint": "outpaint",
}
