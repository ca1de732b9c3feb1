ft.view({  // an answer marked in its context, or that there is none
  fits: (answer) => typeof answer.context === "string" && typeof answer.answer === "string" && Array.isArray(answer.best),
  show(answer, box) {
    // Places count characters of Unicode; JavaScript's own strings count in units of 16 bits.
    const letters = Array.from(answer.context), [place] = answer.answers || [];
    const text = ft.make("p", null, { class: "text" });
    box.append(ft.make("p", answer.answer || "The text has no answer.", { class: "label" }), text);
    if (place) {
      const mark = ft.make("mark", letters.slice(place.start, place.end).join(""));
      mark.style.background = ft.shade("answer");
      text.append(letters.slice(0, place.start).join(""), mark, letters.slice(place.end).join(""));
    } else text.append(answer.context);
    const list = ft.make("ol");
    for (const one of answer.best) {
      const entry = ft.make("li", one.answer);
      entry.append(ft.make("small", ` ${one.score.toPrecision(3)}`));
      list.append(entry);
    }
    if (answer.best.length) box.append(ft.make("h3", "Best answers"), list);
  },
  edit(answer, box, item) {
    const parts = answer.context.split(/(\s+)/u), words = [];
    let at = 0;
    for (const part of parts) {
      const length = Array.from(part).length;
      if (part.trim()) words.push({ start: at, end: at + length, text: part });
      at += length;
    }
    const letters = Array.from(answer.context);
    let first = null, last = null;
    box.append(ft.make("p", "Press the first and the last word of the right answer; none where the text has no answer."));
    const buttons = ft.make("div", null, { class: "text", role: "group", "aria-label": "words of the text" });
    const said = ft.make("p", null, { role: "status", "aria-live": "polite" });
    const text = () => letters.slice(words[first].start, words[last].end).join("");
    const press = (k) => {
      if (first === null || last !== first) first = last = k;
      else if (k === first) first = last = null;
      else [first, last] = [Math.min(first, k), Math.max(first, k)];
      draw(k);
    };
    const draw = (focused) => {
      buttons.replaceChildren(...words.map((word, k) => {
        const chosen = first !== null && first <= k && k <= last;
        const button = ft.make("button", word.text, { type: "button", class: "word", "aria-pressed": String(chosen) });
        button.addEventListener("click", () => press(k));
        return button;
      }));
      said.textContent = first === null ? "Right: the text has no answer." : `Right: ${text()}`;
      if (focused !== undefined) buttons.children[focused].focus();
    };
    box.append(buttons, said);
    draw();
    return () => ({
      rows: [{
        question: item.question,
        context: answer.context,
        answers: first === null ? [] : [{ text: text(), start: words[first].start }],
      }],
    });
  },
});
