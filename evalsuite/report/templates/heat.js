// Problems by models: the share of right answers. A click on a problem opens its answers.
DIALECT.heat = (entries, width, task) => {
  const { name, problems, answers } = D.tasks[task];
  const known = entries.filter((one) => one.rates.some((rate) => rate !== null));
  if (!known.length || !problems.length) return nothing("No answers per problem are recorded.");
  const row = known.length > 30 ? 12 : known.length > 12 ? 18 : 24;
  const left = nameWidth(known, width);
  const cells = [];
  known.forEach((one, y) =>
    one.rates.forEach((rate, x) => {
      if (rate !== null) cells.push([x, y, rate]);
    }),
  );
  const option = {
    grid: { left, right: 12, top: 4, bottom: 58 },
    xAxis: {
      type: "category",
      data: problems,
      axisLabel: { show: false },
      axisTick: { show: false },
      axisLine: { show: false },
      name: `${plural(problems.length, "problem")}, hardest first`,
      nameLocation: "start",
      nameGap: -4,
      nameTextStyle: { color: colour("muted"), align: "left", verticalAlign: "top", padding: [6, 0, 0, 0] },
    },
    yAxis: {
      ...nameAxis(known, width),
      axisLabel: {
        color: colour("fg"),
        width: left - 10,
        overflow: "truncate",
        interval: 0,
        fontSize: row < 14 ? 9 : 12,
      },
    },
    visualMap: {
      min: 0,
      max: 100,
      calculable: false,
      orient: "horizontal",
      right: 8,
      bottom: 0,
      itemHeight: 110,
      itemWidth: 12,
      text: ["100%", "0%"],
      textStyle: { color: colour("muted") },
      inRange: { color: [colour("low"), colour("high")] },
    },
    tooltip: tooltip(({ value: [x, y, rate] }) => [
      `${D.labels[known[y].m]}: ${rate}%`,
      `problem ${problems[x]}`,
      answers ? "click to open its answers" : "",
    ]),
    series: [
      {
        type: "heatmap",
        data: cells,
        progressive: 0,
        emphasis: { itemStyle: { borderColor: colour("fg"), borderWidth: 1 } },
        itemStyle: problems.length < 80 ? { borderColor: colour("card"), borderWidth: 1 } : {},
      },
    ],
  };
  const open = ({ value }) =>
    location.assign(
      `answers/index.html#task=${encodeURIComponent(name)}&problem=${encodeURIComponent(problems[value[0]])}`,
    );
  const solved = problems.map((_, x) => known.map((one) => one.rates[x]).filter((rate) => rate !== null));
  const all = solved.filter((rates) => rates.every((rate) => rate === 100)).length;
  const none = solved.filter((rates) => rates.every((rate) => rate === 0)).length;
  return {
    option,
    height: known.length * row + 62,
    canvas: cells.length > 1500,
    click: answers ? open : null,
    caption: `${all} solved by all models with every seed, ${none} by none`,
    label:
      `Solve rates of ${plural(problems.length, "problem")} of ${name} by ${plural(known.length, "model")}: ` +
      `${all} are always solved, ${none} never.`,
  };
};
