(function () {
  "use strict";
  var config = { responsive: true, displayModeBar: false, plotlyServerURL: "" };
  function narrow(layout) {
    if (window.innerWidth > 700 || layout.legend.orientation === "h") { return layout; }
    return Object.assign({}, layout, { legend: { orientation: "h", x: 0, y: -0.15, yanchor: "top" } });
  }
  function draw(script) {
    var spec = JSON.parse(script.textContent);
    var plot = script.previousElementSibling;
    Plotly.newPlot(plot, spec.data, narrow(spec.layout), config);
    script.parentElement.querySelectorAll("button[data-format]").forEach(function (button) {
      button.addEventListener("click", function () {
        var layout = Object.assign({}, spec.layout, spec.alone);
        Plotly.downloadImage({ data: spec.data, layout: layout }, { format: button.dataset.format,
          filename: script.dataset.name, width: 900, height: spec.layout.height, scale: 2 });
      });
    });
  }
  var queue = Array.prototype.slice.call(document.querySelectorAll("script.chart"));
  (function next() { // one at a time, so that the page can be read meanwhile
    if (queue.length) { draw(queue.shift()); setTimeout(next, 0); }
  })();
  window.addEventListener("beforeprint", function () {
    while (queue.length) { draw(queue.shift()); }
    document.querySelectorAll(".plot").forEach(function (plot) { Plotly.Plots.resize(plot); });
  });
  document.querySelectorAll("input[type=search]").forEach(function (box) {
    var rows = document.querySelectorAll("#" + box.dataset.table + " tbody tr");
    box.addEventListener("input", function () {
      var word = box.value.toLowerCase();
      rows.forEach(function (row) {
        row.hidden = row.textContent.toLowerCase().indexOf(word) < 0;
      });
    });
  });
})();
