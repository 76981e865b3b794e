/** Whether a node has a track to work on, and the example track for whoever has none. */
import {
  addNodeBefore,
  chooseNew,
  connect,
  downstream,
  isLinked,
  isUsed,
  nodesAround,
  rememberForUndo,
  settled,
  toast,
  upstream,
  viewUrl,
} from "../comfy.js";
import { ask } from "../server.js";
import { say } from "../strings.js";
import { headOf, loadedFile, loaderOf } from "./file.js";

const INPUT = "audio";
const OUTPUT = 0;

const found = new Map();
const listeners = new Set();

/** Whether the server has a file {filename, subfolder, type}; asked once, and anew after `filesChanged`. */
export function isThere(file) {
  const url = viewUrl(file);
  if (!found.has(url)) {
    const answer = headOf(file).then(({ status }) => status !== 404);
    found.set(url, answer);
    answer.catch(() => found.delete(url));
  }
  return found.get(url);
}

/** Files may have come or gone: everyone who shows one looks again. */
export function filesChanged() {
  found.clear();
  for (const listener of listeners) listener();
}

/** Calls `listener` when files may have come or gone. Returns a function that ends it. */
export function onFilesChanged(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Why a node has no track to work on, as what to do about it: null when it has one or only a run can tell. */
export async function trackProblem(node) {
  const file = loadedFile(node, INPUT);
  if (file) return (await isThere(file)) ? null : say("track.missing", { file: file.filename });
  if (loaderOf(node, INPUT)) return say("track.choose");
  return upstream(node, INPUT) ? null : say("track.connect");
}

/** Whether the example track can be chosen for a node that has none: neither decided nor to be had from elsewhere. */
export function takesExample(node) {
  const loader = loaderOf(node, INPUT);
  return loader ? !isLinked(loader, INPUT) : !sharing(node).some((each) => isLinked(each, INPUT));
}

/** Puts the example track into the input folder and chooses it; a Load Audio is added where there is none. */
export async function useExampleTrack(node) {
  try {
    const { filename } = await ask("example-track");
    const loader = loaderOf(node, INPUT) ?? connectLoader(node);
    chooseNew(loader, INPUT, filename);
    await settled(loader); // so that one undo takes all of it back
    rememberForUndo();
    filesChanged();
  } catch (error) {
    toast("error", say("track.failed"), error.message);
  }
}

/** A Load Audio that nothing uses yet, else a new one, connected to the node and to those that work on its track. */
function connectLoader(node) {
  const idle = (each) => each.comfyClass === "LoadAudio" && !isUsed(each, OUTPUT);
  const loader = nodesAround(node).find(idle) ?? addNodeBefore(node, "LoadAudio");
  for (const each of sharing(node)) {
    if (each.graph === node.graph && !isLinked(each, INPUT)) connect(loader, OUTPUT, each, INPUT);
  }
  return loader;
}

/** The nodes that an edit and its ranges consist of, from any of them. */
function sharing(node) {
  const group = new Set([node]);
  for (const each of group) {
    if (each.comfyClass === "TimeRange") downstream(each, OUTPUT).forEach((next) => group.add(next));
    for (const input of ["time_range", "previous"]) {
      const origin = upstream(each, input);
      if (origin?.node.comfyClass === "TimeRange") group.add(origin.node);
    }
  }
  return [...group].filter((each) => each.inputs?.some(({ name }) => name === INPUT));
}
