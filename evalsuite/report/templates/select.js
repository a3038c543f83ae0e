// Selects the problems and responses to show, by flags and search over the index, without reading the responses.
const AHEAD = 4; // files of responses that are being loaded while one is searched
const FLAGS = [
  ["wrong", "wrong"],
  ["truncated", "truncated"],
  ["silent", "no answer"],
  ["disputed", "graders disagree"],
  ["divided", "seeds disagree"],
];
const state = {
  catalog: null,
  task: null,
  problems: [],
  groups: [],
  loaded: new Map(),
  flags: new Set(),
  search: "",
  problem: "",
  deep: null,
  shown: [],
  scan: 0,
};

const passes = (group, at) =>
  [...state.flags].every((flag) => group.flags[flag][at]) &&
  (state.deep === null || group.found?.[at] === 1 || matchesAnswer(group, at));
const matchesAnswer = (group, at) => state.search !== "" && group.words[at].includes(state.search);
const matchesProblem = (problem) => state.search === "" || problem.words.includes(state.search);

// The problems to show, each with its groups and their responses that pass the filters.
function selection() {
  const found = [];
  let responses = 0;
  for (const problem of state.problems) {
    if (state.problem && problem.key !== state.problem) continue;
    const named = matchesProblem(problem);
    const groups = [];
    for (const group of state.groups) {
      const all = group.rows.get(problem.key) ?? [];
      const hits = all.filter((at) => passes(group, at) && (named || state.deep !== null || matchesAnswer(group, at)));
      if (all.length) groups.push({ group, all, hits: new Set(hits) });
    }
    const count = groups.reduce((sum, one) => sum + one.hits.size, 0);
    if (!count) continue;
    responses += count;
    found.push({ problem, groups });
  }
  return { found, responses };
}

// Searches all responses of the selected models, file by file; matches are shown as they are found.
async function searchResponses(progress) {
  const scan = ++state.scan;
  const needle = state.search;
  state.deep = needle;
  for (const group of state.groups) group.found = new Uint8Array(group.index.problem.length);
  const files = state.groups.flatMap((group) => {
    const last = group.index.place.at(-1)?.[0] ?? -1;
    return Array.from({ length: last + 1 }, (_, number) => [group, number]);
  });
  const begin = ([group, number]) => load(`${group.task.folder}/${group.folder}/${number}`);
  const ahead = files.slice(0, AHEAD).map(begin);
  for (const [done, [group, number]] of files.entries()) {
    const texts = await ahead.shift();
    if (scan !== state.scan) return;
    if (done + AHEAD < files.length) ahead.push(begin(files[done + AHEAD]));
    group.index.place.forEach(([file, at], row) => {
      if (file === number && texts[at][0].toLowerCase().includes(needle)) group.found[row] = 1;
    });
    progress(done + 1, files.length);
  }
}

function stopSearch() {
  state.scan += 1;
  state.deep = null;
  for (const group of state.groups) group.found = null;
}
