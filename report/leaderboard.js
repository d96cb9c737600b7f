// Sorts and filters the table, and steps through the comparisons behind a row.
(() => {
  const { texts, comparisons } = JSON.parse(document.getElementById("data").textContent);
  const body = document.querySelector("#board tbody");
  const lines = [...body.rows];

  const value = (line, column, kind) => {
    const cell = line.cells[column];
    if (kind === "text") return cell.textContent.toLowerCase();
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  };

  const sortBy = (heading, column) => {
    const kind = heading.dataset.sort;
    const down = heading.getAttribute("aria-sort") ? heading.getAttribute("aria-sort") !== "descending" : kind === "number";
    for (const each of heading.parentNode.cells) each.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const ordered = [...lines].sort((a, b) => {
      const [x, y] = [value(a, column, kind), value(b, column, kind)];
      if (x === null || y === null) return (x === null) - (y === null); // undefined is last either way
      const order = kind === "text" ? x.localeCompare(y) : x - y;
      return down ? -order : order;
    });
    body.append(...ordered);
    choose();
  };

  const choose = () => {
    const wanted = at("t-model").value.trim().toLowerCase();
    const judge = at("t-judge").value;
    let rank = 0;
    for (const line of body.rows) {
      line.hidden = (judge !== "" && line.dataset.judge !== judge) || !line.cells[1].textContent.toLowerCase().includes(wanted);
      if (!line.hidden) line.cells[0].textContent = String((rank += 1));
    }
  };

  const verdictOf = ([, , , score]) => (score === null ? "none" : score === 0.5 ? "tied" : score > 0.5 ? "won" : "lost");
  const textOf = (spot) => (spot === null ? null : texts[spot]);

  const answer = (name, text, isWinner) => {
    const [shown, className] = text === null ? ["The text is not in the folder.", "note"] : [text || "(empty answer)", "said"];
    return answerCard(name, isWinner, shown, className);
  };

  const { show } = stepper((card, comparison, place, count) => {
    at("count").textContent = count ? `${place + 1} of ${count}` : "none match";
    if (comparison === null) return;
    const line = lines[Number(at("f-row").value)];
    const [prompt, ours, theirs, score] = comparison;
    const verdict = verdictOf(comparison);
    const answers = make(
      "div", "answers",
      answer(line.cells[1].textContent, textOf(ours), verdict === "won"),
      answer(`${line.cells[3].textContent} (baseline)`, textOf(theirs), verdict === "lost"),
    );
    const said = score === null
      ? `${line.cells[2].textContent} gave no verdict.`
      : `${line.cells[2].textContent}: ${(100 * score).toFixed(1)} % for ${line.cells[1].textContent}${verdict === "tied" ? " (a tie)" : ""}`;
    card.append(make("h3", "", "Prompt"), promptCard(textOf(prompt)), answers, make("p", "verdict", said));
  });

  const pick = () => {
    const wanted = at("f-text").value.trim().toLowerCase();
    const verdict = at("f-verdict").value;
    show((comparisons[Number(at("f-row").value)] ?? []).filter((each) =>
      (!verdict || verdictOf(each) === verdict) &&
      (!wanted || each.slice(0, 3).some((spot) => (textOf(spot) ?? "").toLowerCase().includes(wanted)))));
  };

  document.querySelectorAll("#board th[data-sort]").forEach((heading) => {
    const button = make("button", "sort", heading.textContent);
    button.type = "button";
    heading.replaceChildren(button);
    button.addEventListener("click", () => sortBy(heading, heading.cellIndex));
  });
  lines.forEach((line, row) => {
    const option = make("option", "", `${line.cells[1].textContent} · ${line.cells[2].textContent}`);
    option.value = String(row);
    at("f-row").append(option);
    const open = make("button", "open", line.cells[1].textContent);
    open.type = "button";
    open.addEventListener("click", () => {
      at("f-row").value = String(row);
      pick();
      at("browse").scrollIntoView();
    });
    line.cells[1].replaceChildren(open);
  });
  for (const id of ["t-judge", "t-model"]) at(id).addEventListener("input", choose);
  for (const id of ["f-row", "f-verdict", "f-text"]) at(id).addEventListener("input", pick);
  at("controls").hidden = false;
  pick();
})();
