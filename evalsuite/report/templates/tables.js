// Sorts tables by a click on a column header; rows without a value stay last.
function sortTable(table, column, descending) {
  const body = $("tbody", table);
  const key = (row) => {
    const cell = row.children[column];
    return cell.dataset.sort === undefined
      ? cell.textContent.trim()
      : cell.dataset.sort === ""
        ? null
        : Number(cell.dataset.sort);
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number"
      ? a - b
      : String(a).localeCompare(String(b), undefined, { numeric: true });
  const rows = [...body.rows].map((row) => [key(row), row]);
  rows.sort(([a], [b]) =>
    a === null || b === null ? (a === null) - (b === null) : (descending ? -1 : 1) * compare(a, b),
  );
  body.append(...rows.map(([, row]) => row));
  $$("thead th", table).forEach((head, at) => {
    if (at === column) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
}

function headClicked(event) {
  const head = event.target.closest("table.sortable thead th");
  if (!head || !event.target.closest("button")) return;
  const column = [...head.parentElement.children].indexOf(head);
  const table = head.closest("table");
  const numeric = $(`tbody tr td:nth-child(${column + 1})[data-sort]`, table) !== null;
  const before = head.getAttribute("aria-sort");
  sortTable(table, column, before ? before === "ascending" : numeric);
}
