// The map of areas: each in the colour of its row in the table beside it, with that row's sign. The table says it all;
// whoever has no script, no pointer or no sight of colours misses nothing here.
"use strict";

(() => {
  const box = document.getElementById("map");
  const rows = new Map([...document.querySelectorAll("tr[data-area]")].map((row) => [row.dataset.area, row]));
  const NAMED = 64, SIGNED = 22; // pixels across, from which on an area has room for its name, for its sign

  function label(row) {
    const sign = row.querySelector(`.band-${CSS.escape(row.dataset.band)} svg, .band-none svg`);
    const text = document.createElement("span");
    text.className = `sign band-${row.dataset.band}`;
    if (sign) text.append(sign.cloneNode(true));
    const name = document.createElement("b");
    name.textContent = row.querySelector("th a").textContent;
    text.append(name);
    return text;
  }

  // The middle of the largest ring, by area: of a crescent it may lie outside, which is still beside the right place.
  function middle(rings) {
    let best = null, most = -1;
    for (const [ring] of rings) {
      let twice = 0, x = 0, y = 0;
      for (let at = 1; at < ring.length; at += 1) {
        const [x0, y0] = ring[at - 1], [x1, y1] = ring[at], cross = x0 * y1 - x1 * y0;
        twice += cross;
        x += (x0 + x1) * cross;
        y += (y0 + y1) * cross;
      }
      if (Math.abs(twice) > most) {
        most = Math.abs(twice);
        best = [y / (3 * twice), x / (3 * twice)];
      }
    }
    return best;
  }

  function draw(shapes) {
    const drawn = shapes.features.filter((shape) => rows.has(shape.id));
    if (!drawn.length) return;
    box.parentElement.hidden = false;
    const shaped = new Set(drawn.map((shape) => shape.id));
    const rest = [...rows].filter(([code]) => !shaped.has(code)).map(([, row]) => row.querySelector("th a").textContent);
    const unmapped = document.getElementById("unmapped");
    unmapped.hidden = !rest.length;
    unmapped.querySelector("b").textContent = rest.join(box.dataset.and);
    const map = L.map(box, { attributionControl: false, zoomControl: false, zoomSnap: 0.25, scrollWheelZoom: false });
    L.control.zoom({ zoomInTitle: box.dataset.zoomIn, zoomOutTitle: box.dataset.zoomOut }).addTo(map);
    if (box.dataset.tiles) L.tileLayer(box.dataset.tiles, { maxZoom: 18 }).addTo(map);
    const around = shapes.features.filter((shape) => shape.id === box.dataset.here);
    L.geoJSON(around, { interactive: false, style: { className: "outline" } }).addTo(map);
    const signs = [];
    const areas = L.geoJSON(drawn, {
      style: (shape) => ({ className: `shape band-${rows.get(shape.id).dataset.band}` }),
      onEachFeature: (shape, layer) => {
        const row = rows.get(shape.id);
        layer.on("click", () => { location.assign(row.querySelector("th a").href); });
        layer.on("mouseover", () => { row.classList.add("pointed"); });
        layer.on("mouseout", () => { row.classList.remove("pointed"); });
        const lit = (on) => () => { layer.getElement()?.classList.toggle("pointed", on); };
        for (const [event, on] of [["mouseenter", true], ["focusin", true], ["mouseleave", false], ["focusout", false]]) {
          row.addEventListener(event, lit(on));
        }
        const icon = L.divIcon({ className: "areasign", html: label(row), iconSize: null });
        const marker = L.marker(middle(shape.geometry.coordinates), { icon, interactive: false, keyboard: false });
        signs.push({ marker: marker.addTo(map), layer });
      },
    }).addTo(map);
    function fit() { // a name or a sign that has no room in its area would be taken for a neighbour's
      for (const { marker, layer } of signs) {
        const bounds = layer.getBounds();
        const wide = map.latLngToLayerPoint(bounds.getSouthEast()).x - map.latLngToLayerPoint(bounds.getNorthWest()).x;
        const element = marker.getElement();
        if (!element) continue; // it is drawn once the map knows where it looks
        element.classList.toggle("unnamed", wide < NAMED);
        element.hidden = wide < SIGNED;
      }
    }
    map.on("zoomend resize", fit);
    map.fitBounds(areas.getBounds(), { padding: [12, 12], animate: false });
    fit();
  }

  fetch(box.dataset.shapes, { headers: { Accept: "application/geo+json" } })
    .then((answer) => (answer.ok ? answer.json() : { features: [] }))
    .then(draw)
    .catch(() => {}); // without the map the table remains
})();
