"""What the pack's routes answer when they answer nothing else."""

SENTENCES = {
    "not_own_page": "This may only be asked from ComfyUI's own page.",
    "unknown_page": "This may only be asked from ComfyUI's own page. This page is at {page}, which this ComfyUI does "
    "not know as its own: if it is, start ComfyUI with the environment variable {setting}.",
    "unknown_page_and_setting": "This may only be asked from ComfyUI's own page. This page is at {page}, which this "
    "ComfyUI does not know as its own: if it is, start ComfyUI with the environment variable {setting} ({unreadable} "
    "in it now is no origin).",
}
