// Steps through the embedded comparisons of a ranking.
(() => {
  const examples = JSON.parse(document.getElementById("data").textContent);
  const filters = { method: at("f-method"), seed: at("f-seed"), verdict: at("f-verdict"), text: at("f-text") };

  const percent = (p) => `${(100 * p).toFixed(0)} %`;
  const signed = (x) => (x === null ? "not known" : `${x.toFixed(2).replace("-", "−")} nats`);

  const verdictOf = (e) => {
    if (e.p_candidate === null) return "abstained";
    if (e.p_candidate === 0.5) return "tied";
    return e.p_candidate > 0.5 ? "won" : "lost";
  };

  const isAgainstGold = (e) =>
    e.p_candidate !== null && e.p_candidate !== 0.5 && e.gold_candidate !== null && e.gold_rival !== null &&
    e.gold_candidate !== e.gold_rival &&
    (e.p_candidate > 0.5) !== (e.gold_candidate > e.gold_rival);

  const searched = (e) => [e.prompt, e.candidate, e.rival, e.rationale].join("\n").toLowerCase();

  const answer = (e, who, first) => {
    const verdict = verdictOf(e);
    const isWinner = (who === "candidate" && verdict === "won") || (who === "rival" && verdict === "lost");
    const name = `${first ? "Shown first" : "Shown second"} · ${who === "candidate" ? e.method : "rival"}`;
    const gold = make("p", "gold", `Gold utility ${signed(e[`gold_${who}`])}`);
    return answerCard(name, isWinner, e[who] || "(empty answer)", "said", gold);
  };

  const verdictLine = (e) => {
    const verdict = verdictOf(e);
    if (verdict === "abstained") return [make("p", "verdict", `${e.annotator} gave no verdict.`)];
    const fill = make("span", "");
    fill.style.width = `${100 * e.p_candidate}%`;
    const bar = make("div", "bar", fill);
    bar.setAttribute("aria-hidden", "true");
    const said = `${e.annotator}: ${percent(e.p_candidate)} for ${e.method}, ${percent(1 - e.p_candidate)} for the rival` +
      (verdict === "tied" ? " (a tie)" : "");
    const line = make("p", "verdict", said);
    if (isAgainstGold(e)) line.append(make("span", "against", " · against gold"));
    return [line, bar];
  };

  const { show, step } = stepper((card, e, place, count) => {
    if (e === null) {
      at("count").textContent = examples.length ? `0 of ${examples.length} match` : "none were kept";
      card.append(make("p", "note", examples.length ? "No comparison matches. Widen the choice above." : "This result keeps no comparisons."));
      return;
    }
    const whole = count === examples.length ? "" : ` (of ${examples.length})`;
    at("count").textContent = `${place + 1} of ${count}${whole}`;
    const order = e.shown_first === "candidate" ? ["candidate", "rival"] : ["rival", "candidate"];
    const answers = make("div", "answers", answer(e, order[0], true), answer(e, order[1], false));
    card.append(make("h3", "", `Prompt · ${e.method}, seed ${e.seed}`), promptCard(e.prompt), answers, ...verdictLine(e));
    if (e.rationale) card.append(make("h3", "why", "Why"), make("p", "said", e.rationale));
  });

  const choose = () => {
    const wanted = filters.text.value.trim().toLowerCase();
    show(examples.filter((e) =>
      (!filters.method.value || e.method === filters.method.value) &&
      (!filters.seed.value || String(e.seed) === filters.seed.value) &&
      (!filters.verdict.value || verdictOf(e) === filters.verdict.value || (filters.verdict.value === "against" && isAgainstGold(e))) &&
      (!wanted || searched(e).includes(wanted))));
  };

  const fill = (select, values) => {
    for (const value of new Set(values)) {
      const option = make("option", "", String(value));
      option.value = String(value);
      select.append(option);
    }
  };

  fill(filters.method, examples.map((e) => e.method));
  fill(filters.seed, examples.map((e) => e.seed).sort((a, b) => a - b));
  for (const each of Object.values(filters)) each.addEventListener("input", choose);
  document.addEventListener("keydown", (event) => {
    const busy = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) || event.altKey || event.ctrlKey || event.metaKey;
    const inside = at("browse").getBoundingClientRect();
    const inView = inside.top < window.innerHeight && inside.bottom > 0;
    if (busy || !inView) return;
    if (event.key === "ArrowRight") step(1);
    if (event.key === "ArrowLeft") step(-1);
  });
  show(examples);
})();
