// A picture to click on: JPEG bytes in; clicks, boxes and keys out, in pixels of the photo.
// The Python half is picture.py, which says what each message means.

const DRAG = 5; // CSS px: less is a click
const SVG = "http://www.w3.org/2000/svg";
const HELP =
  "Arrow keys move the cross (with Shift: ten times as far), Enter clicks, Shift and Enter leaves " +
  "out, B sets the corners of a box, 1 to 9 assign the selection, Z and Y undo and redo, Escape " +
  "selects nothing.";

function make(tag, name, parent) {
  const node = document.createElement(tag);
  node.className = name;
  parent.append(node);
  return node;
}

function render({ model, el }) {
  const root = make("div", "mineral-picture", el);
  root.tabIndex = 0;
  root.setAttribute("role", "application");
  root.setAttribute("aria-roledescription", "picture to click on");
  root.setAttribute("aria-keyshortcuts", "Enter Shift+Enter B Z Y Escape");
  root.dataset.lmSuppressShortcuts = "true"; // or JupyterLab takes B for "insert a cell below"
  const image = make("img", "mineral-picture-image", root);
  image.draggable = false;
  const drawing = root.appendChild(document.createElementNS(SVG, "svg"));
  const spoken = make("span", "mineral-picture-spoken", root);
  spoken.setAttribute("aria-live", "polite");

  const size = () => model.get("size"); // [height, width] of the photo
  const urls = []; // of the bytes that are shown, and of those before until they are
  let cross = null; // [x, y] of the keyboard's cross
  let corner = null; // [x, y] of a box that is begun
  let dragged = null; // box under the pointer

  function draw(marks) {
    const [height, width] = size();
    drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const unit = width / Math.max(root.clientWidth, 1); // photo px for one CSS px
    const shapes = marks.map(([kind, ...at]) => {
      if (kind === "box") {
        const [x1, y1, x2, y2] = at;
        const box = `x="${Math.min(x1, x2)}" y="${Math.min(y1, y2)}"`;
        return `<rect ${box} width="${Math.abs(x2 - x1)}" height="${Math.abs(y2 - y1)}"/>`;
      }
      if (kind === "line") {
        return `<path d="M${at[0]} ${at[1]}L${at[2]} ${at[3]}"/>`;
      }
      const [x, y, r] = [at[0], at[1], (kind === "cross" ? 14 : 7) * unit];
      const down = kind === "minus" ? "" : `M${x} ${y - r}v${2 * r}`;
      return `<path d="M${x - r} ${y}h${2 * r}${down}"/>`;
    });
    // every shape twice, black under white, so that it is seen on any mineral
    drawing.innerHTML = `<g class="below">${shapes.join("")}</g><g>${shapes.join("")}</g>`;
  }

  function redraw() {
    const own = [];
    if (dragged) own.push(["box", ...dragged]);
    else if (corner && cross) own.push(["box", ...corner, ...cross]);
    if (cross) own.push(["cross", ...cross]);
    draw([...model.get("marks"), ...own]);
  }

  function show() {
    const bytes = model.get("jpeg");
    if (!bytes.byteLength) return;
    urls.push(URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })));
    image.onload = () => {
      performance.mark("mineral-picture"); // the moment from which the pixels are in the page
      image.dataset.shown = String(Number(image.dataset.shown || 0) + 1);
      while (urls.length > 1) URL.revokeObjectURL(urls.shift());
    };
    image.src = urls.at(-1);
    redraw();
  }

  function describe() {
    image.alt = model.get("alt");
    root.setAttribute("aria-label", `${model.get("alt")} ${HELP}`);
  }

  const clip = (value, end) => Math.min(Math.max(value, 0), end - 0.001);

  function place(event) {
    const [height, width] = size();
    const area = image.getBoundingClientRect();
    return [
      clip(((event.clientX - area.left) / area.width) * width, width),
      clip(((event.clientY - area.top) / area.height) * height, height),
    ];
  }

  const click = ([x, y], minus) => model.send({ kind: "click", x, y, minus });
  const box = ([x1, y1], [x2, y2]) => model.send({ kind: "box", x1, y1, x2, y2 });

  let start = null; // where the pointer went down
  root.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    root.focus({ preventScroll: true });
    root.setPointerCapture(event.pointerId);
    start = { at: place(event), x: event.clientX, y: event.clientY };
    cross = corner = null;
  });
  root.addEventListener("pointermove", (event) => {
    if (!start) return;
    const far = Math.hypot(event.clientX - start.x, event.clientY - start.y) >= DRAG;
    dragged = far ? [...start.at, ...place(event)] : null;
    redraw();
  });
  root.addEventListener("pointerup", (event) => {
    if (!start) return;
    if (dragged) box(start.at, place(event));
    else click(start.at, event.shiftKey);
    start = dragged = null;
    redraw();
  });
  root.addEventListener("pointercancel", () => {
    start = dragged = null;
    redraw();
  });

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  function key(event) {
    const [height, width] = size();
    const at = cross ?? [width / 2, height / 2];
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (name in ARROWS) {
      const step = (width / 200) * (event.shiftKey ? 10 : 1);
      const [dx, dy] = ARROWS[name];
      cross = [clip(at[0] + dx * step, width), clip(at[1] + dy * step, height)];
      spoken.textContent = `x ${Math.floor(cross[0])}, y ${Math.floor(cross[1])}`;
    } else if (name === "Enter") {
      cross = at;
      click(at, event.shiftKey);
    } else if (name === "b") {
      if (corner) box(corner, at);
      corner = corner ? null : at;
      cross = at;
    } else if (name === "z" || name === "y") {
      model.send({ kind: name === "z" && !event.shiftKey ? "undo" : "redo" });
    } else if (name === "Escape") {
      corner = null;
      model.send({ kind: "drop" });
    } else if (/^[1-9]$/.test(name) && !event.ctrlKey && !event.metaKey) {
      model.send({ kind: "assign", number: Number(name) });
    } else {
      return; // Tab and all others do what they always do
    }
    event.preventDefault();
    event.stopPropagation();
    redraw();
  }
  root.addEventListener("keydown", key);

  model.on("change:jpeg", show);
  model.on("change:alt", describe);
  model.on("change:marks", redraw);
  const watcher = new ResizeObserver(redraw);
  watcher.observe(root);
  describe();
  show();
  return () => {
    watcher.disconnect();
    model.off("change:jpeg", show);
    model.off("change:alt", describe);
    model.off("change:marks", redraw);
    urls.forEach((url) => URL.revokeObjectURL(url));
  };
}

export default { render };
