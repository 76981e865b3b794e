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
    # -- a whole run that was stopped, or that the journal remembers
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
    # -- what is missing from a run that is fetched
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
    # -- the journal
    "journal_locked": "The journal {path} has been locked by another process for {waited} s; queue again in a moment.",
    "journal_unwritable": "The journal of paid requests {path} cannot be written ({why}). Make that folder writable "
    "for ComfyUI and see that its disk is not full.",
    "journal_newer": "The journal {path} was written by a newer version of this pack; update the pack.",
    "journal_unreadable": "The journal of paid requests {path} cannot be read, so it cannot be checked what is already "
    "paid for and nothing more is submitted. Repair the file, or move it away to start a new one (the ids in it stay "
    "fetchable by resume_request_id).",
}
