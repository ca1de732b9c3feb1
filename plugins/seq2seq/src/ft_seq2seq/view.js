"use strict";
ft.view({  // a text that was written
  fits: (answer) => typeof answer.target === "string" && "source" in answer,
  show(answer, box) {
    box.append(ft.make("p", answer.target || "(an empty text)", { class: "text" }));
    if (answer.cut) box.append(ft.make("small", "It was cut: the longest text that is allowed ended it."));
  },
  edit(answer, box) {
    const area = ft.make("textarea", answer.target, { id: "written" });
    box.append(ft.make("label", "The right text", { for: "written" }), area);
    return () => {
      if (!area.value.trim()) throw new Error("The right text is empty.");
      return { rows: [{ source: answer.source, target: area.value }] };
    };
  },
});
