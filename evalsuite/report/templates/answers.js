// The page of answers: tasks, models, filters, search, and the list, which grows as the reader scrolls.
const PAGE = 12;
const MODELS = 6; // selected when the page opens

async function chooseTask(name) {
  const task = state.catalog.tasks.find((one) => one.name === name) ?? state.catalog.tasks[0];
  stopSearch();
  state.task = task;
  $("#task").value = task.name;
  const problems = await load(`${task.folder}/problems`);
  state.problems = problems.map((one) => ({ ...one, words: `${one.key}\n${one.prompt}\n${one.gold}`.toLowerCase() }));
  listModels(task);
  await chooseModels();
}

function listModels(task) {
  const boxes = task.groups.map((group, at) =>
    el("label", {}, el("input", { type: "checkbox", value: String(at), checked: at < MODELS }), group.label),
  );
  const all = (on) => {
    const made = el("button", { type: "button" }, on ? "All" : "None");
    made.addEventListener("click", () => {
      for (const box of $$("#models input")) box.checked = on;
      chooseModels();
    });
    return made;
  };
  $("#models > div").replaceChildren(el("div", { className: "all" }, all(true), all(false)), ...boxes);
}

async function chooseModels() {
  const { task } = state;
  const chosen = $$("#models input:checked").map((box) => task.groups[Number(box.value)]);
  $("#models > summary").textContent = `Models (${chosen.length} of ${task.groups.length})`;
  stopSearch();
  const groups = await Promise.all(
    chosen.map(async (group) => {
      const place = `${task.folder}/${group.folder}`;
      if (!state.loaded.has(place)) state.loaded.set(place, loadGroup(task, group));
      return state.loaded.get(place);
    }),
  );
  if (task !== state.task) return;
  state.groups = groups;
  show();
}

function show() {
  const { found, responses } = selection();
  state.shown = found;
  $("#list").replaceChildren();
  $("#count").textContent = `${plural(found.length, "problem")}, ${plural(responses, "response")}`;
  $("#deep").disabled = state.search === "";
  $("#deep").textContent = state.deep === null ? "Search responses too" : "Stop searching responses";
  more();
  if (!found.length)
    $("#list").append(
      el(
        "p",
        { className: "muted" },
        state.groups.length ? "No response matches the filters." : "No model is selected.",
      ),
    );
}

function more() {
  const have = $$("#list > .problem").length;
  $("#list").append(...state.shown.slice(have, have + PAGE).map(section));
  $("#more").classList.toggle("hidden", $$("#list > .problem").length >= state.shown.length);
}

async function deepSearch() {
  if (state.deep !== null) {
    stopSearch();
    show();
    return;
  }
  let drawn = 0;
  $("#deep").dataset.done = "no";
  await searchResponses((done, all) => {
    if (done < all && performance.now() - drawn < 700) return;
    show();
    drawn = performance.now();
    if (done < all) $("#count").textContent += `; searched ${Math.floor((100 * done) / all)}%`;
    else $("#deep").dataset.done = "yes";
  });
}

function fromAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  state.problem = asked.get("problem") ?? "";
  return asked.get("task") ?? "";
}

async function start() {
  startTheme(() => {});
  $("#flags").append(
    ...FLAGS.map(([flag, label]) => {
      const box = el("input", { type: "checkbox", value: flag });
      box.addEventListener("change", () => {
        if (box.checked) state.flags.add(flag);
        else state.flags.delete(flag);
        show();
      });
      return el("label", {}, box, label);
    }),
  );
  state.catalog = await load("catalog");
  $("#task").append(...state.catalog.tasks.map((task) => el("option", { value: task.name }, task.name)));
  const { remarks } = state.catalog;
  if (remarks.length) $("#remarks").append("· not shown: ", remarks.slice(0, 5).join("; "));
  let typing = 0;
  $("#search").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      state.search = $("#search").value.trim().toLowerCase();
      stopSearch();
      clearProblem();
      show();
    }, 120);
  });
  $("#deep").addEventListener("click", deepSearch);
  $("#task").addEventListener("change", () => {
    clearProblem();
    chooseTask($("#task").value);
  });
  $("#models").addEventListener("change", chooseModels);
  $("#more").addEventListener("click", more);
  new IntersectionObserver(
    ([one]) => {
      if (one.isIntersecting) more();
    },
    { rootMargin: "500px" },
  ).observe($("#more"));
  $("#math").addEventListener("click", () => {
    const on = $("#math").getAttribute("aria-pressed") !== "true";
    $("#math").setAttribute("aria-pressed", String(on));
    for (const box of $$(".words")) box.refill?.();
  });
  addEventListener("hashchange", () => chooseTask(fromAddress()));
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#models")) $("#models").open = false;
  });
  await chooseTask(fromAddress());
}

function clearProblem() {
  state.problem = "";
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
}

start().catch((error) => $("#list").append(el("p", { className: "card" }, error.message)));
