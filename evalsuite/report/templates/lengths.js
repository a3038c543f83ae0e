// Lengths of right and wrong answers, and the limit.
DIALECT.lengths = (entries, width, task) => {
  const known = entries.filter((one) => one.right || one.wrong);
  if (!known.length) return nothing("The lengths of the answers are not recorded.");
  const row = known.length > 30 ? 22 : 36;
  const ends = known
    .flatMap((one) => [...(one.right ?? []), ...(one.wrong ?? []), one.cut])
    .filter((value) => value > 0);
  const power = (value, up) => 2 ** (up ? Math.ceil(Math.log2(value) + 0.05) : Math.floor(Math.log2(value)));
  const wide = Math.max(...ends) / Math.min(...ends) > 20;
  const option = {
    grid: { left: nameWidth(known, width), right: 26, top: 6, bottom: 26 },
    xAxis: wide
      ? valueAxis({
          type: "log",
          logBase: 2,
          min: power(Math.min(...ends), false),
          max: power(Math.max(...ends), true),
          axisLabel: { formatter: (value) => (value >= 1024 ? `${value / 1024}k` : value) },
        })
      : valueAxis({ min: 0, max: Math.ceil((Math.max(...ends) * 1.05) / 10) * 10, axisLabel: { formatter: tokens } }),
    yAxis: nameAxis(known, width),
    tooltip: tooltip(({ dataIndex }) => lengthWords(known[dataIndex])),
    series: [
      {
        type: "custom",
        data: known.map((one, at) => [(one.right ?? one.wrong)[2], at]),
        clip: true,
        renderItem: (_, api) => boxes(known, api, row),
      },
    ],
  };
  return {
    option,
    height: known.length * row + 34,
    caption: wide ? "tokens, each step doubles" : "tokens",
    label:
      `Lengths of right and wrong answers of ${plural(known.length, "model")} on ${D.tasks[task].name}, ` +
      "with the limit.",
  };
};

function boxes(known, api, row) {
  const at = api.value(1);
  const one = known[at];
  const x = (value) => api.coord([Math.max(value, 1), at])[0];
  const y = api.coord([1, at])[1];
  const children = [];
  for (const [values, side, tone] of [
    [one.right, -1, "right"],
    [one.wrong, 1, "wrong"],
  ]) {
    if (!values) continue;
    const middle = y + side * row * 0.2;
    const half = row * 0.13;
    children.push(
      {
        type: "line",
        shape: { x1: x(values[0]), y1: middle, x2: x(values[4]), y2: middle },
        style: { stroke: colour(tone), lineWidth: 1.4 },
      },
      {
        type: "rect",
        shape: {
          x: x(values[1]),
          y: middle - half,
          width: Math.max(2, x(values[3]) - x(values[1])),
          height: 2 * half,
          r: 2,
        },
        style: { fill: colour(tone), opacity: 0.55 },
      },
      {
        type: "line",
        shape: { x1: x(values[2]), y1: middle - half - 1.5, x2: x(values[2]), y2: middle + half + 1.5 },
        style: { stroke: colour("fg"), lineWidth: 2 },
      },
    );
  }
  if (one.cut)
    children.push({
      type: "line",
      shape: { x1: x(one.cut), y1: y - row / 2 + 1, x2: x(one.cut), y2: y + row / 2 - 1 },
      style: { stroke: colour("warn"), lineWidth: 2, lineDash: [4, 3] },
    });
  return { type: "group", children };
}

function lengthWords(one) {
  const words = (name, values) =>
    values
      ? `${name}: median ${tokens(values[2])}, half between ${tokens(values[1])} and ${tokens(values[3])}`
      : `${name}: none`;
  return [
    D.labels[one.m],
    words("right", one.right),
    words("wrong", one.wrong),
    one.cut ? `limit ${one.cut} tokens; ${percent(one.tr)} truncated` : "",
    ...warnings(one),
  ];
}
