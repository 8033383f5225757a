// Decodes payloads with the npm package `sparkplug-payload`: a line of hexadecimal digits in, a line of JSON out.
const { get } = require('sparkplug-payload');
const readline = require('readline');

const sparkplug = get('spBv1.0');
const plain = (key, value) => (value && typeof value === 'object' && 'low' in value && 'high' in value
  ? BigInt(value.toString()).toString() : value);

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const payload = sparkplug.decodePayload(Buffer.from(line, 'hex'));
  const metrics = (payload.metrics || []).map((metric) => ({
    name: metric.name || null,
    alias: metric.alias === undefined || metric.alias === null ? null : String(metric.alias),
    type: metric.type,
    value: metric.value === undefined || metric.value === null ? null : String(metric.value),
    historical: Boolean(metric.isHistorical),
    quality: metric.properties ? metric.properties.Quality.value : null,
  }));
  console.log(JSON.stringify({ seq: payload.seq === undefined ? null : String(payload.seq), metrics }, plain));
});
