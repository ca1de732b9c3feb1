"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  let models = [], key = "", asJson = false, asked = null, right = null;

  async function call(path, body) {
    const headers = key ? { Authorization: `Bearer ${key}` } : {};
    const options = { headers };
    if (body !== undefined) {
      options.method = "POST";
      options.body = JSON.stringify(body);
      headers["Content-Type"] = "application/json";
    }
    let response, value;
    try { response = await fetch(path, options); } catch { throw new Error("The server cannot be reached."); }
    try { value = await response.json(); } catch { value = {}; }
    if (response.status === 401) by("key-form").hidden = false;
    if (!response.ok) {
      const own = value.errors && value.errors.length === 1 ? value.errors[0] : value.error;
      throw new Error(own ? own.message : `The server answers ${response.status}.`);
    }
    return value;
  }

  function say(text, wrong = false) {
    by("said").textContent = text;
    by("said").className = wrong ? "error" : "";
  }

  const model = () => models[by("model").selectedIndex];
  // The schema of an object: of all that must hold together, the one with all their fields.
  function form(schema) {
    if (schema.allOf) {
      const all = schema.allOf.map(form);
      return {
        properties: Object.assign({}, ...all.map((one) => one.properties)),
        required: [...new Set(all.flatMap((one) => one.required || ("text" in (one.properties || {}) ? ["text"] : [])))],
      };
    }
    return (schema.anyOf || []).find((one) => one.properties) || schema;
  }

  // Fields for texts; JSON where an item holds anything else.
  function names() {
    const object = form(model().item), values = object.properties || {};
    const needed = object.required || ("text" in values ? ["text"] : []);
    const takesText = (one) => one && (one.type === "string" || (one.anyOf || []).some(takesText));
    return needed.length && needed.every((name) => takesText(values[name])) && !("candidates" in values) ? needed : null;
  }

  function example() { return (model().item.examples || [{}])[0]; }

  function draw(item) {
    const fields = names(), box = by("fields");
    by("as-json").hidden = !fields;
    const shown = fields && !asJson ? fields.map((name) => [name, item[name] ?? ""]) : [["JSON", JSON.stringify(item, null, 2)]];
    box.replaceChildren(...shown.flatMap(([name, value], k) => {
      const area = ft.make("textarea", value, { id: `field-${k}`, "data-name": name, spellcheck: "false" });
      area.value = value;
      const label = ft.make("label", name, { for: `field-${k}` });
      const kind = ((form(model().item).properties || {})[name] || {}).contentMediaType;
      return kind ? [label, chooser(kind, area, name), area] : [label, area];
    }));
  }

  // A file of the person's own, written into the field as a `data:` text.
  function chooser(kind, area, name) {
    const field = ft.make("input", null, { type: "file", accept: kind, "aria-label": `a file for ${name}` });
    field.addEventListener("change", async () => {
      try {
        area.value = await smaller(field.files[0]);
        say("");
      } catch { say("This file cannot be read.", true); }
    });
    return field;
  }

  const LARGEST = 70000, SIDE = 640;
  // A large image is drawn smaller: the server takes items of a limited size.
  async function smaller(file) {
    const text = await new Promise((done, failed) => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result);
      reader.onerror = failed;
      reader.readAsDataURL(file);
    });
    if (file.size <= LARGEST || !file.type.startsWith("image/")) return text;
    const image = await createImageBitmap(file), canvas = document.createElement("canvas");
    for (let side = SIDE, quality = 0.9; ; side *= 0.7) {
      const scale = Math.min(1, side / Math.max(image.width, image.height));
      canvas.width = Math.max(1, Math.round(image.width * scale));
      canvas.height = Math.max(1, Math.round(image.height * scale));
      const paper = canvas.getContext("2d");
      paper.fillStyle = "white";
      paper.fillRect(0, 0, canvas.width, canvas.height);
      paper.drawImage(image, 0, 0, canvas.width, canvas.height);
      const drawn = canvas.toDataURL("image/jpeg", quality);
      if (drawn.length <= LARGEST * 4 / 3 || side < 64) return drawn;
    }
  }

  function given() {
    const areas = [...by("fields").querySelectorAll("textarea")];
    if (names() && !asJson) return Object.fromEntries(areas.map((area) => [area.dataset.name, area.value]));
    try { return JSON.parse(areas[0].value); } catch (error) { throw new Error(`This is not JSON: ${error.message}`); }
  }

  async function start() {
    try {
      models = (await call("models")).models;
    } catch (error) { say(error.message, true); return; }
    by("key-form").hidden = true;
    if (!models.length) { say("The models are still loading."); setTimeout(start, 1000); return; }
    by("model").replaceChildren(...models.map((one) => ft.make("option", one.name)));
    by("ask").hidden = false;
    say("");
    draw(example());
  }

  async function ask() {
    by("fix").hidden = true;
    by("wrong").setAttribute("aria-expanded", "false");
    try {
      const item = given(), began = performance.now();
      const found = await call(`models/${encodeURIComponent(model().name)}/predict`, { inputs: [item] });
      const answer = found.answers[0], box = by("view");
      asked = { item, answer, view: ft.find(answer, item, model()) };
      box.replaceChildren();
      asked.view.show(answer, box, item, model());
      const cut = found.cut.length ? " The text is longer than what the model reads: its end was cut off." : "";
      by("about").textContent = `${found.model.name}, ${found.model.version} (${found.model.hash}), ${Math.round(performance.now() - began)} ms.${cut}`;
      by("raw").textContent = JSON.stringify(answer, null, 2);
      by("wrong-line").hidden = !model().corrections;
      by("result").hidden = false;
      say("");
    } catch (error) { by("result").hidden = true; say(error.message, true); }
  }

  by("ask").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
  by("ask").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); ask(); }
  });
  by("model").addEventListener("change", () => { by("result").hidden = true; draw(example()); });
  by("as-json").addEventListener("click", () => {
    let item;
    try { item = given(); } catch (error) { say(error.message, true); return; }
    asJson = !asJson;
    by("as-json").setAttribute("aria-pressed", String(asJson));
    draw(item);
  });
  by("key-form").addEventListener("submit", (event) => { event.preventDefault(); key = by("key").value; start(); });
  by("wrong").addEventListener("click", () => {
    const open = by("fix").hidden;
    by("fix").hidden = !open;
    by("wrong").setAttribute("aria-expanded", String(open));
    by("kept").textContent = "";
    if (open) {
      by("editor").replaceChildren();
      right = asked.view.edit(asked.answer, by("editor"), asked.item, model());
    }
  });
  by("fix").addEventListener("submit", async (event) => {
    event.preventDefault();
    by("kept").className = "";
    try {
      const what = right(), body = what.rows ? what : { input: asked.item, ...what };
      const found = await call(`models/${encodeURIComponent(model().name)}/corrections`, body);
      by("kept").textContent = `Kept: ${found.rows} ${found.rows === 1 ? "example" : "examples"}.`;
    } catch (error) { by("kept").textContent = error.message; by("kept").className = "error"; }
  });
  start();
})();
