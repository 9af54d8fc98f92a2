"""How the report's page looks: light and dark, readable at any zoom, contrast by WCAG AA."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --card: #ffffff; --ink: #1c2330; --soft: #4d5666; --rule: #dcdad3;
  --served: #1457b8; --first: #5f6775; --good: #156f43; --bad: #b3202a; --warn: #96500a;
  --trial: #6a33c2; --change: #8a5a00; --stripe: rgb(28 35 48 / 3%); --tint: rgb(214 158 46 / 9%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #11151d; --card: #191f2a; --ink: #e9ecf2; --soft: #aab3c2; --rule: #323a49;
    --served: #7cb4ff; --first: #9aa4b5; --good: #5fd39a; --bad: #ff8087; --warn: #f5b45a;
    --trial: #bda1ff; --change: #e5c07b; --stripe: rgb(255 255 255 / 3%);
    --tint: rgb(229 192 123 / 9%);
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
main { max-width: 78rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--card); padding: .5rem 1rem; }
a { color: var(--served); }
:focus-visible { outline: 3px solid var(--served); outline-offset: 3px; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; letter-spacing: -.02em; }
h2 { font-size: 1.3rem; margin: 2.75rem 0 .75rem; letter-spacing: -.01em; }
.lead { font-size: 1.1rem; color: var(--soft); max-width: 60rem; margin: 0 0 1.75rem; }
.verdict { font-weight: 650; }
.closed { color: var(--good); } .open { color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(14.5rem, 1fr)); gap: .9rem;
  margin: 0 0 1.75rem; padding: 0; list-style: none; }
.tiles li { background: var(--card); border: 1px solid var(--rule); border-radius: .8rem;
  padding: .9rem 1.1rem; }
.tiles b { display: block; font-size: 1.85rem; line-height: 1.2; letter-spacing: -.02em;
  font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); font-size: .9rem; }
.tiles .strong b { color: var(--served); }
figure { margin: 0; background: var(--card); border: 1px solid var(--rule);
  border-radius: .8rem; padding: 1rem 1rem 1.25rem; }
.wide { overflow-x: auto; }
figure svg { display: block; width: 100%; min-width: 70rem; height: auto; }
figcaption { color: var(--soft); font-size: .92rem; margin-top: .9rem; padding: 0 .4rem; }
.legend { display: flex; flex-wrap: wrap; gap: .35rem 1.4rem; margin: 0 0 .5rem; padding: 0;
  list-style: none; color: var(--ink); }
.legend i { display: inline-block; width: 1.7rem; height: 0; margin-right: .45rem;
  vertical-align: middle; border-top: 3px solid; }
.legend .first-key { border-top-style: dashed; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
.wide table { min-width: 46rem; }
caption { text-align: left; color: var(--soft); padding: 0 0 .5rem; }
th, td { text-align: left; vertical-align: top; padding: .45rem .8rem .45rem 0;
  border-bottom: 1px solid var(--rule); }
th { font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.nowrap { white-space: nowrap; }
.pill { display: inline-block; border: 1px solid currentcolor; border-radius: 99rem;
  padding: 0 .6rem; font-size: .85rem; font-weight: 600; white-space: nowrap; }
.promote, .confirm { color: var(--good); } .rollback, .refuse, .sabotage { color: var(--bad); }
.alert { color: var(--warn); } .challenge { color: var(--trial); } .continue { color: var(--soft); }
details { margin-top: .75rem; } summary { cursor: pointer; font-weight: 600; }
code { background: var(--card); border: 1px solid var(--rule); border-radius: .3rem;
  padding: .05rem .35rem; font-size: .92em; overflow-wrap: anywhere; }
svg text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  fill: var(--ink); }
svg .tick { font-size: 12px; fill: var(--soft); }
svg .grid { stroke: var(--rule); stroke-width: 1; }
svg .stripe { fill: var(--stripe); } svg .changed { fill: var(--tint); }
svg .line { fill: none; stroke-linejoin: round; stroke-linecap: round; }
svg .served { stroke: var(--served); stroke-width: 3.5; }
svg .first { stroke: var(--first); stroke-width: 2.5; stroke-dasharray: 7 6; }
svg .own { stroke-width: 2; }
svg polyline.trial-line { stroke: var(--trial); } svg polyline.sabotage-line { stroke: var(--bad); }
svg .band { opacity: .12; } svg .trial-fill { fill: var(--trial); }
svg .sabotage-fill { fill: var(--bad); }
svg .lane { opacity: .92; } svg .champion-lane { fill: var(--served); }
svg .trial-lane { fill: var(--trial); } svg .sabotage-lane { fill: var(--bad); }
svg .lane-label { font-size: 12px; font-weight: 600; fill: var(--card); }
svg .event { stroke-width: 1.2; stroke-dasharray: 2 4; }
svg .note { font-size: 12.5px; font-weight: 550; paint-order: stroke; stroke: var(--card);
  stroke-width: 5px; stroke-linejoin: round; }
svg .symbol { font-size: 11.5px; font-weight: 700; fill: var(--card); }
svg .change-line { stroke: var(--change); } svg .change-badge { fill: var(--change); }
svg .alert-line { stroke: var(--warn); } svg .alert-badge { fill: var(--warn); }
svg .promote-line, svg .confirm-line { stroke: var(--good); }
svg .promote-badge, svg .confirm-badge { fill: var(--good); }
svg .challenge-line { stroke: var(--trial); } svg .challenge-badge { fill: var(--trial); }
svg .rollback-line, svg .refuse-line, svg line.sabotage-line { stroke: var(--bad); }
svg .rollback-badge, svg .refuse-badge, svg .sabotage-badge { fill: var(--bad); }
@media (max-width: 40rem) {
  main { padding: 1.5rem 1rem 3rem; }
  .tiles { grid-template-columns: 1fr 1fr; }
}
@media print { figure, .tiles li { break-inside: avoid; } }
"""
