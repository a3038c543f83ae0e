// Shows text of models, which may be hostile, only as text nodes, or as formulas that KaTeX builds without trust.
const CONTROL = /[\u0000-\u0008\u000b-\u000c\u000e-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
const HEAD = 3000,
  TAIL = 7000; // characters of a long response that are shown at first; the answer is usually at its end
const MOST_FORMULAS = 600,
  FORMULA = 3000,
  BUDGET = 700; // of one text; characters of one formula; milliseconds

// Show invisible characters visibly.
function plain(text) {
  const made = document.createDocumentFragment();
  let last = 0;
  for (const found of text.matchAll(CONTROL)) {
    made.append(
      text.slice(last, found.index),
      el("span", { className: "control" }, `\\u${found[0].charCodeAt(0).toString(16).padStart(4, "0")}`),
    );
    last = found.index + found[0].length;
  }
  made.append(text.slice(last));
  return made;
}

// $...$ as in Pandoc: no space inside the dollars, no digit after the second, and no empty line in a formula.
const MATH =
  /\\\[([\s\S]+?)\\\]|\\\(([\s\S]+?)\\\)|\$\$([\s\S]+?)\$\$|(?<![\\$\w])\$(?![\s$])((?:[^$\n\\]|\\[\s\S]|\n(?!\s*\n))+?)(?<![\s\\])\$(?![\d$])|(\\boxed\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})/g;

function* pieces(text) {
  let last = 0;
  for (const found of text.matchAll(MATH)) {
    const [whole, bracket, round, dollars, dollar, box] = found;
    const source = bracket ?? round ?? dollars ?? dollar ?? box;
    if (source.length > FORMULA || /\n\s*\n/.test(source)) continue;
    if (found.index > last) yield { text: text.slice(last, found.index) };
    yield { text: whole, formula: source, display: bracket !== undefined || dollars !== undefined };
    last = found.index + whole.length;
  }
  if (last < text.length) yield { text: text.slice(last) };
}

// Commands that KaTeX would ignore, because it does not trust the source, are shown as text.
const UNTRUSTED = /\\(href|url|includegraphics|html(Class|Id|Style|Data))\b/;

function formula(piece) {
  if (UNTRUSTED.test(piece.formula)) return plain(piece.text);
  const made = el("span");
  try {
    katex.render(piece.formula, made, {
      displayMode: piece.display,
      throwOnError: true,
      trust: false,
      strict: "ignore",
      maxSize: 8,
      maxExpand: 200,
      errorColor: "currentcolor",
    });
  } catch {
    return plain(piece.text);
  }
  return made;
}

function written(text, drawn) {
  if (!drawn || !/[\\$]/.test(text)) return plain(text);
  const made = document.createDocumentFragment();
  const until = performance.now() + BUDGET;
  let count = 0;
  for (const piece of pieces(text)) {
    const draw = piece.formula !== undefined && count < MOST_FORMULAS && performance.now() < until;
    if (draw) count += 1;
    made.append(draw ? formula(piece) : plain(piece.text));
  }
  return made;
}

// A box of text; of a long one only the beginning and the end are shown until the reader opens the rest.
function words(text, className = "words", short = true) {
  const box = el("div", { className, dir: "auto" });
  box.text = text;
  const fill = (whole) => {
    const drawn = $("#math").getAttribute("aria-pressed") === "true";
    if (whole || text.length <= HEAD + TAIL + 1000) return box.replaceChildren(written(text, drawn));
    const all = el(
      "button",
      { type: "button", className: "gap" },
      `Show the ${(text.length - HEAD - TAIL).toLocaleString("en")} characters between`,
    );
    all.addEventListener("click", () => {
      box.whole = true;
      fill(true);
    });
    return box.replaceChildren(written(text.slice(0, HEAD), drawn), all, written(text.slice(-TAIL), drawn));
  };
  box.refill = () => fill(box.whole || !short);
  box.refill();
  return box;
}
