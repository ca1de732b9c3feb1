"use strict";
// A view shows answers of one form. `ft.view({...})` adds one before those that are there:
//   fits(answer, item, model)        whether it shows this answer
//   show(answer, box, item, model)   puts it into the element `box`
//   edit(answer, box, item, model)   lets a person say what is right in `box`; gives a function that
//                              returns {correct: ...} or {rows: [...]}, or throws an Error with a sentence
const ft = (() => {
  const views = [];
  const make = (name, text, values = {}) => {
    const one = document.createElement(name);
    if (text !== undefined && text !== null) one.textContent = String(text);
    for (const [key, value] of Object.entries(values)) one.setAttribute(key, value);
    return one;
  };
  const shade = (name) => {
    let hue = 0;
    for (const letter of String(name)) hue = (hue * 31 + letter.codePointAt(0)) % 360;
    return `hsl(${hue} 70% 55% / 35%)`;
  };
  const percent = (score) => `${(100 * score).toFixed(1)} %`;
  return {
    make, shade, percent,
    view(one) { views.unshift(one); },
    find(answer, item, model) { return views.find((one) => one.fits(answer, item, model)); },
  };
})();

ft.view({  // anything
  fits: () => true,
  show(answer, box) { box.append(ft.make("pre", JSON.stringify(answer, null, 2), { tabindex: 0 })); },
  edit(answer, box) {
    const area = ft.make("textarea", JSON.stringify([answer], null, 2), { id: "rows" });
    box.append(ft.make("label", "The rows of the training file that are right, as JSON", { for: "rows" }), area);
    return () => {
      try { return { rows: JSON.parse(area.value) }; } catch (error) { throw new Error(`This is not JSON: ${error.message}`); }
    };
  },
});

ft.view({  // a label, with the probability of each
  fits: (answer) => "label" in answer,
  show(answer, box) {
    const chosen = [].concat(answer.label).map(String);
    box.append(ft.make("p", chosen.length ? chosen.join(", ") : "none of the labels", { class: "label" }));
    const bars = ft.make("div", null, { class: "bars" });
    const scores = Object.entries(answer.scores || {}).sort((a, b) => b[1] - a[1]).slice(0, 20);
    for (const [name, score] of scores) {
      const best = chosen.includes(name) ? "name best" : "name";
      bars.append(ft.make("span", name, { class: best }),
        ft.make("meter", null, { min: 0, max: 1, value: score, "aria-label": name }),
        ft.make("span", ft.percent(score)));
    }
    box.append(bars);
  },
  edit(answer, box, item, model) {
    if (typeof answer.label === "number") {
      const field = ft.make("input", null, { id: "number", type: "number", step: "any", value: answer.label });
      box.append(ft.make("label", "The right number", { for: "number" }), field);
      return () => ({ correct: { label: field.valueAsNumber } });
    }
    const many = Array.isArray(answer.label);
    const fields = model.labels.map((name, k) => {
      const field = ft.make("input", null, { type: many ? "checkbox" : "radio", name: "right", id: `label-${k}`, value: name });
      field.checked = [].concat(answer.label).includes(name);
      const label = ft.make("label", null, { for: `label-${k}` });
      label.append(field, ` ${name}`);
      box.append(label);
      return field;
    });
    return () => {
      const right = fields.filter((field) => field.checked).map((field) => field.value);
      return { correct: { label: many ? right : right[0] } };
    };
  },
});

ft.view({  // a list, the best first
  fits: (answer) => Array.isArray(answer.items) && Array.isArray(answer.scores),
  show(answer, box) {
    const list = ft.make("ol");
    answer.items.forEach((id, k) => {
      const text = (answer.texts || [])[k];
      const one = ft.make("li", text === undefined ? id : text);
      one.append(ft.make("small", ` ${answer.scores[k].toPrecision(3)}`));
      list.append(one);
    });
    box.append(answer.items.length ? list : ft.make("p", "nothing is left to be listed"));
  },
  edit(answer, box, item) {
    const several = typeof item.query === "string";
    const asked = item.user;
    if (!several && asked === undefined) {
      box.append(ft.make("p", "Name the user in the request: what is right is right for somebody."));
      return () => { throw new Error("There is no user in the request."); };
    }
    box.append(ft.make("p", several ? "Which are relevant?" : "Which one did the user take?"));
    const fields = answer.items.map((id, k) => {
      const field = ft.make("input", null, { type: several ? "checkbox" : "radio", name: "right", id: `item-${k}` });
      const label = ft.make("label", null, { for: `item-${k}` });
      label.append(field, ` ${(answer.texts || [])[k] ?? id}`);
      box.append(label);
      return field;
    });
    return () => {
      if (!fields.some((field) => field.checked)) throw new Error("Choose one.");
      if (several) {
        return { rows: answer.items.map((id, k) => ({ query: item.query, text: answer.texts[k], grade: Number(fields[k].checked) })) };
      }
      const time = Math.floor(Date.now() / 1000);
      return { rows: answer.items.filter((id, k) => fields[k].checked).map((id) => ({ user: asked, item: id, time })) };
    };
  },
});

ft.view({  // words with tags, of which entities are made
  fits: (answer) => Array.isArray(answer.tokens) && (Array.isArray(answer.entities) || Array.isArray(answer.tags)),
  spans(answer) {
    if (answer.entities) return answer.entities.map((one) => ({ first: one.first, last: one.last, type: one.type, score: one.score }));
    return answer.tags.map((tag, k) => ({ first: k, last: k, type: tag, score: (answer.scores || [])[k] })).filter((one) => one.type !== "O");
  },
  show(answer, box) {
    // Offsets count characters of Unicode; JavaScript's own strings count in units of 16 bits.
    const letters = Array.from(answer.text || answer.tokens.join(" "));
    let offsets = answer.text ? answer.offsets : null;
    if (!offsets) {
      let at = 0;
      offsets = answer.tokens.map((token) => { const begin = at; at += Array.from(token).length + 1; return [begin, at - 1]; });
      letters.splice(0, letters.length, ...Array.from(answer.tokens.join(" ")));
    }
    const text = ft.make("p", null, { class: "text" });
    let at = 0;
    for (const one of this.spans(answer)) {
      const [begin, end] = [offsets[one.first][0], offsets[one.last][1]];
      text.append(letters.slice(at, begin).join(""));
      const mark = ft.make("mark", letters.slice(begin, end).join(""), { "data-type": one.type });
      if (one.score !== undefined) mark.title = ft.percent(one.score);
      mark.style.background = ft.shade(one.type);
      mark.append(ft.make("small", one.type));
      text.append(mark);
      at = end;
    }
    text.append(letters.slice(at).join(""));
    box.append(text);
  },
  edit(answer, box, item, model) {
    const whole = Array.isArray(answer.entities);
    const kinds = whole ? [...new Set(model.labels.filter((one) => one.includes("-")).map((one) => one.slice(one.indexOf("-") + 1)))] : model.labels;
    const spans = this.spans(answer);
    const kind = ft.make("select", null, { id: "kind" });
    kinds.forEach((name) => kind.append(ft.make("option", name)));
    box.append(ft.make("p", whole
      ? "Press the first and the last word of what was missed; press an entity to take it away."
      : "Press a word to give it the tag."));
    box.append(ft.make("label", whole ? "Type of what is added" : "Tag", { for: "kind" }), kind);
    const words = ft.make("div", null, { class: "text", role: "group", "aria-label": "words" });
    box.append(words);
    let first = null;
    const of = (k) => spans.findIndex((one) => one.first <= k && k <= one.last);
    const press = (k) => {
      const there = of(k);
      if (there >= 0) { spans.splice(there, 1); first = null; if (!whole) spans.push({ first: k, last: k, type: kind.value }); }
      else if (!whole) spans.push({ first: k, last: k, type: kind.value });
      else if (first === null) first = k;
      else {
        const [a, b] = [Math.min(first, k), Math.max(first, k)];
        if (!spans.some((one) => one.first <= b && a <= one.last)) spans.push({ first: a, last: b, type: kind.value });
        first = null;
      }
      draw(k);
    };
    const draw = (focused) => {
      words.replaceChildren(...answer.tokens.map((token, k) => {
        const button = ft.make("button", token, { type: "button", class: "word", "aria-pressed": String(first === k) });
        const span = spans[of(k)];
        if (span) {
          button.style.background = ft.shade(span.type);
          button.title = span.type;
          if (span.last === k) button.append(ft.make("small", span.type));
        }
        button.addEventListener("click", () => press(k));
        return button;
      }));
      if (focused !== undefined) words.children[focused].focus();
    };
    draw();
    return () => {
      if (whole) return { correct: { entities: spans.map(({ first, last, type }) => ({ first, last, type })) } };
      const tags = answer.tokens.map((token, k) => (of(k) < 0 ? "O" : spans[of(k)].type));
      return { correct: { tags } };
    };
  },
});

ft.view({  // several tasks, each with the view of its own answer
  parts(answer, item, model) {
    const names = Object.keys(model.tasks || {});
    const shared = Object.fromEntries(Object.entries(answer).filter(([key]) => !names.includes(key)));
    return names.map((name) => {
      const own = { ...shared, ...answer[name] }, about = { ...model, labels: model.tasks[name], tasks: {} };
      return { name, own, about, view: ft.find(own, item, about) };
    });
  },
  fits: (answer, item, model) => Object.keys(model.tasks || {}).length > 0 && Object.keys(model.tasks).every((name) => name in answer),
  show(answer, box, item, model) {
    for (const { name, own, about, view } of this.parts(answer, item, model)) {
      const part = ft.make("section", null, { "data-task": name });
      part.append(ft.make("h3", name));
      view.show(own, part, item, about);
      box.append(part);
    }
  },
  edit(answer, box, item, model) {
    const parts = this.parts(answer, item, model);
    const choice = ft.make("select", null, { id: "task" });
    parts.forEach(({ name }) => choice.append(ft.make("option", name)));
    box.append(ft.make("label", "Which task is wrong?", { for: "task" }), choice);
    const inner = ft.make("div");
    box.append(inner);
    let right;
    const draw = () => {
      const { own, about, view } = parts[choice.selectedIndex];
      inner.replaceChildren();
      right = view.edit(own, inner, item, about);
    };
    choice.addEventListener("change", draw);
    draw();
    return () => ({ task: choice.value, ...right() });
  },
});
