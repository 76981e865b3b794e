/** Which file a node's sound can be heard from. */
import { downstream, knownValue, lastOutput, upstream, viewUrl } from "../comfy.js";

/** "folder/name.wav [output]" → {filename, subfolder, type}. */
export function parseFileName(text) {
  const [, path, type] = /^(.*?)(?:\s*\[(input|output|temp)\])?$/.exec(text);
  const cut = path.lastIndexOf("/");
  return { filename: path.slice(cut + 1), subfolder: cut < 0 ? "" : path.slice(0, cut), type: type ?? "input" };
}

/** What the server says of a file right now, without its content; status 404 when it has none. */
export const headOf = (file) => fetch(viewUrl(file), { method: "HEAD", cache: "no-store" });

const loading = (node, inputName) => {
  const origin = upstream(node, inputName);
  return origin?.node.comfyClass === "LoadAudio" ? origin : null;
};

/** The Load Audio node that feeds an input, else null. */
export const loaderOf = (node, inputName) => loading(node, inputName)?.node ?? null;

/** The file that feeds an input before anything has run: that of a Load Audio node, else null. */
export function loadedFile(node, inputName) {
  const origin = loading(node, inputName);
  const name = origin && knownValue(origin.node, "audio", origin.inside);
  return typeof name === "string" && name ? parseFileName(name) : null;
}

/**
 * The files in which an output was saved or previewed, one for each take; none before that ran. By a node it leads
 * to, or by its own: nodes that save hand their sound on.
 */
export function savedFiles(node, slot) {
  for (const saving of [node, ...downstream(node, slot)]) {
    const files = (lastOutput(saving)?.audio ?? []).filter((file) => file?.filename);
    if (files.length)
      return files.map(({ filename, subfolder = "", type = "output" }) => ({ filename, subfolder, type }));
  }
  return [];
}

/** The file in which the sound that feeds an input can be heard, else null. */
export function audibleFile(node, inputName) {
  const loaded = loadedFile(node, inputName);
  if (loaded) return loaded;
  const origin = upstream(node, inputName);
  return origin ? (savedFiles(origin.node, origin.slot)[0] ?? null) : null;
}

export const sameFile = (a, b) =>
  a === b || (a != null && b != null && ["filename", "subfolder", "type"].every((key) => a[key] === b[key]));
