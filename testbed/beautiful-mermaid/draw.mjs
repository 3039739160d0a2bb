// Draws pictures: `node draw.mjs LIBRARY` reads a list of Mermaid texts as JSON from stdin and writes a list of SVGs, which take the
// colours of the page that they stand in and ask nobody for a font.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const { renderMermaidSVG } = await import(pathToFileURL(process.argv[2]).href);
const draw = (text) =>
  renderMermaidSVG(text)
    .replace(/^\s*@import .*\n/gm, '')
    .replace(/^(<svg[^>]*?) height="[^"]*" style="[^"]*"/, '$1 style="max-width:100%;height:auto"');
console.log(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(draw)));
