// A click on a column's head sorts its table: first ascending, then descending. What is missing
// stays last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
      const order = (a, b) => {
        const [one, two] = [a, b].map((row) => row.cells[column]);
        const missing = [one, two].map((cell) => Boolean(cell.querySelector(".missing")));
        if (missing[0] || missing[1]) return missing[0] - missing[1];
        const values = [one, two].map((cell) => cell.dataset.value);
        if (values[0] !== undefined && values[1] !== undefined) return way * (values[0] - values[1]);
        return way * one.textContent.localeCompare(two.textContent, "en", { numeric: true });
      };
      body.append(...[...body.rows].sort(order));
    });
  });
}
