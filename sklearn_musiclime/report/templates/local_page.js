(() => {
  const number = (value, digits = 3) => (value < 0 ? "−" : "+") + String(Number(Math.abs(value).toPrecision(digits)));
  // No error is known where masks were too few: the weight is shown without.
  const withError = (weight, error) => number(weight) + (error === null ? " (no interval known)" : ` ± ${Number(error.toPrecision(2))}`);
  const audio = data.audio;
  let heard = null;  // the player
  let label = 0, which = "all";
  const explained = () => data.labels[label];
  const nSegments = audio ? audio.borders.length - 1 : 0;
  const nAudio = audio ? audio.sources.length * nSegments : 0;
  const isWord = (c) => c >= nAudio && c < nAudio + data.n_lyrics;
  const mayBeNothing = (c) => {
    const error = explained().reach[c];
    return error === null || Math.abs(explained().weights[c]) <= error;
  };
  const describe = (c) => {
    const weight = explained().weights[c], says = mayBeNothing(c) ? ", may be nothing" : weight < 0 ? ", against" : ", for";
    return `${data.components[c]}: ${withError(weight, explained().reach[c])}${says}`;
  };

  // A component stands in several places: as a square or a word, and as a bar. They light up together.

  const places = new Map(), sung = new Map(), timed = [];
  const tip = at("tip");
  const light = (components) => {
    document.querySelectorAll(".lit").forEach((element) => element.classList.remove("lit"));
    components.forEach((c) => (places.get(c) || []).forEach((e) => e.classList.add("lit")));
  };
  const showTip = (element, c) => {
    tip.textContent = describe(c);
    tip.hidden = false;
    const box = element.getBoundingClientRect(), width = tip.offsetWidth;
    tip.style.left = `${Math.max(4, Math.min(box.left, innerWidth - width - 4)) + scrollX}px`;
    const above = box.top - tip.offsetHeight - 6;
    tip.style.top = `${(above > 0 ? above : box.bottom + 6) + scrollY}px`;
    element.setAttribute("aria-describedby", "tip");
  };
  const hideTip = () => {
    tip.hidden = true;
    document.querySelectorAll("[aria-describedby=tip]").forEach((e) => e.removeAttribute("aria-describedby"));
  };
  const stands = (c, element) => {
    if (!places.has(c)) places.set(c, []);
    places.get(c).push(element);
    ["pointerenter", "focus"].forEach((name) => element.addEventListener(name, () => { light([c]); showTip(element, c); }));
    ["pointerleave", "blur"].forEach((name) => element.addEventListener(name, () => { light([]); hideTip(); }));
  };
  addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
  // One of many is in the order of tabs; arrows move between them.
  const roving = (elements, step) => elements.forEach((element, i) => {
    element.tabIndex = i ? -1 : 0;
    element.addEventListener("keydown", (event) => {
      const next = elements[step(i, event.key)];
      if (!next || next === element) return;
      event.preventDefault();
      elements.forEach((other) => { other.tabIndex = -1; });
      next.tabIndex = 0;
      next.focus();
    });
  });

  // What is heard.

  const hear = (plan) => { heard.choose(plan, false); heard.play(); };
  const hearComponent = (c) => {
    const s = Math.floor(c / nSegments), t = c % nSegments;
    hear(at("without").checked ? heard.plans.without(s, t) : heard.plans.only(s, t));
  };
  // A word is heard where it is sung, else with the sound that it does most with, else not at all.
  const hearWord = (c, start) => {
    if (!heard) return;
    if (start !== null) {
      heard.choose(heard.plans.original());
      heard.seek(start);
      heard.play();
      return;
    }
    const partner = explained().interactions.map(([a, b]) => (a === c ? b : b === c ? a : null)).find((p) => p !== null && p < nAudio);
    if (partner !== undefined) hearComponent(partner);
  };
  const playOf = (c) => {
    if (c < nAudio) hearComponent(c);
    else if (isWord(c)) hearWord(c, sung.has(c) ? sung.get(c) : null);
  };
  const clock = (time) => `${Math.floor(time / 60)}:${(time % 60).toFixed(1).padStart(4, "0")}`;
  const show = (time) => {
    at("seek").value = time;
    at("seek").setAttribute("aria-valuetext", clock(time));
    at("time").textContent = `${clock(time)} / ${clock(heard.seconds)}`;
    at("playhead").style.left = `${(100 * time) / heard.seconds}%`;
    timed.forEach(([element, start, end]) => {
      const isNow = start <= time && time < end;
      if (isNow && !element.classList.contains("now")) follow(element);
      element.classList.toggle("now", isNow);
    });
  };
  const follow = (element) => {
    const box = at("lyrics"), top = element.offsetTop - box.offsetTop;
    if (top < box.scrollTop || top > box.scrollTop + box.clientHeight - 40) box.scrollTop = top - box.clientHeight / 3;
  };
  const state = (status = "") => {
    const { isPlaying, plan, selection } = heard.state();
    at("toggle").firstElementChild.textContent = isPlaying ? "❚❚" : "▶";
    at("toggle-text").textContent = isPlaying ? "pause" : "play";
    at("status").textContent = status ? "loading …" : "";
    ["for", "against", "original"].forEach((name) => at(`play-${name}`).setAttribute("aria-pressed", plan.name === name));
    const part = at("selection");
    part.hidden = !selection;
    if (selection) {
      part.style.left = `${(100 * selection[0]) / heard.seconds}%`;
      part.style.width = `${(100 * (selection[1] - selection[0])) / heard.seconds}%`;
    }
  };
  const chosen = (name) => ({
    original: () => heard.plans.original(),
    for: () => heard.plans.signed(1, explained().weights),
    against: () => heard.plans.signed(-1, explained().weights),
  })[name]();

  // The lanes: a row of squares a source, its sound drawn over them, a ruler above.

  const drawWave = (canvas, source) => {
    const paint = canvas.getContext("2d"), n = source.low.length, middle = canvas.height / 2;
    paint.clearRect(0, 0, canvas.width, canvas.height);
    paint.fillStyle = getComputedStyle(document.body).color;
    for (let i = 0; i < n; i++) {
      const top = middle - (source.high[i] / 100) * middle, bottom = middle - (source.low[i] / 100) * middle;
      paint.fillRect((i / n) * canvas.width, top, canvas.width / n, Math.max(bottom - top, 1));
    }
  };
  const drawMel = (canvas, columns, loudest) => {
    const paint = canvas.getContext("2d"), nBands = columns[0].length;
    paint.clearRect(0, 0, canvas.width, canvas.height);
    paint.fillStyle = getComputedStyle(document.body).color;
    columns.forEach((column, x) => column.forEach((decibels, band) => {
      paint.globalAlpha = Math.min(Math.max((decibels - loudest + 70) / 70, 0), 1);
      const height = canvas.height / nBands;
      paint.fillRect((x / columns.length) * canvas.width, canvas.height - (band + 1) * height, canvas.width / columns.length + 1, height + 1);
    }));
    paint.globalAlpha = 1;
  };
  let spectrograms = null;
  const draw = async () => {
    const canvases = [...document.querySelectorAll(".cells canvas")];
    if (at("picture").value === "wave") { canvases.forEach((canvas, s) => drawWave(canvas, audio.sources[s])); return; }
    at("status").textContent = "loading …";
    spectrograms = spectrograms || (await heard.samples()).map((y) => melSpectrogram(y, audio.rate, 400, 40));
    at("status").textContent = "";
    const loudest = spectrograms.reduce((most, columns) => columns.reduce((m, column) => Math.max(m, ...column), most), -Infinity);
    if (at("picture").value === "mel") canvases.forEach((canvas, s) => drawMel(canvas, spectrograms[s], loudest));
  };
  const toggleOf = (name, text, title, onChange) => {
    const button = make("button", "small", text);
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-label", title);
    button.title = title;
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", on);
      onChange(on);
    });
    return button;
  };
  const buildRuler = () => {
    const ruler = at("ruler"), steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800];
    const step = steps.find((s) => heard.seconds / s <= ruler.clientWidth / 60) || 3600;
    for (let time = 0; time < heard.seconds; time += step) {
      const tick = make("span", "tick", step < 1 ? time.toFixed(1) : `${Math.floor(time / 60)}:${String(Math.round(time % 60)).padStart(2, "0")}`);
      tick.style.left = `${(100 * time) / heard.seconds}%`;
      ruler.append(tick);
    }
    const over = make("div"), part = make("div"), playhead = make("div");
    over.id = "over";
    part.id = "selection";
    part.hidden = true;
    playhead.id = "playhead";
    over.append(part, playhead);
    at("lanes").append(over);
    const timeAt = (event) => {
      const box = ruler.getBoundingClientRect();
      return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * heard.seconds;
    };
    let from = null;
    ruler.addEventListener("pointerdown", (event) => { from = timeAt(event); ruler.setPointerCapture(event.pointerId); });
    ruler.addEventListener("pointermove", (event) => {
      const to = timeAt(event);
      if (from !== null && Math.abs(to - from) > heard.seconds / 200) select(Math.min(from, to), Math.max(from, to));
    });
    ruler.addEventListener("pointerup", (event) => {
      const to = timeAt(event);
      if (from !== null && Math.abs(to - from) <= heard.seconds / 200) { drop(); heard.seek(to); }
      from = null;
    });
  };
  const select = (from, to) => {
    heard.select([from, to]);
    at("loop").setAttribute("aria-pressed", "true");
    heard.loop(true);
  };
  const drop = () => {
    if (!heard.state().selection) return;
    heard.select(null);
    at("loop").setAttribute("aria-pressed", "false");
    heard.loop(false);
  };
  let zoom = 1;
  const setZoom = (next, middle) => {
    zoom = Math.min(Math.max(next, 1), 64);
    at("lanes").style.setProperty("--zoom", zoom);
    const scroller = at("scroller"), width = at("ruler").clientWidth;
    scroller.scrollLeft = (middle / heard.seconds) * width - (scroller.clientWidth - at("ruler").offsetLeft) / 2;
  };
  const buildLanes = () => {
    const cellsOf = [];
    audio.sources.forEach((source, s) => {
      const lane = make("div", "lane"), cells = make("div", "cells"), canvas = make("canvas"), name = make("div", "name");
      lane.setAttribute("role", "group");
      lane.setAttribute("aria-label", source.name);
      name.append(
        make("span", "", source.name),
        toggleOf("solo", "S", `Hear ${source.name} alone`, (on) => heard.solo(s, on)),
        toggleOf("mute", "M", `Mute ${source.name}`, (on) => heard.mute(s, on)),
      );
      for (let t = 0; t < nSegments; t++) {
        const cell = make("button", "cell");
        cell.type = "button";
        cell.style.flex = `${audio.borders[t + 1] - audio.borders[t]} 1 0`;
        cell.addEventListener("click", () => hearComponent(s * nSegments + t));
        stands(s * nSegments + t, cell);
        cellsOf.push(cell);
        cells.append(cell);
      }
      canvas.width = 1200;
      canvas.height = 80;
      cells.append(canvas);
      lane.append(name, cells);
      at("lanes").append(lane);
    });
    roving(cellsOf, (i, key) => {
      const [down, right] = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[key] || [0, 0];
      const t = (i % nSegments) + right;
      return t < 0 || t >= nSegments ? -1 : i + down * nSegments + right;
    });
    at("lanes").style.setProperty("--segments", nSegments);
    at("seek").max = heard.seconds;
  };
  const buildPlayer = () => {
    buildRuler();
    buildLanes();
    at("toggle").addEventListener("click", heard.toggle);
    ["for", "against", "original"].forEach((name) => at(`play-${name}`).addEventListener("click", () => {
      heard.choose(chosen(name));
      if (!heard.state().isPlaying) heard.play();
    }));
    at("loop").addEventListener("click", () => {
      const on = at("loop").getAttribute("aria-pressed") !== "true";
      at("loop").setAttribute("aria-pressed", on);
      heard.loop(on);
    });
    at("volume").addEventListener("input", () => heard.loudness(Number(at("volume").value)));
    at("picture").addEventListener("change", draw);
    at("seek").addEventListener("input", () => heard.seek(Number(at("seek").value)));
    at("zoom-in").addEventListener("click", () => {
      const { selection, position } = heard.state();
      if (selection) setZoom(heard.seconds / (selection[1] - selection[0]), (selection[0] + selection[1]) / 2);
      else setZoom(zoom * 2, position);
    });
    at("zoom-out").addEventListener("click", () => setZoom(zoom / 2, heard.state().position));
    at("doubt").addEventListener("change", () => document.body.classList.toggle("without-doubt", !at("doubt").checked));
    // Space plays and pauses wherever the focus is, but where it opens a list.
    ["keydown", "keyup"].forEach((name) => document.addEventListener(name, (event) => {
      if (event.key !== " " || event.target.tagName === "SELECT") return;
      event.preventDefault();
      if (name === "keydown" && !event.repeat) heard.toggle();
    }, true));
    document.addEventListener("keydown", (event) => {
      const { position, selection } = heard.state();
      if (event.key === "Escape") drop();
      if (event.key === "[") select(position, selection && selection[1] > position ? selection[1] : heard.seconds);
      if (event.key === "]" && position > 0) select(selection && selection[0] < position ? selection[0] : 0, position);
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    state();
    show(0);
    draw();
  };

  // The lyrics: each line has a direction of its own.

  const buildLyrics = () => {
    const box = at("lyrics"), units = [];
    let line = null;
    const begin = () => { line = make("div", "line"); line.dir = "auto"; box.append(line); };
    begin();
    data.lyrics.forEach(([text, c, start, end]) => text.split(/\r\n|[\n\r\u2028\u2029]/).forEach((part, i) => {
      if (i) begin();
      if (!part) return;
      if (c === null) { line.append(part); return; }
      const unit = make("span", "unit", part);
      unit.setAttribute("role", "button");
      unit.addEventListener("click", () => hearWord(c, start));
      unit.addEventListener("keydown", (event) => { if (event.key === "Enter") hearWord(c, start); });
      stands(c, unit);
      units.push(unit);
      if (start !== null) {
        timed.push([unit, start, end]);
        if (!sung.has(c)) sung.set(c, start);
      }
      line.append(unit);
    }));
    box.querySelectorAll(".line:empty").forEach((empty) => empty.append(make("br")));
    roving(units, (i, key) => i + ({ ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[key] || 0));
  };
  const buildColumns = () => data.columns.forEach(([name, text, c]) => {
    const item = make("li"), unit = make("span", "unit", text);
    unit.tabIndex = 0;
    unit.setAttribute("role", "note");
    stands(c, unit);
    item.append(`${name}: `, unit);
    at("columns").append(item);
  });

  // The reasons.

  const bar = (components, weight, error, reach) => {
    const [low, high] = error === null ? [null, null] : [weight - error, weight + error];
    const text = error === null ? number(weight) : withError(weight, error);
    const names = components.length > 1 ? components.map((c) => data.names[c]).join(" × ") : data.components[components[0]];
    const [item, row] = drawBar("button", names, weight, low, high, reach, true, text);
    row.type = "button";
    if (error !== null && Math.abs(weight) <= error) row.classList.add("doubtful");
    ["pointerenter", "focus"].forEach((name) => row.addEventListener(name, () => light(components)));
    ["pointerleave", "blur"].forEach((name) => row.addEventListener(name, () => light([])));
    row.addEventListener("click", () => {
      light(components);
      playOf(components.find((c) => c < nAudio) ?? components[0]);
    });
    return item;
  };
  const modalityOf = (c) => (c < nAudio ? "audio" : isWord(c) ? "lyrics" : "columns");
  const buildWhich = () => {
    const there = [...new Set(data.components.map((_, c) => modalityOf(c)))];
    if (there.length < 2) return;
    ["all", ...there].forEach((name) => {
      const button = make("button", "", name);
      button.type = "button";
      button.setAttribute("aria-pressed", name === which);
      button.addEventListener("click", () => {
        which = name;
        [...at("which").children].forEach((b) => b.setAttribute("aria-pressed", b === button));
        renderBars();
      });
      at("which").append(button);
    });
  };
  const renderBars = () => {
    const { weights, reach: errors } = explained();
    const order = weights.map((_, c) => c).filter((c) => which === "all" || modalityOf(c) === which);
    const shown = order.sort((a, b) => Math.abs(weights[b]) - Math.abs(weights[a])).slice(0, 12);
    const reach = Math.max(...shown.map((c) => Math.abs(weights[c]) + errors[c]), 1e-12);
    at("bars").replaceChildren(...shown.map((c) => bar([c], weights[c], errors[c], reach)));
  };
  // Steps from the score of neither modality to that of both.
  const renderSteps = ({ steps }) => {
    at("steps-part").hidden = !steps;
    if (!steps) return;
    const ends = steps.flatMap(([, from, to]) => [from, to]);
    const low = Math.min(0, ...ends), high = Math.max(data.is_probability ? 1 : 0, ...ends), span = high - low || 1;
    at("steps").replaceChildren(...steps.map(([name, from, to, text, kind]) => {
      const row = make("div", "score"), track = make("div", "track"), fill = make("div", `fill ${kind}`);
      row.setAttribute("role", "listitem");
      fill.style.marginLeft = `${(100 * (Math.min(from, to) - low)) / span}%`;
      fill.style.width = `${(100 * Math.abs(to - from)) / span}%`;
      track.append(fill);
      row.append(make("span", "name", name), track, make("span", "number", text));
      return row;
    }));
  };
  const renderShares = ({ shares }) => {
    at("shares-part").hidden = !shares;
    if (!shares) return;
    at("shares-text").textContent = `What moves the score: ${shares.map(([name, share]) => `${name} ${Math.round(100 * share)} %`).join(", ")}`;
    at("shares").replaceChildren(...shares.map(([name, share]) => {
      const part = make("span", `part ${name}`);
      part.style.flex = `${share} 1 0`;
      return part;
    }));
  };
  const render = () => {
    const { of, question, sure, weights, interactions } = explained();
    at("question").replaceChildren(...question.map(([text, isStrong]) => (isStrong ? make("strong", "", text) : text)));
    at("sure").className = sure[0];
    at("sure").firstElementChild.textContent = sure[1];
    at("sure").lastElementChild.textContent = sure[2];
    const largest = Math.max(...weights.map(Math.abs), 0);
    places.forEach((elements, c) => elements.forEach((element) => {
      element.style.backgroundColor = colour(weights[c], largest);
      element.classList.toggle("doubtful", mayBeNothing(c));
      element.setAttribute("aria-label", describe(c));
    }));
    if (audio) {
      at("legend-text").textContent = `against ${number(-largest, 2)} … ${number(largest, 2)} for`;
      const { plan } = heard.state();
      if (plan.name === "for" || plan.name === "against") heard.choose(chosen(plan.name));
    }
    renderBars();
    renderSteps(explained());
    renderShares(explained());
    const width = Math.max(...interactions.map(([, , w, e]) => Math.abs(w) + e), 1e-12);
    at("interactions").replaceChildren(...(interactions.length
      ? interactions.map(([a, b, w, e]) => bar([a, b], w, e, width))
      : [make("li", "hint", data.no_interactions)]));
    document.querySelectorAll("#prediction .score").forEach((row) => row.classList.toggle("explained", of.includes(row.dataset.name)));
  };
  const buildPrediction = () => {
    const reach = data.is_probability ? 1 : Math.max(...data.prediction.map(([, score]) => Math.abs(score)), 1e-12);
    data.prediction.forEach(([name, score]) => {
      const row = make("div", "score"), track = make("div", "track"), fill = make("div", "fill");
      row.setAttribute("role", "listitem");
      row.dataset.name = name;
      fill.style.width = `${(100 * Math.abs(score)) / reach}%`;
      track.append(fill);
      const title = make("span", "name", name);
      title.title = name;
      row.append(title, track, make("span", "number", score.toPrecision(3)));
      at("prediction").append(row);
    });
    data.labels.forEach(({ name }, i) => {
      const option = make("option", "", name);
      option.value = i;
      at("label").append(option);
    });
    at("label-choice").hidden = data.labels.length < 2;
    at("label").addEventListener("change", () => { label = Number(at("label").value); render(); });
  };

  buildPrediction();
  buildWhich();
  if (audio) {
    heard = player(audio, show, state);
    buildPlayer();
  }
  document.querySelectorAll(".set").forEach((element, i) => {
    element.addEventListener("pointerenter", () => light(data.sets[i].components));
    element.addEventListener("pointerleave", () => light([]));
    element.addEventListener("focusin", () => light(data.sets[i].components));
    element.addEventListener("focusout", () => light([]));
  });
  document.querySelectorAll(".play-set").forEach((button) => {
    button.addEventListener("click", () => hear(heard.plans.of(data.sets[Number(button.dataset.set)].heard)));
  });
  if (data.lyrics) buildLyrics();
  if (data.columns) buildColumns();
  render();
  // For those who would measure what they hear: the samples that a plan plays.
  window.musiclime = { player: heard, chosen, state: () => ({ ...(heard ? heard.state() : {}), label }) };
})();
