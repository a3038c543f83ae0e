// The report: the selection for figures and tables, the keys of the figures, printing.
const KEYS = {
  dots: [
    ["dot", "accent", "mean"],
    ["point", "fg", "one seed"],
    ["bar", "accent", "± one standard deviation over seeds"],
    ["line", "accent", "95% interval for problems like these"],
  ],
  series: [
    ["dot", "accent", "mean of a checkpoint; ringed: the best"],
    ["point", "fg", "one seed"],
    ["bar", "accent", "± one standard deviation over seeds"],
    ["line", "accent", "95% interval for problems like these"],
  ],
  pairs: [
    ["bar", "accent", "row better than column"],
    ["bar", "minus", "row worse"],
    ["bar", "line", "not distinguishable"],
  ],
  curves: [
    ["line", "muted", "pass@k"],
    ["dash", "muted", "maj@k"],
  ],
  lengths: [
    ["bar", "right", "right answers"],
    ["bar", "wrong", "wrong answers"],
    ["dash", "warn", "limit"],
  ],
  rates: [
    ["bar", "wrong", "truncated"],
    ["bar", "third", "no answer"],
    ["bar", "right", "graders disagree"],
    ["dash", "warn", "5%"],
  ],
};

function keySign(kind, tone) {
  const make = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const sign = make("svg", { width: 22, height: 14, "aria-hidden": "true" });
  const shade = `var(--${tone})`;
  if (kind === "dot" || kind === "point")
    sign.append(make("circle", { cx: 11, cy: 7, r: kind === "dot" ? 5 : 2.5, fill: shade }));
  else if (kind === "bar")
    sign.append(make("rect", { x: 2, y: 2, width: 18, height: 10, rx: 2, fill: shade, opacity: 0.75 }));
  else
    sign.append(
      make("line", {
        x1: 1,
        y1: 7,
        x2: 21,
        y2: 7,
        stroke: shade,
        "stroke-width": 2,
        "stroke-dasharray": kind === "dash" ? "5 3" : "none",
      }),
    );
  return sign;
}

function choose() {
  choice.task = $("#task").value;
  choice.filter = $("#filter")
    .value.toLowerCase()
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
  for (const one of $$("[data-task]"))
    one.classList.toggle("hidden", choice.task !== "" && one.dataset.task !== choice.task);
  for (const row of $$("tr[data-label]")) row.classList.toggle("hidden", !wanted(row.dataset.label));
  for (const open of $$("details.numbers[open]")) fillNumbers(open);
  redraw();
}

function order() {
  choice.order = $("#order").value;
  redraw();
}

function fillNumbers(details) {
  $(".scroll", details).replaceChildren(pairTable(Number(details.closest("figure").dataset.task)));
}

// Print the selection in light colours, with all figures drawn.
function startPrinting() {
  let before = null;
  addEventListener("beforeprint", () => {
    before = document.documentElement.dataset.theme;
    setTheme(false);
    choice.printing = true; // draw as SVG, because a canvas would be drawn too late for the printer
    document.body.style.width = "182mm"; // the printable width of A4, so that plots are drawn for it
    for (const figure of figures) figure.near = true;
    redraw();
  });
  addEventListener("afterprint", () => {
    choice.printing = false;
    document.body.style.width = "";
    setTheme(before === "dark");
    redraw();
  });
}

for (const [kind, parts] of Object.entries(KEYS)) {
  for (const place of $$(`[data-key="${kind}"]`))
    place.append(...parts.map(([sign, tone, words]) => el("span", {}, keySign(sign, tone), words)));
}
const LARGE = 150; // models x tasks above which the page opens with one task, because all would take a hundred screens
if (D.entries.length > LARGE) $("#task").value = "0";
startTheme(redraw);
startFigures();
startPrinting();
document.addEventListener("click", headClicked);
document.addEventListener(
  "toggle",
  (event) => {
    if (event.target.matches("details.numbers[open]")) fillNumbers(event.target);
  },
  true,
);
let typing = 0;
$("#filter").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(choose, 120);
});
$("#task").addEventListener("change", choose);
$("#order").addEventListener("change", order);
choose();
