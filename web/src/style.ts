/** Looks of the element. Colours are made from the page's own, so that it is light where the page is, and dark where the page is. */

export const STYLE = `
:host{display:block}
:host([theme=light]){color-scheme:light}
:host([theme=dark]){color-scheme:dark}
:host([theme=auto]){color-scheme:light dark}
.quiet{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap;margin:0}
[part=heading]{font-size:var(--swerve-heading-size,1.25em);line-height:1.3;margin:0 0 .6em}
.box{position:relative}
ul{list-style:none;margin:0;padding:0;display:grid;gap:var(--swerve-gap,1rem);grid-template-columns:repeat(auto-fill,minmax(min(var(--swerve-card-width,11rem),100%),1fr))}
.row ul{grid-template-columns:none;grid-auto-flow:column;grid-auto-columns:var(--swerve-card-width,11rem);overflow-x:auto;overscroll-behavior-x:contain;scroll-snap-type:x proximity;scrollbar-width:thin;padding:4px;margin:-4px}
.row .none{display:none}
.row li{scroll-snap-align:start;scroll-margin-inline:4px}
li{min-width:0}
a{display:block;color:inherit;text-decoration:none;border-radius:var(--swerve-card-radius,.75rem);background:var(--swerve-card-background,none);padding:var(--swerve-card-padding,0)}
a:hover .title,a:focus-visible .title{text-decoration:underline}
:focus-visible{outline:var(--swerve-focus-width,3px) solid var(--swerve-accent,currentColor);outline-offset:2px}
.image{display:block;aspect-ratio:var(--swerve-image-ratio,1);border-radius:var(--swerve-image-radius,var(--swerve-card-radius,.75rem));overflow:hidden;background:var(--swerve-placeholder,color-mix(in srgb,currentColor 8%,transparent))}
img{display:block;width:100%;height:100%;object-fit:var(--swerve-image-fit,cover)}
img:not([src]){visibility:hidden}
.title{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden;overflow-wrap:anywhere;line-height:1.35;height:2.7em;margin-top:.5em}
.price{display:block;line-height:1.35;height:1.35em;margin-top:.25em;font-weight:600;font-variant-numeric:tabular-nums}
.blank .title,.blank .price{border-radius:.3em;background:var(--swerve-placeholder,color-mix(in srgb,currentColor 8%,transparent));background-clip:content-box}
.blank .price{width:40%}
.loading .blank{animation:wait 1.6s ease-in-out infinite alternate}
.none,section.fallback ul{visibility:hidden}
div.fallback{position:absolute;inset:0;overflow:auto}
@keyframes wait{to{opacity:.5}}
@media (prefers-reduced-motion:reduce){.loading .blank{animation:none}}
@media (prefers-reduced-motion:no-preference){.row ul{scroll-behavior:smooth}}
@media (forced-colors:active){.image,.blank .title,.blank .price{border:1px solid}}
`;
