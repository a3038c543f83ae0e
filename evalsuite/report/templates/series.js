// Checkpoints of a training run by step: means with both error bars and every seed; below them lengths and truncation.
DIALECT.series = (entries, width, task, place) => {
  const line = D.series[place];
  const best = line.points[line.best];
  const known = line.points.filter((one) => wanted(D.labels[one.m]) && one.mean !== null);
  if (!known.length) return nothing("No checkpoint of this series is selected.");
  const [first, last] = [known[0].step, known.at(-1).step];
  const edge = (last - first || 1) / (known.length > 1 ? Math.max(16, 2 * known.length) : 2);
  const gaps = known.slice(1).map((one, at) => one.step - known[at].step);
  const room = (Math.min(...gaps, last - first || 1) / (last - first + 2 * edge)) * (width - 70); // pixels per step
  const look = { best, size: Math.max(2, Math.min(12, 0.45 * room)) };
  const cut = Math.max(...known.map((one) => one.tr ?? 0));
  const most = [0.06, 0.1, 0.2, 0.4, 0.6, 0.8].find((end) => cut <= 0.95 * end) ?? 1;
  const option = {
    grid: [
      [26, 200],
      [264, 56],
      [358, 56],
    ].map(([top, height]) => ({ left: 52, right: 18, top, height })),
    xAxis: [0, 1, 2].map((at) => stepAxis(at, first - edge, last + edge)),
    yAxis: [
      percentAxis({ ...bounds(known), ...named("right answers", 0) }),
      valueAxis({ min: 0, splitNumber: 2, axisLabel: { formatter: tokens }, ...named("tokens per answer", 1) }),
      percentAxis({ min: 0, max: most, interval: most / 2, ...named("truncated", 2) }),
    ],
    axisPointer: { link: [{ xAxisIndex: "all" }], lineStyle: { color: colour("muted") } },
    tooltip: tooltip((items) => checkpoint(known[[items].flat()[0]?.dataIndex], best), { trigger: "axis" }),
    series: [
      { ...curve(known, "mean", 0, "accent"), symbol: "none", lineStyle: { width: 1.2, opacity: 0.5 } },
      {
        type: "custom",
        data: known.map((one) => [one.step, one.mean]),
        clip: true,
        z: 3,
        renderItem: (_, api) => bars(known, api, look),
      },
      { ...curve(known, "tokens", 1, "right"), symbolSize: Math.min(6, look.size) },
      { ...curve(known, "tr", 2, "wrong"), symbolSize: Math.min(6, look.size), markLine: limit() },
    ],
  };
  const count = plural(known.length, "checkpoint");
  return {
    option,
    height: 458,
    caption: `${count}, best at step ${stepName(best.step)}`,
    label:
      `Accuracy of ${count} of ${line.name} on ${D.tasks[task].name} by step, with intervals, lengths and ` +
      `truncation; best: step ${best.step}, ${percent(best.mean)}.`,
  };
};

const stepName = (step) => (step >= 10000 && step % 100 === 0 ? `${step / 1000}k` : step.toLocaleString("en"));

// Only the lowest of the three grids labels the steps.
function stepAxis(grid, min, max) {
  return {
    ...valueAxis({ min, max, splitLine: { show: false } }),
    gridIndex: grid,
    axisLabel: {
      show: grid === 2,
      showMinLabel: false,
      showMaxLabel: false,
      hideOverlap: true,
      color: colour("muted"),
      fontSize: 12,
      formatter: stepName,
    },
    axisTick: { show: false },
    axisLine: { show: true, lineStyle: { color: colour("line") } },
    axisPointer: { label: { show: false } },
    ...(grid === 2 ? { name: "step", nameLocation: "middle", nameGap: 24 } : {}),
  };
}

function named(name, grid) {
  const nameTextStyle = { color: colour("muted"), align: "left", padding: [0, 0, 0, -44] };
  return { name, nameLocation: "end", nameGap: 11, nameTextStyle, gridIndex: grid };
}

function curve(known, key, grid, tone) {
  return {
    type: "line",
    data: known.map((one) => [one.step, one[key]]),
    xAxisIndex: grid,
    yAxisIndex: grid,
    color: colour(tone),
    symbol: "circle",
    lineStyle: { width: 1.6 },
  };
}

function limit() {
  const lineStyle = { color: colour("warn"), type: "dashed" };
  return { silent: true, symbol: "none", label: { show: false }, lineStyle, data: [{ yAxis: 0.05 }] };
}

function bounds(known) {
  const ends = known
    .flatMap((one) => [one.lo, one.hi, one.mean, ...one.seeds])
    .filter((value) => value !== null);
  const low = Math.floor(10 * Math.min(...ends) - 0.2) / 10;
  const high = Math.ceil(10 * Math.max(...ends) + 0.2) / 10;
  return { min: Math.max(0, low), max: Math.min(1, high) };
}

function bars(known, api, { best, size }) {
  const one = known.find(({ step }) => step === api.value(0));
  const place = (value) => api.coord([one.step, value]);
  const [x, y] = place(one.mean);
  const strong = colour("accent");
  const small = size < 5;
  const children = [];
  if (one.lo !== null) {
    const [low, high] = [place(one.lo)[1], place(one.hi)[1]];
    const cap = Math.min(4, size / 2);
    const style = { stroke: strong, lineWidth: small ? 1 : 1.6 };
    const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style });
    children.push(line(x, low, x, high), line(x - cap, low, x + cap, low), line(x - cap, high, x + cap, high));
  }
  if (one.sd !== null) {
    const [low, high] = [place(Math.max(0, one.mean - one.sd))[1], place(Math.min(1, one.mean + one.sd))[1]];
    const shape = { x: x - size / 2, y: high, width: size, height: Math.max(low - high, 1), r: 2 };
    children.push({ type: "rect", shape, style: { fill: strong, opacity: 0.22 } });
  }
  one.seeds.forEach((accuracy, index) => {
    if (accuracy === null) return;
    const off = (((index * 5) % 7) - 3) * (size / 9); // spread a little, in the same way at every drawing
    const shape = { cx: x + off, cy: place(accuracy)[1], r: small ? 1.3 : 2.1 };
    children.push({ type: "circle", shape, style: { fill: colour("fg"), opacity: 0.5 } });
  });
  const ring = { stroke: colour(one === best ? "fg" : "card"), lineWidth: one === best ? 2 : small ? 0.5 : 1.5 };
  const r = one === best ? Math.max(4.5, size / 2) : Math.min(4.6, Math.max(2, size / 2));
  children.push({ type: "circle", shape: { cx: x, cy: y, r }, style: { fill: strong, ...ring } });
  return { type: "group", children };
}

function checkpoint(one, best) {
  if (!one) return [];
  return [
    `${D.labels[one.m]}${one === best ? " (best)" : ""}`,
    `${percent(one.mean)}${one.sd === null ? "" : ` ± ${fixed(100 * one.sd)} over ${one.k} seeds`}`,
    one.lo === null ? "" : `problems like these: ${percent(one.lo)} to ${percent(one.hi)}`,
    `${tokens(one.tokens)} tokens per answer, ${percent(one.tr)} truncated`,
  ];
}
