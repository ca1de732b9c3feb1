{  // an image above the classes and their probabilities
  const classes = ft.find({ label: "" }, {}, {});
  ft.view({
    fits: (answer) => "label" in answer && typeof answer.image === "string",
    show(answer, box, item, model) {
      if (answer.image.startsWith("data:image/")) {
        const image = ft.make("img", null, { src: answer.image, alt: "the image that was asked", width: 192 });
        box.append(image);
      }
      classes.show(answer, box, item, model);
    },
    edit: (answer, box, item, model) => classes.edit(answer, box, item, model),
  });
}
