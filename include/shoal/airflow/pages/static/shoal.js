/* Shoal's pages work without this script: it takes Airflow's theme, keeps numbers fresh, copies commands, and lets links
   leave the frame that Airflow shows a page in. */
(function () {
  "use strict";
  var root = document.documentElement;

  function theme() {
    var said = null;
    try {
      said = window.localStorage.getItem("theme"); // where Airflow keeps it
    } catch (refused) {
      said = null;
    }
    if (said === "light" || said === "dark") root.setAttribute("data-theme", said);
    else root.removeAttribute("data-theme");
  }

  function copyable(within) {
    within.querySelectorAll("[data-copy]").forEach(function (code) {
      if (code.nextElementSibling && code.nextElementSibling.classList.contains("copy")) return;
      var button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "copy";
      button.setAttribute("aria-label", "Copy: " + code.textContent);
      button.addEventListener("click", function () {
        var range = document.createRange();
        range.selectNodeContents(code);
        var selection = window.getSelection();
        selection.removeAllRanges();
        selection.addRange(range);
        function done(copied) {
          button.textContent = copied ? "copied" : "selected: Ctrl-C";
          window.setTimeout(function () { button.textContent = "copy"; }, 3000);
        }
        if (navigator.clipboard && window.isSecureContext) {
          navigator.clipboard.writeText(code.textContent).then(function () { done(true); }, function () { done(false); });
        } else {
          done(document.execCommand("copy"));
        }
      });
      code.after(button);
    });
  }

  function live() {
    var part = document.querySelector("[data-live]");
    if (!part) return;
    var every = 1000 * Number(part.getAttribute("data-every") || 5);
    var wait = every;
    var note = document.querySelector("[data-live-note]");
    var last = Date.now();
    function next() { window.setTimeout(refresh, wait); }
    function refresh() {
      if (document.hidden) { next(); return; }
      fetch(part.getAttribute("data-live"), { credentials: "same-origin", cache: "no-store" })
        .then(function (answer) {
          if (!answer.ok) throw new Error(String(answer.status));
          return answer.text();
        })
        .then(function (text) {
          var open = Array.prototype.map.call(part.querySelectorAll("details[open][id]"), function (one) { return one.id; });
          var focused = document.activeElement && part.contains(document.activeElement);
          if (!focused && !selecting(part)) {
            part.innerHTML = text;
            open.forEach(function (id) { var one = document.getElementById(id); if (one) one.open = true; });
            copyable(part);
          }
          wait = every;
          last = Date.now();
          if (note) note.textContent = "Refreshed every " + every / 1000 + " s.";
          if (part.querySelector("[data-over]")) { window.location.reload(); return; }
          next();
        })
        .catch(function (error) {
          wait = Math.min(2 * wait, 60000);
          if (note) note.textContent = "Not refreshed for " + Math.round((Date.now() - last) / 1000) + " s (" + error.message + "): it is tried again.";
          next();
        });
    }
    if (note) note.textContent = "Refreshed every " + every / 1000 + " s.";
    next();
  }

  function selecting(part) {
    var selection = window.getSelection();
    return selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  }

  function leaveFrame(event) {
    // A frame may not lead the window around it elsewhere nor open a tab; the page around it, of the same origin, may.
    var link = event.target.closest ? event.target.closest("a[target=_top], a[target=_blank]") : null;
    if (!link || window.top === window || event.ctrlKey || event.metaKey || event.shiftKey) return;
    try {
      var outside = window.top.document.createElement("a");
      outside.href = link.href;
      if (link.target === "_blank") { outside.target = "_blank"; outside.rel = "noopener"; }
      window.top.document.body.appendChild(outside);
      event.preventDefault();
      outside.click();
      outside.remove();
    } catch (refused) {
      return;
    }
  }

  theme();
  window.addEventListener("storage", theme);
  document.addEventListener("click", leaveFrame);
  document.addEventListener("DOMContentLoaded", function () {
    copyable(document);
    live();
  });
})();
