// Dots and intervals: a point per seed, a bar for the noise of re-running, a line for that of the problems.
DIALECT.dots = (entries, width, task) => {
  const known = entries.filter((one) => one.mean !== null);
  if (!known.length) return nothing("No seed is finished yet.");
  const row = known.length > 30 ? 20 : 30;
  const ends = known
    .flatMap((one) => [one.lo, one.hi, one.mean, ...one.seeds.map(([, accuracy]) => accuracy)])
    .filter((value) => value !== null);
  const span = Math.max(...ends) - Math.min(...ends);
  const step = span > 0.5 ? 0.2 : span > 0.2 ? 0.1 : 0.05;
  const floor = Math.max(0, step * Math.floor(Math.min(...ends) / step - 0.1));
  const roof = Math.min(1, step * Math.ceil(Math.max(...ends) / step + 0.1));
  const single = known.length === 1;
  const option = {
    grid: { left: nameWidth(known, width), right: 18, top: 6, bottom: 26 },
    xAxis: percentAxis({ min: floor, max: roof, interval: step }),
    yAxis: nameAxis(known, width),
    tooltip: tooltip(({ dataIndex }) => describe(known[dataIndex])),
    series: [
      {
        type: "custom",
        data: known.map((one, at) => [one.mean, at]),
        clip: true,
        renderItem: (_, api) => interval(known, api, row, single),
      },
    ],
  };
  const best = known.reduce((a, b) => (b.mean > a.mean ? b : a));
  const label =
    `Accuracy of ${plural(known.length, "model")} on ${D.tasks[task].name} with intervals; ` +
    `highest: ${D.labels[best.m]}, ${percent(best.mean)}.`;
  const spread = [...new Set(known.map((one) => one.k))].sort((a, b) => a - b);
  return {
    option,
    label,
    height: known.length * row + 34,
    caption: `${best.n} problems, ${spread.length > 1 ? `${spread[0]} to ` : ""}${plural(spread.at(-1), "seed")}`,
  };
};

function interval(known, api, row, single) {
  const at = api.value(1);
  const one = known[at];
  const place = (value) => api.coord([value, at]);
  const [middle, y] = place(one.mean);
  const strong = one.lead || single ? colour("accent") : colour("rest");
  const children = [];
  if (one.lo !== null) {
    const [low, high] = [place(one.lo)[0], place(one.hi)[0]];
    const line = (x1, y1, x2, y2) => ({
      type: "line",
      shape: { x1, y1, x2, y2 },
      style: { stroke: strong, lineWidth: 1.6 },
    });
    children.push(line(low, y, high, y), line(low, y - 4, low, y + 4), line(high, y - 4, high, y + 4));
  }
  if (one.sd !== null) {
    const [low, high] = [place(Math.max(0, one.mean - one.sd))[0], place(Math.min(1, one.mean + one.sd))[0]];
    children.push({
      type: "rect",
      shape: { x: low, y: y - row * 0.22, width: Math.max(high - low, 1), height: row * 0.44, r: 3 },
      style: { fill: strong, opacity: 0.22 },
    });
  }
  one.seeds.forEach(([, accuracy], index) => {
    if (accuracy === null) return;
    const off = (((index * 5) % 7) - 3) * (row / 24); // spread a little, in the same way at every drawing
    children.push({
      type: "circle",
      shape: { cx: place(accuracy)[0], cy: y + off, r: 2.3 },
      style: { fill: colour("fg"), opacity: 0.5 },
    });
  });
  children.push({
    type: "circle",
    shape: { cx: middle, cy: y, r: 4.6 },
    style: { fill: strong, stroke: colour("card"), lineWidth: 1.5 },
  });
  return { type: "group", children };
}

function describe(one) {
  const seeds = one.seeds.map(([seed, accuracy]) => `${seed ?? "?"}: ${percent(accuracy)}`);
  const shown = seeds.length > 12 ? [...seeds.slice(0, 12), "…"] : seeds;
  return [
    D.labels[one.m],
    `${percent(one.mean)}${one.sd === null ? "" : ` ± ${fixed(100 * one.sd)} over ${one.k} seeds`}`,
    one.lo === null ? "" : `problems like these: ${percent(one.lo)} to ${percent(one.hi)}`,
    `seeds ${shown.join(", ")}`,
    ...warnings(one),
  ];
}
