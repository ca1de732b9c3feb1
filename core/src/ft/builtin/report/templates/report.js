"use strict";
(() => {
  const source = document.getElementById("report-data");
  const splits = JSON.parse(source.textContent).splits;
  window.addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("details")) one.open = true;
  });
  if (!splits.length) return;

  const NONE = "(none)";
  const GOOD = new Set(["right", "hit"]);
  const PAGE = 20;
  const TONES = {
    right: "--right", missed: "--missed", invented: "--invented",
    "wrong type": "--type", "wrong border": "--border", "wrong type and border": "--type",
  };
  const byId = (id) => document.getElementById(id);
  const state = { split: 0, kind: "", gold: "", found: "", order: "worst", search: "", shown: PAGE };

  // Text only ever becomes text: nothing here reads markup.
  function el(tag, name, ...children) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }
  const percent = (share) => (share === null || share === undefined ? "?" : `${(100 * share).toFixed(1)} %`);
  const plain = (value) => (Array.isArray(value) ? value.join(", ") || NONE : String(value));

  // What an example can be filtered by: each of its spans, its label, its list.
  function facets(view, one) {
    if (view === "words") {
      if (!one.pairs.length) return [{ kind: "right", gold: NONE, found: NONE }];
      return one.pairs.map((pair) => ({
        kind: pair.kind,
        gold: pair.gold ? pair.gold[2] : NONE,
        found: pair.found ? pair.found[2] : NONE,
      }));
    }
    if (view === "labels" && Array.isArray(one.gold)) {
      const names = [...new Set([...one.gold, ...one.found])];
      if (!names.length) return [{ kind: "right", gold: NONE, found: NONE }];
      return names.map((name) => {
        const gold = one.gold.includes(name), found = one.found.includes(name);
        return {
          kind: gold && found ? "right" : gold ? "missed" : "invented",
          gold: gold ? name : NONE, found: found ? name : NONE,
        };
      });
    }
    if (view === "labels" && one.kinds.length) {
      return [{ kind: one.kinds[0], gold: one.gold, found: one.found }];
    }
    if (view === "lists" || view === "targets") return [{ kind: one.kinds[0] }];
    return [{}];
  }

  function matches(one, kind) {
    const all = one.facets;
    if (GOOD.has(kind) && all.some((facet) => !GOOD.has(facet.kind))) return false;
    const found = all.some((facet) =>
      (!kind || facet.kind === kind || (kind === "errors" && !GOOD.has(facet.kind)) ||
        (kind.startsWith("wrong ") && facet.kind === "wrong type and border")) &&
      (!state.gold || facet.gold === state.gold) &&
      (!state.found || facet.found === state.found));
    return found && (!state.search || one.text.includes(state.search));
  }

  const strings = (value) => (typeof value === "string" ? [value]
    : value && typeof value === "object" ? Object.values(value).flatMap(strings) : []);
  for (const split of splits) {
    for (const one of split.examples) {
      one.text = [(one.words || []).join(" "), ...strings(one)].join("\n").toLowerCase();
      one.facets = facets(split.view, one);
    }
  }

  const draw = {
    words(one) {
      const line = el("div", "sentence");
      if (one.before) line.append(`… (${one.before} words) `);
      const marks = one.words.map(() => ({ gold: null, found: null, ends: [] }));
      for (const pair of one.pairs) {
        for (const side of ["gold", "found"]) {
          if (pair[side]) for (let i = pair[side][0]; i < pair[side][1]; i++) marks[i][side] = pair;
        }
        const last = Math.max(pair.gold ? pair.gold[1] : 0, pair.found ? pair.found[1] : 0) - 1;
        if (marks[last]) marks[last].ends.push(pair);
      }
      for (let i = 0; i < one.words.length;) {
        const mark = marks[i];
        let end = i + 1;
        const goesOn = (next) => next.gold === mark.gold && next.found === mark.found;
        while (end < one.words.length && !marks[end - 1].ends.length && goesOn(marks[end])) end++;
        const part = el("span", "", one.words.slice(i, end).join(" "));
        if (mark.gold) {
          part.classList.add("g");
          part.style.setProperty("--gold", `var(${TONES[mark.gold.kind]})`);
        }
        if (mark.found) {
          part.classList.add("f");
          part.style.setProperty("--said", `var(${TONES[mark.found.kind]})`);
        }
        line.append(part);
        for (const pair of marks[end - 1].ends) {
          const tag = el("span", "tag", told(pair));
          tag.style.setProperty("--tone", `var(${TONES[pair.kind]})`);
          line.append(tag);
        }
        line.append(" ");
        i = end;
      }
      if (one.after) line.append(`… (${one.after} words)`);
      return [line];
    },
    labels(one) {
      const good = plain(one.gold) === plain(one.found);
      const number = typeof one.gold === "number";
      const said = el("span", number ? "" : good ? "good" : "bad", "predicted ", el("b", "", plain(one.found)));
      if (one.p_found !== undefined) said.append(` ${percent(one.p_found)}`);
      const gold = el("span", "", "gold ", el("b", "", plain(one.gold)));
      if (one.p_gold !== undefined && !good) gold.append(` ${percent(one.p_gold)}`);
      const verdict = el("div", "verdict", said, gold);
      if (one.loss !== null && !number) verdict.append(el("span", "", `loss ${one.loss.toFixed(2)}`));
      const pictures = (one.pictures || []).map((source) => {
        const image = el("img", "picture");
        image.src = source;
        image.alt = "";
        return image;
      });
      return [...pictures, ...texts(one.texts), verdict];
    },
    lists(one) {
      const verdict = el("div", "verdict",
        el("span", "", el("b", "", one.group)),
        el("span", one.kinds[0] === "hit" ? "good" : "bad", "took ", el("b", "", named(one.target))),
        one.rank === null ? null : el("span", "", `rank ${one.rank}${one.among ? ` of ${one.among}` : ""}`));
      const list = el("ol", "ranked");
      for (const [id, title, score, hit] of one.list) {
        const small = [title ? id : "", score === null ? "" : String(score)].filter(Boolean).join(" · ");
        list.append(el("li", hit ? "hit" : "", title || id, " ", el("small", "", (hit ? "✓ " : "") + small)));
      }
      const before = one.history.length
        ? el("div", "note", "before: ", one.history.map(named).join("; ")) : null;
      return [verdict, before, list];
    },
    targets(one) {
      return [...texts(one.texts), ...one.answers.map((answer) => {
        const tone = answer.right === null ? "" : answer.right ? "good" : "bad";
        return el("div", "verdict", el("small", "", answer.name),
          el("span", tone, "predicted ", el("b", "", answer.found)),
          el("span", "", "gold ", el("b", "", answer.gold)));
      })];
    },
    plain(one) {
      return [...texts(one.texts), el("div", "note", "predicted"), ...texts(one.found)];
    },
  };
  const named = ([id, title]) => title || id;
  function told(pair) {
    const score = pair.score === null ? "" : ` ${pair.score.toFixed(2)}`;
    if (pair.kind === "right") return pair.gold[2];
    if (pair.kind === "missed") return `missed ${pair.gold[2]}`;
    if (pair.kind === "invented") return `invented ${pair.found[2]}${score}`;
    if (pair.kind === "wrong border") return `${pair.gold[2]}: wrong border${score}`;
    return `${pair.gold[2]} → ${pair.found[2]}${score}`;
  }
  function texts(pairs) {
    return pairs.map(([name, text]) =>
      el("p", "text", pairs.length > 1 ? el("small", "", name) : null, text));
  }

  function options(select, names, all) {
    select.replaceChildren(...["", ...names].map((name) => {
      const one = el("option", "", name || all);
      one.value = name;
      return one;
    }));
    select.value = "";
    select.parentElement.hidden = !names.length;
  }

  function choose(index) {
    const split = splits[index];
    const all = split.examples.flatMap((one) => one.facets);
    const named = (key) => [...new Set(all.map((facet) => facet[key]).filter((name) => name !== undefined))].sort();
    Object.assign(state, { split: index, kind: "", gold: "", found: "", shown: PAGE });
    options(byId("gold"), named("gold"), "any");
    options(byId("found"), named("found"), "any");
    byId("split").value = String(index);
    const wrong = split.kinds.length && all.some((facet) => !GOOD.has(facet.kind));
    state.kind = wrong ? "errors" : "";
    legend(split);
    show();
  }

  function legend(split) {
    const box = byId("legend");
    box.hidden = split.view !== "words";
    const gold = el("span", "g", "gold"), found = el("span", "f", "predicted");
    gold.style.setProperty("--gold", "var(--muted)");
    found.style.setProperty("--said", "var(--muted)");
    box.replaceChildren(el("span", "", gold, " is underlined"), el("span", "", found, " is shaded"),
      el("span", "", "the colour and the words behind a span tell the kind of error"));
  }

  function show() {
    const split = splits[state.split];
    const kinds = split.kinds.length ? ["errors", ...split.kinds, ""] : [];
    byId("kinds").replaceChildren(...kinds.map((kind) => {
      const many = split.examples.filter((one) => matches(one, kind)).length;
      const pill = el("button", "", kind === "errors" ? "all errors" : kind || "everything", " ", el("small", "", String(many)));
      pill.type = "button";
      pill.dataset.kind = kind;
      pill.setAttribute("aria-pressed", String(kind === state.kind));
      pill.addEventListener("click", () => { state.kind = kind; state.shown = PAGE; show(); });
      return pill;
    }));
    const found = split.examples.filter((one) => matches(one, state.kind));
    if (state.order === "best") found.reverse();
    if (state.order === "data") found.sort((a, b) => a.n - b.n);
    byId("list").replaceChildren(...found.slice(0, state.shown).map((one) => {
      const where = `${split.name} ${one.n + 1}${one.at ? ` · ${one.at}` : ""}`;
      return el("li", "", ...draw[split.view](one), el("div", "at", where));
    }));
    const held = split.examples.length;
    byId("count").textContent = `${found.length} of the ${held.toLocaleString("en")} examples held here` +
      (held < split.total ? `, chosen among all ${split.total.toLocaleString("en")} of the split` : ", which is the whole split") +
      `; ${split.order}.`;
    byId("more").hidden = found.length <= state.shown;
  }

  byId("split").replaceChildren(...splits.map((split, index) => {
    const one = el("option", "", split.name);
    one.value = String(index);
    return one;
  }));
  byId("split").addEventListener("change", (event) => choose(Number(event.target.value)));
  for (const key of ["gold", "found", "order"]) {
    byId(key).addEventListener("change", (event) => { state[key] = event.target.value; state.shown = PAGE; show(); });
  }
  byId("search").addEventListener("input", (event) => {
    state.search = event.target.value.trim().toLowerCase();
    state.shown = PAGE;
    show();
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("more").addEventListener("click", () => { state.shown += PAGE; show(); });
  document.addEventListener("click", (event) => {
    const cell = event.target.closest("[data-gold]");
    if (!cell) return;
    const index = splits.findIndex((split) => split.name === cell.dataset.split);
    if (index < 0) return;
    choose(index);
    Object.assign(state, { kind: "", gold: cell.dataset.gold, found: cell.dataset.found });
    for (const key of ["gold", "found"]) {
      // A pair that no example held here has is still said, so that the empty list explains itself.
      if (![...byId(key).options].some((one) => one.value === state[key])) {
        const one = el("option", "", state[key]);
        one.value = state[key];
        byId(key).append(one);
      }
      byId(key).value = state[key];
    }
    show();
    byId("examples").scrollIntoView();
  });
  byId("filters").hidden = false;
  choose(0);
})();
