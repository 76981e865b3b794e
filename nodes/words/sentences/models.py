"""What is said of the model files: that they are missing, cannot be loaded or cannot be downloaded."""

SENTENCES = {
    # -- a model that is not installed
    "model_missing": "{title} is not installed.",
    "model_incomplete": "{title} is not installed completely (found only {names}).",
    "files_to_get": "Two ways forward: let Get the model on the node download them, or put these files in place, free "
    "but for the download, and press R in ComfyUI: {files}.",
    "files_to_put": "Two ways forward: put these files in place, free but for the download, and press R in ComfyUI: "
    "{files}.",
    "file_to_put": "{name} ({size}) in {folder}",
    "file_to_replace": "{name} ({size}) in {folder}, in place of the one there, which is incomplete or something else",
    "own_file_to_put": "a file with {variant} in its name (about 5 GB; ComfyUI offers xl_sft ready-made) in {folder}",
    "listed": "{first}; {then}",
    "files_at": "ComfyUI's own ACE-Step templates offer them; they are at {site}.",
    "or_unplanned": "Or set planning to off, which needs no language model: all else is there.",
    "lm_of_xl": "ComfyUI's templates run XL with qwen_4b_ace15.safetensors (about 8.4 GB in {folder}), which is taken "
    "before the 1.7B one when it is there.",
    "file_to_move": "You have {name} already, but ComfyUI cannot load it all from where it is: move it from {here} to "
    "{there}.",
    "file_is_part": "{name} in {folder} is part {number} of {count}; ComfyUI needs one file with all of it.",
    "file_is_piece": "{name} in {folder} is only a part of a network; ComfyUI needs one file with all of it.",
    "needs_gguf_loader": "You have {name}, which only other loaders read: load it with a GGUF loader, such as those of "
    "the pack ComfyUI-GGUF, and connect that to {socket}.",
    "needs_other_loader": "You have {name}, which only other loaders read: load it with ComfyUI's loader for it and "
    "connect that to {socket}.",
    "or_runcomfy": "Or set backend to runcomfy, which needs no GPU and costs about {price} a second of audio "
    "({minute_price} a minute, list price).",
    "or_sketch": "To try the graph for free without ACE-Step, set backend to sketch.",
    # -- a model that is connected or chosen
    "model_not_ace_step": "{node}: model is {kind}, not ACE-Step; connect an ACE-Step model, or nothing to use the one "
    "in the model folders.",
    "clip_not_of_v1": "{node}: clip is not the text encoder of {title}; load it from the all-in-one file with Load "
    "Checkpoint, or connect nothing to use the one in the model folders.",
    "clip_not_of_v15": "{node}: clip is not the text encoder of {title}; load qwen_0.6b_ace15 and qwen_1.7b_ace15 with "
    "DualCLIPLoader, type ace, or connect nothing to use the one in the model folders.",
    "vae_not_of_model": "{node}: vae is not the VAE of {title}; connect the one that belongs to it, or nothing to use "
    "the one in the model folders.",
    "model_of_other_version": "{node}: version is {version}, but the connected model is {title}; set version to auto "
    "or {right}, or connect another model.",
    "not_loaded": "ComfyUI could not load {names} ({error}). The file may be damaged or incomplete: compare its size "
    "with the one where you got it, and download it again.",
    "both": "{first} and {then}",
    # -- a download
    "other_download": "{running} is being downloaded; wait for it or pause it, then get {wanted}.",
    "disk_too_small": "{wanted} are to be downloaded and the disk with {folder} has {free} free; free some space, then "
    "get the model again.",
    "disk_full": "The disk with {folder} is full; free some space, then get the model again: it goes on from where it "
    "was.",
    "folder_unwritable": "{folder} cannot be written ({why}); let ComfyUI's user write there, then get the model "
    "again.",
    "file_in_the_way": "{path} exists, is not incomplete, and so is not overwritten; move it away or rename it, then "
    "get the model again.",
    "downloaded_by_another": "Another ComfyUI is downloading {name} into {folder} right now; wait for that one, or "
    "pause it there.",
    "not_the_file": "What came as {name} is not the official file ({what}) and was removed; get the model again. If it "
    "happens again, something on the way changes it: check HF_ENDPOINT and the proxy.",
    "of_other_length": "it does not end where it should",
    "of_other_digest": "its SHA-256 is {digest}",
    "by_hand": "or put {name} into {folder} yourself ({url})",
    "hub_offline": "HF_HUB_OFFLINE is set, so nothing is downloaded; unset it and restart ComfyUI, {by_hand}.",
    "hub_unsafe": "{host} sends the download of {name} on to a {scheme} address, which is not safe, so it was not "
    "followed; check HF_ENDPOINT and the proxy.",
    "strange_scheme": "strange",
    "hub_other_size": "{host} has another {name} ({size} bytes) than the official one these nodes know; update the "
    "ACE-Step nodes, check HF_ENDPOINT, {by_hand}.",
    "hub_other_digest": "{host} has another {name} (SHA-256 {digest}) than the official one these nodes know; update "
    "the ACE-Step nodes, check HF_ENDPOINT, {by_hand}.",
    "hub_without_file": "{host} has no {path} (HTTP 404); check HF_ENDPOINT, update the ACE-Step nodes, {by_hand}.",
    "hub_refuses": "{host} does not hand out {path} (HTTP {status}): it asks for an account there, or a proxy refuses "
    "it; set HF_TOKEN, check HF_ENDPOINT and the proxy, {by_hand}.",
    "hub_answers": "{host} answers with HTTP {status} for {name}; wait a little, then get the model again: it goes on "
    "from where it was.",
    "hub_line_failed": "The line to {host} failed while {name} was being downloaded ({why}); check the network, the "
    "proxy and HF_ENDPOINT, then get the model again: it goes on from where it was.",
    "hub_library_missing": "huggingface_hub, which ComfyUI requires, cannot be imported ({error}); install it with "
    "ComfyUI's Python (python -m pip install huggingface_hub) and restart ComfyUI, {by_hand}.",
    "hub_library_unknown": "huggingface_hub {version} has no http_get, which these nodes download with; update the "
    "ACE-Step nodes, {by_hand}.",
    "model_installed": "{title} is installed.",
    "download_failed": "The download failed unexpectedly ({error}); see ComfyUI's log.",
}
