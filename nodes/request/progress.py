"""How a backend says how far it is and learns that the user pressed Stop.

A request carries one of these; backends never look for a global.
"""


class Progress:
    """Silent progress, for use outside ComfyUI. ``NodeProgress`` is the one nodes use."""

    def step(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` equal steps are finished."""

    def status(self, **facts) -> None:
        """Show live facts (state, queue position, request id, …) on the node that is running."""

    def raise_if_stopped(self) -> None:
        """Raise ComfyUI's own interrupt when the user pressed Stop."""

    def part(self, index: int, count: int) -> "Progress":
        """Progress of part ``index`` of ``count`` equal parts of this one."""
        return self if count == 1 else _Part(self, index, count)


class _Part(Progress):
    def __init__(self, whole: Progress, index: int, count: int):
        self._whole, self._index, self._count = whole, index, count

    def step(self, done: int, total: int) -> None:
        self._whole.step(self._index * total + done, self._count * total)

    def status(self, **facts) -> None:
        self._whole.status(**facts)

    def raise_if_stopped(self) -> None:
        self._whole.raise_if_stopped()


class NodeProgress(Progress):
    """Progress of one running node: ComfyUI's progress bar, its interrupt, and this pack's status event."""

    STATUS_EVENT = "acestep.status"

    def __init__(self, node_id: str):
        import comfy.utils

        self._node_id = node_id
        self._bar = comfy.utils.ProgressBar(100, node_id=node_id)

    def step(self, done: int, total: int) -> None:
        # ProgressBar checks for Stop itself whenever it reports.
        self._bar.update_absolute(done, total)

    def status(self, **facts) -> None:
        from server import PromptServer

        server = PromptServer.instance
        # Without a client id the event would go to every open browser.
        if server.client_id is not None:
            server.send_sync(self.STATUS_EVENT, {"node": self._node_id, **facts}, server.client_id)

    def raise_if_stopped(self) -> None:
        import comfy.model_management

        comfy.model_management.throw_exception_if_processing_interrupted()
