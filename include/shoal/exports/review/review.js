"use strict";
(() => {
  const at = id => document.getElementById(id);
  const text = at("review-data").textContent, data = JSON.parse(text), rules = data.rules, published = data.published;
  const images = data.images, said = images.map(() => ({ individuals: null, looked: false, after: false }));
  let place = 0, open = false, changed = false, broken = false, dataSha256 = "";

  const plural = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;
  const digits = value => Number.isInteger(value) ? String(value) : Math.abs(value) >= 10000 ? String(Math.round(value)) : String(Number(value.toPrecision(4)));
  const tell = value => published.number === "share" ? `${digits(value * 100)} %` : digits(value);
  const what = { total: `individuals of ${published.name} in all images`, mean: `individuals of ${published.name} per image`,
    share: `of the images have ${published.name}` }[published.number];

  function element(name, words, more = {}) {
    const made = document.createElement(name);
    made.textContent = words;
    for (const [key, value] of Object.entries(more)) made.setAttribute(key, value);
    return made;
  }

  function drawSvg(svg, name, more, words = "") {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(more)) made.setAttribute(key, value);
    made.textContent = words;
    svg.append(made);
    return made;
  }

  function claim() {
    const between = published.low === null ? "" : ` (95 % interval ${tell(published.low)} to ${tell(published.high)})`;
    const source = published.estimate === null ? `the model's own count, from ${data.model}` : published.estimate === "answer" ? "corrected by labels, in estimates.json of the answer" : `corrected by labels, estimate ${published.estimate}`;
    at("claim").textContent = `${tell(published.value)} ${what}${between}: ${source}.`;
    const people = data.frame.images_of_people_left_out;
    const left = people ? ` Left out are ${plural(people, "image")} of people, which nobody is shown${published.of_all === null ? "" : `; with these it is ${tell(published.of_all)}`}.` : "";
    const drawn = data.probability === 1 ? `All ${plural(data.frame.images, "image")} that there are were drawn.`
      : `Of ${plural(data.frame.images, "image")} ${images.length} were drawn (${data.n} were asked for; how many come is chance).`;
    at("task").textContent = `${drawn} Count what you see, in this `
      + `order, and stop wherever you like. The model's boxes are not shown until you have finished.${left}`;
    const rows = { "Run": `${data.dataset}/${data.run_key}`, "Result, sha256": data.result_sha256, "Model": data.model, "Design, sha256": data.design_sha256,
      "Stored": data.drawn_at, "Probability": `${data.probability} of each image`, "Seed": `${data.seed} - ${data.seed_given ? "words given to the command: if they are yours, the author could not choose the images; if they are his, he could" : "made of the model and the images, given by nobody: an author who tried several selections of images had several seeds to choose from"}`, "Salt": data.salt,
      "Pictures": `scaled to ${data.side_px} px`, "This page's data, sha256": "" };
    for (const [name, value] of Object.entries(rows)) at("design").append(element("dt", name), element("dd", value));
  }

  function check() {
    dataSha256 = estimator.sha256(text);
    at("design").lastElementChild.textContent = dataSha256;
    for (const one of images) one.u = estimator.numberOf(data.salt, one.key, one.content_sha256);
    const odd = images.filter((one, i) => !(one.u < one.probability) || (i > 0 && one.u < images[i - 1].u)).length;
    if (dataSha256 !== at("review-sha256").textContent.trim()) broken = "This file was changed after it was written: its data do not have the sha256 that it says. Ask for it again.";
    else if (odd) broken = `${plural(odd, "image")} of this file cannot have been drawn by the numbers it names. Ask for it again.`;
    if (broken) { at("edited").textContent = broken; at("edited").hidden = false; }
    at("finish").disabled = Boolean(broken);
  }

  function state(i) {
    const one = said[i];
    if (!one.looked) return images[i].picture ? "" : "no picture";
    return (one.individuals === null ? "cannot tell" : String(one.individuals)) + (one.after ? " (after the boxes)" : "");
  }

  function row(i) {
    const line = at("all").tBodies[0].rows[i];
    line.cells[2].textContent = state(i);
    line.cells[3].textContent = open ? String(images[i].predicted) : "";
  }

  function table() {
    images.forEach((one, i) => {
      const line = at("all").tBodies[0].insertRow();
      const go = element("button", String(one.number), { type: "button", "aria-label": `Show image ${one.number}` });
      go.addEventListener("click", () => { show(i); at("label").scrollIntoView(); });
      line.insertCell().append(go);
      line.insertCell().append(element("code", one.name));
      line.insertCell();
      line.insertCell().className = "model";
      row(i);
    });
  }

  function show(i) {
    at("all").tBodies[0].rows[place].classList.remove("now");
    place = Math.min(Math.max(i, 0), images.length - 1);
    at("all").tBodies[0].rows[place].classList.add("now");
    const one = images[place];
    at("where").textContent = `Image ${place + 1} of ${images.length}`;
    at("frame").hidden = !one.picture;
    at("no-picture").hidden = Boolean(one.picture);
    if (one.picture) at("picture").src = `data:image/jpeg;base64,${one.picture}`; else at("picture").removeAttribute("src");
    at("picture").alt = `Image ${one.number}${open ? `, with the model's boxes: ${one.predicted}` : ", without boxes"}`;
    at("no-picture").textContent = one.picture ? "" : `There is no picture: ${one.why}. It was drawn, and none waits for it.`;
    at("caption").textContent = one.name;
    at("boxes").replaceChildren();
    at("boxes").setAttribute("viewBox", "0 0 1 1");
    if (open) for (const [x1, y1, x2, y2] of one.boxes) {
      for (const [colour, width] of [["#101010", 5], ["#ffd34d", 3]])
        drawSvg(at("boxes"), "rect", { x: x1, y: y1, width: Math.max(x2 - x1, 0), height: Math.max(y2 - y1, 0), fill: "none", stroke: colour, "stroke-width": width, "vector-effect": "non-scaling-stroke" });
    }
    at("count").value = said[place].individuals ?? "";
    at("count").disabled = at("unsure").disabled = !one.picture;
    for (const button of at("quick").children) button.disabled = !one.picture;
    at("form-error").textContent = "";
    at("said").textContent = said[place].looked ? `Kept: ${state(place)}` : "";
    at("back").disabled = place === 0;
    at("forward").disabled = place === images.length - 1;
    const labelled = said.filter(one => one.individuals !== null).length, unsure = said.filter(one => one.looked).length - labelled;
    at("progress").textContent = `${labelled} of ${plural(images.length, "image")} labelled${unsure ? `, ${unsure} you cannot tell` : ""}.`;
  }

  const next = () => {
    const after = i => images.findIndex((one, j) => j > i && one.picture && !said[j].looked);
    const found = after(place) >= 0 ? after(place) : after(-1);
    show(found >= 0 ? found : place);
    return found >= 0;
  };

  function keep(individuals) {
    if (!images[place].picture) return;
    if (open && said[place].looked && !said[place].after) { at("said").textContent = `Said before the boxes were shown: ${state(place)}. It stays.`; return; }
    said[place] = { individuals, looked: true, after: open };
    changed = true;
    row(place);
    if (!next() && !open) at("said").textContent = "You have been through all images.";
    if (open) result();
    at("count").focus({ preventScroll: true });
  }

  function submit() {
    const typed = at("count").value.trim();
    if (typed === "?") { keep(null); return; }
    if (!/^[0-9]+$/.test(typed) || Number(typed) > rules.most_individuals) {
      at("form-error").textContent = "Write how many you see: a whole number, 0 for none.";
      at("count").focus();
      return;
    }
    keep(Number(typed));
  }

  // What was said before any box was shown: only that judges.
  const judged = () => estimator.judge(published, data.frame.images, images, said.map(one => one.after ? null : one.individuals), rules);

  function sentences(found) {
    const n = plural(found.labels, "label");
    if (found.verdict === "not to be told") return [`Not to be told with ${n}.`,
      published.number === "share" ? "Label more images, in their order." :
        `Fewer than ${rules.fewest_positives} of the images that you labelled have ${published.name}, so nobody knows how many individuals an image of it may hold. `
        + "That neither supports nor contradicts the published number; its share of images can be tested with fewer."];
    const own = `With your ${n} the 95 % interval is ${tell(found.low)} to ${tell(found.high)}`;
    if (found.how === "counted") {
      const seen = `You labelled every image there is: ${tell(found.value)} ${what}.`, interval = `the published interval, ${tell(published.low ?? 0)} to ${tell(published.high ?? 0)}`;
      if (found.verdict === "contradicted") return ["Your labels contradict the published number.",
        `${seen} ${published.low === null ? `Published is ${tell(found.published)}. Nothing of yours is left to chance.` : `That lies outside of ${interval}; of intervals at 95 % one in 20 does so.`}`];
      return ["Your labels do not contradict the published number.", `${seen} ${published.low === null ? "That is the published number." : `That lies inside of ${interval}.`}`];
    }
    const theirs = published.low === null ? `the published ${tell(found.published)}` : `the published ${tell(found.published)} with its own interval ${tell(published.low)} to ${tell(published.high)}`;
    const where = found.published < found.low ? "below" : found.published > found.high ? "above" : "inside";
    const lies = `${own}: ${theirs} lies ${where === "inside" ? "in it" : `${where} it`}.`;
    if (found.verdict === "contradicted") return ["Your labels contradict the published number.",
      `${lies} Were it right, labels so far from it would come in at most about one of 20 such drawings.`];
    const most = published.number === "share" ? 1 : Infinity;
    const outside = [found.low > 0 ? `below ${tell(found.low)}` : "", found.high < most ? `above ${tell(found.high)}` : ""].filter(Boolean).join(" or ");
    return ["Your labels do not contradict the published number.",
      `${lies}${where === "inside" ? "" : " The two intervals together reach over the distance."} `
      + (outside ? `That is no proof of it: so many labels can notice only numbers ${outside}${published.low === null ? "" : ", and by as much less as the published interval is wide"}.` : "That says nothing: no number would be outside.")];
  }

  function scale(found) {
    const svg = at("scale");
    svg.replaceChildren();
    const lines = [["published", published.low ?? published.value, published.value, published.high ?? published.value], ["yours", found.low, found.value, found.high]].filter(line => line[2] !== null);
    const wide = Math.max(svg.clientWidth, 260), most = Math.max(...lines.map(line => line[3])) || 1, x = value => 85 + (wide - 105) * value / most;
    svg.setAttribute("viewBox", `0 0 ${wide} 92`);
    lines.forEach(([name, low, value, high], i) => {
      const y = 22 + 26 * i;
      drawSvg(svg, "text", { x: 0, y: y + 5 }, name);
      drawSvg(svg, "line", { x1: x(low), x2: x(high), y1: y, y2: y, stroke: "currentColor", "stroke-width": 4, "stroke-opacity": 0.5 });
      drawSvg(svg, "circle", { cx: x(value), cy: y, r: 6, fill: "currentColor" });
    });
    drawSvg(svg, "text", { x: x(0), y: 86 }, tell(0));
    drawSvg(svg, "text", { x: x(most), y: 86, "text-anchor": "end" }, tell(most));
    drawSvg(svg, "line", { x1: x(0), x2: x(most), y1: 68, y2: 68, stroke: "currentColor", "stroke-width": 1 });
    svg.setAttribute("aria-label", lines.map(([name, low, value, high]) => `${name} ${tell(value)}, ${tell(low)} to ${tell(high)}`).join("; "));
  }

  function result() {
    const found = judged(), [verdict, meaning] = sentences(found);
    at("verdict").textContent = verdict;
    at("meaning").textContent = meaning;
    const after = said.filter(one => one.after).length, without = images.filter(one => !one.picture).length;
    const labelled = said.map((one, i) => one.individuals !== null && !one.after ? i : -1).filter(i => i >= 0), last = labelled.length ? labelled[labelled.length - 1] : 0;
    const before = said.slice(0, last).filter((one, i) => images[i].picture && (one.individuals === null || one.after));
    const unsure = before.filter(one => one.looked && one.individuals === null).length, untouched = before.filter(one => !one.looked).length;
    const notes = [
      found.passed_over ? `${plural(found.passed_over, "drawn image")} passed over, as you could not tell or left them out: it is taken for chance which ones - were they the hard ones, this is off.` : "",
      found.no_picture ? `${plural(found.no_picture, "drawn image")} without a picture among them: in no number here, and it is taken for chance which ones.` : "",
      found.unused ? `${plural(found.unused, "label")} not used, as more than one in 20 images before them have none.${untouched ? ` Not labelled yet: ${untouched}. Label those first.` : ""}`
        + (unsure ? ` Of ${plural(unsure, "image")} you could not tell: those are no chance, so what lies behind them is not used. Look at them again.` : "") : "",
      after ? `${plural(after, "label")} given after the boxes were shown: kept and marked, and in no number here.` : "",
      without > found.no_picture ? `${plural(without, "image")} could not be shown.` : "",
      { regression: "Your interval: a line through your labels, by the drawing.", disagreements: "Your interval: exact, of what the model missed and made up.",
        positives: "Your interval: exact, of your labels alone.", counted: "You labelled every image there is.", none: "" }[found.how],
    ];
    at("notes").replaceChildren(...notes.filter(Boolean).map(note => element("li", note)));
    scale(found);
    return found;
  }

  function finish() {
    if (broken || open) return;
    unlock();
    at("verdict").focus();
  }

  function unlock() {
    open = true;
    document.body.classList.remove("locked");
    at("locked").hidden = true;
    at("result").hidden = false;
    images.forEach((_, i) => row(i));
    result();
    show(place);
  }

  // Hashed as words and whole numbers: those are written the same in every language.
  function hashOf(found) {
    const hashed = [found.design, found.data_sha256, found.reviewer, found.saved_at, found.finished ? "finished" : "open"].map(String);
    for (const one of found.images) hashed.push(String(one.number), one.key, one.content_sha256, one.individuals === null ? "?" : String(one.individuals), one.after_boxes ? "after" : "before");
    return estimator.sha256(hashed.join("\n"));
  }

  function saved() {
    const lines = images.map((one, i) => [one, said[i]]).filter(([, word]) => word.looked).map(([one, word]) => (
      { number: one.number, key: one.key, content_sha256: one.content_sha256, individuals: word.individuals, after_boxes: word.after }));
    const head = { design: data.design, data_sha256: dataSha256, reviewer: at("reviewer").value.trim(), saved_at: new Date().toISOString().slice(0, 19) + "Z" };
    const says = open ? sentences(judged()).join(" ") : null;
    return { shoal_review: 1, run: `${data.dataset}/${data.run_key}`, result_sha256: data.result_sha256, taxon: published.taxon, number: published.number, ...head,
      finished: open, says, images: lines, sha256: hashOf({ ...head, finished: open, images: lines }) };
  }

  function save() {
    const url = URL.createObjectURL(new Blob([JSON.stringify(saved(), null, 1)], { type: "application/json" }));
    const link = element("a", "", { href: url, download: `review-${data.design}.json` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
    changed = false;
    at("save-said").textContent = `Saved as review-${data.design}.json, where your browser puts what it downloads.`;
  }

  function load(words) {
    let found;
    try { found = JSON.parse(words); } catch { found = null; }
    const fits = found && found.shoal_review === 1 && Array.isArray(found.images) && found.images.every(one => one && typeof one === "object");
    if (!fits || found.design !== data.design || found.data_sha256 !== dataSha256) return fits ? "That file is of another page: nothing was taken from it." : "That is no file that this page saved.";
    if (found.sha256 !== hashOf(found)) return "That file was edited after a page saved it: its sha256 is not that of what it says. Nothing was taken from it.";
    const taken = [];
    for (const one of found.images) {
      const i = one.number - 1, whole = Number.isInteger(one.individuals) && one.individuals >= 0 && one.individuals <= rules.most_individuals;
      if (!images[i] || images[i].key !== one.key || !(one.individuals === null || whole)) return "That file was edited: it says something of an image that this page does not have.";
      taken.push([i, { individuals: one.individuals, looked: true, after: Boolean(one.after_boxes) }]);
    }
    for (const [i, word] of taken) said[i] = word;
    images.forEach((_, i) => row(i));
    if (typeof found.reviewer === "string") at("reviewer").value = found.reviewer.slice(0, 100);
    if (found.finished && !open && !broken) unlock();
    else if (open) result();
    next();
    return `${plural(taken.length, "image")} taken from the file.`;
  }

  at("form").addEventListener("submit", event => { event.preventDefault(); submit(); });
  at("unsure").addEventListener("click", () => keep(null));
  at("back").addEventListener("click", () => show(place - 1));
  at("forward").addEventListener("click", () => show(place + 1));
  at("open").addEventListener("click", next);
  at("finish").addEventListener("click", finish);
  at("save").addEventListener("click", save);
  at("load").addEventListener("change", async event => {
    const [file] = event.target.files;
    if (file) at("save-said").textContent = load(await file.text());
    event.target.value = "";
  });
  at("count").addEventListener("keydown", event => {
    if (event.key === "?") { event.preventDefault(); keep(null); }
    if (event.key === "ArrowUp" || event.key === "ArrowLeft" && !at("count").value) { event.preventDefault(); show(place - 1); }
    if (event.key === "ArrowDown" || event.key === "ArrowRight" && !at("count").value) { event.preventDefault(); show(place + 1); }
  });
  window.addEventListener("beforeunload", event => { if (changed) event.preventDefault(); });
  for (let count = 0; count <= 4; count++) {
    const button = element("button", String(count), { type: "button", "aria-label": `${count} seen` });
    button.addEventListener("click", () => keep(count));
    at("quick").append(button);
  }
  document.body.classList.add("locked");
  claim();
  table();
  show(0);
  if (!images[0].picture) next();
  setTimeout(check, 0);
})();
