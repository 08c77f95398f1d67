// Sound: a buffer a source, played together through gains that open where a mask is on.
//
// A plan is what is heard: for each source and segment whether it is on. The player keeps the
// moment when the plan changes, so that two plans can be compared at the same moment.
const FADE = 0.005;
const player = (audio, onTime, onState) => {
  const nSegments = audio.borders.length - 1, seconds = audio.borders[nSegments];
  const grid = (on) => audio.sources.map((_, s) => Array.from({ length: nSegments }, (_, t) => on(s, t)));
  const muted = audio.sources.map(() => false), solo = audio.sources.map(() => false);
  let context = null, decoded = null, volume = null, lanes = [], playing = null, position = 0, turn = 0;
  let plan = { name: "original", mask: grid(() => true), from: 0, to: seconds };
  let selection = null, isLooping = false, level = 1;

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const decode = (into) => Promise.all(audio.sources.map((s) => into.decodeAudioData(bytes(s.ogg))));
  const isHeard = (s) => (solo.some(Boolean) ? solo[s] : !muted[s]);
  // Start the buffers of a plan at a time of the context, from a time of the song to another.
  const connect = (into, outputs, buffers, mask, from, to, when) => buffers.map((buffer, s) => {
    const node = into.createBufferSource(), gain = into.createGain();
    node.buffer = buffer;
    node.connect(gain).connect(outputs[s]);
    let now = 0;
    gain.gain.setValueAtTime(0, when);
    for (let t = 0; t < nSegments; t++) {
      if (audio.borders[t + 1] <= from || audio.borders[t] >= to) continue;
      const next = mask[s][t] ? 1 : 0, start = Math.max(audio.borders[t], from);
      if (next === now) continue;
      // A ramp lies inside the segment that is on, so that nothing else is heard.
      const ramp = when + start - from - (next ? 0 : FADE);
      gain.gain.setValueAtTime(now, Math.max(ramp, when));
      gain.gain.linearRampToValueAtTime(next, Math.max(ramp, when) + FADE);
      now = next;
    }
    const end = when + to - from;
    gain.gain.setValueAtTime(now, Math.max(end - FADE, when));
    gain.gain.linearRampToValueAtTime(0, end);
    node.start(when, from, to - from);
    return node;
  });
  const span = () => (selection && isLooping ? { from: selection[0], to: selection[1] } : plan);
  const silence = () => {
    if (!playing) return;
    cancelAnimationFrame(playing.frame);
    playing.nodes.forEach((node) => { node.onended = null; node.stop(); });
    playing = null;
  };
  const pause = () => { turn += 1; silence(); onState(); };
  const seek = (time) => {
    position = Math.min(Math.max(time, 0), seconds);
    onTime(position);
    if (playing) start();
  };
  const start = async () => {
    const mine = (turn += 1);
    silence();
    if (!decoded) {
      context = new AudioContext();
      volume = context.createGain();
      volume.gain.value = level;
      volume.connect(context.destination);
      lanes = audio.sources.map((_, s) => {
        const lane = context.createGain();
        lane.gain.value = isHeard(s) ? 1 : 0;
        lane.connect(volume);
        return lane;
      });
      decoded = decode(context);
    }
    onState("loading");
    const buffers = await decoded;
    await context.resume();
    if (mine !== turn) return;  // something else was asked for while this was decoded
    const { from, to } = span();
    if (position < from || position >= to - 0.02) position = from;
    const begin = position, when = context.currentTime + 0.02;
    playing = { nodes: connect(context, lanes, buffers, plan.mask, begin, to, when), frame: 0 };
    onState();
    const follow = () => {
      if (!playing || mine !== turn) return;
      position = Math.min(begin + Math.max(context.currentTime - when, 0), to);
      onTime(position);
      if (position < to) { playing.frame = requestAnimationFrame(follow); return; }
      if (isLooping) { position = from; start(); } else pause();
    };
    follow();
  };
  const setLanes = () => lanes.forEach((lane, s) => { lane.gain.value = isHeard(s) ? 1 : 0; });
  return {
    seconds, nSegments, grid,
    plans: {
      original: () => ({ name: "original", mask: grid(() => true), from: 0, to: seconds }),
      signed: (sign, weights) => ({
        name: sign > 0 ? "for" : "against", from: 0, to: seconds,
        mask: grid((s, t) => sign * weights[s * nSegments + t] > 0),
      }),
      of: (mask) => ({ name: "parts", mask, from: 0, to: seconds }),
      only: (s, t) => ({
        name: "part", mask: grid((a, b) => a === s && b === t), from: audio.borders[t], to: audio.borders[t + 1],
      }),
      without: (s, t) => ({
        name: "part", mask: grid((a, b) => a !== s || b !== t),
        from: Math.max(0, audio.borders[t] - 1), to: Math.min(seconds, audio.borders[t + 1] + 1),
      }),
    },
    // Hear another plan: at the same moment, or from where it begins.
    choose: (next, isKept = true) => {
      plan = next;
      if (!isKept) position = plan.from;
      onState();
      if (playing) start();
    },
    play: start, pause, seek,
    toggle: () => (playing ? pause() : start()),
    loop: (on) => { isLooping = on; if (playing) start(); },
    select: (part) => {
      selection = part;
      if (part && (position < part[0] || position > part[1])) seek(part[0]);
      onState();
    },
    loudness: (value) => { level = value; if (volume) volume.gain.value = value; },
    mute: (s, on) => { muted[s] = on; setLanes(); },
    solo: (s, on) => { solo[s] = on; setLanes(); },
    state: () => ({ isPlaying: Boolean(playing), position, plan, selection, isLooping, heard: audio.sources.map((_, s) => isHeard(s)) }),
    // The samples that are heard of a plan.
    rendered: async ({ mask, from, to }) => {
      const offline = new OfflineAudioContext(1, Math.ceil((to - from) * audio.rate), audio.rate);
      const outputs = audio.sources.map((_, s) => {
        const lane = offline.createGain();
        lane.gain.value = isHeard(s) ? level : 0;
        lane.connect(offline.destination);
        return lane;
      });
      connect(offline, outputs, await decode(offline), mask, from, to, 0);
      return (await offline.startRendering()).getChannelData(0);
    },
    samples: async () => (await decode(new OfflineAudioContext(1, 1, audio.rate))).map((b) => b.getChannelData(0)),
  };
};

// A mel spectrogram in decibels, 0 the loudest and -70 the softest that is shown: a column a span.
const melSpectrogram = (samples, rate, nColumns, nBands) => {
  const size = 1024, half = size / 2, mel = (f) => 2595 * Math.log10(1 + f / 700);
  const band = Array.from({ length: half }, (_, k) =>
    Math.min(Math.floor((nBands * mel((k * rate) / size)) / mel(rate / 2)), nBands - 1));
  const re = new Float32Array(size), im = new Float32Array(size);
  const transform = () => {
    for (let i = 1, j = 0; i < size; i++) {
      let bit = size >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) { [re[i], re[j]] = [re[j], re[i]]; }
    }
    im.fill(0);
    for (let length = 2; length <= size; length <<= 1) {
      const angle = (-2 * Math.PI) / length;
      for (let k = 0; k < length / 2; k++) {
        const c = Math.cos(angle * k), s = Math.sin(angle * k);
        for (let i = k; i < size; i += length) {
          const j = i + length / 2, a = re[j] * c - im[j] * s, b = re[j] * s + im[j] * c;
          re[j] = re[i] - a; im[j] = im[i] - b; re[i] += a; im[i] += b;
        }
      }
    }
  };
  return Array.from({ length: nColumns }, (_, column) => {
    const middle = Math.floor(((column + 0.5) * samples.length) / nColumns), powers = new Float64Array(nBands);
    for (let i = 0; i < size; i++) {
      const at = middle - half + i;
      re[i] = (at >= 0 && at < samples.length ? samples[at] : 0) * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
    }
    transform();
    for (let k = 1; k < half; k++) powers[band[k]] += re[k] * re[k] + im[k] * im[k];
    return Array.from(powers, (p) => 10 * Math.log10(p / (size * size) + 1e-12));
  });
};
