// Draws two answers side by side: over time, and over thresholds. Without it the tables stand.
"use strict";
(function () {
  const { INK, EFFORT, byId, show, moment, ends, when, count, ground } = shoalCharts;
  const data = JSON.parse(byId("comparison").textContent);
  const sides = data.sides;
  const words = data.words || { mean: "detections per image", detections: "Detections", boxes: "detections" };
  const width = () => Math.max(220, byId("compared-charts").clientWidth - 90);
  const x = (domain) => shoalCharts.time(width(), domain);
  const scale = (range) => ({ domain: sides, range: range });
  const of = (range) => ({ field: "side", type: "nominal", legend: null, scale: scale(range) });
  const colour = of(data.colours), dash = of([[1, 0], [7, 4]]), shape = of(["circle", "square"]);
  // Where the two agree the first one shows beneath the second one.
  const above = (range) => ({ field: "side", type: "ordinal", legend: null, scale: scale(range) });
  const wide = (points) => above(points > 200 ? [2.4, 1.2] : [3.6, 1.6]), large = (points) => above(points > 200 ? [26, 10] : [75, 26]);
  const twoLines = (rows, y, tooltip) => ({
    data: { values: rows }, encoding: { y: y, color: colour },
    layer: [
      { mark: { type: "line", invalid: "break-paths-show-path-domains", clip: true }, encoding: { strokeDash: dash, strokeWidth: wide(rows.length) } },
      { mark: { type: "point", filled: true, invalid: "filter", clip: true }, encoding: { shape: shape, size: large(rows.length), tooltip: tooltip } }
    ]
  });
  // On paper nobody sees what is chosen.
  const title = (taxon) => ({ text: taxon.name, fontStyle: "italic", fontWeight: 500, fontSize: 13, limit: width() });
  const ratio = (first, second) => first > 0 ? second / first : null;

  function drawSeries(taxon) {
    const bin = data.bin, starts = data.starts.map(moment), stops = ends(starts, bin), rows = [], effort = [];
    starts.forEach((at, i) => effort.push({ at: at, to: stops[i], images: data.images[i] }));
    sides.forEach((side, s) => effort.forEach((row, i) => {
      if (i > 0 && effort[i - 1].to < row.at) rows.push({ at: effort[i - 1].to, middle: effort[i - 1].to, side: side, mean: null });
      const boxes = taxon.series[s][i];
      rows.push({ at: row.at, middle: (row.at + row.to) / 2, side: side, detections: boxes, images: row.images, mean: boxes / row.images });
    }));
    const zoomed = Object.assign({ field: "middle" }, x({ param: "span" }));
    const lines = twoLines(rows, { field: "mean", type: "quantitative", title: words.mean, scale: { domainMin: 0, nice: true }, axis: { tickCount: 5 } },
      [{ field: "side", title: "By" }, when(bin), { field: "mean", title: data.words ? "Share" : "Per image", format: ".3f" }, { field: "detections", title: words.detections }, { field: "images", title: "Images that both use" }]);
    lines.encoding.x = zoomed;
    const domain = [effort[0].at, effort[effort.length - 1].to];
    show("compared-series", {
      vconcat: [
        { width: width(), height: 230, title: title(taxon), layer: [{ data: { values: domain.map((at) => ({ middle: at })) }, mark: { type: "point", opacity: 0, size: 1 }, encoding: { x: zoomed } }, lines] },
        {
          width: width(), height: 60, data: { values: effort },
          params: [{ name: "span", select: { type: "interval", encodings: ["x"], mark: { fill: "#0072b2", fillOpacity: 0.3, stroke: "#0072b2" } } }],
          mark: { type: "rect", color: EFFORT },
          encoding: { x: Object.assign({ field: "at" }, x()), x2: { field: "to" }, y: count("images", 2), y2: ground, tooltip: [when(bin), { field: "images", title: "Images that both use" }] }
        }
      ],
      resolve: { scale: { color: "independent", x: "independent" } }, spacing: 12
    }, taxon.name + ", " + words.mean + ", over time, by both, above the number of images that both use");
  }

  function drawThresholds(taxon) {
    const rows = [], ratios = [];
    taxon.at.forEach(([conf, first, second]) => {
      const told = { conf: conf, first: first, second: second, difference: second - first, ratio: ratio(first, second) };
      rows.push(Object.assign({ side: sides[0], boxes: first }, told), Object.assign({ side: sides[1], boxes: second }, told));
      ratios.push(told);
    });
    if (!rows.length) {
      byId("compared-thresholds").textContent = "Its classes are merged: " + (data.words ? "" : "below the threshold in use one fish may be two boxes, so that ") + "other thresholds are not told.";
      return;
    }
    const tooltip = [{ field: "conf", title: "From score", format: ".2f" }, { field: "first", title: sides[0] }, { field: "second", title: sides[1] },
      { field: "difference", title: "Difference", format: "+d" }, { field: "ratio", title: "Ratio", format: ".3f" }];
    const along = (title) => ({ field: "conf", type: "quantitative", title: title, scale: { domain: [0, 1] }, axis: Object.assign({ tickCount: 10, grid: false }, title ? {} : { labels: false, ticks: false }) });
    const used = [];
    taxon.conf.forEach((confs, s) => confs.forEach((at) => used.push({ at: at, side: sides[s], word: sides[s] + " counts from " + at })));
    const rules = { data: { values: used }, mark: { type: "rule" }, encoding: { x: { field: "at", type: "quantitative" }, color: colour, strokeDash: dash, strokeWidth: wide(used.length), tooltip: [{ field: "word", title: "In use" }] } };
    const lines = twoLines(rows, { field: "boxes", type: "quantitative", title: words.boxes, scale: { domainMin: 0, nice: true }, axis: { tickCount: 4 } }, tooltip);
    lines.encoding.x = along(null);
    show("compared-thresholds", {
      vconcat: [
        { width: width(), height: 170, title: title(taxon), layer: [rules, lines] },
        {
          width: width(), height: 80,
          layer: [
            { data: { values: [{ one: 1 }] }, mark: { type: "rule", color: "#b8c2c9", strokeWidth: 1.5 }, encoding: { y: { field: "one", type: "quantitative" } } },
            {
              data: { values: ratios }, encoding: { x: along(words.boxes + " from this score on"), y: { field: "ratio", type: "quantitative", title: "ratio", scale: { zero: false }, axis: { tickCount: 4 } } },
              layer: [{ mark: { type: "line", color: INK, strokeWidth: 1.6, invalid: "break-paths-show-path-domains" } }, { mark: { type: "point", filled: true, color: INK, size: 30, invalid: "filter" }, encoding: { tooltip: tooltip } }]
            }
          ]
        }
      ],
      spacing: 8
    }, taxon.name + ", " + words.boxes + " from each threshold on, by both, and the ratio of the second to the first");
  }

  function draw() {
    const taxon = data.taxa[Number(byId("compared-taxon").value)];
    drawSeries(taxon);
    drawThresholds(taxon);
  }

  document.documentElement.classList.add("drawn");
  byId("compared-taxon").addEventListener("change", draw);
  shoalCharts.onResize(width, draw);
  draw();
})();
