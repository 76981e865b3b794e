/** What is known of a run while it is under way, from the server's messages. Pure: messages in, a summary out. */

export class LiveRun {
  constructor() {
    this.calls = new Map();
    this.ids = new Set();
    this.left = null; // what the server says of the whole run once it has been stopped or has failed, see afterwards.py
  }

  /** Takes in one message {state, take, item, part, queue_position, request_id, elapsed, message, …}. */
  add(message) {
    if (message.run) {
      this.left = message.run;
      return;
    }
    this.calls.set(`${message.item ?? 1} ${message.take ?? 1} ${message.part ?? 1}`, message);
    if (message.request_id) this.ids.add(message.request_id);
  }

  /** Takes what the journal says of a run in place of what was said as it ended, if it is this one. */
  retell(run) {
    if (this.left && run?.created === this.left.created) this.left = run;
  }

  get requestIds() {
    return this.left?.ids ?? [...this.ids];
  }

  /** {states: [[state, count]], queue_position, elapsed, message, said}; states as they came up. */
  summary() {
    const counts = new Map();
    let position = null;
    for (const call of this.calls.values()) {
      counts.set(call.state, (counts.get(call.state) ?? 0) + 1);
      if (call.queue_position != null) position = Math.min(position ?? Infinity, call.queue_position);
    }
    const telling = [...this.calls.values()].filter((call) => call.message).at(-1);
    return {
      states: [...counts],
      queue_position: position,
      elapsed: Math.max(0, ...[...this.calls.values()].map((call) => call.elapsed ?? 0)),
      message: telling?.message ?? null,
      said: telling?.said ?? null,
    };
  }
}
