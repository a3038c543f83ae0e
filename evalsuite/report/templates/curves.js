// Curves of pass@k and maj@k over k.
DIALECT.curves = (entries, width, task) => {
  const known = entries.filter((one) => one.ks.length > 1 && one.pass[0] !== null);
  if (!known.length)
    return nothing(
      entries.some((one) => one.k > 1)
        ? "Scores between 0 and 1 have no pass@k."
        : "With one seed, k is 1 and there is no curve.",
    );
  const many = known.length > 8;
  const ks = [...new Set(known.flatMap((one) => one.ks))].sort((a, b) => a - b);
  const colours = palette();
  const tone = (one, at) => (!many ? colours[at] : one.lead ? colour("accent") : colour("rest"));
  const line = (one, at, values, dashed) => ({
    type: "line",
    name: `${D.labels[one.m]}`,
    data: one.ks.map((k, index) => [String(k), values[index]]).filter(([, value]) => value !== null),
    symbolSize: many ? 3 : 6,
    symbol: dashed ? "emptyCircle" : "circle",
    color: tone(one, at),
    emphasis: { focus: "series", lineStyle: { width: 3.5 } },
    triggerLineEvent: true,
    lineStyle: { width: many ? 1.2 : 2, type: dashed ? [5, 4] : "solid", opacity: many && !one.lead ? 0.55 : 1 },
    tooltip: { trigger: "item" },
    z: one.lead ? 3 : 2,
    metric: dashed ? "maj" : "pass",
  });
  const series = known.flatMap((one, at) => [
    line(one, at, one.pass, false),
    ...(one.maj.some((value) => value !== null) && (!many || one.lead) ? [line(one, at, one.maj, true)] : []),
  ]);
  const columns = Math.max(
    1,
    Math.floor((width - 30) / (8 * Math.max(...known.map((one) => Math.min(D.labels[one.m].length, 24))) + 44)),
  );
  const legend = many ? 0 : 22 * Math.ceil(known.length / columns);
  const option = {
    grid: { left: 48, right: 16, top: 12 + legend, bottom: 40 },
    legend: many
      ? { show: false }
      : {
          data: known.map((one) => ({ name: D.labels[one.m], icon: "circle" })),
          top: 0,
          left: 0,
          itemWidth: 12,
          itemHeight: 9,
          textStyle: { color: colour("fg"), width: Math.min(190, width - 60), overflow: "truncate" },
        },
    xAxis: {
      type: "category",
      data: ks.map(String),
      name: "k",
      nameLocation: "middle",
      nameGap: 24,
      nameTextStyle: { color: colour("muted") },
      boundaryGap: false,
      axisLabel: { color: colour("muted") },
      axisLine: { lineStyle: { color: colour("line") } },
      axisTick: { show: false },
    },
    yAxis: percentAxis({ scale: true }),
    tooltip: tooltip((item) => [
      D.labels[known.find((one) => D.labels[one.m] === item.seriesName).m],
      item.value ? `${series[item.seriesIndex].metric}@${item.value[0]}: ${percent(item.value[1])}` : "",
    ]),
    series,
  };
  return {
    option,
    height: (width < 420 ? 240 : 280) + legend,
    caption: many ? "in colour: not significantly different from the best" : "",
    label:
      `pass@k and maj@k of ${plural(known.length, "model")} on ${D.tasks[task].name} ` +
      `for k from 1 to ${ks.at(-1)}.`,
  };
};
