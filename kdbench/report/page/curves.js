// Learning curves: a panel a student, a line a run. A point is read by pointing at it, or with the arrow keys.
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [400, 270, 48, 12, 12, 40];
const TITLES = { loss: "training loss (nats)", accuracy: "training accuracy (%)" };
const NAMESPACE = document.querySelector("svg").namespaceURI; // SVG's, as the parser knows it
const LOG_RATIO = 20; // losses that differ more than this many times are drawn on a logarithmic axis

function drawCurves(data, form, panels) {
  const looks = new Map(data.methods.map((method) => [method.name, method]));
  const checked = (name) => new Set([...form.querySelectorAll(`[name=${name}]:checked`)].map((box) => box.value));

  function draw() {
    const [students, methods, seed] = [checked("student"), checked("method"), form.elements.seed.value];
    const quantity = form.elements.quantity.value;
    const shown = data.curves.filter(
      (curve) =>
        (methods.has(curve.method) || curve.student === "teacher") &&
        (!seed || String(curve.seed) === seed) &&
        curve[quantity].some((value) => value !== null),
    );
    const drawn = [...students].map((student) => [student, shown.filter((curve) => curve.student === student)]);
    panels.replaceChildren(...drawn.filter(([, curves]) => curves.length).map((part) => panel(...part, quantity)));
    if (!panels.childElementCount) panels.textContent = "No run is chosen.";
  }

  function panel(student, curves, quantity) {
    const points = curves.flatMap((curve) =>
      curve[quantity].map((value, place) => ({ curve, place, epoch: curve.first + place * data.every, value })),
    ).filter((point) => point.value !== null);
    const [x, y] = scales(points, quantity);
    for (const point of points) [point.x, point.y] = [x.of(point.epoch), y.of(point.value)];
    const lines = new Map();
    for (const point of points) lines.set(point.curve, [...(lines.get(point.curve) ?? []), point]);

    const dot = svg("circle", { r: 4.5, class: "dot", visibility: "hidden" });
    const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, tabindex: 0, role: "group" });
    picture.setAttribute("aria-label", `${student}: ${TITLES[quantity]}, ${lines.size} runs; arrow keys read them`);
    picture.append(...axes(x, y, TITLES[quantity]));
    const paths = new Map();
    for (const [curve, own] of lines) {
      const look = looks.get(curve.method);
      const d = own.map((point, place) => `${place ? "L" : "M"}${point.x.toFixed(1)} ${point.y.toFixed(1)}`).join("");
      paths.set(curve, svg("path", { d, class: "curve", "stroke-dasharray": look.dashes || "none" }));
      paths.get(curve).style.setProperty("--look", look.color);
    }
    picture.append(...paths.values(), dot);
    const title = html("h3", student);
    const readout = html("p", "", { class: "readout", "aria-live": "polite" });
    let at = null;

    function read(point) {
      if (at) paths.get(at.curve).classList.remove("read");
      at = point ?? null;
      dot.setAttribute("visibility", at ? "visible" : "hidden");
      readout.textContent = at ? describe(at.curve, at.place, at.epoch) : "";
      if (!at) return;
      paths.get(at.curve).classList.add("read");
      picture.append(paths.get(at.curve), dot); // above all others
      dot.setAttribute("cx", at.x);
      dot.setAttribute("cy", at.y);
      dot.style.setProperty("--look", looks.get(at.curve.method).color);
    }

    const nearest = (list, distance) => list.reduce((a, b) => (a && distance(a) <= distance(b) ? a : b), null);
    picture.addEventListener("pointermove", (event) => {
      const area = picture.getBoundingClientRect();
      const [left, top] = [event.clientX - area.left, event.clientY - area.top].map((way) => (way * WIDTH) / area.width);
      read(nearest(points, (point) => (point.x - left) ** 2 + (point.y - top) ** 2));
    });
    picture.addEventListener("pointerleave", () => read(null));
    picture.addEventListener("focus", () => at ?? read(points[0]));
    picture.addEventListener("blur", () => read(null));
    picture.addEventListener("keydown", (event) => {
      if (!event.key.startsWith("Arrow") || !points.length) return;
      event.preventDefault();
      at ??= points[0];
      const column = points.filter((point) => point.epoch === at.epoch).sort((a, b) => b.y - a.y);
      const own = lines.get(at.curve);
      const [list, step] = {
        ArrowLeft: [own, -1], ArrowRight: [own, 1], ArrowDown: [column, -1], ArrowUp: [column, 1],
      }[event.key];
      read(list[list.indexOf(at) + step] ?? at);
    });
    const figure = html("div", "", { class: "panel" });
    figure.append(title, picture, readout);
    return figure;
  }

  function describe(curve, place, epoch) {
    const [loss, accuracy] = [curve.loss[place], curve.accuracy[place]];
    return `${curve.run}, seed ${curve.seed}, epoch ${epoch}: loss ${loss ?? "–"}, accuracy ${accuracy ?? "–"} %` +
      (curve.test === null ? "" : `; tested in the end ${curve.test.toFixed(2)} %`);
  }

  form.addEventListener("input", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  draw();
}

// Both axes: where a value lies in the picture, and the values to name.
function scales(points, quantity) {
  const [epochs, values] = [points.map((point) => point.epoch), points.map((point) => point.value)];
  const [lowest, highest] = [smallest(values), largest(values)];
  const logarithmic = quantity === "loss" && lowest > 0 && highest / lowest > LOG_RATIO;
  const room = logarithmic ? 1 : 0.04 * (highest - lowest) || 1;
  const [low, high] = logarithmic ? [lowest / 1.15, highest * 1.15] : [lowest - room, highest + room];
  const map = logarithmic ? Math.log : (value) => value;
  const last = Math.max(largest(epochs), 2);
  return [
    { of: (epoch) => LEFT + 8 + ((epoch - 1) / (last - 1)) * (WIDTH - LEFT - RIGHT - 16),
      ticks: ticks(1, largest(epochs), 6).filter(Number.isInteger) },
    { of: (value) => HEIGHT - BOTTOM - ((map(value) - map(low)) / (map(high) - map(low))) * (HEIGHT - TOP - BOTTOM),
      ticks: logarithmic ? logTicks(low, high) : ticks(low, high, 6) },
  ];
}

// Loops: a list of many points is too long to be the arguments of Math.min.
const smallest = (values) => values.reduce((a, b) => (b < a ? b : a), Infinity);
const largest = (values) => values.reduce((a, b) => (b > a ? b : a), -Infinity);

// Round values from low to high, at most as many as asked for.
function ticks(low, high, most) {
  const size = 10 ** Math.floor(Math.log10((high - low) / most || 1));
  const step = [1, 2, 5, 10].map((factor) => factor * size).find((width) => (high - low) / width <= most) ?? 10 * size;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, place) => Number(((first + place) * step).toPrecision(6)));
}

function logTicks(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
    for (const factor of [1, 2, 5]) found.push(Number((factor * 10 ** power).toPrecision(3)));
  }
  return found.filter((value) => value >= low && value <= high);
}

function axes(x, y, title) {
  const [bottom, right] = [HEIGHT - BOTTOM, WIDTH - RIGHT];
  const text = (words, attributes) => {
    const element = svg("text", attributes);
    element.textContent = words;
    return element;
  };
  return [
    ...y.ticks.map((value) => svg("path", { class: "grid", d: `M${LEFT} ${y.of(value)}H${right}` })),
    svg("path", { class: "axis", d: `M${LEFT} ${TOP}V${bottom}H${right}` }),
    ...y.ticks.map((value) => text(value, { x: LEFT - 6, y: y.of(value) + 4, "text-anchor": "end" })),
    ...x.ticks.map((value) => text(value, { x: x.of(value), y: bottom + 16, "text-anchor": "middle" })),
    text("epoch", { x: (LEFT + right) / 2, y: HEIGHT - 6, "text-anchor": "middle" }),
    text(title, { x: 0, y: 0, transform: `translate(12 ${(TOP + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }),
  ];
}

function svg(name, attributes) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function html(name, words, attributes = {}) {
  const element = document.createElement(name);
  element.textContent = words;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

const embedded = document.getElementById("curves-data");
if (embedded) {
  const [form, panels] = ["curves-filters", "curves-panels"].map((id) => document.getElementById(id));
  drawCurves(JSON.parse(embedded.textContent), form, panels);
}
