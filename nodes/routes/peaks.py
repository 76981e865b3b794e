"""What a file in one of ComfyUI's folders is drawn from, beyond what the browser can tell.

    /acestep/peaks  {"filename": "mix.wav", "subfolder": "", "type": "input" | "output" | "temp"} → see audio/peaks.py,
                    and "crossings", see audio/crossings.py; for tracks too long to decode in the browser. With
                    "growing": true the answer does not wait for the whole file: HTTP 202 with "peaks" of what was read
                    so far and "seconds" of the whole, or {} while neither is known; ask again
    /acestep/beats  the same and "bpm": 0 or 30 to 300 → {"beats": null or see audio/beats.py}

Who may ask and how is in same_origin.py. HTTP 404: there is no such file; 422: it holds no sound that can be read.
"""

from functools import cache

from .same_origin import register

NAMES = ("peaks", "beats")


def register_routes(routes=None) -> None:
    """Add the routes to ComfyUI's server. ``routes`` is for tests."""
    answers = cache(_answers)  # made by the first question: there is one for the whole server
    for name in NAMES:
        register(f"/acestep/{name}", _answer_to(name, answers), routes)


def _answer_to(name: str, answers):
    async def answer(question: dict) -> tuple[int, dict]:
        return await getattr(answers(), name)(question)

    return answer


def _answers():
    import folder_paths

    # Imported by the first question and not when ComfyUI starts.
    from .peaks_answers import Answers

    return Answers(
        {
            "input": folder_paths.get_input_directory,
            "output": folder_paths.get_output_directory,
            "temp": folder_paths.get_temp_directory,
        }
    )
