/** What can be done to a chip: removed, moved by keys, dragged to another place or group. */
import { make } from "../dom.js";
import { say } from "../strings.js";

const DRAG_PIXELS = 4;

export function followChips(panel) {
  const { root } = panel.layout;
  root.addEventListener("click", (event) => {
    const chip = event.target.closest(".acestep-chip");
    if (chip && event.target.closest(".acestep-chip-remove")) panel.remove(...placeOf(chip));
  });
  root.addEventListener("keydown", (event) => {
    const chip = event.target.closest(".acestep-chip");
    if (chip && onKey(panel, chip, event)) {
      event.preventDefault();
      event.stopPropagation(); // Delete would take the whole node
    }
  });
  root.addEventListener("pointerdown", (event) => {
    const chip = event.target.closest(".acestep-chip");
    if (chip && event.button === 0 && !event.target.closest(".acestep-chip-remove")) dragChip(panel, chip, event);
  });
}

const placeOf = (chip) => [chip.parentElement.dataset.group, Number(chip.dataset.index)];

function onKey(panel, chip, event) {
  const [group, index] = placeOf(chip);
  const row = panel.layout.rows[group];
  const count = row.chips.children.length;
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (event.key === "Delete" || event.key === "Backspace") {
    panel.remove(group, index);
    row.focus(index);
  } else if (step && event.altKey) {
    const place = Math.min(Math.max(0, index + step), count - 1);
    // `move` counts places before the chip has left its own.
    if (place !== index) panel.move(group, index, group, step > 0 ? place + 1 : place);
    row.focus(place);
  } else if (step) {
    row.focus(Math.max(0, index + step));
  } else {
    return false;
  }
  return true;
}

function dragChip(panel, chip, down) {
  const [group, index] = placeOf(chip);
  const { root } = panel.layout;
  const mark = make("span", { class: "acestep-drop", "aria-hidden": "true" });
  let target = null;
  const move = (event) => {
    const far = Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) >= DRAG_PIXELS;
    if (!target && !far) return;
    root.classList.add("acestep-dragging");
    chip.classList.add("acestep-dragged");
    target = dropAt(root, event) ?? target;
    if (target) target.row.insertBefore(mark, target.row.querySelectorAll(".acestep-chip")[target.place] ?? null);
  };
  const end = () => {
    root.removeEventListener("pointermove", move);
    root.removeEventListener("lostpointercapture", end);
    root.classList.remove("acestep-dragging");
    chip.classList.remove("acestep-dragged");
    mark.remove();
    if (target) panel.move(group, index, target.row.dataset.group, target.place);
  };
  root.setPointerCapture(down.pointerId);
  root.addEventListener("pointermove", move);
  root.addEventListener("lostpointercapture", end);
}

/** The group and the place in it under the pointer. */
function dropAt(root, event) {
  const rows = [...root.querySelectorAll(".acestep-tag-row")];
  const row = rows
    .find((item) => {
      const box = item.getBoundingClientRect();
      return event.clientY >= box.top && event.clientY < box.bottom;
    })
    ?.querySelector(".acestep-chips");
  if (!row || row.textContent === say("tags.linked")) return null;
  const chips = [...row.querySelectorAll(".acestep-chip")];
  const after = (chip) => {
    const box = chip.getBoundingClientRect();
    return event.clientY > box.bottom || (event.clientY >= box.top && event.clientX > box.left + box.width / 2);
  };
  return { row, place: chips.filter(after).length };
}
