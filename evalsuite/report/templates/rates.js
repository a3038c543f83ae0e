// Truncated, no answer, graders disagree: bars, with the line above which the score no longer measures skill alone.
const LIMIT = 0.05;
const RATES = [
  ["tr", "truncated", "wrong"],
  ["na", "no answer", "third"],
  ["dis", "graders disagree", "right"],
];

DIALECT.rates = (entries, width, task) => {
  const measured = RATES.filter(([key]) => entries.some((one) => one[key] !== null));
  if (!measured.length) return nothing("Neither finish reasons nor extracted answers are recorded.");
  const most = Math.max(...entries.flatMap((one) => measured.map(([key]) => one[key] ?? 0)), LIMIT);
  const row = 14 + 9 * measured.length;
  const option = {
    grid: { left: nameWidth(entries, width), right: 44, top: 6, bottom: 26 },
    xAxis: percentAxis({
      min: 0,
      max: Math.min(1, Math.ceil(most * 22) / 20),
      axisLabel: { formatter: (value) => `${Math.round(1000 * value) / 10}%` },
    }),
    yAxis: nameAxis(entries, width),
    tooltip: tooltip(({ dataIndex }) => [
      D.labels[entries[dataIndex].m],
      ...measured.map(([key, words]) => `${words}: ${percent(entries[dataIndex][key])}`),
      ...warnings(entries[dataIndex]),
    ]),
    series: measured.map(([key, words, tone], at) => ({
      type: "bar",
      name: words,
      barWidth: 7,
      barGap: "30%",
      itemStyle: { color: colour(tone), borderRadius: 2 },
      barMinHeight: 1,
      data: entries.map((one) =>
        one[key] === null
          ? { value: null }
          : {
              value: one[key],
              label: {
                show: one[key] > LIMIT,
                position: "right",
                color: colour("warn"),
                fontSize: 11,
                formatter: percent(one[key], 0),
              },
            },
      ),
      ...(at === 0
        ? {
            markLine: {
              silent: true,
              symbol: "none",
              label: { show: false },
              lineStyle: { color: colour("warn"), type: [4, 3] },
              data: [{ xAxis: LIMIT }],
            },
          }
        : {}),
    })),
  };
  return {
    option,
    height: entries.length * row + 34,
    label:
      `Shares of responses of ${plural(entries.length, "model")} on ${D.tasks[task].name} that were truncated, ` +
      `contain no answer, or on which the graders disagree; the highest is ${percent(most)}.`,
  };
};
