// Draws the charts of a report from the data that the page holds. Without it the tables stand.
"use strict";
(function () {
  const { INK, EFFORT, byId, show, moment, ends, when, count, ground } = shoalCharts;
  const data = JSON.parse(byId("explore").textContent);
  const taxa = data.taxa, cameras = data.cameras;
  const words = data.words || { mean: "detections per image", detections: "Detections", boxes: "boxes" };
  const colour = {
    field: "taxon", type: "nominal", legend: null,
    scale: { domain: taxa.map((t) => t.name), range: taxa.map((t) => t.colour) }
  };
  const dash = {
    field: "taxon", type: "nominal", legend: null,
    scale: { domain: taxa.map((t) => t.name), range: taxa.map((t) => t.dash) }
  };
  const shape = {
    field: "taxon", type: "nominal", legend: null,
    scale: { domain: taxa.map((t) => t.name), range: taxa.map((t) => t.shape) }
  };

  function width() {
    return Math.max(220, byId("charts").clientWidth - 90);
  }

  function effortRows(camera, bin) {
    const effort = camera[bin];
    if (!effort) return [];
    const starts = effort.start.map(moment), stops = ends(starts, bin);
    return starts.map((at, i) => ({
      at: at, to: stops[i], images: effort.images[i], camera_days: effort.camera_days ? effort.camera_days[i] : null,
      luma: effort.luma[i], sharpness: effort.sharpness[i]
    }));
  }

  // A time in which nobody looked breaks the line, and so does one without an image: there is no mean of no image.
  function seriesRows(number, bin, chosen) {
    const effort = effortRows(cameras[number], bin), rows = [];
    for (const taxon of chosen) {
      const found = taxon.series[number], counts = found && found[bin];
      effort.forEach((row, i) => {
        if (i > 0 && effort[i - 1].to < row.at) rows.push({ at: effort[i - 1].to, middle: effort[i - 1].to, taxon: taxon.name, mean: null });
        const detections = counts ? counts[i] : 0;
        rows.push({
          at: row.at, middle: (row.at + row.to) / 2, taxon: taxon.name, detections: detections, images: row.images,
          mean: row.images > 0 ? detections / row.images : null
        });
      });
    }
    return rows;
  }

  const x = (domain) => shoalCharts.time(width(), domain);

  function span(rows) {
    return rows.length ? [rows[0].at, rows[rows.length - 1].to] : null;
  }

  function marks(camera, domain) {
    const inside = (at) => at > domain[0] && at < domain[1];
    const rows = [];
    camera.deployments.forEach((stay) => {
      for (const [edge, word] of [["from", "begins"], ["to", "ends"]]) {
        const at = stay[edge] && Date.parse(stay[edge]);
        if (at && inside(at)) rows.push({ at: at, what: "Deployment " + stay.name + " " + word, kind: "deployment" });
      }
    });
    camera.sampling_changes.forEach((change) => {
      const at = moment(change.from);
      if (inside(at)) rows.push({ at: at, what: "From " + change.before_per_day + " to " + change.per_day + " images a day", kind: "sampling" });
    });
    return rows;
  }

  function shownTime(local) {
    return local.slice(0, 16).replace("T", " ") + " " + data.zone;
  }

  function gapRows(camera, domain) {
    return camera.gaps
      .map((gap) => ({ at: Math.max(Date.parse(gap.from), domain[0]), to: Math.min(Date.parse(gap.to), domain[1]), why: data.causes[gap.cause] || gap.cause, from: shownTime(gap.from), until: shownTime(gap.to) }))
      .filter((gap) => gap.to > gap.at);
  }

  // Nothing to see: the axis is as long as that of the bars beside it.
  function edges(domain, along) {
    return { data: { values: domain.map((at) => ({ middle: at })) }, mark: { type: "point", opacity: 0, size: 1 }, encoding: { x: along } };
  }

  function markLayers(camera, domain) {
    const layers = [];
    const gaps = gapRows(camera, domain), changes = marks(camera, domain);
    if (gaps.length) layers.push({
      data: { values: gaps }, mark: { type: "rect", color: "#f0e2c8", opacity: 0.75 },
      encoding: { x: Object.assign({ field: "at" }, x()), x2: { field: "to" }, tooltip: [{ field: "why", title: "Nobody looked" }, { field: "from", title: "From" }, { field: "until", title: "To" }] }
    });
    for (const [kind, ink] of [["deployment", "#5b3f8c"], ["sampling", "#8a5a00"]]) {
      const some = changes.filter((change) => change.kind === kind);
      if (some.length) layers.push({
        data: { values: some }, mark: { type: "rule", strokeWidth: 1.5, strokeDash: [5, 3], color: ink },
        encoding: { x: Object.assign({ field: "at" }, x()), tooltip: [{ field: "what", title: "Change" }] }
      });
    }
    return layers;
  }

  function nothingDrawn(camera) {
    return camera.images
      ? "Its images lie before the times that are drawn here, or outside its axis of time: choose months, or see counts-month.csv."
      : "No used image of this camera lies on its axis of time.";
  }

  function drawSeries(number, bin, chosen) {
    const camera = cameras[number], effort = effortRows(camera, bin), domain = span(effort);
    if (!domain) { byId("series").textContent = nothingDrawn(camera); return; }
    const rows = seriesRows(number, bin, chosen);
    const zoomed = Object.assign({ field: "middle" }, x({ param: "span" }));
    const tooltip = [{ field: "taxon", title: "Species" }, when(bin), { field: "mean", title: "Per image", format: ".3f" },
      { field: "detections", title: words.detections }, { field: "images", title: "Images looked at" }];
    const mean = { field: "mean", type: "quantitative", title: words.mean, scale: { domainMin: 0, nice: true }, axis: { tickCount: 5 } };
    const invalid = "break-paths-show-path-domains";
    const layer = markLayers(camera, domain);
    layer.forEach((one) => { one.mark.clip = true; });
    layer.push(edges(domain, zoomed));
    layer.push({
      data: { values: rows },
      encoding: { x: zoomed, y: mean, color: colour, strokeDash: dash },
      layer: [
        { mark: { type: "line", strokeWidth: 1.6, invalid: invalid, clip: true } },
        { mark: { type: "point", filled: true, size: rows.length > 4000 ? 12 : 34, invalid: "filter", clip: true }, encoding: { shape: shape, tooltip: tooltip } }
      ]
    });
    const worked = camera[bin].camera_days !== null;
    const bars = {
      width: width(), height: 70, data: { values: effort },
      params: [{ name: "span", select: { type: "interval", encodings: ["x"], mark: { fill: "#0072b2", fillOpacity: 0.3, stroke: "#0072b2" } } }],
      mark: { type: "rect", color: EFFORT },
      encoding: {
        x: Object.assign({ field: "at" }, x()), x2: { field: "to" },
        y: worked ? Object.assign(count("days at work", 2), { field: "camera_days" }) : count("images", 2), y2: ground,
        tooltip: [when(bin), { field: "images", title: "Images looked at" }].concat(worked ? [{ field: "camera_days", title: "Days at work" }] : [])
      }
    };
    show("series", {
      vconcat: [{ width: width(), height: 260, layer: layer }, bars],
      resolve: { scale: { color: "independent", x: "independent" } }, spacing: 14
    }, "Mean " + words.mean + " over time at camera " + camera.name + ", above the number of images looked at");
  }

  function profile(id, number, chosen, kind, title, ordinals) {
    const camera = cameras[number], images = camera[kind].images, rows = [], effort = [];
    const night = camera[kind].night_images || null;
    ordinals.forEach((label, i) => {
      effort.push({ place: i, label: label, images: images[i], night: night && images[i] ? night[i] / images[i] : 0 });
      for (const taxon of chosen) {
        const found = taxon.series[number], detections = found ? found[kind][i] : 0;
        rows.push({ place: i, label: label, taxon: taxon.name, detections: detections, images: images[i], mean: images[i] ? detections / images[i] : null });
      }
    });
    const half = Math.max(200, byId("charts").clientWidth >= 760 ? width() / 2 - 60 : width());
    const labels = ordinals.map(String);
    const axis = { title: title, labelAngle: 0, labelOverlap: true, grid: false, tickCount: kind === "hour_of_day" ? 8 : 12 };
    if (kind === "month_of_year") axis.labelExpr = "['J','F','M','A','M','J','J','A','S','O','N','D'][datum.value]";
    const place = { field: "place", type: "quantitative", scale: { domain: [-0.5, labels.length - 0.5], nice: false }, axis: axis };
    const none = Object.assign({}, place, { axis: null });
    const layer = [];
    if (night) layer.push({
      data: { values: effort.filter((row) => row.night > 0).map((row) => Object.assign({ left: row.place - 0.5, right: row.place + 0.5 }, row)) },
      mark: { type: "rect", color: "#2b3a55" },
      encoding: { x: Object.assign({}, none, { field: "left" }), x2: { field: "right" }, opacity: { field: "night", type: "quantitative", legend: null, scale: { domain: [0, 1], range: [0, 0.22] } }, tooltip: [{ field: "label", title: "From" }, { field: "night", title: "Share of its images taken by night", format: ".0%" }] }
    });
    layer.push({
      data: { values: rows }, encoding: { x: none, y: { field: "mean", type: "quantitative", title: words.mean, scale: { domainMin: 0 }, axis: { tickCount: 4 } }, color: colour, strokeDash: dash },
      layer: [
        { mark: { type: "line", strokeWidth: 1.6, invalid: "break-paths-show-path-domains" } },
        { mark: { type: "point", filled: true, size: 30, invalid: "filter" }, encoding: { shape: shape, tooltip: [{ field: "taxon", title: "Species" }, { field: "label", title: "From" }, { field: "mean", title: "Per image", format: ".3f" }, { field: "detections", title: words.detections }, { field: "images", title: "Images looked at" }] } }
      ]
    });
    show(id, {
      vconcat: [
        { width: half, height: 150, layer: layer },
        { width: half, height: 46, data: { values: effort.map((row) => Object.assign({ left: row.place - 0.44, right: row.place + 0.44 }, row)) }, mark: { type: "rect", color: EFFORT },
          encoding: { x: Object.assign({}, place, { field: "left" }), x2: { field: "right" }, y: count("images", 2), y2: ground, tooltip: [{ field: "label", title: "From" }, { field: "images", title: "Images looked at" }] } }
      ],
      resolve: { scale: { color: "independent", x: "independent" } }, spacing: 8
    }, title + " at camera " + camera.name);
  }

  function drawScores(number) {
    const taxon = taxa[number], rows = [], step = 5;
    // Each threshold is the edge of a bar, so that a bar counts or does not; between those of merged classes some of it counts.
    const marks = taxon.conf.map((conf) => Math.ceil(conf * 100 - 1e-6)), least = Math.min.apply(null, marks), most = Math.max.apply(null, marks);
    const first = Math.round(data.stored_conf * 100), edges = new Set([first, 100].concat(marks));
    for (let edge = least % step; edge < 100; edge += step) edges.add(edge);
    const ordered = Array.from(edges).filter((edge) => edge >= first && edge <= 100).sort((a, b) => a - b);
    ordered.slice(1).forEach((to, i) => {
      const from = ordered[i];
      let boxes = to === 100 ? taxon.scores[100] : 0;
      for (let score = from; score < to; score++) boxes += taxon.scores[score];
      rows.push({ from: from / 100, to: to / 100, boxes: boxes, counts: from >= most ? "counts" : from >= least ? "some count" : "below" });
    });
    show("scores", {
      width: width(), height: 150,
      layer: [
        { data: { values: rows }, mark: { type: "rect", stroke: "#fff", strokeWidth: 1 }, encoding: {
          x: { field: "from", type: "quantitative", title: "score of " + taxon.name, scale: { domain: [0, 1] }, axis: { tickCount: 10, grid: false } }, x2: { field: "to" },
          y: { field: "boxes", type: "quantitative", title: words.boxes, scale: { domainMin: 0 }, axis: { tickCount: 4 } }, y2: ground,
          color: { field: "counts", type: "nominal", legend: null, scale: { domain: ["counts", "some count", "below"], range: [taxon.colour, taxon.colour + "77", "#c9d1d6"] } },
          tooltip: [{ field: "from", title: "From score", format: ".2f" }, { field: "to", title: "Below", format: ".2f" }, { field: "boxes", title: words.boxes }, { field: "counts", title: "Of these" }] } },
        { data: { values: taxon.conf.map((value) => ({ at: value, word: "in use: " + value })) }, layer: [
          { mark: { type: "rule", color: INK, strokeWidth: 2 }, encoding: { x: { field: "at", type: "quantitative" }, tooltip: [{ field: "word", title: "Threshold" }] } },
          { mark: { type: "text", align: "left", dx: 5, dy: 6, color: INK, baseline: "top" }, encoding: { x: { field: "at", type: "quantitative" }, y: { value: 0 }, text: { field: "word" } } } ] }
      ]
    }, "Number of stored " + words.boxes + " of " + taxon.name + " by score");
  }

  // Of cameras that something releases: what an event saw at most, as its mean over events, each with how often it saw any.
  function drawEvents(some) {
    const chosen = some.map((taxon) => taxa.indexOf(taxon)), rows = [];
    data.events.rows.forEach(([place, number, mean, seen, events]) => {
      if (chosen.includes(number)) rows.push({ place: data.events.places[place], taxon: taxa[number].name, mean: mean, seen: seen, events: events });
    });
    const places = data.events.places;
    show("events", {
      width: width() - 40, height: { step: 24 }, data: { values: rows }, mark: { type: "point", filled: true, size: 70, opacity: 0.9 },
      encoding: {
        y: { field: "place", type: "nominal", title: null, sort: places, scale: { domain: places }, axis: { labelLimit: 150, grid: true, domain: false, ticks: false } },
        x: { field: "mean", type: "quantitative", title: "mean MaxN of an event", scale: { domainMin: 0, nice: true }, axis: { tickCount: 6 } },
        color: colour, shape: shape,
        tooltip: [{ field: "taxon", title: "Species" }, { field: "place", title: "Camera" }, { field: "mean", title: "Mean MaxN of an event", format: ".2f" }, { field: "seen", title: "Events that saw it" }, { field: "events", title: "Events" }]
      }
    }, "Mean MaxN of an event by camera, for each species chosen");
  }

  function drawHealth(number, bin) {
    const camera = cameras[number], effort = effortRows(camera, bin), domain = span(effort);
    if (!domain) { byId("health").textContent = nothingDrawn(camera); return; }
    const broken = [];
    effort.forEach((row, i) => {
      if (i > 0 && effort[i - 1].to < row.at) broken.push({ at: effort[i - 1].to, middle: effort[i - 1].to, luma: null, sharpness: null });
      broken.push(Object.assign({ middle: (row.at + row.to) / 2 }, row));
    });
    const panel = (field, title, last) => {
      const along = Object.assign({ field: "middle" }, x());
      if (!last) along.axis = Object.assign({}, along.axis, { labels: false, ticks: false });
      return {
        width: width(), height: 80,
        layer: markLayers(camera, domain).concat([edges(domain, along), { data: { values: broken }, encoding: { x: along, y: { field: field, type: "quantitative", title: title, axis: { tickCount: 3 }, scale: { zero: field !== "luma" } } },
          layer: [{ mark: { type: "line", color: "#0072b2", strokeWidth: 1.3, invalid: "break-paths-show-path-domains" } },
            { mark: { type: "point", filled: true, color: "#0072b2", size: broken.length > 800 ? 8 : 16, invalid: "filter" }, encoding: { tooltip: [when(bin), { field: field, title: title }, { field: "images", title: "Images" }] } }] }])
      };
    };
    const images = {
      width: width(), height: 60, data: { values: effort }, mark: { type: "rect", color: EFFORT },
      encoding: { x: Object.assign({ field: "at" }, x(), { axis: Object.assign({}, x().axis, { labels: false, ticks: false }) }), x2: { field: "to" }, y: count("images", 2), y2: ground, tooltip: [when(bin), { field: "images", title: "Images" }] }
    };
    show("health", { vconcat: [images, panel("luma", "brightness", false), panel("sharpness", "sharpness", true)], spacing: 8, resolve: { scale: { color: "independent", x: "independent" } } },
      "Images, median brightness and median sharpness over time at camera " + camera.name);
  }

  function chosen() {
    return taxa.filter((taxon, i) => byId("taxon-" + i).checked);
  }
  const bin = () => document.querySelector("input[name=bin]:checked").value;
  const hours = Array.from({ length: 24 }, (_, i) => (i < 10 ? "0" : "") + i + ":00");
  const monthNames = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

  function drawAll() {
    const number = Number(byId("camera").value), some = chosen();
    const clock = cameras[number].hour_of_day.clock === "sun" ? "hour of the day, by the sun (mean solar time)" : "hour of the day, " + data.zone;
    if (taxa.length) {
      drawSeries(number, bin(), some);
      profile("hours", number, some, "hour_of_day", clock, hours);
      profile("months", number, some, "month_of_year", "month, all years together", monthNames);
    }
    if (data.events.rows.length) drawEvents(some);
    drawHealth(number, bin());
  }

  document.documentElement.classList.add("drawn");
  byId("camera").addEventListener("change", drawAll);
  document.querySelectorAll("input[name=bin]").forEach((one) => one.addEventListener("change", drawAll));
  document.querySelectorAll("input[name=taxon]").forEach((one) => one.addEventListener("change", drawAll));
  for (const [id, on] of taxa.length ? [["all-on", true], ["all-off", false]] : []) {
    byId(id).addEventListener("click", () => {
      document.querySelectorAll("input[name=taxon]").forEach((one) => { one.checked = on; });
      drawAll();
    });
  }
  if (taxa.length) {
    byId("scored").addEventListener("change", () => drawScores(Number(byId("scored").value)));
    drawScores(0);
  }
  shoalCharts.onResize(width, () => {
    drawAll();
    if (taxa.length) drawScores(Number(byId("scored").value));
  });
  drawAll();
})();
