(() => {
  const FADE = 0.005;
  const number = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toPrecision(3);
  // No error is known where masks were too few: the weight is shown without.
  const withError = (weight, error) => number(weight) + (error === null ? " (no interval known)" : ` ± ${error.toPrecision(2)}`);
  const audio = data.audio, nSegments = audio ? audio.borders.length - 1 : 0;
  const nAudio = audio ? audio.sources.length * nSegments : 0;
  const seconds = audio ? audio.borders[nSegments] : 0;
  const places = new Map();  // component -> elements that stand for it
  const stands = (component, element) => {
    if (!places.has(component)) places.set(component, []);
    places.get(component).push(element);
    element.addEventListener("mouseenter", () => light([component]));
    element.addEventListener("mouseleave", () => light([]));
    element.addEventListener("focus", () => light([component]));
    element.addEventListener("blur", () => light([]));
  };
  const light = (components) => {
    document.querySelectorAll(".lit").forEach((element) => element.classList.remove("lit"));
    components.forEach((c) => (places.get(c) || []).forEach((e) => e.classList.add("lit")));
  };
  let label = 0;
  const explained = () => data.labels[label];
  const describe = (component) => {
    return `${data.components[component]}, weight ${withError(explained().weights[component], explained().reach[component])}`;
  };

  // Sound: a buffer a source, played together through gains that open where a mask is on.

  let context = null, decoded = null, playing = null, position = 0;
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const decode = (into) => Promise.all(audio.sources.map((s) => into.decodeAudioData(bytes(s.ogg))));
  const connect = (into, buffers, plan, when) => buffers.map((buffer, s) => {
    const node = into.createBufferSource(), gain = into.createGain();
    node.buffer = buffer;
    node.connect(gain).connect(into.destination);
    let level = 0;
    gain.gain.setValueAtTime(0, when);
    for (let t = 0; t < nSegments; t++) {
      if (audio.borders[t + 1] <= plan.from || audio.borders[t] >= plan.to) continue;
      const next = plan.mask[s][t] ? 1 : 0, start = Math.max(audio.borders[t], plan.from);
      if (next === level) continue;
      // A ramp lies inside the segment that is on, so that nothing else is heard.
      const ramp = when + start - plan.from - (next ? 0 : FADE);
      gain.gain.setValueAtTime(level, Math.max(ramp, when));
      gain.gain.linearRampToValueAtTime(next, Math.max(ramp, when) + FADE);
      level = next;
    }
    const end = when + plan.to - plan.from;
    gain.gain.setValueAtTime(level, end - FADE);
    gain.gain.linearRampToValueAtTime(0, end);
    node.start(when, plan.from, plan.to - plan.from);
    return node;
  });
  const grid = (on) => audio.sources.map((_, s) => Array.from({ length: nSegments }, (_, t) => on(s, t)));
  const plans = {
    original: () => ({ mask: grid(() => true), from: position < seconds - 0.05 ? position : 0, to: seconds }),
    signed: (sign) => ({ mask: grid((s, t) => sign * explained().weights[s * nSegments + t] > 0), from: 0, to: seconds }),
    only: (s, t) => ({ mask: grid((a, b) => a === s && b === t), from: audio.borders[t], to: audio.borders[t + 1] }),
    without: (s, t) => ({
      mask: grid((a, b) => a !== s || b !== t),
      from: Math.max(0, audio.borders[t] - 1), to: Math.min(seconds, audio.borders[t + 1] + 1),
    }),
  };
  const stop = () => {
    if (!playing) return;
    const { nodes, frame } = playing;
    playing = null;
    cancelAnimationFrame(frame);
    nodes.forEach((node) => node.stop());
  };
  const play = async (plan) => {
    stop();
    context = context || new AudioContext();
    decoded = decoded || decode(context);
    const buffers = await decoded;
    await context.resume();
    stop();  // whatever began while this was decoded
    const when = context.currentTime + 0.02;
    playing = { plan, when, nodes: connect(context, buffers, plan, when), frame: 0 };
    const follow = () => {
      if (!playing) return;
      const now = plan.from + Math.max(context.currentTime - when, 0);
      show(Math.min(now, plan.to));
      if (now >= plan.to) { stop(); return; }
      playing.frame = requestAnimationFrame(follow);
    };
    follow();
  };
  const show = (time) => {
    position = time;
    if (audio) {
      at("seek").value = time;
      at("seek").setAttribute("aria-valuetext", `${time.toFixed(1)} seconds`);
      const cells = document.querySelector(".cells"), lanes = at("lanes");
      const left = cells.getBoundingClientRect().left - lanes.getBoundingClientRect().left;
      at("playhead").style.left = `${left + (time / seconds) * cells.clientWidth}px`;
    }
    timed.forEach(([element, start, end]) => element.classList.toggle("now", start <= time && time < end));
  };

  // What is seen.

  const timed = [];
  const drawWave = (canvas, source) => {
    const paint = canvas.getContext("2d"), n = source.low.length, middle = canvas.height / 2;
    paint.fillStyle = "#222222";
    for (let i = 0; i < n; i++) {
      const top = middle - (source.high[i] / 100) * middle, bottom = middle - (source.low[i] / 100) * middle;
      paint.fillRect((i / n) * canvas.width, top, canvas.width / n, Math.max(bottom - top, 1));
    }
  };
  const buildLanes = () => {
    const lanes = at("lanes");
    audio.sources.forEach((source, s) => {
      const lane = make("div", "lane"), cells = make("div", "cells"), canvas = make("canvas");
      lane.setAttribute("role", "group");
      lane.setAttribute("aria-label", source.name);
      for (let t = 0; t < nSegments; t++) {
        const cell = make("button", "cell");
        cell.type = "button";
        cell.style.flex = `${audio.borders[t + 1] - audio.borders[t]} 1 0`;
        cell.tabIndex = s || t ? -1 : 0;
        cell.addEventListener("click", () => play(at("without").checked ? plans.without(s, t) : plans.only(s, t)));
        cell.addEventListener("keydown", (event) => move(event, s, t));
        stands(s * nSegments + t, cell);
        cells.append(cell);
      }
      canvas.width = 1000;
      canvas.height = 80;
      drawWave(canvas, source);
      cells.append(canvas);
      lane.append(make("div", "name", source.name), cells);
      lanes.append(lane);
    });
    const playhead = make("div");
    playhead.id = "playhead";
    lanes.append(playhead);
    at("seek").max = seconds;
  };
  const move = (event, s, t) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    const [a, b] = [s + step[0], t + step[1]];
    if (a < 0 || b < 0 || a >= audio.sources.length || b >= nSegments) return;
    document.querySelectorAll(".cell").forEach((cell) => { cell.tabIndex = -1; });
    const next = places.get(a * nSegments + b)[0];
    next.tabIndex = 0;
    next.focus();
  };
  const buildLyrics = () => data.lyrics.forEach(([text, component, start, end]) => {
    if (component === null) { at("lyrics").append(text); return; }
    const unit = make("span", "unit", text);
    stands(component, unit);
    if (start !== null) timed.push([unit, start, end]);
    at("lyrics").append(unit);
  });
  const buildColumns = () => data.columns.forEach(([name, text, component]) => {
    const item = make("li"), unit = make("span", "unit", text);
    stands(component, unit);
    item.append(`${name}: `, unit);
    at("columns").append(item);
  });
  const bar = (names, weight, error, reach, components) => {
    const [low, high] = error === null ? [null, null] : [weight - error, weight + error];
    const text = error === null ? number(weight) : withError(weight, error);
    const [item, row] = drawBar("button", names.join(" × "), weight, low, high, reach, true, text);
    row.type = "button";
    row.addEventListener("mouseenter", () => light(components));
    row.addEventListener("mouseleave", () => light([]));
    row.addEventListener("focus", () => light(components));
    row.addEventListener("blur", () => light([]));
    row.addEventListener("click", () => {
      light(components);
      const [c] = components;
      if (components.length === 1 && c < nAudio) play(plans.only(Math.floor(c / nSegments), c % nSegments));
    });
    return item;
  };
  const render = () => {
    const { name, of, score, weights, reach: errors, interactions } = explained();
    at("said").textContent = `${name} (${score.toPrecision(3)})`;
    const largest = Math.max(...weights.map(Math.abs), 0);
    places.forEach((elements, component) => elements.forEach((element) => {
      element.style.background = colour(weights[component], largest);
      element.title = describe(component);
      if (element.classList.contains("cell")) {
        const t = component % nSegments;
        const times = `${audio.borders[t].toFixed(1)} to ${audio.borders[t + 1].toFixed(1)} seconds`;
        element.setAttribute("aria-label", `${describe(component)}, ${times}`);
      }
    }));
    const order = weights.map((_, i) => i).sort((a, b) => Math.abs(weights[b]) - Math.abs(weights[a]));
    const shown = order.slice(0, 12), reach = Math.max(...shown.map((i) => Math.abs(weights[i]) + errors[i]), 1e-12);
    at("bars").replaceChildren(...shown.map((i) => bar([data.components[i]], weights[i], errors[i], reach, [i])));
    const width = Math.max(...interactions.map(([, , w, e]) => Math.abs(w) + e), 1e-12);
    at("interactions").replaceChildren(...(interactions.length
      ? interactions.map(([a, b, w, e]) => bar([data.components[a], data.components[b]], w, e, width, [a, b]))
      : [make("li", "hint", data.no_interactions)]));
    document.querySelectorAll(".score").forEach((row) => row.classList.toggle("explained", of.includes(row.dataset.name)));
  };
  const buildPrediction = () => {
    const reach = Math.max(...data.prediction.map(([, score]) => Math.abs(score)), 1e-12);
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
  if (audio) {
    buildLanes();
    at("play-for").addEventListener("click", () => play(plans.signed(1)));
    at("play-against").addEventListener("click", () => play(plans.signed(-1)));
    at("play-original").addEventListener("click", () => play(plans.original()));
    at("stop").addEventListener("click", stop);
    at("seek").addEventListener("input", () => {
      const again = playing;
      show(Number(at("seek").value));
      if (again) play({ ...again.plan, from: position, to: Math.max(again.plan.to, position + 0.1) });
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== " " || /^(BUTTON|SELECT|INPUT|SUMMARY)$/.test(event.target.tagName)) return;
      event.preventDefault();
      if (playing) stop(); else play(plans.original());
    });
    addEventListener("resize", () => show(position));
  }
  if (data.lyrics) buildLyrics();
  if (data.columns) buildColumns();
  render();
  show(0);
  // For those who would measure what they hear: the samples that a plan plays.
  window.musiclime = {
    plans, play, stop, show,
    state: () => ({ playing: Boolean(playing), position, label }),
    rendered: async (plan) => {
      const offline = new OfflineAudioContext(1, Math.ceil((plan.to - plan.from) * audio.rate), audio.rate);
      connect(offline, await decode(offline), plan, 0);
      return (await offline.startRendering()).getChannelData(0);
    },
  };
})();
