(() => {
  const MAX_REACH = 3;
  data.forEach((bars, number) => {
    // Where little is known, intervals are cut at three bars' length.
    const longest = Math.max(...bars.map(({ difference }) => Math.abs(difference)), 1e-12);
    const ends = bars.flatMap(({ low, high }) => [Math.abs(low ?? 0), Math.abs(high ?? 0)]);
    const reach = Math.min(Math.max(longest, ...ends), MAX_REACH * longest);
    const cut = (value) => (value === null ? null : Math.max(-reach, Math.min(value, reach)));
    at(`bars-${number}`).replaceChildren(...bars.map(({ name, difference, low, high, text }) => (
      drawBar("div", name, difference, cut(low), cut(high), reach, true, text)[0]
    )));
  });
})();
