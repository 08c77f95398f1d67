(() => {
  const N_WORDS = 12, N_APART = 16, N_ALONE = 4, MAX_REACH = 3;
  let method = "average";
  const value = (label, component) => data.classes[label].importance[method][component];
  const among = (modality) => data.components.map((_, i) => i).filter((i) => data.components[i].modality === modality);
  const audio = among("audio"), lyrics = among("lyrics"), columns = among("columns");
  const sources = [...new Set(audio.map((i) => data.components[i].source))];
  const segments = [...new Set(audio.map((i) => data.components[i].segment))].sort((a, b) => a - b);
  const largest = (components) => Math.max(...data.classes.flatMap((_, label) => components.map((i) => value(label, i) ?? 0)), 0);

  const segmentName = (source, segment, component) => (component === undefined ? `${source}@${segment}` : data.components[component].name);

  const heat = (label, top) => {
    const lanes = make("div", "lanes");
    sources.forEach((source) => {
      const lane = make("div", "lane"), cells = make("div", "cells low");
      segments.forEach((segment) => {
        const component = audio.find((i) => data.components[i].source === source && data.components[i].segment === segment);
        const found = component === undefined ? null : value(label, component), cell = make("div", "cell");
        cell.style.flex = "1 1 0";
        if (found !== null) cell.style.background = colour(found, top);
        cell.title = `${segmentName(source, segment, component)}: ${found === null ? "not known" : found.toPrecision(3)}`;
        cell.setAttribute("role", "img");
        cell.setAttribute("aria-label", cell.title);
        cells.append(cell);
      });
      lane.append(make("div", "name", source), cells);
      lanes.append(lane);
    });
    return lanes;
  };
  const bar = (...of) => drawBar("div", ...of)[0];
  const share = (label) => {
    const { shares } = data.classes[label], row = make("p", "hint");
    if (shares) row.textContent = `What moves the score: ${Object.entries(shares).map(([name, part]) => `${name} ${Math.round(100 * part)} %`).join(", ")}`;
    return row;
  };
  const renderClasses = () => {
    const listed = [...lyrics, ...columns];
    const bounds = method === "average" ? data.classes.flatMap((of) => listed.map((i) => of.high[i] ?? 0)) : [];
    // Where little is known, intervals are cut at three bars' length.
    const top = largest(audio), longest = largest(listed);
    const reach = Math.max(Math.min(Math.max(longest, ...bounds), MAX_REACH * longest), 1e-12);
    at("class-list").replaceChildren(...data.classes.map((of, label) => {
      const section = make("section", "class"), words = make("ul"), beside = make("ul");
      section.setAttribute("aria-label", of.name);
      [[lyrics, words], [columns, beside]].forEach(([components, list]) => {
        const order = components.filter((i) => value(label, i) !== null).sort((a, b) => value(label, b) - value(label, a));
        order.slice(0, N_WORDS).forEach((i) => {
          // Intervals are of the average.
          const [low, high] = method === "average" ? [of.low[i], of.high[i] === null ? null : Math.min(of.high[i], reach)] : [null, null];
          list.append(bar(data.components[i].name, value(label, i), low, high, reach, false, value(label, i).toPrecision(3)));
        });
      });
      const about = of.n === null ? "" : ` (${of.n} explanations)`;
      section.append(make("h3", "", of.name + about), share(label), audio.length ? heat(label, top) : "", words, columns.length ? beside : "");
      return section;
    }));
  };
  const renderComparison = () => {
    if (!at("comparison")) return;
    const [a, b] = [Number(at("first").value), Number(at("second").value)];
    // What only one of the two has, has no difference: what it would be for the other is not known.
    const known = (label, i) => value(label, i) !== null, all = data.components.map((_, i) => i);
    const apart = all.map((i) => (known(a, i) && known(b, i) ? value(a, i) - value(b, i) : null));
    const order = all.filter((i) => apart[i]).sort((i, j) => Math.abs(apart[j]) - Math.abs(apart[i])).slice(0, N_APART);
    const reach = Math.max(...order.map((i) => Math.abs(apart[i])), 1e-12);
    const only = (i) => value(a, i) ?? value(b, i);
    const alone = all.filter((i) => known(a, i) !== known(b, i)).sort((i, j) => only(j) - only(i));
    const shown = ["audio", "lyrics", "columns"].flatMap((modality) => alone.filter((i) => data.components[i].modality === modality).slice(0, N_ALONE));
    at("comparison").replaceChildren(...order.map((i) => bar(
      data.components[i].name, apart[i], null, null, reach, true,
      `${Math.abs(apart[i]).toPrecision(3)} more for ${data.classes[apart[i] < 0 ? b : a].name}`,
    )));
    at("alone").replaceChildren(...shown.map((i) => {
      const item = make("li"), row = make("div", "bar");
      row.title = data.components[i].name;
      row.append(make("span", "name", row.title), make("span", "", `only in ${data.classes[known(a, i) ? a : b].name}`), make("span", "number", only(i).toPrecision(3)));
      item.append(row);
      return item;
    }));
    at("alone-hint").hidden = !shown.length;
  };
  const render = () => { renderClasses(); renderComparison(); };
  at("method").addEventListener("change", () => { method = at("method").value; render(); });
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
  render();
})();
