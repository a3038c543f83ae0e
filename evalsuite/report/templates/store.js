// Loads scripts beside the page, which pass packed JSON to it, because a page opened from disk may not fetch files.
const waiting = new Map(); // place -> {resolve, reject}

Object.defineProperty(window, "evalsuiteReceive", { value: (place, packed) => waiting.get(place)?.resolve(packed) });

function bytesOf(packed) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(packed);
  const letters = atob(packed);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = letters.charCodeAt(at);
  return bytes;
}

async function unpack(packed) {
  const bytes = bytesOf(packed);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// The value in the script of this name.
async function load(place) {
  const script = el("script", { src: `${place}.js` });
  try {
    const packed = await new Promise((resolve, reject) => {
      waiting.set(place, { resolve, reject });
      script.addEventListener("error", () =>
        reject(new Error(`cannot load ${place}.js: the folder answers/ must be beside report.html`)),
      );
      script.addEventListener("load", () => reject(new Error(`${place}.js has no answers`))); // no effect after resolve
      document.head.append(script);
    });
    return await unpack(packed);
  } finally {
    waiting.delete(place);
    script.remove();
  }
}

// The last files of responses are kept, about 30 MB of text.
const KEPT = 24;
const chunks = new Map();
function chunk(place) {
  const found = chunks.get(place) ?? load(place);
  chunks.delete(place);
  chunks.set(place, found);
  found.catch(() => chunks.delete(place));
  if (chunks.size > KEPT) chunks.delete(chunks.keys().next().value);
  return found;
}

// One configuration's index, with the values of each response that the filters need.
async function loadGroup(task, group) {
  const index = await load(`${task.folder}/${group.folder}/index`);
  const rows = new Map(); // problem -> its rows in the columns
  index.problem.forEach((problem, at) => (rows.get(problem) ?? rows.set(problem, []).get(problem)).push(at));
  const count = index.problem.length;
  const flags = {
    wrong: new Uint8Array(count),
    truncated: new Uint8Array(count),
    silent: new Uint8Array(count),
    disputed: new Uint8Array(count),
    divided: new Uint8Array(count),
  };
  for (let at = 0; at < count; at += 1) {
    const [ours, theirs] = index.scores[at];
    flags.wrong[at] = ours !== null && ours < 0.5;
    flags.truncated[at] = index.truncated[at] === true;
    flags.silent[at] = index.silent[at];
    flags.disputed[at] = ours !== null && theirs !== null && theirs !== undefined && ours !== theirs;
  }
  for (const places of rows.values()) {
    const scores = new Set(places.map((at) => index.scores[at][0]));
    if (scores.size > 1) for (const at of places) flags.divided[at] = 1;
  }
  const words = index.extracted.map((values) => values.filter(Boolean).join("\n").toLowerCase());
  return { ...group, task, index, rows, flags, words, found: null };
}
