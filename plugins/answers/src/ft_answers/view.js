ft.view({  // the answer to a question among those that are known, or that none fits
  fits: (answer) => "answer" in answer && Array.isArray(answer.items) && Array.isArray(answer.texts),
  show(answer, box) {
    box.append(ft.make("p", answer.answer ?? "No answer fits.", { class: "label" }));
    const list = ft.make("ol");
    answer.texts.forEach((text, k) => {
      const one = ft.make("li", text);
      one.append(ft.make("small", ` ${answer.scores[k].toPrecision(3)}`));
      list.append(one);
    });
    box.append(list);
  },
  edit(answer, box, item) {
    box.append(ft.make("p", "Which answer is right?"));
    const fields = [...answer.texts, "none of these"].map((text, k) => {
      const field = ft.make("input", null, { type: "radio", name: "right", id: `answer-${k}` });
      const label = ft.make("label", null, { for: `answer-${k}` });
      label.append(field, ` ${text}`);
      box.append(label);
      return field;
    });
    return () => {
      const right = fields.findIndex((field) => field.checked);
      if (right < 0) throw new Error("Choose one.");
      return { rows: [{ question: answer.question ?? item.question, answer: answer.texts[right] ?? "" }] };
    };
  },
});
