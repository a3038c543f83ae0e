// A section per problem: prompt, gold, and a button per response, which opens it.
const kindOf = (group, at) => {
  const [ours] = group.index.scores[at];
  if (ours !== null && ours >= 0.5) return ["right", "✓", "right"];
  if (group.flags.silent[at]) return ["none", "∅", group.flags.truncated[at] ? "no answer, truncated" : "no answer"];
  if (group.flags.truncated[at]) return ["cut", "✂", "wrong, truncated"];
  return ours === null ? ["none", "?", "not scored"] : ["wrong", "✗", "wrong"];
};

function section({ problem, groups }) {
  const scores = groups
    .flatMap(({ group, all }) => all.map((at) => group.index.scores[at][0]))
    .filter((score) => score !== null);
  const right = scores.filter((score) => score >= 0.5).length;
  const head = el(
    "h2",
    {},
    `Problem ${problem.number || "?"}`,
    el("code", {}, problem.key),
    el("span", {}, `${right} of ${scores.length} responses right`),
  );
  const made = el("section", { className: "card problem" }, head);
  if (problem.prompt) made.append(words(problem.prompt, "words prompt"));
  made.append(el("div", { className: "gold" }, el("b", {}, "Gold"), words(shownAnswer(problem.gold))));
  for (const one of groups) made.append(modelRow(one));
  return made;
}

// An answer in LaTeX is drawn as a formula; any other is shown as text.
const shownAnswer = (text) =>
  /[\\^_]/.test(text) && !/[$]/.test(text) && text.length < 400 ? `$${text.trim()}$` : text;

function modelRow({ group, all, hits }) {
  const right = all.filter((at) => (group.index.scores[at][0] ?? 0) >= 0.5).length;
  const chips = el("div", { className: "chips" });
  const row = el(
    "div",
    { className: "model" },
    el("div", { className: "label" }, group.label, el("small", {}, `${right} of ${all.length}`)),
    chips,
  );
  for (const at of all) chips.append(chip(group, at, hits.has(at), row));
  return row;
}

function chip(group, at, hit, row) {
  const [kind, sign, meaning] = kindOf(group, at);
  const disputed = group.flags.disputed[at];
  const seed = group.index.seed[at] ?? "–";
  const made = el(
    "button",
    {
      type: "button",
      className: `chip ${kind}${disputed ? " disputed" : ""}${hit ? "" : " out"}`,
      "aria-expanded": "false",
      "aria-label": `seed ${seed}: ${meaning}${disputed ? ", graders disagree" : ""}`,
      title: `seed ${seed}: ${meaning}${disputed ? ", graders disagree" : ""}`,
    },
    `${sign} ${seed}`,
  );
  let panel = null;
  made.addEventListener("click", async () => {
    if (panel) {
      panel.remove();
      panel = null;
      made.setAttribute("aria-expanded", "false");
      return;
    }
    made.setAttribute("aria-expanded", "true");
    panel = el("div", { className: "response" }, el("div", { className: "facts" }, "Loading…"));
    row.append(panel);
    const own = panel;
    try {
      const [file, place] = group.index.place[at];
      const [text, reason] = (await chunk(`${group.task.folder}/${group.folder}/${file}`))[place];
      own.replaceChildren(
        facts(group, at, reason, () => made.click()),
        responseText(text),
      );
    } catch (error) {
      own.replaceChildren(el("div", { className: "facts" }, error.message));
    }
  });
  return made;
}

function facts(group, at, reason, close) {
  const { index } = group;
  const made = el("div", { className: "facts" }, el("b", {}, `seed ${index.seed[at] ?? "unknown"}`));
  group.metrics.forEach((metric, number) => {
    const score = index.scores[at][number];
    const extracted = index.extracted[at][number];
    const verdict =
      score === null || score === undefined
        ? ["", "not scored"]
        : score >= 1
          ? ["yes", "✓ right"]
          : score > 0
            ? ["", `${score}`]
            : ["no", "✗ wrong"];
    made.append(
      el(
        "span",
        {},
        `${metric} `,
        el("b", { className: verdict[0] }, verdict[1]),
        extracted ? ", read: " : ", nothing read",
        extracted ? words(shownAnswer(extracted), "words", false) : null,
      ),
    );
  });
  const finish = index.finish[at] ?? (index.truncated[at] ? "truncated" : "unknown");
  made.append(
    el("span", {}, `finish: ${finish}`),
    el("span", {}, index.tokens[at] === null ? "tokens unknown" : `${index.tokens[at].toLocaleString("en")} tokens`),
  );
  if (index.status[at] && index.status[at] !== "ok") made.append(el("span", {}, `grading: ${index.status[at]}`));
  if (reason) made.append(el("span", {}, "reason: ", words(reason, "words")));
  const button = el("button", { type: "button" }, "Close");
  button.addEventListener("click", close);
  made.append(button);
  return made;
}

function responseText(text) {
  const made = text ? words(text) : el("div", { className: "words muted" }, "(an empty response)");
  made.setAttribute("tabindex", "0");
  made.setAttribute("role", "group");
  made.setAttribute("aria-label", "Response");
  return made;
}
