"use strict";
// What pages with a script share: elements, and stepping through comparisons. Text reaches the page by textContent only.
const at = (id) => document.getElementById(id);

const make = (tag, className, ...children) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children); // strings become text nodes
  return element;
};

const answerCard = (name, isWinner, text, className, ...more) => {
  const title = make("h3", "", name);
  if (isWinner) title.append(make("span", "badge", "✓ preferred"));
  const said = make("p", className, text);
  said.dir = "auto";
  return make("div", isWinner ? "answer winner" : "answer", title, said, ...more);
};

const promptCard = (text) => {
  const asked = make("p", "said prompt", text);
  asked.dir = "auto";
  return asked;
};

// draw(card, comparison or null, place, how many) fills the card; show(list) begins anew with a list.
const stepper = (draw) => {
  let shown = [];
  let place = 0;
  const step = (by) => {
    if (by && (place + by < 0 || place + by >= shown.length)) return;
    place += by;
    at("comparison").replaceChildren();
    at("previous").disabled = place <= 0;
    at("next").disabled = place >= shown.length - 1;
    draw(at("comparison"), shown[place] ?? null, place, shown.length);
  };
  at("previous").addEventListener("click", () => step(-1));
  at("next").addEventListener("click", () => step(1));
  at("browser").hidden = false;
  const show = (list) => {
    shown = list;
    place = 0;
    step(0);
  };
  return { show, step };
};
