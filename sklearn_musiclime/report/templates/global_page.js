(() => {
  const N_WORDS = 12, N_APART = 16, N_ALONE = 4, N_MOST = 3, MAX_OPEN = 3, MAX_REACH = 3;
  let method = "average";
  const value = (label, component) => data.classes[label].importance[method][component];
  const among = (modality) => data.components.map((_, i) => i).filter((i) => data.components[i].modality === modality);
  const audio = among("audio"), lyrics = among("lyrics"), columns = among("columns");
  const sources = [...new Set(audio.map((i) => data.components[i].source))];
  const segments = [...new Set(audio.map((i) => data.components[i].segment))].sort((a, b) => a - b);
  const largest = (label, components) => Math.max(...components.map((i) => value(label, i) ?? 0), 0);
  const inOrder = (label, components) => components.filter((i) => value(label, i) !== null).sort((a, b) => value(label, b) - value(label, a));
  const bar = (...of) => drawBar("div", ...of)[0];

  // A class: a line that says most, and unfolds.

  const heat = (label) => {
    const lanes = make("div", "lanes"), top = largest(label, audio);
    sources.forEach((source) => {
      const lane = make("div", "lane"), cells = make("div", "cells low");
      segments.forEach((segment) => {
        const component = audio.find((i) => data.components[i].source === source && data.components[i].segment === segment);
        const found = component === undefined ? null : value(label, component), cell = make("div", "cell");
        const name = component === undefined ? `${source}@${segment}` : data.components[component].name;
        cell.style.flex = "1 1 0";
        if (found === null) cell.classList.add("unknown");
        else cell.style.backgroundColor = colour(found, top);
        cell.title = `${name}: ${found === null ? "not known" : found.toPrecision(3)}`;
        cell.setAttribute("role", "img");
        cell.setAttribute("aria-label", cell.title);
        cells.append(cell);
      });
      lane.append(make("div", "name", source), cells);
      lanes.append(lane);
    });
    const scale = make("p", "hint", `Sources in time; full colour: ${top.toPrecision(2)}`);
    return [lanes, scale];
  };
  const words = (label, components) => {
    const list = make("ul"), { low, high } = data.classes[label];
    const order = inOrder(label, components).slice(0, N_WORDS);
    const isAverage = method === "average";  // intervals are of the average
    const longest = largest(label, components), bounds = isAverage ? order.map((i) => high[i] ?? 0) : [];
    // Where little is known, intervals are cut at three bars' length.
    const reach = Math.max(Math.min(Math.max(longest, ...bounds), MAX_REACH * longest), 1e-12);
    order.forEach((i) => {
      const ends = isAverage && high[i] !== null ? [low[i], Math.min(high[i], reach)] : [null, null];
      list.append(bar(data.components[i].name, value(label, i), ...ends, reach, false, value(label, i).toPrecision(3)));
    });
    return list;
  };
  const together = (label) => {
    const found = data.classes[label].interactions;
    if (!found || !found.length) return [];
    const reach = Math.max(...found.map(([, weight, error]) => Math.abs(weight) + (error ?? 0)), 1e-12), list = make("ul", "interactions");
    found.forEach(([name, weight, error]) => list.append(bar(
      name, weight, error === null ? null : weight - error, error === null ? null : weight + error, reach, true, weight.toPrecision(3),
    )));
    return [make("h3", "", "Together, beyond what each adds"), list];
  };
  const toHear = (label) => {
    const found = data.songs.filter((song) => song.label === data.classes[label].name && song.page);
    if (!found.length) return [];
    const list = make("ul", "songs");
    found.forEach(({ title, page }) => {
      const item = make("li"), link = make("a", "", title);
      link.href = page;
      item.append(link);
      list.append(item);
    });
    return [make("h3", "", "To listen to"), list];
  };
  const share = (label) => {
    const { shares } = data.classes[label], row = make("p", "hint");
    if (shares) row.textContent = `What moves the score: ${Object.entries(shares).map(([name, part]) => `${name} ${Math.round(100 * part)} %`).join(", ")}`;
    return row;
  };
  const fill = (details, label) => {
    const sound = make("div"), text = make("div");
    sound.append(share(label), ...(audio.length ? heat(label) : []), ...toHear(label), ...together(label));
    text.append(words(label, lyrics), ...(columns.length ? [words(label, columns)] : []));
    details.querySelector(".inside").replaceChildren(sound, text);
    details.dataset.method = method;
  };
  const most = (label) => {
    const all = inOrder(label, data.components.map((_, i) => i)).filter((i) => value(label, i) > 0);
    return all.slice(0, N_MOST).map((i) => data.components[i].name).join(", ");
  };
  const parts = (shares) => {
    const track = make("span", "shares");
    Object.entries(shares ?? {}).forEach(([name, part]) => {
      const piece = make("span", `part ${name === "interaction" ? "together" : name}`);
      piece.style.flex = `${part} 1 0`;
      track.append(piece);
    });
    track.setAttribute("aria-hidden", "true");
    return track;
  };
  const list = data.classes.map((of, label) => {
    const details = make("details", "class"), summary = make("summary"), inside = make("div", "inside");
    details.dataset.name = of.name;
    summary.append(
      make("span", "name", of.name), make("span", "number", of.n === null ? "" : `${of.n} song${of.n === 1 ? "" : "s"}`),
      parts(of.shares), make("span", "most"),
    );
    details.append(summary, inside);
    details.addEventListener("toggle", () => { if (details.open && details.dataset.method !== method) fill(details, label); });
    return details;
  });
  const renderClasses = () => list.forEach((details, label) => {
    details.querySelector(".most").textContent = most(label);
    if (details.open) fill(details, label);
  });
  const arrange = () => {
    const wanted = at("search").value.toLowerCase(), by = at("sort").value;
    const key = { songs: (i) => -(data.classes[i].n ?? 0), audio: (i) => -(data.classes[i].shares?.audio ?? -1), name: () => 0 }[by];
    const order = list.map((_, i) => i).sort((a, b) => key(a) - key(b) || (by === "name" ? data.classes[a].name.localeCompare(data.classes[b].name) : a - b));
    at("class-list").replaceChildren(...order.map((i) => list[i]));
    const found = order.filter((i) => data.classes[i].name.toLowerCase().includes(wanted));
    list.forEach((details, i) => { details.hidden = !found.includes(i); });
    at("n-found").textContent = wanted ? `${found.length} of ${list.length}` : "";
  };

  // Two classes.

  const renderComparison = () => {
    if (!at("comparison")) return;
    const [a, b] = [Number(at("first").value), Number(at("second").value)];
    const [first, second] = [a, b].map((label) => data.classes[label].name);
    // What only one of the two has, has no difference: what it would be for the other is not known.
    const known = (label, i) => value(label, i) !== null, all = data.components.map((_, i) => i);
    const difference = (i) => (known(a, i) && known(b, i) ? value(a, i) - value(b, i) : null);
    const withIntervals = data.apart[`${Math.min(a, b)} ${Math.max(a, b)}`], sign = a < b ? 1 : -1;
    const rows = withIntervals
      ? withIntervals[method].map(([i, apart, low, high]) => [i, sign * apart, ...(low === null ? [null, null] : [sign * low, sign * high].sort((x, y) => x - y))])
      : all.filter(difference).sort((i, j) => Math.abs(difference(j)) - Math.abs(difference(i))).slice(0, N_APART).map((i) => [i, difference(i), null, null]);
    const longest = Math.max(...rows.map(([, apart]) => Math.abs(apart)), 1e-12);
    const ends = rows.flatMap(([, , low, high]) => [Math.abs(low ?? 0), Math.abs(high ?? 0)]);
    const reach = Math.min(Math.max(longest, ...ends), MAX_REACH * longest);
    const cut = (end) => (end === null ? null : Math.max(-reach, Math.min(end, reach)));
    const only = (i) => value(a, i) ?? value(b, i);
    const alone = all.filter((i) => known(a, i) !== known(b, i)).sort((i, j) => only(j) - only(i));
    const shown = ["audio", "lyrics", "columns"].flatMap((modality) => alone.filter((i) => data.components[i].modality === modality).slice(0, N_ALONE));
    at("comparison").replaceChildren(...rows.map(([i, apart, low, high]) => {
      const item = bar(data.components[i].name, apart, cut(low), cut(high), reach, true, `${Math.abs(apart).toPrecision(3)} more for ${apart < 0 ? second : first}`);
      item.classList.add("neutral");
      return item;
    }));
    at("apart-hint").textContent = a === b ? "" : `Bars to the right: more important for ${first}; to the left: for ${second}.`
      + (rows.some(([, , low]) => low !== null) ? " Lines are 95 % intervals." : "");
    at("alone").replaceChildren(...shown.map((i) => {
      const item = make("li"), row = make("div", "bar");
      row.title = data.components[i].name;
      row.append(make("span", "name", row.title), make("span", "", `only in ${known(a, i) ? first : second}`), make("span", "number", only(i).toPrecision(3)));
      item.append(row);
      return item;
    }));
    at("alone-hint").hidden = !shown.length;
  };
  const render = () => { renderClasses(); renderComparison(); };
  at("method").addEventListener("change", () => { method = at("method").value; render(); });
  at("search").addEventListener("input", arrange);
  at("sort").addEventListener("change", arrange);
  at("unfold").addEventListener("click", () => list.forEach((details) => { details.open = !details.hidden; }));
  at("fold").addEventListener("click", () => list.forEach((details) => { details.open = false; }));
  at("finding").hidden = list.length < 2;
  if (at("first")) {
    ["first", "second"].forEach((id, place) => {
      data.classes.forEach(({ name }, label) => {
        const option = make("option", "", name);
        option.value = label;
        at(id).append(option);
      });
      at(id).value = place;
      at(id).addEventListener("change", renderComparison);
    });
  }
  list.slice(0, MAX_OPEN).forEach((details) => { if (list.length <= MAX_OPEN) details.open = true; });
  arrange();
  render();
})();
