"""What the pack's routes answer when they answer nothing else."""

SENTENCES = {
    "not_own_page": "This may only be asked from ComfyUI's own page.",
    "unknown_page": "This may only be asked from ComfyUI's own page. This page is at {page}, which this ComfyUI does "
    "not know as its own: if it is, start ComfyUI with the environment variable {setting}.",
    "unknown_page_and_setting": "This may only be asked from ComfyUI's own page. This page is at {page}, which this "
    "ComfyUI does not know as its own: if it is, start ComfyUI with the environment variable {setting} ({unreadable} "
    "in it now is no origin).",
    # -- a question that cannot be answered
    "body_no_json": "The body must be JSON.",
    "body_too_long": "The body is larger than {most} bytes.",
    "body_unreadable": "The body is not readable JSON.",
    "body_no_object": "The body must be a JSON object.",
    "no_choice": "{name} is {value}; choose one of {options}.",
    # -- the account
    "account_files_unusable": "The account's files on the server cannot be used ({why}).",
    "token_missing": "token is missing; it must be text.",
    "no_token": "No RunComfy token is set.",
    "token_accepted": "RunComfy accepts the token ({source}).",
    "no_ceiling": "ceiling_usd is {value}; it must be a number from 0 to {most} US dollars.",
    "edit_not_hosted": "RunComfy hosts {task} for {version} only; set version to auto or {version}.",
    "workflow_missing": "workflow is missing; it must be the id of a workflow.",
    "keys_missing": "keys is missing; it must be a list of journal keys.",
    # -- a file in one of ComfyUI's folders
    "names_no_text": "subfolder and filename must be text.",
    "no_such_file": "the {folder} folder has no such file.",
    "file_unopened": "it cannot be opened.",
    "bpm_unusable": "bpm is {value}; it must be 0 or a number from {least} to {most}.",
    "example_unwritable": "The example track cannot be written to {folder} ({why}).",
    # -- the models on this machine
    "no_sockets": "connected must be a list of the sockets in use, out of {options}.",
    # -- the plan of an edit
    "plan_of_nothing": "plan: seconds is 0; a track has some length.",
    "plan_without_task": "plan: task is {value}; choose inpaint or outpaint.",
    "plan_without_ranges": "plan: ranges must be a list of [start, end] pairs in seconds.",
    "plan_of_whole_loop": "plan: the ranges leave nothing of the track for the loop to lead back to.",
    "plan_range_empty": "plan: the range {start} to {end} s is empty or lies past the end of the track.",
}
