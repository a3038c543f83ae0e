// Draws a figure when it comes near the window, and again when the theme, the width or the selection changes.
const D = JSON.parse($("#data").textContent);
const PALETTE = {
  light: ["#0b62a8", "#c2500a", "#1a7f5a", "#8a4fa3", "#b8860b", "#2a9fc9", "#a33b5e", "#555f6b"],
  dark: ["#74b6f3", "#f0925a", "#5fcf9f", "#cfa0e6", "#e6c25a", "#7fdcf5", "#f08fb0", "#b4bdc7"],
};
const DIALECT = {
  // the options of each kind of figure, by data-kind
};
const choice = { task: "", filter: [], order: "name", printing: false };
const figures = [];

const isDark = () => document.documentElement.dataset.theme === "dark";
const palette = () => PALETTE[isDark() ? "dark" : "light"];
const wanted = (label) => !choice.filter.length || choice.filter.some((part) => label.toLowerCase().includes(part));

// The selected configurations of a task, in the selected order.
function entriesOf(task) {
  const found = D.entries.filter((one) => one.t === task && wanted(D.labels[one.m]));
  return choice.order === "mean" ? found.sort((a, b) => (b.mean ?? -1) - (a.mean ?? -1)) : found;
}

// The width for names beside a plot: as much as they need, at most a third.
function nameWidth(entries, width) {
  const longest = Math.max(...entries.map((one) => D.labels[one.m].length), 4);
  return Math.min(7 * longest + 12, Math.max(84, width * 0.33));
}

function nameAxis(entries, width) {
  return {
    type: "category",
    inverse: true,
    data: entries.map((one) => D.labels[one.m]),
    axisTick: { show: false },
    axisLine: { lineStyle: { color: colour("line") } },
    axisLabel: {
      color: colour("fg"),
      width: nameWidth(entries, width) - 10,
      overflow: "truncate",
      interval: 0,
      fontSize: 12,
    },
  };
}

function valueAxis(more = {}) {
  const { axisLabel = {}, ...rest } = more;
  return {
    type: "value",
    splitLine: { lineStyle: { color: colour("line") } },
    axisLine: { show: false },
    nameTextStyle: { color: colour("muted") },
    axisLabel: { color: colour("muted"), hideOverlap: true, fontSize: 12, ...axisLabel },
    ...rest,
  };
}

const percentAxis = (more = {}) =>
  valueAxis({ axisLabel: { formatter: (value) => `${Math.round(100 * value)}%` }, ...more });

// A tooltip built from elements, so that no name is interpreted as markup.
function tooltip(lines, more = {}) {
  return {
    confine: true,
    backgroundColor: colour("card"),
    borderColor: colour("line"),
    textStyle: { color: colour("fg"), fontSize: 13 },
    extraCssText: "box-shadow: 0 2px 10px rgb(0 0 0 / .18)",
    formatter: (item) => {
      const [title, ...rest] = lines(item) ?? [];
      return title
        ? el(
            "div",
            { className: "tip" },
            el("b", {}, title),
            ...rest
              .filter(Boolean)
              .map((line) => el("div", line.warn ? { className: "caution" } : {}, line.warn ?? line)),
          )
        : "";
    },
    ...more,
  };
}

const warnings = (entry) => entry.warn.map((text) => ({ warn: text }));

// The text of a figure that has nothing to show.
const nothing = (why) => ({ why });

function draw(figure) {
  const plot = $(".plot", figure.element);
  const width = plot.clientWidth;
  if (!width || figure.element.classList.contains("hidden")) return;
  const entries = entriesOf(figure.task);
  const made = entries.length
    ? DIALECT[figure.kind](entries, width, figure.task, figure.line)
    : nothing("No model of this task is selected.");
  figure.chart?.dispose();
  figure.chart = null;
  $("figcaption small", figure.element).textContent = made.caption ?? "";
  plot.classList.toggle("empty", Boolean(made.why));
  plot.textContent = made.why ?? "";
  if (made.why) {
    plot.style.height = "";
    plot.removeAttribute("role");
    plot.removeAttribute("aria-label");
    return;
  }
  plot.style.height = `${made.height}px`;
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", made.label);
  figure.chart = echarts.init(plot, null, {
    renderer: made.canvas && !choice.printing ? "canvas" : "svg",
    width,
    height: made.height,
  });
  figure.chart.setOption({ animation: false, textStyle: { fontFamily: "system-ui, sans-serif" }, ...made.option });
  if (made.click) figure.chart.on("click", made.click);
  figure.width = width;
}

function redraw() {
  for (const figure of figures) if (figure.near) draw(figure);
}

function startFigures() {
  for (const element of $$("figure[data-kind]")) {
    figures.push({
      element,
      kind: element.dataset.kind,
      task: Number(element.dataset.task),
      line: Number(element.dataset.line),
      near: false,
      chart: null,
      width: 0,
    });
  }
  const near = new IntersectionObserver(
    (found) => {
      for (const one of found) {
        const figure = figures.find((other) => other.element === one.target);
        if (one.isIntersecting && !figure.near) {
          figure.near = true;
          draw(figure);
        }
      }
    },
    { rootMargin: "600px" },
  );
  const resized = new ResizeObserver((found) => {
    for (const one of found) {
      const figure = figures.find((other) => $(".plot", other.element) === one.target);
      if (figure.near && figure.chart && Math.abs(one.target.clientWidth - figure.width) > 2) draw(figure);
    }
  });
  for (const figure of figures) {
    near.observe(figure.element);
    resized.observe($(".plot", figure.element));
  }
}
