// The matrix of comparisons: differences above the diagonal, detectable differences below it.
const [A, B, GAP, LOW, HIGH, P, HOLM, MDE, NEW, HOLM_THESE, THESE, SETTLE, SHARED] = Array.from(
  { length: 13 },
  (_, at) => at,
);
const better = (verdict) => verdict === "a better" || verdict === "b better";

DIALECT.pairs = (entries, width, task) => {
  if (entries.length < 2) return nothing("One model: there is nothing to compare.");
  if (!D.pairs[task].length) return nothing("Nothing was compared on this task.");
  const place = new Map(entries.map((one, at) => [one.m, at]));
  const shown = D.pairs[task].filter((pair) => place.has(pair[A]) && place.has(pair[B]));
  if (!shown.length) return nothing("The selected models were not compared.");
  const count = entries.length;
  const left = Math.min(nameWidth(entries, width), width * 0.3);
  const size = Math.max(7, Math.min(116, (width - left - 10) / count));
  const high = Math.max(7, Math.min(size, 46));
  const most = Math.max(...shown.map((pair) => Math.abs(pair[GAP])), 0.01);
  const cells = shown.flatMap((pair) => {
    const [x, y] = [place.get(pair[A]), place.get(pair[B])];
    const turn = x < y ? 1 : -1;
    // Cells too small for numbers are coloured on both sides of the diagonal.
    const mirror = { x: Math.min(x, y), y: Math.max(x, y), pair, below: size >= 36, turn: -turn };
    return [{ x: Math.max(x, y), y: Math.min(x, y), pair, turn }, mirror];
  });
  const option = {
    grid: { left, top: count > 14 ? 8 : 28, width: size * count, height: high * count },
    xAxis: {
      type: "category",
      position: "top",
      data: entries.map((one) => D.labels[one.m]),
      axisTick: { show: false },
      axisLine: { show: false },
      axisLabel: {
        show: count <= 14,
        color: colour("muted"),
        width: size - 4,
        overflow: "truncate",
        interval: 0,
        fontSize: 11,
      },
    },
    yAxis: {
      ...nameAxis(entries, width),
      axisLine: { show: false },
      axisLabel: {
        color: colour("fg"),
        width: left - 10,
        overflow: "truncate",
        interval: 0,
        fontSize: high < 14 ? Math.max(7, high) : 12,
      },
    },
    tooltip: tooltip(({ dataIndex }) => compared(cells[dataIndex].pair)),
    series: [
      {
        type: "custom",
        data: cells.map((cell) => [cell.x, cell.y]),
        renderItem: (parameters, api) => square(cells[parameters.dataIndex], api, size, high, most),
      },
    ],
  };
  const clear = shown.filter((pair) => better(pair[NEW])).length;
  return {
    option,
    height: high * count + (count > 14 ? 16 : 36),
    canvas: count > 20,
    caption: `${clear} of ${shown.length} pairs distinguishable`,
    label:
      `Comparisons of ${plural(count, "model")} on ${D.tasks[task].name}: ` +
      `${clear} of ${shown.length} pairs are distinguishable.`,
  };
};

function square(cell, api, size, high, most) {
  const [x, y] = api.coord([cell.x, cell.y]);
  const { pair } = cell;
  const gap = cell.turn * pair[GAP];
  const clear = better(pair[NEW]);
  const strength = 0.25 + 0.75 * Math.min(1, Math.abs(gap) / most);
  const fill = cell.below || !clear ? colour("faint") : colour(gap > 0 ? "accent" : "minus");
  const children = [
    {
      type: "rect",
      shape: { x: x - size / 2 + 0.5, y: y - high / 2 + 0.5, width: size - 1, height: high - 1, r: size > 20 ? 3 : 0 },
      style: { fill, opacity: cell.below || !clear ? 1 : strength * (isDark() ? 0.45 : 0.62) },
    },
  ];
  const text = (words, dy, style) => ({
    type: "text",
    style: {
      text: words,
      x,
      y: y + dy,
      align: "center",
      verticalAlign: "middle",
      fill: colour("fg"),
      fontSize: 12,
      ...style,
    },
  });
  const two = high >= 34 && size >= 52;
  if (size >= 36 && high >= 16) {
    if (cell.below) children.push(text(pair[MDE] === null ? "" : fixed(100 * pair[MDE]), 0, { fill: colour("muted") }));
    else children.push(text(points(gap), two ? -7 : 0, { fontWeight: clear ? 700 : 400 }));
    if (!cell.below && two) children.push(text(`p ${chance(pair[HOLM])}`, 9, { fontSize: 11 }));
  }
  return { type: "group", children };
}

function compared(pair) {
  const better = { "a better": pair[A], "b better": pair[B] };
  const verdict = (words, p) => {
    if (words === "") return "unknown";
    return `${words in better ? `${D.labels[better[words]]} better` : "not distinguishable"}, p ${chance(p)}`;
  };
  return [
    `${D.labels[pair[A]]} − ${D.labels[pair[B]]}: ${points(pair[GAP])} points`,
    `95% interval ${points(pair[LOW])} to ${points(pair[HIGH])}, ${pair[SHARED]} shared problems`,
    `problems like these: ${verdict(pair[NEW], pair[HOLM])}`,
    `these very problems: ${verdict(pair[THESE], pair[HOLM_THESE])}`,
    `smallest detectable difference: ${pair[MDE] === null ? "unknown" : fixed(100 * pair[MDE])} points`,
    pair[SETTLE],
  ];
}

// The same numbers as a table, which is built when it is opened.
function pairTable(task) {
  const heads = [
    "A",
    "B",
    "A − B",
    "95% interval",
    "p",
    "p (Holm)",
    "Detectable",
    "Problems like these",
    "These problems",
  ];
  const rows = D.pairs[task].filter((pair) => wanted(D.labels[pair[A]]) && wanted(D.labels[pair[B]]));
  const cell = (text, sort) =>
    el("td", sort === undefined ? { className: "text wrap" } : { "data-sort": sort ?? "" }, text);
  const body = rows
    .slice(0, 2000)
    .map((pair) =>
      el(
        "tr",
        {},
        cell(D.labels[pair[A]]),
        cell(D.labels[pair[B]]),
        cell(points(pair[GAP]), pair[GAP]),
        cell(`${points(pair[LOW])} to ${points(pair[HIGH])}`, pair[LOW]),
        cell(chance(pair[P]), pair[P]),
        cell(chance(pair[HOLM]), pair[HOLM]),
        cell(pair[MDE] === null ? "–" : fixed(100 * pair[MDE]), pair[MDE]),
        cell(pair[NEW]),
        cell(pair[THESE]),
      ),
    );
  const head = el(
    "thead",
    {},
    el("tr", {}, ...heads.map((name) => el("th", { scope: "col" }, el("button", { type: "button" }, name)))),
  );
  return el("table", { className: "sortable" }, head, el("tbody", {}, ...body));
}
