// What every chart of these pages has in common. It asks nobody for anything, and evaluates no text: Vega's expressions go
// through its interpreter.
"use strict";
const shoalCharts = (function () {
  const DAY = 86400000;
  const INK = "#33414b", GRID = "#e6eaed", EFFORT = "#9aa7b0";
  const config = {
    background: null, font: "system-ui, sans-serif",
    axis: { labelColor: INK, titleColor: INK, gridColor: GRID, domainColor: "#b8c2c9", tickColor: "#b8c2c9", titleFontWeight: 500 },
    view: { stroke: null }, title: { color: INK, anchor: "start", fontWeight: 600 }
  };
  const byId = (id) => document.getElementById(id);

  function show(id, spec, label) {
    // Vega writes the description as the label of the element; without one it would say "Vega visualization".
    const options = { ast: true, renderer: "svg", actions: false, tooltip: { theme: "light" } };
    return vegaEmbed(byId(id), Object.assign({ $schema: "https://vega.github.io/schema/vega-lite/v6.json", config: config, description: label }, spec), options);
  }

  // A day or month as the milliseconds of its local date, taken for UTC: nothing is shifted by the reader's own zone.
  const moment = (text) => Date.parse(text + "T00:00:00Z");

  function ends(starts, bin) {
    return starts.map((at) => {
      if (bin === "day") return at + DAY;
      const date = new Date(at);
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
    });
  }

  const when = (bin) => ({ field: "at", type: "temporal", timeUnit: bin === "day" ? "utcyearmonthdate" : "utcyearmonth", title: bin === "day" ? "Day" : "Month" });
  // Hours have no name of their own: bins are days or longer.
  const dates = { year: "%Y", quarter: "%b %Y", month: "%b %Y", week: "%-d %b", date: "%-d %b", hours: " ", minutes: " ", seconds: " ", milliseconds: " " };
  // Along time, in a chart of so many pixels.
  const time = (width, domain) => ({
    type: "temporal", title: null, scale: domain ? { type: "utc", domain: domain } : { type: "utc" },
    axis: { labelOverlap: true, tickCount: Math.max(2, Math.round(width / 110)), grid: false, format: dates }
  });
  const count = (title, ticks) => ({ field: "images", type: "quantitative", title: title, scale: { domainMin: 0 }, axis: { tickCount: ticks } });
  const ground = { datum: 0 };

  // Draws again where the room becomes another one; what follows is drawn as wide as it is then.
  function onResize(width, draw) {
    let known = width();
    window.addEventListener("resize", () => {
      if (width() === known) return;
      known = width();
      draw();
    });
  }

  return { INK, EFFORT, byId, show, moment, ends, when, time, count, ground, onResize };
})();
