"use strict";
// The estimator of shoal/evidence/estimates and the verdict of shoal/evidence/review, number by number; tests compare them.
const estimator = (() => {
  const sum = (count, term) => { let found = 0; for (let i = 0; i < count; i++) found += term(i); return found; };

  // UTF-8 of a text, also of halves of pairs, as Python's "surrogatepass" writes it.
  function utf8(text) {
    const bytes = [];
    for (const sign of text) {
      const c = sign.codePointAt(0);
      if (c < 0x80) bytes.push(c);
      else if (c < 0x800) bytes.push(0xc0 | c >> 6, 0x80 | c & 63);
      else if (c < 0x10000) bytes.push(0xe0 | c >> 12, 0x80 | c >> 6 & 63, 0x80 | c & 63);
      else bytes.push(0xf0 | c >> 18, 0x80 | c >> 12 & 63, 0x80 | c >> 6 & 63, 0x80 | c & 63);
    }
    return bytes;
  }

  // FIPS 180-4: browsers offer their own only to pages that came over https.
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every(p => n % p)) primes.push(n);
  const fraction = root => (root - Math.floor(root)) * 2 ** 32 | 0;
  const ROUNDS = Int32Array.from(primes, p => fraction(Math.cbrt(p)));
  const START = primes.slice(0, 8).map(p => fraction(Math.sqrt(p)));
  function sha256(text) {
    const bytes = /[\ud800-\udfff]/.test(text) ? utf8(text) : new TextEncoder().encode(text), length = bytes.length, blocks = (length + 72) >> 6;
    const all = new Uint8Array(blocks * 64);
    all.set(bytes); all[length] = 0x80;
    const view = new DataView(all.buffer);
    view.setUint32(all.length - 8, Math.floor(length / 2 ** 29)); view.setUint32(all.length - 4, length << 3);
    const w = new Int32Array(64), state = Int32Array.from(START);
    for (let block = 0; block < blocks; block++) {
      for (let i = 0; i < 16; i++) w[i] = view.getInt32(block * 64 + i * 4);
      for (let i = 16; i < 64; i++) {
        const a = w[i - 15], b = w[i - 2];
        const one = (a >>> 7 | a << 25) ^ (a >>> 18 | a << 14) ^ a >>> 3, two = (b >>> 17 | b << 15) ^ (b >>> 19 | b << 13) ^ b >>> 10;
        w[i] = one + w[i - 7] + two + w[i - 16] | 0;
      }
      let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
      for (let i = 0; i < 64; i++) {
        const one = h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (e & f ^ ~e & g) + ROUNDS[i] + w[i] | 0;
        const two = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b ^ a & c ^ b & c) | 0;
        h = g; g = f; f = e; e = d + one | 0; d = c; c = b; b = a; a = one + two | 0;
      }
      state[0] += a; state[1] += b; state[2] += c; state[3] += d; state[4] += e; state[5] += f; state[6] += g; state[7] += h;
    }
    return Array.from(state, part => (part >>> 0).toString(16).padStart(8, "0")).join("");
  }

  // Number of an image: the first 13 digits of the hash of salt, key and content.
  const numberOf = (salt, key, content) => parseInt(sha256([salt, key, content].join("\n")).slice(0, 13), 16) / 2 ** 52;

  function lgamma(x) {
    let less = 0;
    while (x < 15) { less += Math.log(x); x += 1; }
    const y = 1 / (x * x);
    return (x - 0.5) * Math.log(x) - x + 0.9189385332046727 - less
      + (1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y * (1 / 1188 - y * 691 / 360360))))) / x;
  }
  const STEPS = 500, CLOSE = 1e-10;
  function gammaBelow(at, shape) {
    const front = Math.exp(shape * Math.log(at) - at - lgamma(shape));
    if (at < shape + 1) {
      let term = 1 / shape, found = term;
      for (let step = 1; step < STEPS; step++) { term *= at / (shape + step); found += term; if (term < found * CLOSE) break; }
      return front * found;
    }
    let b = at + 1 - shape, c = 1e300, d = 1 / b, found = d;
    for (let step = 1; step < STEPS; step++) {
      const a = -step * (step - shape);
      b += 2; d = 1 / (a * d + b); c = b + a / c; found *= c * d;
      if (Math.abs(c * d - 1) < CLOSE) break;
    }
    return 1 - front * found;
  }
  function gammaQuantile(probability, shape, z) {
    let at = shape * Math.max(1 - 1 / (9 * shape) + z / (3 * Math.sqrt(shape)), 0.02) ** 3, low = 0, high = Infinity;
    for (let step = 0; step < STEPS; step++) {
      const over = gammaBelow(at, shape) - probability;
      if (over > 0) high = at; else low = at;
      const density = Math.exp((shape - 1) * Math.log(at) - at - lgamma(shape));
      let following = density > 0 ? at - over / density : at;
      if (!(low < following && following < high)) following = high < Infinity ? (low + high) / 2 : 2 * at;
      if (Math.abs(following - at) <= CLOSE * at) return following;
      at = following;
    }
    return at;
  }
  function weightedSum(total, squares, heaviest, rules) {
    const low = total === 0 ? 0 : squares / total * gammaQuantile(rules.tail, total ** 2 / squares, -rules.z);
    const above = total + heaviest, spread = squares + heaviest ** 2;
    return [low, spread / above * gammaQuantile(1 - rules.tail, above ** 2 / spread, rules.z)];
  }
  function students(v, z) {
    return z + (z ** 3 + z) / (4 * v) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * v ** 2)
      + (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * v ** 3);
  }

  function correct(y, f, p, w, images, predicted, rules) {
    const n = y.length, meanY = sum(n, i => w[i] * y[i]) / images, meanF = sum(n, i => w[i] * f[i]) / images;
    const dy = y.map(one => one - meanY), df = f.map(one => one - meanF), varying = w.map((one, i) => (1 - p[i]) * one ** 2);
    const spread = sum(n, i => varying[i] * df[i] ** 2);
    const slope = spread > 0 ? Math.min(Math.max(sum(n, i => varying[i] * (df[i] * dy[i])) / spread, 0), 2) : 0;
    const pull = w.map((one, i) => one / images + (spread > 0 ? varying[i] * df[i] ** 2 / spread : 0));
    const rest = dy.map((one, i) => one - slope * df[i]);
    const shares = rest.map((one, i) => w[i] ** 2 * (one / Math.max(1 - pull[i], 0.1)) ** 2);
    const variance = sum(n, i => (1 - p[i]) * shares[i]), fourth = sum(n, i => ((1 - p[i]) * shares[i]) ** 2);
    const onTheLine = variance <= rules.rounding * sum(n, i => varying[i] * y[i] ** 2);
    return {
      mean: meanY - slope * meanF + slope * predicted / images, variance: variance / images ** 2,
      third: sum(n, i => varying[i] * w[i] * (1 - 2 * p[i]) * rest[i] ** 3) / images ** 3,
      freedom: onTheLine ? 0 : variance ** 2 / fourth,
    };
  }

  function estimate(y, f, p, images, predicted, bounded, rules) {
    const labels = y.length, positives = y.filter(one => one > 0).length, told = { labels, positives };
    const inverse = sum(labels, i => 1 / p[i]), w = p.map(one => 1 / one * (images / inverse));
    const wy = sum(labels, i => w[i] * y[i]), wyy = sum(labels, i => w[i] ** 2 * y[i] ** 2), seen = sum(labels, i => y[i]);
    const heaviest = w.reduce((most, one) => Math.max(most, one), 0);
    const ofPositives = () => {
      const [low, high] = weightedSum(wy, sum(labels, i => w[i] ** 2 * y[i]), heaviest, rules);
      return { ...told, how: "positives", mean: wy / images, low: Math.max(low / images, seen / images), high: Math.min(high / images, 1) };
    };
    if (labels && labels === images) return { ...told, how: "counted", mean: seen / labels, low: seen / labels, high: seen / labels };
    if (positives < rules.fewest_positives) return bounded && labels ? ofPositives() : { ...told, how: "none", mean: null, low: null, high: null };
    const byChance = p.map(one => (1 - one) / one ** 2), differ = byChance.filter((one, i) => one > 0 && y[i] !== f[i]);
    const heavy = byChance.reduce((most, one) => Math.max(most, one), 0);
    if (differ.length >= rules.fewest_disagreements && sum(differ.length, i => differ[i]) >= rules.fewest_heavy * heavy) {
      const line = correct(y, f, p, w, images, predicted, rules);
      if (line.freedom >= rules.fewest_alike) {
        const quantile = students(line.freedom, rules.z), reach = quantile * Math.sqrt(line.variance);
        const moved = Math.min(Math.max(line.third / line.variance * (1 + 2 * quantile ** 2) / 6, -reach / 2), reach / 2);
        const low = Math.max(line.mean + moved - reach, seen / images);
        const high = bounded ? Math.min(line.mean + moved + reach, 1) : line.mean + moved + reach;
        return { ...told, how: "regression", mean: line.mean, low: Math.min(low, high), high };
      }
    }
    if (sum(labels, i => w[i] ** 2 * (y[i] - f[i]) ** 2) >= wyy) {
      if (bounded) return ofPositives();
      f = f.map(() => 0); predicted = 0;
    }
    const error = y.map((one, i) => one - f[i]);
    const largest = bounded ? 1 : Math.max(error.reduce((most, one) => Math.max(most, Math.abs(one)), 0), seen / positives);
    const ends = [1, -1].map(sign => {
      const part = error.map(one => Math.max(sign * one, 0)), total = sum(labels, i => w[i] * part[i]);
      return [total, ...weightedSum(total, sum(labels, i => w[i] ** 2 * part[i] ** 2), heaviest * largest, rules)];
    });
    const [[missed, leastMissed, mostMissed], [up, leastUp, mostUp]] = ends;
    const total = predicted + sum(labels, i => w[i] * error[i]);
    const low = Math.max(total - Math.sqrt((missed - leastMissed) ** 2 + (mostUp - up) ** 2), seen);
    const above = total + Math.sqrt((mostMissed - missed) ** 2 + (up - leastUp) ** 2), high = bounded ? Math.min(above, images) : above;
    const mean = Math.min(Math.max(total, low), high);
    return { ...told, how: "disagreements", mean: mean / images, low: low / images, high: high / images };
  }

  function reached(ratios, looked, rules) {
    let found = 0, labelled = 0;
    const places = ratios.length;
    for (let place = 1; place <= places; place++) {
      labelled += looked[place - 1] ? 1 : 0;
      if (looked[place - 1] && labelled >= (1 - rules.skipped) * place) found = place < places ? ratios[place] : 1;
    }
    return places && labelled >= (1 - rules.skipped) * places ? 1 : found;
  }

  function verdict(published, value, low, high, rules) {
    if (value === null) return "not to be told";
    const least = published.low === null ? published.value : published.low;
    const most = published.high === null ? published.value : published.high;
    const apart = value - published.value, slack = rules.close * Math.max(Math.abs(value), Math.abs(published.value));
    const below = Math.hypot(value - low, most - published.value), above = Math.hypot(high - value, published.value - least);
    return apart - below > slack || apart + above < -slack ? "contradicted" : "not contradicted";
  }

  // drawn: probability, u, predicted, picture; said: individuals by place, null where he cannot tell or has not come to it.
  // What has no picture is in no order: nobody can label it, and none waits for it.
  function judge(published, images, drawn, said, rules) {
    const ratios = drawn.map(one => one.u / one.probability), looked = said.map((one, i) => one !== null && drawn[i].picture !== null);
    const all = drawn.map((_, i) => i), order = all.filter(i => drawn[i].picture !== null);
    const share = reached(order.map(i => ratios[i]), order.map(i => looked[i]), rules), come = all.filter(i => ratios[i] < share);
    const could = order.filter(i => ratios[i] < share).length;
    const used = come.filter(i => looked[i]), answered = come.length ? used.length / come.length : 1, bounded = published.number === "share";
    const count = one => bounded ? Math.min(one, 1) : one;
    const found = estimate(used.map(i => count(said[i])), used.map(i => count(drawn[i].predicted)),
      used.map(i => drawn[i].probability * share * answered), images, published.predicted, bounded, rules);
    const times = published.number === "total" ? images : 1, [value, low, high] = [found.mean, found.low, found.high].map(one => one === null ? null : one * times);
    return { verdict: verdict(published, value, low, high, rules), labels: used.length, passed_over: could - used.length, no_picture: come.length - could,
      unused: looked.filter(one => one).length - used.length, how: found.how, published: published.value, value, low, high };
  }

  return { sha256, numberOf, judge, estimate };
})();
